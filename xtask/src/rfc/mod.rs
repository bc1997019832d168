//! `cargo xtask rfc`: what the RFCs demand, and the tests that show it.
//!
//! ```text
//! docs/conformance.md ──► document: rows, and the keywords counted in each RFC
//!                             │                         │
//! the sources ──► source ──► check: every test is there, is compiled, runs, and cites the row's section;
//!                                   every keyword of the RFCs stands in a row
//! ```

mod check;
mod document;
mod module;
mod source;

use std::fs;

use crate::error::Error;
use crate::workspace;

/// Where the table is.
const DOCUMENT: &str = "docs/conformance.md";

/// Checks the table against the sources and prints what it holds.
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
    match outcome.faults.len() {
        0 => Ok(()),
        count => Err(Error::Unproven(count)),
    }
}
