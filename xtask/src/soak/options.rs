//! What `soak` was asked for.

use std::time::Duration;

use lexopt::prelude::*;

use crate::cli::{number, usage};
use crate::error::Error;
use crate::soak::scenario::{self, Scenario};

/// A parsed command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// The names of the scenarios; empty for all.
    pub(crate) names: Vec<&'static str>,
    /// How long a scenario lasts whose length is free; `None` leaves it its own.
    pub(crate) length: Option<Duration>,
    /// How many connections are "many".
    pub(crate) connections: u64,
    /// What random numbers are drawn from.
    pub(crate) seed: u64,
    /// Whether the ping flood is sent to the servers of other libraries too.
    pub(crate) peers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            length: None,
            connections: 10_000,
            seed: 1,
            peers: false,
        }
    }
}

impl Options {
    /// Reads what follows the command's name; `None` asks for help.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self::default();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("scenario") => {
                    for value in parser.values().map_err(usage)? {
                        let name = value.string().map_err(usage)?;
                        let scenario = Scenario::named(&name).ok_or_else(|| {
                            Error::Usage(format!("there is no scenario '{name}'"))
                        })?;
                        options.names.push(scenario.name);
                    }
                }
                Long("minutes") => {
                    let minutes: f64 = number(parser)?;
                    let length = Duration::try_from_secs_f64(minutes * 60.0);
                    let positive = length.ok().filter(|length| !length.is_zero());
                    options.length =
                        Some(positive.ok_or_else(|| {
                            Error::Usage("--minutes takes a number above 0".into())
                        })?);
                }
                Long("connections") => {
                    options.connections = MIN_CONNECTIONS.max(number(parser)?);
                }
                Long("seed") => options.seed = number(parser)?,
                Long("peers") => options.peers = true,
                other => return Err(usage(other.unexpected())),
            }
        }
        Ok(Some(options))
    }

    /// The selected scenarios.
    pub(crate) fn scenarios(&self) -> impl Iterator<Item = &'static Scenario> {
        let all = scenario::ALL.iter();
        all.filter(|it| self.names.is_empty() || self.names.contains(&it.name))
    }
}

/// With fewer there is nothing to see.
const MIN_CONNECTIONS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>, Error> {
        Options::parse(&mut lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn without_options_every_scenario_has_its_own_length() {
        let options = parsed("").unwrap().unwrap();
        assert_eq!(options, Options::default());
        assert_eq!(options.scenarios().count(), 20);
    }

    #[test]
    fn scenarios_are_a_list() {
        let line = "--scenario S4 S2 --minutes 0.5 --seed 7 --connections 500 --peers";
        let options = parsed(line).unwrap().unwrap();
        let names: Vec<&str> = options.scenarios().map(|it| it.name).collect();
        assert_eq!(names, ["S2", "S4"]);
        assert_eq!(options.length, Some(Duration::from_secs(30)));
        assert_eq!((options.seed, options.connections), (7, 500));
        assert!(options.peers);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for line in [
            "--scenario S21",
            "--scenario",
            "--minutes 0",
            "--minutes -1",
            "--seed x",
            "S1",
        ] {
            assert!(matches!(parsed(line), Err(Error::Usage(_))), "{line}");
        }
        assert_eq!(parsed("--help").unwrap(), None);
    }
}
