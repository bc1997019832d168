//! `cargo xtask fuzz`: inputs nobody thought of, through `crates/fuzz`.
//!
//! ```text
//!  crates/fuzz/corpus/<target> ─┐
//!                               ├─▶ a target at a time, for a while ──▶ executions, coverage
//!  target/fuzz/corpus/<target> ─┘        │                         └──▶ target/fuzz/runs.jsonl
//!             ▲                          ▼
//!             └──────────────── what reached something new
//! ```
//!
//! libFuzzer does it where a nightly toolchain is; elsewhere a loop that mutates without looking
//! at what it reaches, which says so.

mod engine;
mod options;
mod runs;

pub(crate) use options::Options;

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::fuzz::engine::Engine;
use crate::fuzz::runs::Runs;
use crate::workspace::Workspace;

/// The committed inputs, from the root of the source tree; its directories are the targets.
const CORPUS: &str = "crates/fuzz/corpus";

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let workspace = Workspace::open("fuzz")?;
    let targets = selected(&workspace.root.join(CORPUS), &options.targets)?;
    let mut runs = Runs::open(&workspace.directory.join("runs.jsonl"))?;
    let engine = Engine::build(&workspace, options.mutations)?;
    println!("{}\n", engine.description());
    println!("{}", runs::HEADING);
    let mut findings = Vec::new();
    for target in &targets {
        let run = engine.run(&workspace, target, options.seconds)?;
        println!("{}", runs::line(target, 1, &run));
        findings.extend(run.findings.iter().cloned());
        runs.add(run)?;
        if options.keep {
            engine.keep(&workspace, target)?;
        }
    }
    println!("\nall runs so far\n{}", runs::HEADING);
    for line in runs.totals() {
        println!("{line}");
    }
    for finding in &findings {
        println!("finding: {finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(Error::Findings(count)),
    }
}

/// The targets with these names, or all.
fn selected(corpus: &Path, names: &[String]) -> Result<Vec<String>, Error> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(corpus).map_err(Error::file(corpus))? {
        let entry = entry.map_err(Error::file(corpus))?;
        targets.push(entry.file_name().to_string_lossy().into_owned());
    }
    targets.sort();
    if let Some(unknown) = names.iter().find(|name| !targets.contains(name)) {
        let known = targets.join(", ");
        return Err(Error::Usage(format!("'{unknown}' is none of {known}")));
    }
    targets.retain(|target| names.is_empty() || names.contains(target));
    Ok(targets)
}
