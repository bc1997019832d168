//! What the command was asked for.

use lexopt::prelude::*;

use crate::cli::{usage, value};
use crate::error::Error;

/// What `walks` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// What the names of the selected walks hold; empty for all.
    pub(crate) only: String,
    /// Whether the functions of each walk are printed.
    pub(crate) list: bool,
    /// Whether the counts become the figures.
    pub(crate) update: bool,
    /// The commit to compare with, in place of the figures.
    pub(crate) base: Option<String>,
}

impl Options {
    /// Reads what follows the command's name; `None` where help was asked for.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self::default();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("only") => options.only = value(parser)?,
                Long("list") => options.list = true,
                Long("update") => options.update = true,
                Long("base") => options.base = Some(value(parser)?),
                other => return Err(usage(other.unexpected())),
            }
        }
        if options.update && options.base.is_some() {
            let what = "--update writes what is here, --base compares it: not both";
            return Err(Error::Usage(what.into()));
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
        let arguments = ["--only", "recv", "--list", "--base", "08defa0"];
        let options = Options {
            only: "recv".into(),
            list: true,
            update: false,
            base: Some("08defa0".into()),
        };
        assert_eq!(parsed(&arguments).unwrap(), Some(options));
        let options = parsed(&["--update"]).unwrap().unwrap();
        assert!(options.update);
        assert_eq!(parsed(&["--help"]).unwrap(), None);
    }

    #[test]
    fn another_commit_is_compared_with_and_never_written() {
        assert!(parsed(&["--update", "--base", "08defa0"]).is_err());
    }
}
