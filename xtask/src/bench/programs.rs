//! The programs of `crates/bench`: how they are built and started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::bench::server::{Kind, Server};
use crate::error::Error;
use crate::process::{self, Child};
use crate::workspace::{BUILD, Workspace};

/// The workspace of the benchmarks, from the root of the source tree.
const DIRECTORY: &str = "crates/bench";

/// Time for a server to listen: under callgrind it is slow.
const START: Duration = Duration::from_secs(60);

/// How cargo builds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Link-time optimisation over all crates.
    Release,
    /// Cargo's own release profile, without it.
    Plain,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Plain => "plain",
        }
    }
}

/// The built programs.
#[derive(Debug)]
pub(crate) struct Programs<'a> {
    workspace: &'a Workspace,
    /// Cargo's target directory for them.
    target: PathBuf,
    /// Whether `taskset` is here, to give server and load generator a processor each.
    pins: bool,
}

/// What runs where.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Processor {
    Server,
    Load,
}

impl<'a> Programs<'a> {
    /// Builds servers and clients, and those in `plain` also without link-time optimisation.
    pub(crate) fn build(
        workspace: &'a Workspace,
        wanted: &[Server],
        plain: &[&Server],
    ) -> Result<Self, Error> {
        let target = workspace.directory.join("build");
        let programs = Self {
            workspace,
            target,
            pins: process::run(
                "taskset",
                Command::new("taskset").arg("--version"),
                &workspace.log("taskset"),
                START,
            )
            .is_ok(),
        };
        let (peers, own): (Vec<&Server>, Vec<&Server>) =
            wanted.iter().partition(|server| server.kind == Kind::Peer);
        let mut names: Vec<&str> = own.iter().map(|server| server.program).collect();
        names.extend(["load", "footprint", "echo-ideal"]);
        names.sort_unstable();
        names.dedup();
        programs.cargo(Profile::Release, "socket-flow-bench", &names)?;
        if !plain.is_empty() {
            let names: Vec<&str> = plain.iter().map(|server| server.program).collect();
            programs.cargo(Profile::Plain, "socket-flow-bench", &names)?;
        }
        if !peers.is_empty() {
            let names: Vec<&str> = peers.iter().map(|server| server.program).collect();
            programs.cargo(Profile::Release, "socket-flow-bench-peers", &names)?;
        }
        Ok(programs)
    }

    fn cargo(&self, profile: Profile, package: &str, names: &[&str]) -> Result<(), Error> {
        let mut command = self.workspace.cargo();
        command
            .current_dir(self.workspace.root.join(DIRECTORY))
            .args(["build", "--profile", profile.name(), "-p", package])
            .arg("--target-dir")
            .arg(&self.target);
        for name in names {
            command.args(["--bin", name]);
        }
        let log = self.workspace.log("build");
        Child::spawn_talking("cargo build", &mut command, &log)?.finish(BUILD)
    }

    /// Where a program lies.
    pub(crate) fn path(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(profile.name()).join(name)
    }

    /// Whether server and load generator have a processor each.
    pub(crate) fn pins(&self) -> bool {
        self.pins
    }

    /// A command for a program, on its processor.
    pub(crate) fn command(&self, processor: Processor, program: &Path) -> Command {
        if !self.pins {
            return Command::new(program);
        }
        let number = match processor {
            Processor::Server => "0",
            Processor::Load => "1",
        };
        let mut command = Command::new("taskset");
        command.args(["-c", number]).arg(program);
        command
    }

    /// Starts a server and returns it with its port.
    pub(crate) fn start(
        &self,
        server: &Server,
        command: &mut Command,
        more: &[&str],
    ) -> Result<(Child, u16), Error> {
        command
            .args(["0", "current_thread"])
            .args(server.arguments)
            .args(more);
        let log = self.workspace.log(server.name);
        let mut child = Child::spawn(server.name, command, &log)?;
        let port = child.listening(START)?;
        Ok((child, port))
    }

    /// Runs a program that reports as JSON.
    pub(crate) fn report<T: DeserializeOwned>(
        &self,
        processor: Processor,
        name: &str,
        arguments: &[String],
        limit: Duration,
    ) -> Result<T, Error> {
        let log = self.workspace.log(name);
        let program = self.path(Profile::Release, name);
        let mut command = self.command(processor, &program);
        process::run(name, command.args(arguments), &log, limit)?;
        let text = fs::read_to_string(&log).map_err(Error::file(&log))?;
        serde_json::from_str(&text).map_err(|error| Error::data(&log, error))
    }
}
