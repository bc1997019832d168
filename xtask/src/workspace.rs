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
pub(crate) const BUILD: Duration = Duration::from_secs(30 * 60);

/// The source tree and the directory its builds go to.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The root of the source tree.
    pub(crate) root: PathBuf,
    /// What the command keeps, under cargo's target directory.
    pub(crate) directory: PathBuf,
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
    /// Finds the target directory and makes a place in it for the command `name`.
    pub(crate) fn open(name: &str) -> Result<Self, Error> {
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
        let directory = metadata.target_directory.join(name);
        let logs = directory.join("logs");
        fs::create_dir_all(&logs).map_err(Error::file(&logs))?;
        Ok(Self { root, directory })
    }

    /// The file that takes the output of the program `name`.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.directory.join("logs").join(format!("{name}.log"))
    }

    /// A cargo command in the source tree.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// Builds the facade's examples in release.
    pub(crate) fn build_examples(&self) -> Result<Examples, Error> {
        let messages = self.build(&["--examples", "-p", "socket-flow"])?;
        Ok(Examples(executables(&messages, "example")))
    }

    /// Builds a benchmark of a package in release and returns its executable.
    pub(crate) fn build_benchmark(&self, package: &str, name: &str) -> Result<PathBuf, Error> {
        let messages = self.build(&["-p", package, "--bench", name])?;
        let mut made = executables(&messages, "bench");
        made.pop()
            .map(|(_, executable)| executable)
            .ok_or_else(|| Error::Program {
                program: "cargo build".into(),
                detail: format!("it made no benchmark '{name}'"),
            })
    }

    /// Builds an example of a package with debug assertions and returns its executable.
    pub(crate) fn build_example(&self, package: &str, name: &str) -> Result<PathBuf, Error> {
        let messages = self.build_in("dev", &["-p", package, "--example", name])?;
        let made = Examples(executables(&messages, "example"));
        made.executable(name).map(Path::to_owned)
    }

    /// Builds the programs of a package and returns their names and executables.
    pub(crate) fn build_programs(
        &self,
        package: &str,
        profile: &str,
    ) -> Result<Vec<(String, PathBuf)>, Error> {
        let messages = self.build_in(profile, &["-p", package, "--bins"])?;
        Ok(executables(&messages, "bin"))
    }

    /// Builds the program of a package in the source tree `root` for debugging, with these flags of
    /// the compiler's and no others, and returns its executable. What is built so lies apart, in
    /// `target`: other flags would have it built anew each time.
    pub(crate) fn build_program_with(
        &self,
        root: &Path,
        package: &str,
        flags: &[&str],
        target: &Path,
    ) -> Result<PathBuf, Error> {
        let mut command = cargo(root);
        command
            .args(["build", "--profile", "dev", "-p", package, "--bins"])
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env("CARGO_TARGET_DIR", target);
        let messages = self.messages(&mut command)?;
        let mut made = executables(&messages, "bin");
        made.pop()
            .map(|(_, executable)| executable)
            .ok_or_else(|| Error::Program {
                program: "cargo build".into(),
                detail: format!("it made no program of '{package}'"),
            })
    }

    /// Builds in release and returns cargo's messages.
    fn build(&self, what: &[&str]) -> Result<String, Error> {
        self.build_in("release", what)
    }

    fn build_in(&self, profile: &str, what: &[&str]) -> Result<String, Error> {
        let mut command = cargo(&self.root);
        command.args(["build", "--profile", profile]).args(what);
        self.messages(&mut command)
    }

    /// Runs a build and returns cargo's messages.
    fn messages(&self, command: &mut Command) -> Result<String, Error> {
        command.arg("--message-format=json-render-diagnostics");
        let log = self.log("build");
        let mut build = Child::spawn_talking("cargo build", command, &log)?;
        build.finish(BUILD)?;
        fs::read_to_string(&log).map_err(Error::file(&log))
    }
}

/// The examples a build made: name and executable.
#[derive(Debug, Default)]
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

/// Makes an installation in a directory of its own, unless it was finished there before.
pub(crate) fn install_once(
    directory: &Path,
    what: &str,
    install: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let marker = directory.join("finished");
    if marker.is_file() {
        return Ok(());
    }
    println!("installing {what} into {}", directory.display());
    remove(directory)?;
    fs::create_dir_all(directory).map_err(Error::file(directory))?;
    install()?;
    fs::write(&marker, "").map_err(Error::file(&marker))
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

/// A number for what an installation is made of, to tell it from another: FNV-1a, for the standard
/// library's hashes may change from release to release.
pub(crate) fn fingerprint(parts: &[&str]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// The executables of targets of one kind among cargo's messages: name and path.
fn executables(messages: &str, kind: &str) -> Vec<(String, PathBuf)> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter_map(|message| Some((message.target?, message.executable?)))
        .filter(|(target, _)| target.kind.iter().any(|is| is == kind))
        .map(|(target, executable)| (target.name, executable))
        .collect()
}

/// Every file under a directory whose name ends so, in order; what cargo builds there is left out.
pub(crate) fn sources(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::file(directory))? {
        paths.push(entry.map_err(Error::file(directory))?.path());
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("target") {
                found.extend(sources(&path, extension)?);
            }
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_part_or_another_border_is_another_fingerprint() {
        let keys = [
            fingerprint(&["a==1\n", "/usr/bin/python2.7"]),
            fingerprint(&["a==2\n", "/usr/bin/python2.7"]),
            fingerprint(&["a==1\n", "/opt/bin/python2.7"]),
            fingerprint(&["a==1\n/usr/bin/python2.7"]),
        ];
        for (position, key) in keys.iter().enumerate() {
            assert!(!keys[..position].contains(key));
        }
    }

    #[test]
    fn examples_are_read_from_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"socket_flow"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"tool"},"executable":"/t/release/tool"}
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"echo_server"},"executable":"/t/release/examples/echo_server"}
{"reason":"build-finished","success":true}"#;
        let examples = Examples(executables(messages, "example"));
        assert_eq!(
            examples.executable("echo_server").unwrap(),
            Path::new("/t/release/examples/echo_server")
        );
        let missing = examples.executable("tool").unwrap_err().to_string();
        assert_eq!(missing, "cargo build failed: it made no example 'tool'");
    }
}
