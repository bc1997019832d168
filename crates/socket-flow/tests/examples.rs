//! The examples as processes: their command lines and what they print are contracts.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use socket_flow::{Acceptor, CloseCode, Listener, Message, ServerStream, WebSocket};

/// More than anything here needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running example, killed when dropped.
struct Example(Child);

impl Example {
    fn start(name: &str, args: &[&str]) -> Self {
        let mut path = std::env::current_exe().unwrap();
        path.pop();
        path.set_file_name("examples");
        path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let child = Command::new(&path)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `cargo test` builds it, `--test` alone does not",
                path.display()
            )
        }))
    }

    /// Starts `echo_server` on a free port; returns its URL, too.
    fn echo_server(args: &[&str]) -> (Self, String) {
        let args = [&["--addr", "127.0.0.1:0"], args].concat();
        let mut server = Self::start("echo_server", &args);
        let line = server.lines().next().unwrap().unwrap();
        let addr = line.strip_prefix("listening on ").unwrap();
        (server, format!("ws://{addr}/"))
    }

    fn lines(&mut self) -> std::io::Lines<BufReader<ChildStdout>> {
        BufReader::new(self.0.stdout.take().unwrap()).lines()
    }

    fn write(&mut self, input: impl AsRef<[u8]>) {
        self.0
            .stdin
            .as_mut()
            .unwrap()
            .write_all(input.as_ref())
            .unwrap();
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Ends the input and waits for the end of the process.
    fn finish(mut self) -> Finished {
        drop(self.0.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the example does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        Finished {
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Finished {
    /// `None` where a signal ended it.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `client` to its end.
fn client(args: &[&str], input: impl AsRef<[u8]>) -> Finished {
    let mut client = Example::start("client", args);
    client.write(input);
    client.finish()
}

/// A server of ours for one connection, in a thread of its own; returns its URL, too.
fn server<F>(serve: impl FnOnce(ServerStream) -> F + Send + 'static) -> String
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

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.unwrap() })
}

async fn accept(stream: ServerStream) -> WebSocket<ServerStream> {
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

#[test]
fn subprotocols_are_negotiated_between_the_examples() {
    let (_server, url) = Example::echo_server(&["--subprotocol", "v2", "--subprotocol", "v1"]);
    let picked = block_on(async {
        let builder = socket_flow::ClientBuilder::new(&url).subprotocols(["v1", "v2"]);
        let (ws, _) = builder.connect().await.unwrap();
        ws.negotiated().subprotocol().map(ToOwned::to_owned)
    });
    assert_eq!(picked.as_deref(), Some("v2"));

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

#[test]
fn echo_server_refuses_messages_over_its_limit_with_1009() {
    let (_server, url) = Example::echo_server(&["--max-message", "5"]);
    let finished = client(&["--json", &url], "12345\n");
    assert_eq!(finished.stdout, "{\"text\":\"12345\"}\n{\"closed\":1000}\n");
    let finished = client(&["--json", &url], "123456\n");
    assert_eq!(
        (finished.code, &*finished.stdout),
        (Some(0), "{\"closed\":1009}\n")
    );
}

#[test]
fn echo_server_sends_text_and_binary_back_as_they_came() {
    let (_server, url) = Example::echo_server(&["--threads", "1"]);
    block_on(async {
        let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
        for message in [
            Message::from("text"),
            Message::from(vec![0xff; 1 << 20]),
            Message::from(""),
        ] {
            ws.send(message.clone()).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(message));
        }
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
    });
}

#[cfg(unix)]
#[test]
fn signals_close_the_connections_of_the_server_with_1001() {
    for (signal, threads) in [("-INT", "1"), ("-TERM", "2")] {
        let (server, url) = Example::echo_server(&["--threads", threads]);
        let started = Instant::now();
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
                assert_eq!(ws.close_frame().unwrap().code, CloseCode::GOING_AWAY);
            }
            server
        });
        assert_eq!(server.finish().code, Some(0), "{signal}");
        assert!(started.elapsed() < PATIENCE);
    }
}

#[cfg(unix)]
#[test]
fn a_server_ends_though_a_client_does_not_answer_its_close() {
    let (server, url) = Example::echo_server(&[]);
    let addr = url
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .to_owned();
    let mut tcp = std::net::TcpStream::connect(addr).unwrap();
    tcp.write_all(
        support::REQUEST
            .replace("server.example.com", "a")
            .as_bytes(),
    )
    .unwrap();
    let mut head = [0; 12];
    tcp.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    server.signal("-TERM");
    assert_eq!(server.finish().code, Some(0));
}

#[cfg(unix)]
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

#[cfg(unix)]
#[test]
fn a_server_out_of_file_descriptors_recovers() {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    let script = format!(
        "ulimit -n 24; exec {}/echo_server --addr 127.0.0.1:0",
        path.display()
    );
    let child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut server = Example(child.unwrap());
    let line = server.lines().next().unwrap().unwrap();
    let addr = line.strip_prefix("listening on ").unwrap();
    let crowd: Vec<_> = (0..40)
        .map(|_| std::net::TcpStream::connect(addr).unwrap())
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(crowd);
    let finished = client(&["--json", &format!("ws://{addr}/")], "still there?\n");
    assert_eq!(
        finished.stdout,
        "{\"text\":\"still there?\"}\n{\"closed\":1000}\n"
    );
}

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
