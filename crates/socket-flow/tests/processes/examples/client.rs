//! `client`: input, output, exit codes.

use std::io::{Read, Write};
use std::net::TcpListener;

use socket_flow::{Acceptor, CloseCode, Listener, ServerStream, WebSocket};

use crate::examples::process::{Example, Finished, block_on};
use crate::support;

/// Runs `client` to its end.
pub(crate) fn client(args: &[&str], input: impl AsRef<[u8]>) -> Finished {
    let mut client = Example::start("client", args);
    client.write(input);
    client.finish()
}

/// A server of ours for one connection, in a thread of its own; returns its URL, too.
pub(crate) fn server<F>(serve: impl FnOnce(ServerStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()>,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        block_on(async {
            let listener = Listener::from(tokio::net::TcpListener::from_std(listener).unwrap());
            serve(listener.accept().await.0).await;
        });
    });
    url
}

pub(crate) async fn accept(stream: ServerStream) -> WebSocket<ServerStream> {
    socket_flow::accept(stream).await.unwrap()
}

#[test]
fn client_sends_lines_and_prints_messages() {
    for threads in ["1", "2"] {
        let (_server, url) = Example::echo_server(&["--threads", threads]);
        let finished = client(&[&url], "hello\n\nwörld\r\nlast");
        assert_eq!(finished.stdout, "hello\n\nwörld\nlast\n");
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));

        let finished = client(&["--json", &url], "say \"hi\"\n\u{1}\n");
        let expected = "{\"text\":\"say \\\"hi\\\"\"}\n{\"text\":\"\\u0001\"}\n{\"closed\":1000}\n";
        assert_eq!(finished.stdout, expected);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    }
}

#[test]
fn client_sends_more_than_the_sockets_hold() {
    const LINES: usize = 20_000;
    let (_server, url) = Example::echo_server(&[]);
    let mut client = Example::start("client", &[&url]);
    let mut stdin = client.0.stdin.take().unwrap();
    // What it prints must be read meanwhile, or it rightly stops reading.
    let writing = std::thread::spawn(move || {
        let line = "x".repeat(999) + "\n";
        stdin.write_all(line.repeat(LINES).as_bytes()).unwrap();
    });
    let printed = client
        .lines()
        .inspect(|line| assert_eq!(line.as_ref().unwrap().len(), 999));
    assert_eq!(printed.count(), LINES);
    writing.join().unwrap();
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn client_prints_each_message_when_it_arrives() {
    let (_server, url) = Example::echo_server(&[]);
    let mut client = Example::start("client", &["--json", &url]);
    let mut lines = client.lines();
    for text in ["one", "two"] {
        client.write(format!("{text}\n"));
        assert_eq!(
            lines.next().unwrap().unwrap(),
            format!("{{\"text\":\"{text}\"}}")
        );
    }
    drop(client.0.stdin.take());
    assert_eq!(lines.next().unwrap().unwrap(), "{\"closed\":1000}");
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn client_prints_binary_as_its_length_or_in_hex() {
    for (args, expected) in [
        (&["--listen"][..], "<4 bytes>\n<0 bytes>\n"),
        (
            &["--listen", "--json"],
            "{\"binary_hex\":\"deadbeef\"}\n{\"binary_hex\":\"\"}\n{\"closed\":4001}\n",
        ),
    ] {
        let url = server(async |stream| {
            let mut ws = accept(stream).await;
            ws.send(&[0xde, 0xad, 0xbe, 0xef][..]).await.unwrap();
            ws.send(&[][..]).await.unwrap();
            ws.close(CloseCode::try_from(4001).unwrap(), "")
                .await
                .unwrap();
        });
        let finished = client(&[args, &[&url]].concat(), "");
        assert_eq!((finished.code, &*finished.stdout), (Some(0), expected));
    }
}

#[test]
fn client_that_listens_reads_no_input() {
    let url = server(async |stream| {
        let mut ws = accept(stream).await;
        ws.send("only this").await.unwrap();
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(ws.recv().await.unwrap(), None);
    });
    let finished = client(&["--listen", &url], "ignored\n");
    assert_eq!((finished.code, &*finished.stdout), (Some(0), "only this\n"));
}

#[test]
fn client_reports_a_close_without_a_code_as_1005() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || raw_server(&listener, b"\x88\x00"));
    let finished = client(&["--json", "--listen", &url], "");
    assert_eq!(
        (finished.code, &*finished.stdout),
        (Some(0), "{\"closed\":1005}\n")
    );
    serving.join().unwrap();
}

