//! The implementations by others, installed under the target directory and kept.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::node;
use crate::process;
use crate::workspace::{self, Workspace, fingerprint};

const START: Duration = Duration::from_secs(60);
const INSTALL: Duration = Duration::from_secs(10 * 60);

/// Exits with 0 on a Python that `websockets` runs on.
const PYTHON_PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/// An implementation that nobody here wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// PyPI's `websockets`, on Python.
    Websockets,
    /// npm's `ws`, on Node.js.
    Ws,
}

impl Peer {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Websockets, Self::Ws];

    /// The name of the package.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Websockets => "websockets",
            Self::Ws => "ws",
        }
    }

    /// Makes it ready, or takes what was installed before.
    pub(crate) fn install(self, workspace: &Workspace) -> Result<Installed, Error> {
        let sources = workspace.root.join("interop");
        let (files, program): (&[&str], _) = match self {
            Self::Websockets => (&["requirements.txt"], sources.join("peer.py")),
            Self::Ws => (
                &["package.json", "package-lock.json"],
                sources.join("peer.js"),
            ),
        };
        let (runtime, name) = match self {
            Self::Websockets => (python(workspace)?, "python"),
            Self::Ws => (node::find(workspace, node::Since::V18)?, "node"),
        };
        let mut parts = vec![runtime.clone()];
        for file in files {
            let path = sources.join(file);
            parts.push(fs::read_to_string(&path).map_err(Error::file(&path))?);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let key = fingerprint(&parts);
        let directory = workspace.directory.join(format!("{name}-{key:016x}"));
        workspace::install_once(&directory, self.name(), || match self {
            Self::Websockets => install_websockets(workspace, &runtime, &sources, &directory),
            Self::Ws => node::install(workspace, &sources, &directory),
        })?;
        Ok(Installed {
            peer: self,
            directory,
            program,
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An implementation that is ready to run.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) peer: Peer,
    directory: PathBuf,
    program: PathBuf,
}

impl Installed {
    /// A command for our program on it in the role `client` or `server`.
    pub(crate) fn command(&self, role: &str, script: &Path) -> Command {
        let mut command = self.program(&self.program);
        command.arg(role).arg(script);
        command
    }

    /// A command for any program that uses it.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = match self.peer {
            Peer::Websockets => {
                let mut command = Command::new(venv_python(&self.directory));
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                clean_python(&mut command);
                command
            }
            Peer::Ws => {
                let mut command = Command::new("node");
                command.env("INTEROP_MODULES", &self.directory);
                command.env_remove("NODE_OPTIONS");
                command
            }
        };
        command.arg(program);
        command
    }
}

/// The Python 3 to install with: the one `PYTHON3` names, else an installed one.
fn python(workspace: &Workspace) -> Result<String, Error> {
    let log = workspace.log("python-probe");
    let works = |program: &String| {
        let mut command = Command::new(program);
        command.args(["-c", PYTHON_PROBE]);
        clean_python(&mut command);
        workspace::answer("python3", &mut command, &log, START).is_some()
    };
    let candidates = match env::var("PYTHON3") {
        Ok(program) => vec![program],
        // A shim of a version manager may exist and still fail.
        Err(_) => vec!["python3".into(), "/usr/bin/python3".into()],
    };
    candidates.into_iter().find(works).ok_or(Error::Missing(
        "Python 3, 3.11 or later with venv and ensurepip (PYTHON3 names it; Debian: python3-venv)",
    ))
}

fn install_websockets(
    workspace: &Workspace,
    python: &str,
    sources: &Path,
    directory: &Path,
) -> Result<(), Error> {
    let mut venv = Command::new(python);
    clean_python(&mut venv);
    venv.args(["-m", "venv"]).arg(directory);
    process::run(
        "python3 -m venv",
        &mut venv,
        &workspace.log("venv"),
        INSTALL,
    )?;
    let mut pip = Command::new(venv_python(directory));
    clean_python(&mut pip);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    pip.arg("--requirement")
        .arg(sources.join("requirements.txt"));
    process::run("pip install", &mut pip, &workspace.log("pip"), INSTALL)
}

fn venv_python(directory: &Path) -> PathBuf {
    directory.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    })
}

/// Keeps what the caller's environment says about Python away.
fn clean_python(command: &mut Command) {
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_requirement_is_pinned() {
        let text = include_str!("../../../interop/requirements.txt");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().any(|line| line.starts_with("websockets==")));
        assert!(lines.iter().all(|line| line.contains("==")));
    }
}
