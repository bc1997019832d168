//! What runs the suite: its Docker image, or a Python 2.7 environment made here.

mod debian;
mod docker;
mod python;
mod venv;
mod wstest;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::autobahn::case::Case;
use crate::autobahn::engine::docker::{Container, Docker};
use crate::autobahn::engine::wstest::Wstest;
use crate::error::Error;
use crate::process::Child;
use crate::workspace::Workspace;

/// The release of the suite, whatever runs it.
const VERSION: &str = "25.10.1";

/// The spec file's name in the directory of a job.
const SPEC: &str = "spec.json";

/// The ways to run the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Docker,
    Wstest,
}

/// A suite that is ready to run.
#[derive(Debug)]
pub(crate) enum Engine {
    Docker(Docker),
    Wstest(Wstest),
}

/// Which end of the connection the suite plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It connects to our server on this port.
    FuzzingClient,
    /// It listens on this port for our client.
    FuzzingServer,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::FuzzingClient => "fuzzingclient",
            Self::FuzzingServer => "fuzzingserver",
        }
    }
}

/// One run of the suite.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) mode: Mode,
    pub(crate) port: u16,
    pub(crate) agent: &'a str,
    pub(crate) cases: &'a [Case],
    /// Where the reports go; the job's own, and empty.
    pub(crate) directory: &'a Path,
    /// A directory with a `sitecustomize.py` that shortens the compression cases.
    pub(crate) quick: Option<PathBuf>,
    /// The file that takes the suite's output.
    pub(crate) log: PathBuf,
}

/// A running suite. Dropping it ends it, its container included.
#[derive(Debug)]
pub(crate) struct Suite {
    // The order matters: a `docker run` that still lives could start what was just removed.
    pub(crate) child: Child,
    _container: Option<Container>,
}

impl Engine {
    /// Makes the engine of the given kind ready, or the first one that works here.
    pub(crate) fn prepare(kind: Option<Kind>, workspace: &Workspace) -> Result<Self, Error> {
        match kind {
            Some(Kind::Docker) => match Docker::answers(workspace) {
                true => Docker::prepare(workspace).map(Self::Docker),
                false => Err(Error::NoEngine(format!(
                    "`docker info` does not answer: start Docker, or use --engine wstest, {}",
                    wstest::NEEDS
                ))),
            },
            Some(Kind::Wstest) => Wstest::prepare(workspace).map(Self::Wstest),
            None if Docker::answers(workspace) => Docker::prepare(workspace).map(Self::Docker),
            None => Wstest::prepare(workspace)
                .map(Self::Wstest)
                .map_err(|error| match error {
                    Error::NoEngine(what) => {
                        Error::NoEngine(format!("`docker info` does not answer, and {what}"))
                    }
                    other => other,
                }),
        }
    }

    /// Starts the suite.
    pub(crate) fn start(&self, job: &Job<'_>) -> Result<Suite, Error> {
        let host = match self {
            Self::Docker(_) => docker::HOST,
            Self::Wstest(_) => "127.0.0.1",
        };
        let path = job.directory.join(SPEC);
        std::fs::write(&path, spec(job, host).to_string()).map_err(Error::file(&path))?;
        match self {
            Self::Docker(docker) => docker.start(job).map(|(child, container)| Suite {
                child,
                _container: Some(container),
            }),
            Self::Wstest(wstest) => wstest.start(job).map(|child| Suite {
                child,
                _container: None,
            }),
        }
    }

    /// What runs the suite, in one line.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Docker(_) => format!("Docker, {}", docker::IMAGE),
            Self::Wstest(wstest) => wstest.describe(),
        }
    }
}

/// The suite's spec file. `host` is what the suite calls this machine.
fn spec(job: &Job<'_>, host: &str) -> Value {
    let cases: Vec<&str> = job.cases.iter().map(|case| case.id.as_str()).collect();
    let mut spec = json!({
        "outdir": ".",
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    match job.mode {
        Mode::FuzzingClient => {
            let url = format!("ws://{host}:{}", job.port);
            spec["servers"] = json!([{ "agent": job.agent, "url": url }]);
        }
        Mode::FuzzingServer => spec["url"] = json!(format!("ws://127.0.0.1:{}", job.port)),
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autobahn::case::Ending;

    #[test]
    fn the_spec_names_every_case_and_the_right_end() {
        let cases = ["1.1.1", "3.4"].map(|id| Case {
            id: id.into(),
            ending: Ending::Answer,
            codes: vec![1000],
        });
        let mut job = Job {
            mode: Mode::FuzzingClient,
            port: 9001,
            agent: "us",
            cases: &cases,
            directory: Path::new("/r"),
            quick: None,
            log: "/l".into(),
        };
        assert_eq!(
            spec(&job, "host"),
            json!({
                "outdir": ".",
                "cases": ["1.1.1", "3.4"],
                "exclude-cases": [],
                "exclude-agent-cases": {},
                "servers": [{ "agent": "us", "url": "ws://host:9001" }],
            })
        );
        job.mode = Mode::FuzzingServer;
        assert_eq!(spec(&job, "host")["url"], "ws://127.0.0.1:9001");
    }
}
