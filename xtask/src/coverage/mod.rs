//! `cargo xtask coverage`: what no test runs, down to each side of each condition.
//!
//! ```text
//! the tests, instrumented (cargo-llvm-cov) ──► export ──► merge by place in the source
//!                                                              │
//!                         docs/coverage.toml ──► judge ◄───────┘
//!                                                  └──► table, what is uncovered, what is excused in vain
//! ```

mod exceptions;
mod report;
mod tools;

use std::fs;
use std::path::Path;
use std::time::Instant;

use lexopt::prelude::*;

use crate::cli::{usage, value};
use crate::coverage::exceptions::Exceptions;
use crate::coverage::report::{Covered, Report};
use crate::error::Error;
use crate::workspace::Workspace;

/// What is allowed to be uncovered, from the root of the source tree.
const EXCEPTIONS: &str = "docs/coverage.toml";

/// What the packages' names begin with and their folders do not.
const PREFIX: &str = "socket-flow-";

/// What `coverage` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The folders of the packages under `crates`.
    pub(crate) packages: Vec<String>,
    /// Whether the last run is judged once more.
    pub(crate) again: bool,
}

impl Default for Options {
    /// The two packages that see what a peer sends first.
    fn default() -> Self {
        Self {
            packages: vec!["frames".into(), "protocol".into()],
            again: false,
        }
    }
}

impl Options {
    /// Reads what follows the command's name; `None` where help was asked for.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self::default();
        let mut packages = Vec::new();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("again") => options.again = true,
                Long("package") | Short('p') => {
                    let name = value(parser)?;
                    packages.push(name.strip_prefix(PREFIX).unwrap_or(&name).to_owned());
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        if !packages.is_empty() {
            options.packages = packages;
        }
        Ok(Some(options))
    }
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let workspace = Workspace::open("coverage")?;
    let mut folders = Vec::new();
    for package in &options.packages {
        let folder = format!("crates/{package}");
        if !workspace.root.join(&folder).join("Cargo.toml").is_file() {
            return Err(Error::Usage(format!("there is no package '{package}'")));
        }
        folders.push(folder);
    }
    let exceptions = Exceptions::load(&workspace.root.join(EXCEPTIONS))?;
    let export = workspace.directory.join("export.json");
    if !options.again {
        tools::measure(&workspace, &options.packages, &export)?;
    }
    let report = read(&workspace.root, &folders, &export)?;

    println!("{:>14} {:>14}", "lines", "branches");
    for file in &report.files {
        println!("{:>14} {:>14}  {}", file.lines, file.branches, file.name);
    }
    let (lines, branches) = report.total();
    println!("{lines:>14} {branches:>14}  in all\n");

    let judgement = exceptions.judge(&report, &folders);
    for place in &judgement.uncovered {
        println!("{place}");
    }
    for exception in &judgement.stale {
        println!("{EXCEPTIONS}: no longer so: {exception}");
    }
    println!(
        "{} sides of conditions and pieces of code uncovered, {} excused, \
         {} exceptions no longer needed, {:.1} s",
        judgement.uncovered.len(),
        judgement.excused,
        judgement.stale.len(),
        start.elapsed().as_secs_f64()
    );
    match judgement.uncovered.len() + judgement.stale.len() {
        0 => Ok(()),
        count => Err(Error::Uncovered(count)),
    }
}

/// Reads an export, with the sources it speaks of.
fn read(root: &Path, folders: &[String], export: &Path) -> Result<Report, Error> {
    let json = fs::read_to_string(export).map_err(Error::file(export))?;
    let covered = Covered::parse(&json).map_err(|error| Error::data(export, error))?;
    let mut report = Report::default();
    for (path, found) in &covered.files {
        let Some(name) = name(root, folders, Path::new(path)) else {
            continue;
        };
        let source = fs::read_to_string(path).map_err(Error::file(Path::new(path)))?;
        report.add(name, found, &source);
    }
    Ok(report)
}

/// The name of a source file, as seen from the root; `None` for tests and what is not asked for.
fn name(root: &Path, folders: &[String], path: &Path) -> Option<String> {
    let name = path.strip_prefix(root).ok()?;
    let name = name.to_string_lossy().replace('\\', "/");
    let is_asked = |folder: &String| name.starts_with(&format!("{folder}/src/"));
    let is_test = name.contains("/tests/") || name.ends_with("/tests.rs");
    (folders.iter().any(is_asked) && !is_test).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>, Error> {
        let mut parser = lexopt::Parser::from_args(line.split_whitespace());
        Options::parse(&mut parser)
    }

    #[test]
    fn without_options_frames_and_protocol_are_measured() {
        let options = parsed("").unwrap().unwrap();
        assert_eq!(options.packages, ["frames", "protocol"]);
        assert!(!options.again);
    }

    #[test]
    fn packages_are_named_with_or_without_their_prefix() {
        let options = parsed("--package socket-flow-handshake -p frames --again");
        let options = options.unwrap().unwrap();
        assert_eq!(options.packages, ["handshake", "frames"]);
        assert!(options.again);
        assert!(matches!(parsed("frames"), Err(Error::Usage(_))));
    }

    #[test]
    fn tests_and_other_packages_are_left_out() {
        let root = Path::new("/w");
        let folders = ["crates/frames".to_owned()];
        let name = |path: &str| name(root, &folders, Path::new(path));
        let kept = name("/w/crates/frames/src/mask/mod.rs");
        assert_eq!(kept.as_deref(), Some("crates/frames/src/mask/mod.rs"));
        for path in [
            "/w/crates/frames/src/utf8_bytes/tests.rs",
            "/w/crates/frames/tests/it/header.rs",
            "/w/crates/protocol/src/input.rs",
            "/registry/bytes/src/lib.rs",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
    }
}
