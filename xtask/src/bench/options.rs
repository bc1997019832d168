//! What `bench` was asked for.

use lexopt::prelude::*;

use crate::bench::broadcast;
use crate::bench::client;
use crate::bench::scenario::Scenario;
use crate::bench::server::Server;
use crate::cli::usage;
use crate::error::Error;

/// A parsed command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether rounds are fewer and shorter.
    pub(crate) quick: bool,
    /// Whether programs are built, and nothing is measured.
    pub(crate) build: bool,
    /// The numbers of the scenarios; empty for all.
    pub(crate) scenarios: Vec<u32>,
    /// The names of the servers; empty for all.
    pub(crate) servers: Vec<&'static str>,
}

impl Options {
    /// Reads what follows the command's name; `None` asks for help.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self::default();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("quick") => options.quick = true,
                Long("build") => options.build = true,
                Long("scenario") => {
                    for value in parser.values().map_err(usage)? {
                        let number = value.parse().map_err(usage)?;
                        let is_apart = matches!(number, broadcast::NUMBER | client::NUMBER);
                        if !is_apart && Scenario::numbered(number).is_none() {
                            return Err(Error::Usage(format!("there is no scenario {number}")));
                        }
                        options.scenarios.push(number);
                    }
                }
                Long("server") => {
                    for value in parser.values().map_err(usage)? {
                        let name = value.string().map_err(usage)?;
                        let server = Server::named(&name)
                            .ok_or_else(|| Error::Usage(format!("there is no server '{name}'")))?;
                        options.servers.push(server.name);
                    }
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        Ok(Some(options))
    }

    /// Whether everything is measured, so that the result can stand in the documentation.
    pub(crate) fn is_complete(&self) -> bool {
        self.scenarios.is_empty() && self.servers.is_empty()
    }

    /// The selected scenarios.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let all = Scenario::ALL.into_iter();
        all.filter(|it| self.scenarios.is_empty() || self.scenarios.contains(&it.number))
            .collect()
    }

    /// Whether broadcasts are measured too.
    pub(crate) fn broadcasts(&self) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&broadcast::NUMBER)
    }

    /// Whether clients are measured too.
    pub(crate) fn clients(&self) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&client::NUMBER)
    }

    /// The selected servers. The raw one is always among them: all are compared with it.
    pub(crate) fn servers(&self) -> Vec<Server> {
        let all = Server::ALL.into_iter();
        all.filter(|it| {
            self.servers.is_empty() || it.name == "raw" || self.servers.contains(&it.name)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>, Error> {
        let mut parser = lexopt::Parser::from_args(line.split_whitespace());
        Options::parse(&mut parser)
    }

    #[test]
    fn without_options_everything_is_measured() {
        let options = parsed("").unwrap().unwrap();
        assert!(options.is_complete());
        assert_eq!(options.scenarios().len(), Scenario::ALL.len());
        assert_eq!(options.servers().len(), Server::ALL.len());
    }

    #[test]
    fn scenarios_and_servers_are_lists() {
        let options = parsed("--quick --scenario 3 4 --server wtx yawc-batch --scenario 1")
            .unwrap()
            .unwrap();
        assert!(options.quick && !options.is_complete());
        let numbers: Vec<u32> = options.scenarios().iter().map(|it| it.number).collect();
        assert_eq!(numbers, [1, 3, 4]);
        let names: Vec<&str> = options.servers().iter().map(|it| it.name).collect();
        assert_eq!(names, ["raw", "yawc-batch", "wtx"]);
        assert!(!options.clients());
    }

    #[test]
    fn clients_and_broadcasts_are_scenarios_of_their_own() {
        let options = parsed("--scenario 11").unwrap().unwrap();
        assert!(options.clients() && !options.broadcasts() && options.scenarios().is_empty());
        let options = parsed("--scenario 10 --build").unwrap().unwrap();
        assert!(options.broadcasts() && !options.clients() && options.build);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for line in [
            "--scenario 99",
            "--scenario",
            "--server nobody",
            "3",
            "--slow",
        ] {
            assert!(matches!(parsed(line), Err(Error::Usage(_))), "{line}");
        }
        assert_eq!(parsed("--help").unwrap(), None);
    }
}
