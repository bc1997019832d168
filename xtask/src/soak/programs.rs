//! The programs of `crates/soak`: how they are built and found.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::workspace::Workspace;

/// The package, and the profile in which a panic anywhere ends a program.
const PACKAGE: &str = "socket-flow-soak";
const PROFILE: &str = "soak";

/// The built programs.
#[derive(Debug)]
pub(crate) struct Programs(Vec<(String, PathBuf)>);

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Server,
    Client,
    Attack,
    Relay,
    Worst,
}

impl Programs {
    /// Builds all of them.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self, Error> {
        workspace.build_programs(PACKAGE, PROFILE).map(Self)
    }

    /// Where a program lies.
    pub(crate) fn path(&self, program: Program) -> Result<&Path, Error> {
        let wanted = program.name();
        let found = self.0.iter().find(|(name, _)| name == wanted);
        found
            .map(|(_, path)| path.as_path())
            .ok_or_else(|| Error::Program {
                program: "cargo build".into(),
                detail: format!("it made no program '{wanted}'"),
            })
    }
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "soak-server",
            Self::Client => "soak-client",
            Self::Attack => "soak-attack",
            Self::Relay => "soak-relay",
            Self::Worst => "soak-worst",
        }
    }
}