#[test]
fn client_that_loses_its_server_exits_with_1() {
    for (bytes, error) in [
        (
            &b"\x81\x02hi"[..],
            "connection ended without a closing handshake",
        ),
        (b"\x81\x02hi\x83\x00", "peer violated the protocol"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || raw_server(&listener, bytes));
        let finished = client(&["--json", "--listen", &url], "");
        let line = format!("{{\"text\":\"hi\"}}\n{{\"error\":\"{error}");
        assert!(finished.stdout.starts_with(&line), "{}", finished.stdout);
        assert!(!finished.stdout.contains("status"), "{}", finished.stdout);
        assert_eq!(finished.code, Some(1));
        serving.join().unwrap();
    }
}

/// Shakes hands, writes these bytes, ends its direction and waits for the client to end the other.
fn raw_server(listener: &TcpListener, bytes: &[u8]) {
    let (mut tcp, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let head = support::switching_protocols(&request) + "\r\n";
    tcp.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = tcp.read_to_end(&mut Vec::new());
}

#[test]
fn client_reports_the_status_of_a_refusal() {
    let refuse = async |stream| {
        let pending = Acceptor::new().read(stream).await.unwrap();
        let answer = http::Response::builder().status(403).body("").unwrap();
        pending.reject(answer).await.unwrap();
    };
    let finished = client(&["--json", &server(refuse)], "hello\n");
    let expected = "{\"error\":\"server answered with status 403 Forbidden\",\"status\":403}\n";
    assert_eq!((finished.code, &*finished.stdout), (Some(1), expected));

    let finished = client(&[&server(refuse)], "hello\n");
    let expected = "client: server answered with status 403 Forbidden\n";
    assert_eq!(
        (finished.code, &*finished.stdout, &*finished.stderr),
        (Some(1), "", expected)
    );
}

#[test]
fn client_that_cannot_connect_exits_with_1_and_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (url, error) in [
        (format!("ws://{closed}/"), "no tcp connection: "),
        #[cfg(not(feature = "rustls"))]
        (
            format!("wss://{closed}/"),
            "wss:// needs the feature `rustls`",
        ),
        ("ws://a/#b".into(), "invalid url: url has a fragment"),
    ] {
        let finished = client(&["--json", &url], "");
        let start = format!("{{\"error\":\"{error}");
        assert!(finished.stdout.starts_with(&start), "{}", finished.stdout);
        assert!(!finished.stdout.contains("status"), "{}", finished.stdout);
        assert_eq!(finished.code, Some(1));
    }
}

#[test]
fn client_with_input_that_is_not_utf8_exits_with_2() {
    let (_server, url) = Example::echo_server(&[]);
    let finished = client(&["--json", &url], b"hello\n\xff\n");
    let expected = "{\"text\":\"hello\"}\n{\"error\":\"standard input is not valid utf-8\"}\n";
    assert_eq!((finished.code, &*finished.stdout), (Some(2), expected));
}

#[test]
fn client_offers_its_subprotocols_in_order() {
    let (sender, offer) = std::sync::mpsc::channel();
    let url = server(async move |stream| {
        let pending = Acceptor::new().read(stream).await.unwrap();
        let headers = pending.request().headers();
        sender
            .send(
                headers["sec-websocket-protocol"]
                    .to_str()
                    .unwrap()
                    .to_owned(),
            )
            .unwrap();
        let mut ws = pending.accept().await.unwrap();
        while ws.recv().await.unwrap().is_some() {}
    });
    client(&["--subprotocol", "a", "--subprotocol", "b", &url], "");
    assert_eq!(offer.recv().unwrap(), "a, b");
}
