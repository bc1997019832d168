//! cargo-llvm-cov, and the LLVM that belongs to the compiler.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::coverage::PREFIX;
use crate::error::Error;
use crate::process;
use crate::workspace::{self, Workspace};

/// Builds and runs the tests of the packages, and exports what they ran.
pub(super) fn measure(
    workspace: &Workspace,
    packages: &[String],
    export: &Path,
) -> Result<(), Error> {
    let cargo = || {
        // Through rustup, which `+nightly` speaks to, not the cargo that runs us.
        let mut command = Command::new("cargo");
        command.current_dir(&workspace.root).arg("+nightly");
        for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(variable);
        }
        command
    };
    let ask =
        |name, command: &mut Command| workspace::answer(name, command, &workspace.log(name), SOON);
    let mut rustc = Command::new("rustc");
    rustc
        .args(["+nightly", "-vV"])
        .env_remove("RUSTUP_TOOLCHAIN");
    let version = ask("rustc", &mut rustc).ok_or(Error::Missing(NIGHTLY))?;
    ask("cargo-llvm-cov", cargo().args(["llvm-cov", "--version"]))
        .ok_or(Error::Missing(CARGO_LLVM_COV))?;

    let mut command = cargo();
    command.args(["llvm-cov", "--branch", "--all-features", "--json"]);
    command.arg("--output-path").arg(export);
    for package in packages {
        // The facade has the bare name.
        let name = match package.as_str() {
            "socket-flow" => package.clone(),
            _ => format!("{PREFIX}{package}"),
        };
        command.args(["-p", &name]);
    }
    // The same cases each time: what only one run in ten reaches is not tested.
    command.env("PROPTEST_RNG_SEED", "1");
    for (variable, tool) in [("LLVM_COV", "llvm-cov"), ("LLVM_PROFDATA", "llvm-profdata")] {
        if let Some(path) = llvm(env::var_os(variable), tool, &version) {
            command.env(variable, path);
        }
    }
    let log = workspace.log("tests");
    process::run("cargo llvm-cov", &mut command, &log, workspace::BUILD)
}

/// A tool of LLVM: the one asked for, else Debian's of the same version as the compiler's LLVM;
/// `None` leaves it to cargo-llvm-cov, which knows rustup's component.
fn llvm(asked: Option<OsString>, tool: &str, version: &str) -> Option<PathBuf> {
    asked.map(PathBuf::from).or_else(|| {
        let path = PathBuf::from(format!("/usr/bin/{tool}-{}", major(version)?));
        path.is_file().then_some(path)
    })
}

/// The number LLVM's version begins with, as `rustc -vV` tells it.
fn major(version: &str) -> Option<&str> {
    let mut lines = version.lines();
    let version = lines.find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()
}

const NIGHTLY: &str =
    "nightly toolchain, which alone knows branches (rustup toolchain add nightly)";

const CARGO_LLVM_COV: &str = "cargo-llvm-cov (cargo install --locked cargo-llvm-cov)";

/// Long enough for a tool to say its version.
const SOON: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "rustc 1.97.0-nightly\nrelease: 1.97.0-nightly\nLLVM version: 22.1.4\n";

    #[test]
    fn the_tools_must_be_of_the_compilers_llvm() {
        assert_eq!(major(VERSION), Some("22"));
        assert_eq!(major("rustc 1.97.0-nightly"), None);
        assert_eq!(llvm(None, "no-such-tool", VERSION), None);
    }

    #[test]
    fn a_tool_that_was_asked_for_is_taken() {
        let asked = Some("/opt/llvm-cov".into());
        assert_eq!(
            llvm(asked, "llvm-cov", VERSION),
            Some("/opt/llvm-cov".into())
        );
    }
}
