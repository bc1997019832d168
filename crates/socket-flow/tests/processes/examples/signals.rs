//! What needs Unix: signals, and limits of the system.

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use socket_flow::CloseCode;

use crate::examples::client::{accept, client, server};
use crate::examples::process::{Example, block_on};
use crate::support::REQUEST;

#[test]
fn signals_close_the_connections_of_the_server_with_1001() {
    for (signal, threads) in [("-INT", "1"), ("-TERM", "2")] {
        let (server, url) = Example::echo_server(&["--threads", threads]);
        let server = block_on(async move {
            let mut clients = Vec::new();
            for _ in 0..20 {
                let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
                // In the middle of a conversation.
                ws.send("hello").await.unwrap();
                ws.recv().await.unwrap();
                clients.push(ws);
            }
            server.signal(signal);
            for ws in &mut clients {
                assert_eq!(ws.recv().await.unwrap(), None, "{signal}");
                let close = ws.close_frame().unwrap();
                // What a connection says that was only dropped is another reason.
                let said = (close.code, &*close.reason);
                assert_eq!(said, (CloseCode::GOING_AWAY, "server is going down"));
            }
            server
        });
        assert_eq!(server.finish().code, Some(0), "{signal}");
    }
}

#[test]
fn signals_close_the_connection_of_the_client_with_1001() {
    for (signal, args) in [
        ("-INT", &["--json"][..]),
        ("-TERM", &["--json", "--listen"]),
    ] {
        let (sender, close) = std::sync::mpsc::channel();
        let url = server(async move |stream| {
            let mut ws = accept(stream).await;
            ws.send("ready").await.unwrap();
            while ws.recv().await.unwrap().is_some() {}
            sender.send(ws.close_frame().cloned()).unwrap();
        });
        let mut client = Example::start("client", &[args, &[&url]].concat());
        let mut lines = client.lines();
        assert_eq!(lines.next().unwrap().unwrap(), "{\"text\":\"ready\"}");
        client.signal(signal);
        assert_eq!(lines.next().unwrap().unwrap(), "{\"closed\":1001}");
        assert_eq!(close.recv().unwrap().unwrap().code, CloseCode::GOING_AWAY);
        // Its input is still open.
        let stdin = client.0.stdin.take();
        assert_eq!(client.finish().code, Some(0), "{signal}");
        drop(stdin);
    }
}

#[test]
fn a_server_ends_though_a_client_does_not_answer_its_close() {
    let (server, url) = Example::echo_server(&[]);
    let addr = url
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .to_owned();
    let mut tcp = std::net::TcpStream::connect(addr).unwrap();
    tcp.write_all(REQUEST.replace("server.example.com", "a").as_bytes())
        .unwrap();
    let mut head = [0; 12];
    tcp.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    server.signal("-TERM");
    assert_eq!(server.finish().code, Some(0));
}

#[test]
fn a_server_out_of_file_descriptors_recovers() {
    let mut command = Command::new("sh");
    let path = Example::path("echo_server");
    let script = format!("ulimit -n 24; exec {} --addr 127.0.0.1:0", path.display());
    let mut server = Example::spawn(command.args(["-c", &script]));
    let line = server.lines().next().unwrap().unwrap();
    let addr = line.strip_prefix("listening on ").unwrap();
    let crowd: Vec<_> = (0..40)
        .map(|_| std::net::TcpStream::connect(addr).unwrap())
        .collect();
    // Let it run out of them.
    std::thread::sleep(Duration::from_millis(300));
    drop(crowd);
    let finished = client(&["--json", &format!("ws://{addr}/")], "still there?\n");
    assert_eq!(
        finished.stdout,
        "{\"text\":\"still there?\"}\n{\"closed\":1000}\n"
    );
}

#[test]
fn signals_end_the_autobahn_client_with_1001() {
    let (sender, close) = std::sync::mpsc::channel();
    let (ready, connected) = std::sync::mpsc::channel();
    // A suite that never says how many cases it has.
    let url = server(async move |stream| {
        let mut ws = accept(stream).await;
        ready.send(()).unwrap();
        while ws.recv().await.unwrap().is_some() {}
        sender.send(ws.close_frame().cloned()).unwrap();
    });
    let suite = Example::start("autobahn_client", &["--url", &url, "--agent", "a"]);
    connected.recv().unwrap();
    suite.signal("-TERM");
    let finished = suite.finish();
    assert_eq!(
        (finished.code, &*finished.stderr),
        (Some(1), "autobahn_client: interrupted\n")
    );
    if let Some(close) = close.recv().unwrap() {
        assert_eq!(close.code, CloseCode::GOING_AWAY);
    }
}
