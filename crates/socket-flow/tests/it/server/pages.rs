//! Pages: of a server that is full, to clients that are slow, and of one that stops.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use socket_flow::{PeerAddr, Server, ServerBuilder, ServerHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use crate::server::tools::{ask, bounded, connect, dial, echo, sockets_at, tasks, until};
use crate::support::{REQUEST, header};

const GET_HEALTH: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers `/health`, and `/large` with this many bytes.
fn with_pages(large: usize) -> ServerBuilder {
    let large = Bytes::from(vec![b'x'; large]);
    Server::bind("127.0.0.1:0").respond(move |request| match request.uri().path() {
        "/health" => Some(Response::new(Bytes::from_static(b"fine"))),
        "/large" => Some(Response::new(large.clone())),
        _ => None,
    })
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_health_check_of_a_full_server_is_answered() {
    let builder = with_pages(0).max_connections(1);
    let server = builder.serve_with(echo).await.unwrap();
    let mut only = connect(&server).await;
    for (request, expected) in [
        (GET_HEALTH, "200"),
        ("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        // As HAProxy asks, unless it is told otherwise.
        ("OPTIONS /health HTTP/1.0\r\n\r\n", "200"),
        ("POST /health HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        ("GET /other HTTP/1.1\r\nHost: a\r\n\r\n", "503"),
        ("GET /health HTTP/1.1\r\n\r\n", "503"),
        ("GE(T /health HTTP/1.1\r\nHost: a\r\n\r\n", "503"),
        (&REQUEST.replace("/chat", "/health"), "503"),
    ] {
        let answer = bounded(ask(&server, request)).await;
        assert_eq!(status(&answer), expected, "{request}");
        let is_full = header(&answer, "retry-after").is_some();
        assert_eq!(is_full, expected == "503", "{request}");
    }
    assert!(bounded(ask(&server, GET_HEALTH)).await.ends_with("fine"));
    only.send("still here").await.unwrap();
    assert!(bounded(only.recv()).await.unwrap().is_some());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn pages_of_a_full_server_are_bounded_too() {
    let server = with_pages(16 << 20).max_connections(0);
    let server = server.serve_with(echo).await.unwrap();
    let addr = server.local_addr().unwrap();
    let mut readers = Vec::new();
    for _ in 0..64 {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        let request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
        tcp.write_all(request.as_bytes()).await.unwrap();
        readers.push(tcp);
    }
    until(|| tasks() == 1 + 64).await;
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let mut answer = Vec::new();
    let _ = bounded(tcp.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
    // There is room again once they have gone.
    drop(readers);
    until(|| tasks() == 1).await;
    assert_eq!(status(&bounded(ask(&server, GET_HEALTH)).await), "200");
}

/// Reads an answer to its end, this many bytes every 50 ms, with little room in its kernel: how
/// long its body was, and how long it said to be.
async fn read_slowly(server: &ServerHandle, step: usize) -> (usize, usize) {
    let request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    ask_and_read_slowly(server, request, b"", false, step).await
}

/// The same of another request, with what the client sends after it and whether it ends its
/// direction then.
async fn ask_and_read_slowly(
    server: &ServerHandle,
    request: &str,
    more: &[u8],
    ends: bool,
    step: usize,
) -> (usize, usize) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut tcp = socket.connect(server.local_addr().unwrap()).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    // As much as the kernels take, for nobody reads it while the page is written.
    let _ = tcp.try_write(more);
    if ends {
        tcp.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let end = answer.len() + step;
        while answer.len() < end {
            let mut rest = (&mut tcp).take((end - answer.len()) as u64);
            if bounded(rest.read_buf(&mut answer)).await.unwrap() == 0 {
                let head = answer
                    .windows(4)
                    .position(|four| four == b"\r\n\r\n")
                    .unwrap()
                    + 4;
                let text = std::str::from_utf8(&answer[..head]).unwrap();
                let declared = header(text, "content-length").unwrap().parse().unwrap();
                return (answer.len() - head, declared);
            }
        }
    }
}

/// 7 s, and every byte is asked for: the kernel alone takes 2.5 MiB at once, and more only when a
/// third of that is read.
#[tokio::test]
async fn a_page_takes_as_long_as_its_client_needs() {
    const LEN: usize = 4 << 20;
    let server = with_pages(LEN).answer_stall(Duration::from_secs(1));
    let server = server.serve_with(echo).await.unwrap();
    let begin = tokio::time::Instant::now();
    assert_eq!(read_slowly(&server, 30_000).await, (LEN, LEN));
    assert!(begin.elapsed() > Duration::from_secs(5));
    until(|| tasks() == 1).await;
}

/// A page of `respond` and a refusal of `admit`; a client that has ended its direction, one that goes
/// on to send, one of HTTP/1.0.
#[tokio::test]
async fn a_page_arrives_whole_whatever_else_its_client_does() {
    const LEN: usize = 3 << 20;
    let refusal = Bytes::from(vec![b'x'; LEN]);
    let server = with_pages(LEN)
        .answer_stall(Duration::from_secs(1))
        .admit(move |pending| {
            let answer = Response::builder().status(403).body(refusal.clone());
            std::future::ready(pending.deny(answer.unwrap()))
        })
        .serve_with(echo)
        .await
        .unwrap();
    let get = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let more = get.repeat(25_000);
    let slowly = async |request, more: &str, ends| {
        let read = ask_and_read_slowly(&server, request, more.as_bytes(), ends, 30_000);
        assert_eq!(read.await, (LEN, LEN), "{request}");
    };
    tokio::join!(
        slowly(get, "", true),
        slowly(get, &more, false),
        slowly(post, &more, true),
        slowly("GET /large HTTP/1.0\r\n\r\n", "", false),
        slowly(REQUEST, "", true),
        slowly(REQUEST, &more, false),
    );
    until(|| tasks() == 1).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_a_page_is_dropped() {
    let server = with_pages(16 << 20).answer_stall(Duration::from_millis(100));
    let server = server.serve_with(echo).await.unwrap();
    let port = server.local_addr().unwrap().port();
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    tcp.write_all(request.as_bytes()).await.unwrap();
    until(|| tasks() == 2).await;
    until(|| tasks() == 1 && sockets_at(port) == 1).await;
    let mut answer = Vec::new();
    let _ = bounded(tcp.read_to_end(&mut answer)).await;
    assert!((1..16 << 20).contains(&answer.len()), "{}", answer.len());
}

#[tokio::test]
async fn a_page_that_has_begun_is_finished_when_the_server_stops() {
    const LEN: usize = 8 << 20;
    let server = with_pages(LEN).serve_with(echo).await.unwrap();
    let mut tcp = dial(&server).await;
    let request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1000];
    tcp.read_exact(&mut answer).await.unwrap();
    let stopping = tokio::spawn({
        let server = server.clone();
        async move { server.shutdown(Duration::from_secs(60)).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    bounded(tcp.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.len() > LEN);
    assert_eq!(bounded(stopping).await.unwrap().dropped, 0);

    // One that is not read lives no longer than the others may.
    let server = with_pages(LEN).serve_with(echo).await.unwrap();
    let mut tcp = dial(&server).await;
    tcp.write_all(request.as_bytes()).await.unwrap();
    until(|| tasks() == 2).await;
    let outcome = bounded(server.shutdown(Duration::from_millis(100))).await;
    assert_eq!((outcome.dropped, tasks()), (0, 0));
}

#[tokio::test]
async fn a_decision_that_is_pending_when_the_server_stops_is_a_503() {
    let asked = Arc::new(Notify::new());
    let asks = Arc::clone(&asked);
    let server = Server::bind("127.0.0.1:0")
        .admit(move |pending| {
            asks.notify_one();
            async move {
                std::future::pending::<()>().await;
                pending
            }
        })
        .serve_with(echo)
        .await
        .unwrap();
    let mut tcp = dial(&server).await;
    // What came after the request must not make it a reset.
    let frames = crate::support::MASKED_HELLO.repeat(10);
    let bytes = [REQUEST.as_bytes(), &frames].concat();
    tcp.write_all(&bytes).await.unwrap();
    bounded(asked.notified()).await;
    let stopping = tokio::spawn({
        let server = server.clone();
        async move { server.shutdown(Duration::from_secs(60)).await }
    });
    let mut answer = String::new();
    bounded(tcp.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(status(&answer), "503", "{answer}");
    assert_eq!(header(&answer, "retry-after"), Some("5"));
    drop(tcp);
    assert_eq!(bounded(stopping).await.unwrap().dropped, 0);
}

#[tokio::test]
async fn a_decision_that_gave_its_request_away_ends_with_the_server_all_the_same() {
    let away = Arc::new(std::sync::Mutex::new(Vec::new()));
    let given = Arc::new(Notify::new());
    let server = Server::bind("127.0.0.1:0")
        .admit({
            let (away, given) = (Arc::clone(&away), Arc::clone(&given));
            move |pending| {
                away.lock().unwrap().push(pending);
                given.notify_one();
                std::future::pending()
            }
        })
        .serve_with(echo)
        .await
        .unwrap();
    let mut tcp = dial(&server).await;
    tcp.write_all(REQUEST.as_bytes()).await.unwrap();
    bounded(given.notified()).await;
    let outcome = bounded(server.shutdown(Duration::from_secs(60))).await;
    assert_eq!((outcome.dropped, tasks()), (0, 0));
    // It is its holder's now.
    let pending = away.lock().unwrap().pop().unwrap();
    let mut ws = bounded(pending.accept()).await.unwrap();
    ws.send("late").await.unwrap();
}

#[tokio::test]
async fn peers_of_a_socket_of_both_families_are_shown_as_what_they_are() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::]:0").await else {
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let server = Server::with_listener(listener)
        .respond(|request| {
            let peer = request.extensions().get::<PeerAddr>().unwrap();
            Some(Response::new(Bytes::from(peer.to_string())))
        })
        .serve_with(
            async |mut ws: socket_flow::WebSocket<socket_flow::ServerStream>,
                   request: http::Request<()>| {
                let peer = *request.extensions().get::<PeerAddr>().unwrap();
                let stream = ws.get_ref();
                assert_eq!(stream.peer_addr().unwrap(), peer.socket_addr().unwrap());
                let text = format!("{peer} {}", stream.local_addr().unwrap());
                ws.send(text).await
            },
        )
        .await
        .unwrap();
    for host in ["127.0.0.1", "::1"] {
        let Ok(mut tcp) = TcpStream::connect((host, port)).await else {
            continue;
        };
        let own = tcp.local_addr().unwrap();
        tcp.write_all(GET_HEALTH.as_bytes()).await.unwrap();
        let mut answer = String::new();
        bounded(tcp.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.ends_with(&format!("\r\n\r\n{own}")), "{answer}");

        let tcp = TcpStream::connect((host, port)).await.unwrap();
        let (own, far) = (tcp.local_addr().unwrap(), tcp.peer_addr().unwrap());
        let builder = socket_flow::ClientBuilder::new("ws://localhost/");
        let (mut ws, _) = builder.connect_on(tcp).await.unwrap();
        let message = bounded(ws.recv()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(&*format!("{own} {far}")));
    }
    drop(server);
    let mapped: std::net::SocketAddr = "[::ffff:10.0.0.7]:80".parse().unwrap();
    assert_eq!(PeerAddr::from(mapped).to_string(), "10.0.0.7:80");
}
