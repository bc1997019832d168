//! What ends up in logs and on terminals: neither what a peer wrote there to be obeyed, nor what
//! the application would not show.

use std::error::Error as StdError;
use std::fmt::Write;

use socket_flow::handshake::client::Offer;
use socket_flow::handshake::server::{Choices, Rejection};
use socket_flow::handshake::target::Target;
use socket_flow::protocol::{Input, Protocol};
use socket_flow::{
    Backoff, ClientBuilder, Config, Event, EventRef, Message, Negotiated, ReconnectEvent, Server,
    ServerEvent,
};
use tokio::net::TcpListener;

use crate::log::Log;
use crate::support::REQUEST;
use crate::victim::{Attack, SIDES, Side, answer, connect_to, refusal, server, with};
use crate::wire::{Wire, bounded};

/// What no log may hold.
const SECRET: &str = "hunter2";

/// An error with all its causes, in both spellings.
fn shown(error: &dyn StdError) -> String {
    let mut shown = format!("{error} {error:?}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        writeln!(shown, "{cause} {cause:?}").unwrap();
        source = cause.source();
    }
    shown
}

/// Neither a secret, nor a character that a terminal obeys, in either of their encodings.
fn is_harmless(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
    let obeyed = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(obeyed), "{}", text.escape_debug());
    assert!(!text.contains('\u{202e}'), "{}", text.escape_debug());
}

/// Sequences that move a terminal's cursor, set its title or turn text around, in header values,
/// names, bodies and reasons of a server (RFC 9110 §5.5; terminal injection).
#[tokio::test]
async fn nothing_a_server_writes_is_obeyed_by_a_terminal() {
    let (log, _guard) = Log::capture();
    let mut text = String::new();
    for answer in [
        "HTTP/1.1 403 \u{9b}31mred\r\nX: \u{9b}2J\u{202e}\r\nContent-Length: 5\r\n\r\n\x1b[2J\x07",
        "HTTP/1.1 302 x\r\nLocation: ws://\u{9b}2J/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: \u{9b}2J://a/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 \x1b[2J\r\n\r\n",
        "HTTP/1.1 101 x\r\nX\x1b: y\r\n\r\n",
        "HTTP/1.1 101 x\r\nX: \x1b[2J\r\n\r\n",
        "\x1b]0;title\x07",
    ] {
        let (connected, _) = connect_to(
            |builder| builder.redirects(1),
            |_| answer.as_bytes().to_vec(),
        )
        .await;
        text += &shown(&connected.unwrap_err());
    }
    for line in [
        "Sec-WebSocket-Protocol: \u{9b}2J\r\n\r\n",
        "Sec-WebSocket-Extensions: \u{9b}2J; \u{202e}\r\n\r\n",
        "Sec-WebSocket-Extensions: x; y=\"\u{9b}2J\"\r\n\r\n",
        "Sec-WebSocket-Accept: \u{9b}2J\r\n\r\n",
    ] {
        let (connected, _) = connect_to(|builder| builder, |ok| (ok + line).into()).await;
        text += &shown(&connected.unwrap_err());
    }
    is_harmless(&text);
    is_harmless(&log.text());
}

/// The same in the requests of a client, which get into the logs of a server (RFC 9110 §5.5;
/// terminal injection).
#[tokio::test]
async fn nothing_a_client_writes_is_obeyed_by_a_terminal() {
    let (log, _guard) = Log::capture();
    let server = server(|builder| builder).await;
    for request in [
        REQUEST.replacen("GET", "GET\x1b[2J", 1),
        REQUEST.replacen("/chat", "/\x1b]0;title\x07", 1),
        REQUEST.replacen("/chat", "/\u{9b}2J", 1),
        with("Origin: \u{9b}2J\u{202e}\r\n"),
        with("Sec-WebSocket-Extensions: \u{9b}2J\r\n"),
        with("Sec-WebSocket-Protocol: \u{202e}\r\n"),
        with("X\x1b[2J: y\r\n"),
        "\x1b[2J\x07".into(),
    ] {
        is_harmless(&refusal(&server, &request).await.replace('\r', ""));
    }
    is_harmless(&log.text());
}

/// A reason of a Close is a text of the peer's, which is shown where an application shows it, and
/// escaped (RFC 6455 §7.1.6; terminal injection).
#[tokio::test]
async fn the_reason_of_a_close_is_escaped() {
    for side in SIDES {
        let (log, _guard) = Log::capture();
        let mut attack = Attack::on(side).await;
        let payload = "\x03\x1b[2J\u{9b}31m\u{202e}\r\nforged line".as_bytes();
        attack
            .frame(0x88, &[&b"\x03\xe8"[..], payload].concat())
            .await;
        let seen = attack.end().await;
        is_harmless(&format!("{seen:?}"));
        is_harmless(&log.text());
    }
}

