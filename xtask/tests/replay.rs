//! `cargo xtask replay` from the outside, with stand-ins for cargo, Python and the examples.

#![cfg(unix)]
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "shared with the tests of the other commands")]
mod support;

use support::{Docker, Stage};

#[test]
fn beside_what_is_missing_nothing_runs() {
    let stage = Stage::new("replay-missing", Docker::Absent);
    stage.set("PYTHON3", "/nonexistent/python3");
    let run = stage.xtask(&["replay", "--quick"]);
    assert_eq!(run.code, Some(0), "{}", run.output);
    for skipped in [
        "skipped beside websockets: there is no Python 3",
        "skipped beside ws: there is no Node.js",
        "skipped: there is nobody to compare with",
    ] {
        assert!(run.output.contains(skipped), "{}", run.output);
    }
}

#[test]
fn what_is_missing_fails_where_everything_must_run() {
    let stage = Stage::new("replay-must", Docker::Absent);
    stage.set("PYTHON3", "/nonexistent/python3");
    stage.set("CI", "true");
    let run = stage.xtask(&["replay", "--quick"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(
        run.output.contains("error: there is no Python 3"),
        "{}",
        run.output
    );
}

#[test]
fn a_name_that_no_input_has_is_refused() {
    let stage = Stage::new("replay-only", Docker::Absent);
    let run = stage.xtask(&["replay", "--quick", "--only", "nowhere"]);
    assert_eq!(run.code, Some(2), "{}", run.output);
    assert!(
        run.output.contains("no input has such a name"),
        "{}",
        run.output
    );
}
