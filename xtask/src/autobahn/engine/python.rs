//! Finds a Python 2.7, the only Python the suite runs on.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::autobahn::engine::{debian, wstest};
use crate::error::Error;
use crate::workspace::{self, Workspace};

/// Exits with 0 on a complete Python 2.7. A shim of a version manager may exist and still fail.
const PROBE: &str = "import sys, ssl, zlib, ctypes; sys.exit(sys.version_info[:2] != (2, 7))";

const START: Duration = Duration::from_secs(60);

/// A Python 2.7.
#[derive(Debug)]
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    /// The root it was unpacked under, where it is not installed.
    pub(crate) root: Option<PathBuf>,
}

impl Python {
    /// A command for a program that lives on this Python.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONWARNINGS", "ignore")
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME");
        if let Some(root) = &self.root {
            command.env("LD_LIBRARY_PATH", libraries(root));
            let include = root.join("usr/include");
            let flags = format!(
                "-I{} -I{}",
                include.display(),
                include.join("python2.7").display()
            );
            command.env("CFLAGS", flags);
        }
        command
    }

    /// Whether it starts and is what it should be.
    pub(crate) fn works(&self, workspace: &Workspace) -> bool {
        let mut command = self.command(&self.program);
        command.args(["-c", PROBE]);
        let log = workspace.log("python-probe");
        workspace::answer("python2.7", &mut command, &log, START).is_some()
    }
}

/// Finds a Python 2.7: the one `PYTHON27` names, else an installed one, else Debian's, unpacked.
pub(crate) fn find(workspace: &Workspace) -> Result<Python, Error> {
    if let Some(program) = env::var_os("PYTHON27") {
        let python = Python {
            program: program.into(),
            root: None,
        };
        return match python.works(workspace) {
            true => Ok(python),
            false => Err(Error::NoEngine(format!(
                "PYTHON27={} is no Python 2.7 with ssl, zlib and ctypes",
                python.program.display()
            ))),
        };
    }
    let installed = candidates()
        .into_iter()
        .filter(|program| program.is_file())
        .map(|program| Python {
            program,
            root: None,
        })
        .find(|python| python.works(workspace));
    if let Some(python) = installed {
        return Ok(python);
    }
    match debian::python(workspace)? {
        Some(python) => Ok(python),
        None => Err(Error::NoEngine(format!(
            "there is no Python 2.7 for the wstest engine, {}",
            wstest::NEEDS
        ))),
    }
}

fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = env::split_paths(&path)
        .map(|directory| directory.join("python2.7"))
        .collect();
    let pyenv = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    if let Some(pyenv) = pyenv {
        let versions = children(&pyenv.join("versions"));
        candidates.extend(
            versions
                .into_iter()
                .filter(|directory| name(directory).starts_with("2.7."))
                .map(|directory| directory.join("bin/python2.7")),
        );
    }
    candidates
}

/// The library directory under an unpacked root: its name carries the machine's architecture.
fn libraries(root: &Path) -> PathBuf {
    let parent = root.join("usr/lib");
    children(&parent)
        .into_iter()
        .find(|directory| name(directory).contains("-linux-gnu"))
        .unwrap_or(parent)
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
