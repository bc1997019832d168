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
//! ```

mod attacks;
mod calls;
mod check;
mod document;
mod field;
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

/// Checks the tables against the sources and prints what they hold.
pub(crate) fn run() -> Result<(), Error> {
    let path = workspace::root().join(DOCUMENT);
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let document = document::Document::parse(&text);
    let directory = path.parent().unwrap_or(&path);
    let outcome = check::check(&document, |link| {
        fs::read_to_string(directory.join(link)).ok()
    });
    for fault in &outcome.faults {
        println!("{DOCUMENT}:{}: {}", fault.line, fault.detail);
    }
    println!("{}", outcome.summary);
    let path = workspace::root().join(RELIABILITY);
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let files = sources()?;
    let attacks = attacks::check(&text, &files);
    let calls = calls::check(&text, &files);
    let field = field::check(&text, &files);
    let faults = [
        attacks.faults.iter(),
        calls.faults.iter(),
        field.faults.iter(),
    ];
    let faults: Vec<_> = faults.into_iter().flatten().collect();
    for fault in &faults {
        println!("{RELIABILITY}:{}: {}", fault.line, fault.detail);
    }
    println!(
        "{}\n{}\n{}",
        attacks.summary(),
        calls.summary(),
        field.summary()
    );
    match outcome.faults.len() + faults.len() {
        0 => Ok(()),
        count => Err(Error::Unproven(count)),
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