/// Payloads belong to the application: no value of the library shows one, waiting or arrived, nor
/// does a connection with some inside.
#[tokio::test]
async fn debug_shows_no_payload() {
    let (log, _guard) = Log::capture();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = Wire::connect(listener.local_addr().unwrap()).await;
    peer.send(REQUEST).await;
    let tcp = listener.accept().await.unwrap().0;
    let mut ws = socket_flow::accept(tcp).await.unwrap();
    let frame = |first| Side::Server.whole(first, SECRET.as_bytes());
    // Two pings of the peer's, the second of which is still unread.
    peer.send(frame(0x89)).await;
    let event = ws.recv_event().await.unwrap().unwrap();
    let mut text = format!("{event:?}");
    peer.send([frame(0x01), frame(0x8a), frame(0x89)].concat())
        .await;
    let event = ws.recv_event().await.unwrap().unwrap();
    write!(text, "{event:?}").unwrap();
    // What waits to be written, copied and linked.
    ws.queue(SECRET).unwrap();
    ws.queue(SECRET.repeat(5_000)).unwrap();
    write!(text, "{ws:?} {:?}", ws.sender()).unwrap();
    write!(text, "{:?}", ws.into_parts()).unwrap();

    // A pong that waits for room.
    let config = Config::new().high_water(1);
    let mut protocol = Protocol::server(config, Negotiated::default());
    protocol.queue(SECRET).unwrap();
    let mut input = Input::new();
    input.extend_from_slice(&frame(0x89));
    protocol.receive(&mut input).unwrap();
    write!(text, "{protocol:?}").unwrap();

    let message = Message::from(SECRET);
    write!(text, "{message:?} {:?}", Event::Message(message.clone())).unwrap();
    write!(text, "{:?}", Event::Ping(SECRET.into())).unwrap();
    write!(text, "{:?}", Event::Pong(SECRET.into())).unwrap();
    write!(text, "{:?}", EventRef::Ping(SECRET.as_bytes())).unwrap();
    write!(text, "{:?}", EventRef::Pong(SECRET.as_bytes())).unwrap();
    write!(text, "{:?}", socket_flow::Prepared::new(message.clone())).unwrap();
    write!(text, "{:?}", ReconnectEvent::Message(message)).unwrap();
    let bytes = format!("{:?}", SECRET.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    assert!(!text.contains(bytes), "{text}");
    is_harmless(&text);
    is_harmless(&log.text());
}

/// Credentials stand in headers and in queries: what describes a handshake shows the names of
/// headers and the path (CVE-2021-33880 is about another way to give them away).
#[tokio::test]
async fn debug_shows_no_header_value_and_no_query() {
    let (log, _guard) = Log::capture();
    let mut text = String::new();
    let (handle, mut events) = Server::bind("127.0.0.1:0")
        .admit(|pending| std::future::ready(pending.header("Set-Cookie", SECRET)))
        .serve()
        .await
        .unwrap();
    let url = format!(
        "ws://user:{SECRET}@{}/?{SECRET}",
        handle.local_addr().unwrap()
    );
    let builder = ClientBuilder::new(&url)
        .header("X-Api-Key", SECRET)
        .header("Cookie", SECRET)
        .subprotocols(["v1", SECRET]);
    let mut client = builder.reconnect(Backoff::default());
    let (connected, open) = bounded(async { tokio::join!(client.next(), events.next()) }).await;
    let (connected, open) = (connected.unwrap(), open.unwrap());
    write!(text, "{client:?} {connected:?} {open:?}").unwrap();
    let (ServerEvent::Open { request, .. }, ReconnectEvent::Connected(response)) =
        (open, connected)
    else {
        panic!("{text}");
    };
    assert_eq!(request.uri().query(), Some(SECRET));
    assert_eq!(request.headers()["x-api-key"], SECRET);
    // The types of `http` show values, but for those that are marked.
    for name in ["authorization", "cookie", "sec-websocket-protocol"] {
        write!(text, "{:?}", request.headers()[name]).unwrap();
    }
    write!(text, "{:?}", response.headers()["set-cookie"]).unwrap();

    let headers = || (http::header::COOKIE, http::HeaderValue::from_static(SECRET));
    let (name, value) = headers();
    write!(text, "{:?}", Offer::default().header(name, value)).unwrap();
    let (name, value) = headers();
    write!(text, "{:?}", Choices::default().header(name, value)).unwrap();
    write!(text, "{:?}", Target::parse(&url).unwrap()).unwrap();
    let response = http::Response::builder()
        .status(401)
        .header("Set-Cookie", SECRET)
        .body(bytes::Bytes::from_static(SECRET.as_bytes()));
    let rejection = Rejection::with_response(response.unwrap()).unwrap();
    write!(text, "{rejection} {rejection:?}").unwrap();
    // What is left is of use: the names, the path, the status.
    for part in ["x-api-key", "set-cookie", "\"/\"", "401"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    is_harmless(&text);
    is_harmless(&log.text());
}

/// A refused connection says why without what it was asked with (RFC 9110 §11.6.1).
#[tokio::test]
async fn errors_and_logs_show_no_credentials() {
    let (log, _guard) = Log::capture();
    let mut text = String::new();
    for answer in [
        "HTTP/1.1 401 x\r\nSet-Cookie: hunter2\r\nContent-Length: 7\r\n\r\nhunter2",
        "HTTP/1.1 302 hunter2\r\nLocation: ftp://hunter2/?hunter2\r\n\r\n",
        "HTTP/1.1 101 hunter2\r\nX: hunter2\r\n\r\n",
        "HTTP/1.1 101 x\r\nhunter2\r\n\r\n",
    ] {
        let set = |builder: ClientBuilder| builder.header("Authorization", SECRET).redirects(1);
        let (connected, _) = connect_to(set, |_| answer.into()).await;
        text += &shown(&connected.unwrap_err());
    }
    let server = server(|builder| builder).await;
    let credentials = "Authorization: hunter2\r\nCookie: hunter2\r\nX: hunter2\r\n";
    let request = with(credentials).replacen("/chat", "/chat?hunter2", 1);
    drop(answer(&server, &request).await);
    for request in [
        request.replace(": 13", ": hunter2"),
        request.replace("dGhl", "hunter2"),
        request.replace("Host: ", "Host: hunter2@"),
        request.replace("\r\n\r\n", "\r\nOrigin: https://hunter2.example\r\n\r\n"),
        request.replace("\r\n\r\n", "\r\nhunter2\r\n\r\n"),
    ] {
        text += &refusal(&server, &request).await.replace('\r', "");
    }
    is_harmless(&text);
    is_harmless(&log.text());
}
