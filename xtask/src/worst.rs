//! `cargo xtask worst`: what a connection costs a server in each of its states, the worst included.
//!
//! ```text
//! soak-worst ──► soak-server ⇄ soak-attack, for each cell ──► tables ──► docs/reliability.md
//! ```

use std::fs;
use std::process::Command;
use std::time::Duration;

use lexopt::prelude::*;

use crate::authority::Authority;
use crate::cli::{number, usage};
use crate::document;
use crate::error::Error;
use crate::process::Child;
use crate::soak::programs::{Program, Programs};
use crate::workspace::Workspace;

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The names of the rows; empty for all.
    pub(crate) rows: Vec<String>,
    /// How many connections each figure is the mean of.
    pub(crate) connections: u64,
    /// Whether the tables are written to the page.
    pub(crate) write: bool,
}

impl Options {
    /// Reads what follows the command's name; `None` asks for help.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self {
            rows: Vec::new(),
            connections: 500,
            write: false,
        };
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("row") => {
                    for value in parser.values().map_err(usage)? {
                        options.rows.push(value.string().map_err(usage)?);
                    }
                }
                Long("connections") => options.connections = number::<u64>(parser)?.max(1),
                Long("write") => options.write = true,
                other => return Err(usage(other.unexpected())),
            }
        }
        if options.write && !options.rows.is_empty() {
            return Err(Error::Usage("--write needs all rows".into()));
        }
        Ok(Some(options))
    }
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let workspace = Workspace::open("soak")?;
    let programs = Programs::build(&workspace)?;
    let tls = workspace.directory.join("tls");
    Authority::write(&tls)?;
    let mut command = Command::new(programs.path(Program::Worst)?);
    command.arg("--tls").arg(&tls);
    command.args(["--connections", &options.connections.to_string()]);
    for row in &options.rows {
        command.args(["--row", row]);
    }
    let log = workspace.log("worst");
    let mut worst = Child::spawn_talking("soak-worst", &mut command, &log)?;
    let finished = worst.finish(LIMIT);
    let tables = fs::read_to_string(&log).map_err(Error::file(&log))?;
    println!("\n{tables}");
    finished?;
    if options.write {
        let page = workspace.root.join(PAGE);
        let text = fs::read_to_string(&page).map_err(Error::file(&page))?;
        let text = document::replace(&text, "worst", "memory", &tables);
        fs::write(&page, text).map_err(Error::file(&page))?;
        println!("written to {PAGE}");
    }
    Ok(())
}

/// Where the tables stand.
const PAGE: &str = "docs/reliability.md";

/// More than all rows take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>, Error> {
        Options::parse(&mut lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn without_options_all_rows_are_measured_and_nothing_is_written() {
        let options = parsed("").unwrap().unwrap();
        assert_eq!((options.connections, options.write), (500, false));
        assert!(options.rows.is_empty());
    }

    #[test]
    fn rows_are_a_list() {
        let options = parsed("--row idle head --connections 0").unwrap().unwrap();
        assert_eq!(options.rows, ["idle", "head"]);
        assert_eq!(options.connections, 1);
    }

    #[test]
    fn a_part_of_the_rows_is_not_written() {
        for line in ["--write --row idle", "--row", "idle"] {
            assert!(matches!(parsed(line), Err(Error::Usage(_))), "{line}");
        }
        assert!(parsed("--write").unwrap().unwrap().write);
        assert_eq!(parsed("--help").unwrap(), None);
    }
}
