//! Where things are: asked of cargo, so that its settings are respected.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::process::Child;

/// Long enough for a release build from nothing on a slow machine.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// The source tree and the directory its builds go to.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The root of the source tree.
    pub(crate) root: PathBuf,
    /// What the Autobahn runs keep, under cargo's target directory.
    pub(crate) autobahn: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// One line of cargo's build messages, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

impl Workspace {
    /// Finds the target directory and makes a place in it.
    pub(crate) fn open() -> Result<Self, Error> {
        let root = root();
        let output = cargo(&root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(|source| Error::Spawn {
                program: "cargo metadata".into(),
                source,
            })?;
        let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            Error::Program {
                program: "cargo metadata".into(),
                detail: format!("{error}: {}", said.trim()),
            }
        })?;
        let autobahn = metadata.target_directory.join("autobahn");
        let logs = autobahn.join("logs");
        fs::create_dir_all(&logs).map_err(Error::file(&logs))?;
        Ok(Self { root, autobahn })
    }

    /// The file that takes the output of the program `name`.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.autobahn.join("logs").join(format!("{name}.log"))
    }

    /// Builds the facade's examples in release.
    pub(crate) fn build_examples(&self) -> Result<Examples, Error> {
        let mut command = cargo(&self.root);
        command.args(["build", "--release", "--examples", "-p", "socket-flow"]);
        command.arg("--message-format=json-render-diagnostics");
        let log = self.log("build");
        let mut build = Child::spawn_talking("cargo build", &mut command, &log)?;
        build.finish(BUILD)?;
        let messages = fs::read_to_string(&log).map_err(Error::file(&log))?;
        Ok(Examples(executables(&messages)))
    }
}

/// The examples a build made: name and executable.
#[derive(Debug)]
pub(crate) struct Examples(Vec<(String, PathBuf)>);

impl Examples {
    /// The executable of the example `name`.
    pub(crate) fn executable(&self, name: &str) -> Result<&Path, Error> {
        self.0
            .iter()
            .find(|(example, _)| example == name)
            .map(|(_, executable)| executable.as_path())
            .ok_or_else(|| Error::Program {
                program: "cargo build".into(),
                detail: format!("it made no example '{name}'"),
            })
    }
}

/// The root of the source tree this program was built from.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// Removes a directory with everything in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path)(error)),
        _ => Ok(()),
    }
}

/// Runs a program quickly and returns its standard output, or `None` where it is missing or fails.
pub(crate) fn answer(
    name: &str,
    command: &mut Command,
    log: &Path,
    limit: Duration,
) -> Option<String> {
    let mut child = Child::spawn(name, command, log).ok()?;
    child.finish(limit).ok()?;
    fs::read_to_string(log).ok()
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn executables(messages: &str) -> Vec<(String, PathBuf)> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter_map(|message| Some((message.target?, message.executable?)))
        .filter(|(target, _)| target.kind.iter().any(|kind| kind == "example"))
        .map(|(target, executable)| (target.name, executable))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_read_from_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"socket_flow"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"tool"},"executable":"/t/release/tool"}
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"echo_server"},"executable":"/t/release/examples/echo_server"}
{"reason":"build-finished","success":true}"#;
        let examples = Examples(executables(messages));
        assert_eq!(
            examples.executable("echo_server").unwrap(),
            Path::new("/t/release/examples/echo_server")
        );
        let missing = examples.executable("tool").unwrap_err().to_string();
        assert_eq!(missing, "cargo build failed: it made no example 'tool'");
    }
}
