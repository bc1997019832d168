//! `quickstart`, `autobahn_client`, and what all examples have in common.

use std::net::TcpListener;

use socket_flow::{Acceptor, CloseCode, Listener, Message};

use crate::examples::process::{Example, block_on};

#[test]
fn quickstart_prints_a_conversation() {
    let finished = Example::start("quickstart", &[]).finish();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    for line in [
        "server: request for /quickstart",
        "client: -> hello",
        "client: <- HELLO",
        "client: <- GRÜSSE",
        "client: <- 4 bytes: [ef, be, ad, de]",
        "client: closed cleanly",
        "server: closed with 1000 normal closure, \"that is all\"",
    ] {
        assert!(
            finished.stdout.lines().any(|printed| printed == line),
            "{}",
            finished.stdout
        );
    }
}

#[test]
fn autobahn_client_runs_every_case_and_has_the_reports_written() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let suite = std::thread::spawn(move || {
        block_on(async {
            let listener = Listener::from(tokio::net::TcpListener::from_std(listener).unwrap());
            let mut requests = Vec::new();
            while !requests
                .last()
                .is_some_and(|uri: &String| uri.starts_with("/updateReports"))
            {
                let pending = Acceptor::new()
                    .read(listener.accept().await.0)
                    .await
                    .unwrap();
                let uri = pending.request().uri().to_string();
                let mut ws = pending.accept().await.unwrap();
                if uri == "/getCaseCount" {
                    ws.send("3").await.unwrap();
                } else if uri.starts_with("/runCase?case=2&") {
                    // A case that drops TCP must not end the run.
                    requests.push(uri);
                    continue;
                } else if uri.starts_with("/runCase") {
                    ws.send("echo this").await.unwrap();
                    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("echo this")));
                }
                ws.close(CloseCode::NORMAL, "").await.unwrap();
                requests.push(uri);
            }
            requests
        })
    });
    let args = ["--url", &url, "--agent", "socket flow/1"];
    let finished = Example::start("autobahn_client", &args).finish();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(
        suite.join().unwrap(),
        [
            "/getCaseCount",
            "/runCase?case=1&agent=socket%20flow%2F1",
            "/runCase?case=2&agent=socket%20flow%2F1",
            "/runCase?case=3&agent=socket%20flow%2F1",
            "/updateReports?agent=socket%20flow%2F1",
        ]
    );
}

#[test]
fn invalid_command_lines_exit_with_2() {
    for (name, args) in [
        ("client", &[][..]),
        ("client", &["--nonsense", "ws://a/"]),
        ("client", &["ws://a/", "ws://b/"]),
        ("echo_server", &["--threads", "many"]),
        ("echo_server", &["--max-message"]),
        ("autobahn_client", &["--url", "ws://a/"]),
    ] {
        let finished = Example::start(name, args).finish();
        assert_eq!(
            (finished.code, &*finished.stdout),
            (Some(2), ""),
            "{name} {args:?}"
        );
        assert!(
            finished.stderr.contains(&format!("usage: {name} ")),
            "{}",
            finished.stderr
        );
    }
}
