//! The tools that figures were counted with: `[environment]` in the files that hold them.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::workspace::{self, Workspace};

/// How long the tools may take to say their version.
const LIMIT: Duration = Duration::from_secs(30);

/// What besides our code decides how many instructions run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    rustc: String,
    libc: String,
}

impl Environment {
    pub(crate) fn new(rustc: &str, libc: &str) -> Self {
        Self {
            rustc: rustc.into(),
            libc: libc.into(),
        }
    }

    /// What is installed here.
    pub(crate) fn current(workspace: &Workspace) -> Result<Self, Error> {
        let answer = |program: &'static str| {
            let log = workspace.log(program);
            workspace::answer(program, Command::new(program).arg("--version"), &log, LIMIT)
                .ok_or(Error::Missing(program))
        };
        // `rustc 1.95.0 (59807616e 2026-04-14)` and `ldd (Debian GLIBC 2.36-9) 2.36`: no more of it,
        // for a distribution's patches change nothing that counts.
        let (rustc, libc) = (answer("rustc")?, answer("ldd")?);
        let libc = libc.lines().next().unwrap_or_default();
        Ok(Self::new(
            rustc.split_whitespace().nth(1).unwrap_or_default(),
            libc.split_whitespace().next_back().unwrap_or_default(),
        ))
    }

    /// The table that committed figures hold.
    pub(crate) fn table(&self) -> String {
        let Self { rustc, libc } = self;
        format!("[environment]\nrustc = {rustc:?}\nlibc = {libc:?}\n")
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rustc {}, C library {}", self.rustc, self.libc)
    }
}
