//! The suite in a Python 2.7 virtual environment of our own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::autobahn::engine::python::Python;
use crate::autobahn::engine::{Job, SPEC, VERSION, python, venv};
use crate::error::Error;
use crate::process::Child;
use crate::workspace::{self, Workspace};

/// What a machine needs to have for this engine, as the end of a sentence.
pub(crate) const NEEDS: &str = "which needs Python 2.7 with its headers (PYTHON27 names it, \
`pyenv install 2.7.18` makes one, on Debian it is unpacked privately by apt-get), a C compiler, \
and a python3 with pip (Debian: python3-pip)";

const START: Duration = Duration::from_secs(60);

/// An environment that has the suite.
#[derive(Debug)]
pub(crate) struct Wstest {
    python: Python,
    program: PathBuf,
}

impl Wstest {
    /// Finds Python 2.7 and makes the environment, or takes the one made before.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self, Error> {
        let python = python::find(workspace)?;
        let program = venv::make(workspace, &python, |program| {
            has_version(workspace, &python, program)
        })?;
        Ok(Self { python, program })
    }

    /// Starts the suite.
    pub(crate) fn start(&self, job: &Job<'_>) -> Result<Child, Error> {
        let mut command = self.python.command(&self.program);
        command.args(["--mode", job.mode.name(), "--spec", SPEC, "--webport", "0"]);
        command.current_dir(job.directory);
        if let Some(quick) = &job.quick {
            command.env("PYTHONPATH", quick);
        }
        Child::spawn("wstest", &mut command, &job.log)
    }

    /// What runs the suite, in one line.
    pub(crate) fn describe(&self) -> String {
        format!("wstest {VERSION} on {}", self.python.program.display())
    }
}

/// Whether `program` is the suite in the wanted version.
fn has_version(workspace: &Workspace, python: &Python, program: &Path) -> bool {
    let mut command: Command = python.command(program);
    command.arg("--autobahnversion");
    let log = workspace.log("wstest-version");
    workspace::answer("wstest", &mut command, &log, START).is_some_and(|said| {
        let wanted = format!("AutobahnTestSuite {VERSION}");
        said.lines().any(|line| line.trim() == wanted)
    })
}
