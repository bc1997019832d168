//! What `fuzz` was asked for.

use lexopt::prelude::*;

use crate::cli::{number, usage};
use crate::error::Error;

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long each target runs.
    pub(crate) seconds: u64,
    /// The names of the targets; empty for all.
    pub(crate) targets: Vec<String>,
    /// Whether libFuzzer is left aside even where it could run.
    pub(crate) mutations: bool,
    /// Whether what was found is added to the committed inputs.
    pub(crate) keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seconds: 60,
            targets: Vec::new(),
            mutations: false,
            keep: false,
        }
    }
}

impl Options {
    /// Reads what follows the command's name; `None` where help was asked for.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self::default();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("seconds") => options.seconds = number(parser)?,
                Long("target") => {
                    for value in parser.values().map_err(usage)? {
                        options.targets.push(value.string().map_err(usage)?);
                    }
                }
                Long("mutations") => options.mutations = true,
                Long("keep") => options.keep = true,
                other => return Err(usage(other.unexpected())),
            }
        }
        if options.mutations && options.keep {
            return Err(Error::Usage(
                "without coverage nothing tells what to keep".into(),
            ));
        }
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Option<Options>, Error> {
        Options::parse(&mut lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn every_option_is_understood() {
        let arguments = ["--seconds", "900", "--target", "mask", "inflate", "--keep"];
        let options = parsed(&arguments).unwrap().unwrap();
        assert_eq!(options.seconds, 900);
        assert_eq!(options.targets, ["mask", "inflate"]);
        assert!(options.keep && !options.mutations);
        assert_eq!(parsed(&[]).unwrap().unwrap(), Options::default());
        assert_eq!(parsed(&["--help"]).unwrap(), None);
    }

    #[test]
    fn mutations_without_coverage_keep_nothing() {
        assert!(matches!(
            parsed(&["--mutations", "--keep"]),
            Err(Error::Usage(_))
        ));
        assert!(parsed(&["--mutations"]).unwrap().unwrap().mutations);
    }
}
