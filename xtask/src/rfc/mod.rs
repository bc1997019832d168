//! `cargo xtask rfc`: what the RFCs demand, and the tests that show it.
//!
//! ```text
//! docs/conformance.md ──► document: rows, and the keywords counted in each RFC
//!                             │                         │
//! the sources ──► source ──► check: every test is there, is compiled, runs, and cites the row's section;
//!                                   every keyword of the RFCs stands in a row
//! docs/reliability.md ──► attacks: every test named beside a class of attack is there, and runs
//!                     ├─► calls: every row of what a call waits for has tests of its own
//!                     └─► field: every kind of fault in the field has tests
//! README.md ──► limits: every row of limits and defaults has tests
//! ```

mod attacks;
mod calls;
mod check;
mod document;
mod field;
mod limits;
mod module;
mod source;
mod table;

use std::fs;

use crate::error::Error;
use crate::workspace;

/// Where the table is.
const DOCUMENT: &str = "docs/conformance.md";

/// Where the tables of attacks, of calls that wait and of what breaks in the field are.
const RELIABILITY: &str = "docs/reliability.md";

/// Where the limits and defaults are, and where it says which tests they have.
const README: &str = "README.md";
const LIMITS: &str = "crates/socket-flow/tests/it/limits/mod.rs";

/// Checks the tables against the sources and prints what they hold.
pub(crate) fn run() -> Result<(), Error> {
    let text = read(DOCUMENT)?;
    let document = document::Document::parse(&text);
    let path = workspace::root().join(DOCUMENT);
    let directory = path.parent().unwrap_or(&path);
    let outcome = check::check(&document, |link| {
        fs::read_to_string(directory.join(link)).ok()
    });
    tell(DOCUMENT, &outcome.faults);
    println!("{}", outcome.summary);
    let text = read(RELIABILITY)?;
    let files = sources()?;
    let attacks = attacks::check(&text, &files);
    let calls = calls::check(&text, &files);
    let field = field::check(&text, &files);
    let limits = limits::check(&read(README)?, &read(LIMITS)?, &files);
    let found = [
        (RELIABILITY, &attacks.faults),
        (RELIABILITY, &calls.faults),
        (RELIABILITY, &field.faults),
        (README, &limits.in_readme),
        (LIMITS, &limits.of_tests.faults),
    ];
    for (document, faults) in found {
        tell(document, faults);
    }
    println!(
        "{}\n{}\n{}\n{}",
        attacks.summary(),
        calls.summary(),
        field.summary(),
        limits.of_tests.summary()
    );
    let faults: usize = found.iter().map(|(_, faults)| faults.len()).sum();
    match outcome.faults.len() + faults {
        0 => Ok(()),
        count => Err(Error::Unproven(count)),
    }
}

fn read(document: &str) -> Result<String, Error> {
    let path = workspace::root().join(document);
    fs::read_to_string(&path).map_err(Error::file(&path))
}

fn tell(document: &str, faults: &[document::Fault]) {
    for fault in faults {
        println!("{document}:{}: {}", fault.line, fault.detail);
    }
}

/// All that is in Rust under `crates`.
fn sources() -> Result<Vec<table::File>, Error> {
    let root = workspace::root();
    let mut files = Vec::new();
    for path in workspace::sources(&root.join("crates"), "rs")? {
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let link = path.strip_prefix(&root).unwrap_or(&path);
        files.push((link.to_string_lossy().replace('\\', "/"), text));
    }
    Ok(files)
}
