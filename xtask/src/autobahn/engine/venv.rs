//! The virtual environment with the suite in it, made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::autobahn::engine::python::Python;
use crate::autobahn::engine::wstest;
use crate::error::Error;
use crate::process;
use crate::workspace::{self, Workspace, fingerprint};

/// The last virtualenv that makes environments for 2.7; itself it runs on Python 3.7 and later.
const ON_PYTHON_3: &str = "virtualenv==20.21.1";
/// The last virtualenv that runs on 2.7 itself.
const ON_PYTHON_2: &str = "virtualenv==20.15.1";

/// The file in an environment that says it was finished.
const MARKER: &str = "finished";

const START: Duration = Duration::from_secs(60);
const INSTALL: Duration = Duration::from_secs(15 * 60);

/// The path of `wstest` in the environment for these requirements and this Python; `works` says
/// whether what lies there is it.
pub(crate) fn make(
    workspace: &Workspace,
    python: &Python,
    works: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Error> {
    let requirements = workspace.root.join("autobahn/requirements.txt");
    let text = fs::read_to_string(&requirements).map_err(Error::file(&requirements))?;
    let key = fingerprint(&[&text, ON_PYTHON_3, &python.program.display().to_string()]);
    let venv = workspace.directory.join(format!("venv-{key:016x}"));
    let program = venv.join("bin/wstest");
    if venv.join(MARKER).is_file() && works(&program) {
        return Ok(program);
    }
    println!("installing the suite into {}", venv.display());
    workspace::remove(&venv)?;
    create(workspace, python, &venv)?;
    let pip = |name: &str, arguments: &[&str]| {
        let mut command = python.command(&venv.join("bin/python"));
        command.args(["-m", "pip", "--no-python-version-warning", "install"]);
        command.args(["--disable-pip-version-check", "--constraint"]);
        command.arg(&requirements).args(arguments);
        process::run(name, &mut command, &workspace.log("pip"), INSTALL)
    };
    // The one package that is compiled carries its generated C: it needs no Cython to be fetched.
    pip(
        "pip install wsaccel (which needs a C compiler and Python 2.7's headers)",
        &["--no-build-isolation", "wsaccel"],
    )?;
    pip(
        "pip install",
        &["--requirement", &requirements.to_string_lossy()],
    )?;
    if !works(&program) {
        return Err(Error::Program {
            program: program.display().to_string(),
            detail: "the suite was installed but does not start in the wanted version".into(),
        });
    }
    let marker = venv.join(MARKER);
    fs::write(&marker, "").map_err(Error::file(&marker))?;
    Ok(program)
}

/// Makes an empty environment: by a Python 3 with pip, else by the Python 2.7 itself.
fn create(workspace: &Workspace, python: &Python, venv: &Path) -> Result<(), Error> {
    let tool = workspace.directory.join("virtualenv");
    workspace::remove(&tool)?;
    let log = workspace.log("virtualenv");
    let interpreters = ["python3", "/usr/bin/python3"].map(|name| {
        let mut command = Command::new(name);
        command.env_remove("PYTHONPATH");
        (command, ON_PYTHON_3)
    });
    let own = (python.command(&python.program), ON_PYTHON_2);
    for (mut probe, release) in interpreters.into_iter().chain([own]) {
        probe.args(["-m", "pip", "--version"]);
        if workspace::answer("pip", &mut probe, &log, START).is_none() {
            continue;
        }
        let again = || {
            let mut command = Command::new(probe.get_program());
            for (name, value) in probe.get_envs() {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
            command
        };
        let mut install = again();
        install.args(["-m", "pip", "install", "--quiet", "--target"]);
        install.arg(&tool).arg(release);
        process::run("pip install virtualenv", &mut install, &log, INSTALL)?;
        let mut make = again();
        make.env("PYTHONPATH", &tool);
        make.args(["-m", "virtualenv", "--quiet", "--no-download", "--python"]);
        make.arg(&python.program).arg(venv);
        // The probe of the target interpreter inherits this; an unpacked one finds no library else.
        for (name, value) in python.command(&python.program).get_envs() {
            if let (true, Some(value)) = (name == "LD_LIBRARY_PATH", value) {
                make.env(name, value);
            }
        }
        process::run("virtualenv", &mut make, &log, INSTALL)?;
        return workspace::remove(&tool);
    }
    Err(Error::NoEngine(format!(
        "no Python here has pip, so the wstest engine cannot be made, {}",
        wstest::NEEDS
    )))
}

#[cfg(test)]
mod tests {
    use crate::autobahn::engine::VERSION;

    #[test]
    fn every_requirement_is_pinned_and_the_suite_is_the_wanted_one() {
        let text = include_str!("../../../../autobahn/requirements.txt");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().all(|line| line.contains("==")));
        assert!(lines.contains(&format!("autobahntestsuite=={VERSION}").as_str()));
    }
}
