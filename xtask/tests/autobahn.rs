//! `cargo xtask autobahn` from the outside, with stand-ins for cargo, Docker and the examples.

#![cfg(unix)]
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "shared with the tests of the other commands")]
mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use support::{Docker, PASSED, Stage};

#[test]
fn a_server_that_passes_exits_with_success_and_leaves_no_container() {
    let stage = Stage::new("passes", Docker::Reports(PASSED));
    let run = stage.xtask(&["autobahn", "server", "--cases", "1.1.1"]);
    assert_eq!(run.code, Some(0), "{}", run.output);
    assert!(run.output.contains("server   1/1 1.1.1"), "{}", run.output);
    assert!(
        run.output.contains("1 cases per side, 0 deviations"),
        "{}",
        run.output
    );
    stage.assert_container_removed();
    stage.assert_example_gone();
    assert!(stage.target("autobahn/server/index.html").exists());
}

#[test]
fn a_client_that_passes_exits_with_success_and_leaves_no_container() {
    let stage = Stage::new("client", Docker::Listens(PASSED));
    let run = stage.xtask(&[
        "autobahn", "client", "--cases", "1.1.1", "--engine", "docker",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.output);
    stage.assert_container_removed();
    stage.assert_example_gone();
}

#[test]
fn a_deviation_fails_and_leaves_no_container() {
    let report = [
        PASSED[0].replace("\"OK\"", "\"FAILED\""),
        PASSED[1].replace("\"OK\"", "\"FAILED\""),
    ];
    let stage = Stage::new("deviation", Docker::Reports([&report[0], &report[1]]));
    let run = stage.xtask(&["autobahn", "server", "--cases", "1.1.1"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(
        run.output.contains("1.1.1   behaviour is FAILED"),
        "{}",
        run.output
    );
    stage.assert_container_removed();
    stage.assert_example_gone();
}

#[test]
fn an_empty_report_fails_although_the_suite_succeeded() {
    let stage = Stage::new("empty", Docker::Reports(["{}", ""]));
    let run = stage.xtask(&["autobahn", "server", "--cases", "1.1.1"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(
        run.output.contains("no results of 'socket-flow'"),
        "{}",
        run.output
    );
    stage.assert_container_removed();
}

#[test]
fn every_run_is_reported_with_runs() {
    let stage = Stage::new("runs", Docker::Reports(PASSED));
    let run = stage.xtask(&["autobahn", "server", "--cases", "1.1.1", "--runs", "3"]);
    assert_eq!(run.code, Some(0), "{}", run.output);
    assert!(
        run.output.contains("3 of 3 runs without a deviation"),
        "{}",
        run.output
    );
    for number in 1..=3 {
        let index = format!("autobahn/run-{number}/server/index.html");
        assert!(stage.target(&index).exists());
    }
}

#[test]
fn ctrl_c_and_sigterm_leave_neither_container_nor_example() {
    for signal in ["INT", "TERM"] {
        let stage = Stage::new(signal, Docker::Hangs);
        let run = stage.interrupted(signal, &["autobahn", "server", "--cases", "1.1.1"]);
        assert_eq!(run.code, Some(130), "{}", run.output);
        stage.assert_container_removed();
        stage.assert_example_gone();
    }
}

#[test]
fn an_example_that_ends_under_test_fails_and_leaves_no_container() {
    let stage = Stage::new("crash", Docker::Hangs);
    stage.let_example_end();
    let run = stage.xtask(&["autobahn", "server", "--cases", "1.1.1"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(run.output.contains("echo_server failed"), "{}", run.output);
    stage.assert_container_removed();
}

#[test]
fn a_server_with_a_placeholder_is_tested_once_it_accepts_a_connection() {
    let stage = Stage::new("server-command", Docker::Reports(PASSED));
    let command = stage.listening_command();
    let run = stage.xtask(&["autobahn", "--server", &command, "--cases", "1.1.1"]);
    assert_eq!(run.code, Some(0), "{}", run.output);
    assert!(!run.output.contains("client"), "{}", run.output);
    stage.assert_container_removed();
    stage.assert_example_gone();
    assert!(stage.target("autobahn/logs/server-command.log").exists());
}

#[test]
fn a_server_without_a_placeholder_is_told_what_the_example_is_told() {
    let stage = Stage::new("server-plain", Docker::Reports(PASSED));
    let command = format!("'{}' --verbose", stage.program("echo_server").display());
    let run = stage.xtask(&["autobahn", "--server", &command, "--cases", "1.1.1"]);
    assert_eq!(run.code, Some(0), "{}", run.output);
    assert_eq!(
        fs::read_to_string(stage.target("autobahn/logs/server-command.log")).unwrap(),
        "--verbose --addr 127.0.0.1:0 --deflate\nlistening on 127.0.0.1:9\n"
    );
    stage.assert_example_gone();
}

#[test]
fn a_client_with_a_placeholder_is_told_nothing_else_and_names_itself() {
    let index = PASSED[0].replace("socket-flow", "another");
    let stage = Stage::new("client-command", Docker::Listens([&index, PASSED[1]]));
    let client = stage.program("autobahn_client");
    let command = format!("'{}' run {{url}}/", client.display());
    let run = stage.xtask(&["autobahn", "--client", &command, "--cases", "1.1.1"]);
    assert_eq!(run.code, Some(0), "{}", run.output);
    let log = fs::read_to_string(stage.target("autobahn/logs/client-command.log")).unwrap();
    let port = log.strip_prefix("run ws://127.0.0.1:").unwrap();
    let port: Result<u16, _> = port.strip_suffix("/\n").unwrap().parse();
    assert!(port.is_ok(), "{log}");
    stage.assert_container_removed();
    stage.assert_example_gone();
}

#[test]
fn a_command_keeps_the_rules_but_is_not_compared_with_the_baseline() {
    // The baseline of 7.5.1 has 1007, the suite takes 1002 as well.
    let index = PASSED[0].replace("1.1.1", "7.5.1");
    let case = PASSED[1].replace("\"remoteCloseCode\": 1000", "\"remoteCloseCode\": 1002");
    let case = case.replace("[1000]", "[1002, 1007]");
    let stage = Stage::new("not-compared", Docker::Reports([&index, &case]));
    let run = stage.xtask(&["autobahn", "server", "--cases", "7.5.1"]);
    assert!(
        run.output.contains("not as in the baseline"),
        "{}",
        run.output
    );
    let command = stage.listening_command();
    let run = stage.xtask(&["autobahn", "--server", &command, "--cases", "7.5.1"]);
    assert_eq!(run.code, Some(0), "{}", run.output);

    let wrong = case.replace("\"remoteCloseCode\": 1002", "\"remoteCloseCode\": 1000");
    let stage = Stage::new("not-compared-wrong", Docker::Reports([&index, &wrong]));
    let command = stage.listening_command();
    let run = stage.xtask(&["autobahn", "--server", &command, "--cases", "7.5.1"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
}

#[test]
fn a_command_whose_program_is_missing_fails_with_the_cause() {
    let stage = Stage::new("missing", Docker::Reports(PASSED));
    let run = stage.xtask(&["autobahn", "--server", "/nonexistent/server {port}"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    for words in [
        "server: cannot run /nonexistent/server\n  because: ",
        "No such file",
    ] {
        assert!(run.output.contains(words), "{}", run.output);
    }
}

#[test]
fn a_command_that_ends_before_it_listens_fails_with_its_last_words() {
    let stage = Stage::new("ends", Docker::Reports(PASSED));
    let command = "/bin/sh -c 'echo no port {port}; exit 7'";
    let run = stage.xtask(&["autobahn", "--server", command]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    for words in ["/bin/sh failed", "exit status: 7", "| no port "] {
        assert!(run.output.contains(words), "{}", run.output);
    }
}

#[test]
fn without_any_engine_one_message_says_what_to_install() {
    let stage = Stage::new("none", Docker::Absent);
    let run = stage.xtask(&["autobahn"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    let messages: Vec<&str> = run.output.lines().collect();
    assert_eq!(messages.len(), 1, "{}", run.output);
    for word in [
        "docker info",
        "Python 2.7",
        "pyenv install 2.7.18",
        "python3-pip",
    ] {
        assert!(messages[0].contains(word), "{word}: {}", run.output);
    }
}

#[test]
fn docker_that_was_asked_for_and_does_not_answer_fails() {
    let stage = Stage::new("asked", Docker::Absent);
    let run = stage.xtask(&["autobahn", "--engine", "docker"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(
        run.output.contains("`docker info` does not answer"),
        "{}",
        run.output
    );
}

#[test]
fn a_python_that_was_named_and_does_not_work_fails() {
    let stage = Stage::new("python", Docker::Absent);
    stage.set("PYTHON27", "/nonexistent/python2.7");
    let run = stage.xtask(&["autobahn", "--engine", "wstest"]);
    assert_eq!(run.code, Some(1), "{}", run.output);
    assert!(
        run.output.contains("PYTHON27=/nonexistent/python2.7"),
        "{}",
        run.output
    );
}

/// The stand-in `docker` runs this test as its fuzzing server, and commands run it as the server
/// under test: it accepts WebSocket handshakes on the port it is told, until it is asked to stop.
#[test]
#[ignore = "the other tests start it"]
fn fuzzing_server() {
    let Some(port) = std::env::var_os("FUZZING_SERVER_PORT") else {
        return;
    };
    let port: u16 = port.to_str().unwrap().parse().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let len = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            .unwrap();
        if request[..len].starts_with(b"GET /stopServer ") {
            return;
        }
    }
}
