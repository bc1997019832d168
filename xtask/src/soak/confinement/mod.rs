//! What a program is kept in: few descriptors, little memory, a network of its own.

pub(crate) mod memory;
pub(crate) mod network;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a program runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// As any other, with as many descriptors as it may have.
    #[default]
    None,
    /// With less of a processor than others want: as if it ran on a machine of its own, as attackers
    /// do.
    Yielding,
    /// With so many descriptors.
    Descriptors(u64),
    /// In a group of processes, by the file that takes its members.
    Group(PathBuf),
    /// In a network namespace.
    Network(String),
}

impl Confinement {
    /// A command for a program in it. The process is the program's own: shells and the like only
    /// prepare it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let prepared = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(program);
            command
        };
        match self {
            Self::None => prepared("ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""),
            Self::Yielding => {
                prepared("ulimit -n \"$(ulimit -Hn)\"; exec nice -n 10 \"$0\" \"$@\"")
            }
            Self::Descriptors(count) => prepared(&format!("ulimit -n {count}; exec \"$0\" \"$@\"")),
            Self::Group(members) => prepared(&format!(
                "echo $$ > '{}' && exec \"$0\" \"$@\"",
                members.display()
            )),
            Self::Network(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_as_few_descriptors_as_it_is_given() {
        let confinement = Confinement::Descriptors(77);
        let mut command = confinement.command(Path::new("sh"));
        let output = command.args(["-c", "ulimit -n; echo $0", "x"]).output();
        assert_eq!(output.unwrap().stdout, b"77\nx\n");
    }
}
