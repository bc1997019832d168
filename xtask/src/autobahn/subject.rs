//! The program under test: one of our examples, or a command in its place.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// A program and its arguments, in which placeholders may stand for where its peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Subject {
    /// Reads a command line: a POSIX shell splits it into the same words, but none runs.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut words = shlex::split(text)
            .ok_or_else(|| Error::Usage(format!("a quote is left open in the command `{text}`")))?
            .into_iter();
        match words.next() {
            Some(program) if !program.is_empty() => Ok(Self {
                program: program.into(),
                arguments: words.collect(),
            }),
            _ => Err(Error::Usage(format!(
                "the command `{text}` names no program"
            ))),
        }
    }

    /// The example that was built as `executable`.
    pub(crate) fn example(executable: &Path) -> Self {
        Self {
            program: executable.into(),
            arguments: Vec::new(),
        }
    }

    /// Whether an argument says where the port belongs.
    pub(crate) fn has_placeholder(&self) -> bool {
        self.arguments
            .iter()
            .any(|argument| PLACEHOLDERS.iter().any(|name| argument.contains(name)))
    }

    /// The command, in which every placeholder has become what `port` makes of it.
    pub(crate) fn command(&self, port: u16) -> Command {
        let address = format!("127.0.0.1:{port}");
        let values = [port.to_string(), format!("ws://{address}"), address];
        let mut command = Command::new(&self.program);
        command.args(self.arguments.iter().map(|argument| {
            let pairs = PLACEHOLDERS.iter().zip(&values);
            pairs.fold(argument.clone(), |text, (name, value)| {
                text.replace(name, value)
            })
        }));
        command
    }
}

/// What stands for the port, for the URL, and for the address.
const PLACEHOLDERS: [&str; 3] = ["{port}", "{url}", "{address}"];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let command = Subject::parse(text).unwrap().command(9001);
        std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_command_is_split_as_a_shell_splits_it_and_nothing_is_expanded() {
        assert_eq!(
            words(r#"./server --name 'two words' "it's" one\ more"#),
            ["./server", "--name", "two words", "it's", "one more"]
        );
        assert_eq!(words("server $HOME *"), ["server", "$HOME", "*"]);
    }

    #[test]
    fn every_placeholder_becomes_what_the_port_makes_of_it() {
        assert_eq!(
            words("server --port={port} {address} {url}/echo {port}{port}"),
            [
                "server",
                "--port=9001",
                "127.0.0.1:9001",
                "ws://127.0.0.1:9001/echo",
                "90019001"
            ]
        );
    }

    #[test]
    fn only_arguments_hold_placeholders() {
        let has_placeholder = |text: &str| Subject::parse(text).unwrap().has_placeholder();
        assert!(has_placeholder("sh -c 'exec server {port}'"));
        assert!(!has_placeholder("server --port 9001 {host}"));
        assert!(!has_placeholder("{port}"));
    }

    #[test]
    fn a_command_without_a_program_or_with_an_open_quote_is_refused() {
        for (text, wanted) in [
            ("", "the command `` names no program"),
            ("'' {port}", "the command `'' {port}` names no program"),
            ("it's", "a quote is left open in the command `it's`"),
        ] {
            let Err(Error::Usage(said)) = Subject::parse(text) else {
                panic!("{text:?} was taken");
            };
            assert_eq!(said, wanted);
        }
    }
}
