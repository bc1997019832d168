//! What `replay` was asked for.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::cli::{usage, value};
use crate::error::Error;
use crate::interop::peer::Peer;

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Beside whom.
    pub(crate) peers: Vec<Peer>,
    /// Whether only the committed inputs are replayed.
    pub(crate) quick: bool,
    /// Where grown inputs lie, instead of where `fuzz` leaves them.
    pub(crate) corpus: Option<PathBuf>,
    /// What the names of the inputs hold; empty for all.
    pub(crate) only: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            peers: Peer::ALL.to_vec(),
            quick: false,
            corpus: None,
            only: String::new(),
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
                Long("quick") => options.quick = true,
                Long("corpus") => options.corpus = Some(parser.value().map_err(usage)?.into()),
                Long("only") => options.only = value(parser)?,
                Value(name) if options.peers.len() > 1 => {
                    let name = name.string().map_err(usage)?;
                    options.peers.retain(|peer| peer.name() == name);
                    if options.peers.is_empty() {
                        return Err(Error::Usage(format!("there is no peer '{name}'")));
                    }
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        if options.quick && options.corpus.is_some() {
            return Err(Error::Usage(
                "--quick replays committed inputs, --corpus others".into(),
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
        let options = parsed(&["ws", "--corpus", "elsewhere", "--only", "7b"]).unwrap();
        let expected = Options {
            peers: vec![Peer::Ws],
            quick: false,
            corpus: Some("elsewhere".into()),
            only: "7b".into(),
        };
        assert_eq!(options, Some(expected));
        assert!(parsed(&["--quick"]).unwrap().unwrap().quick);
        assert_eq!(parsed(&[]).unwrap(), Some(Options::default()));
        assert_eq!(parsed(&["--help"]).unwrap(), None);
    }

    #[test]
    fn what_help_does_not_describe_is_refused() {
        for arguments in [
            &["websocket"][..],
            &["ws", "websockets"],
            &["--only"],
            &["--quick", "--corpus", "elsewhere"],
        ] {
            assert!(
                matches!(parsed(arguments), Err(Error::Usage(_))),
                "{arguments:?}"
            );
        }
    }
}
