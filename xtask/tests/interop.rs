//! `cargo xtask interop` from the outside, with stand-ins for cargo, Python and the examples.

#![cfg(unix)]
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "shared with the tests of the other commands")]
mod support;

use support::{Docker, Stage};

#[test]
fn a_missing_python_is_named() {
    let stage = Stage::new("interop-python", Docker::Absent);
    stage.set("PYTHON3", "/nonexistent/python3");
    let run = stage.xtask(&["interop", "websockets"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(
        run.output.contains("error: there is no Python 3"),
        "{}",
        run.output
    );
}

#[test]
fn a_missing_node_is_named() {
    let stage = Stage::new("interop-node", Docker::Absent);
    let run = stage.xtask(&["interop", "ws"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(
        run.output.contains("error: there is no Node.js"),
        "{}",
        run.output
    );
}

#[test]
fn silent_programs_differ_everywhere_and_are_ended() {
    let stage = Stage::new("interop-silent", Docker::Absent);
    stage.add_python();
    let run = stage.xtask(&["interop", "websockets", "--only", "asked-s0c0-9-9"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert_eq!(
        run.output.matches("the client reported nothing").count(),
        2,
        "{}",
        run.output
    );
    assert!(
        run.output.contains("error: 2 exchanges differ"),
        "{}",
        run.output
    );
    stage.assert_example_gone();
    stage.assert_peer_gone();
}

#[test]
fn an_id_that_no_exchange_has_is_refused() {
    let stage = Stage::new("interop-only", Docker::Absent);
    stage.add_python();
    let run = stage.xtask(&["interop", "websockets", "--only", "nothing-like-this"]);
    assert_eq!(run.code, Some(2), "{}", run.output);
}
