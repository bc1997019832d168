//! Tests that change their whole process run in one of their own.

use std::process::{Command, Stdio};

/// Runs an ignored test of this binary alone, with these variables.
pub(crate) fn run(name: &str, variables: &[(&str, &str)]) {
    run_with(name, &["--ignored"], variables);
}

/// Runs a test of this binary alone, with these options of the harness and these variables, and
/// returns what it printed.
pub(crate) fn run_with(name: &str, options: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .args(options)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.into_owned()
}
