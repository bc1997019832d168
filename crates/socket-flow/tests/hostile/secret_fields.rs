//! A secret in every field that can hold one, and all that is printed of it: `Debug`, `Display`, the
//! causes of errors, and what `tracing` is told (SECURITY.md; RFC 9110 §11.6.1, RFC 6455 §10.5).

use std::error::Error as StdError;
use std::fmt::{Debug, Write};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use socket_flow::connection::Outlet;
use socket_flow::frames::{ClosePayload, FrameHeader, MaskKey};
use socket_flow::handshake::body::BodyDecoder;
use socket_flow::handshake::client::{Offer, request, verify};
use socket_flow::handshake::extension::Extension;
use socket_flow::handshake::head::{HeadLimits, RequestDecoder, ResponseDecoder};
use socket_flow::handshake::header::HeaderNames;
use socket_flow::handshake::key::{Key, accept_key};
use socket_flow::handshake::server::{Choices, RejectReason, Rejection, accept, decide};
use socket_flow::handshake::target::Target;
use socket_flow::handshake::{Hidden, subprotocol};
use socket_flow::{
    AcceptError, Acceptor, ClientBuilder, Compressed, Config, Error, Hub, InvalidHeader, Message,
    Negotiated, Proxy, SendError, Server, ServerStream, SlowPolicy, Uncompressed, WebSocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::log::Log;
use crate::support::REQUEST;
use crate::victim::{connect_to, with};
use crate::wire::{Wire, bounded};

pub(crate) const SECRET: &str = "hunter2";

/// All that was printed, by what it was.
#[derive(Default)]
pub(crate) struct Printed(String);

impl Printed {
    pub(crate) fn debug(&mut self, what: &str, value: &dyn Debug) {
        writeln!(self.0, "{what}: {value:?} {value:#?}").unwrap();
    }

    pub(crate) fn error(&mut self, what: &str, error: &dyn StdError) {
        let mut next = Some(error);
        while let Some(error) = next {
            writeln!(self.0, "{what}: {error} {error:?} {error:#?}").unwrap();
            next = error.source();
        }
    }

    pub(crate) fn assert(&self, log: &Log) {
        for text in [&self.0, &log.text()] {
            for (number, line) in text.lines().enumerate() {
                let bytes = format!("{:?}", SECRET.as_bytes());
                let is_shown =
                    line.contains(SECRET) || line.contains(bytes.trim_matches(['[', ']']));
                assert!(!is_shown, "line {number}: {line}");
            }
        }
    }
}

fn decoded(head: &str) -> Request<()> {
    let decoded = RequestDecoder::new(HeadLimits::default()).decode(head.as_bytes());
    decoded.unwrap().unwrap().0
}

fn secret() -> HeaderValue {
    HeaderValue::from_static(SECRET)
}

#[tokio::test]
async fn the_handshake_prints_none() {
    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();

    for url in [
        "alice:hunter2@example.com/cb?to=https://x",
        "hunter2@example.com/?a=://",
        "/hunter2://",
        "h\u{fc}hunter2://a",
        "ws://a:hunter2@/",
        "ws://a:hunter2@b:x/",
        "ws://a/#hunter2",
        "ws://a\u{1}/?hunter2",
        "ws://a%hunter2@b/",
        "://hunter2",
    ] {
        printed.error("target", &Target::parse(url).unwrap_err());
        let error = ClientBuilder::new(url).connect().await.unwrap_err();
        printed.error("connect", &error);
        printed.debug("builder", &ClientBuilder::new(url));
    }
    let target = Target::parse("wss://u:hunter2@a/?hunter2").unwrap();
    printed.debug("target", &target);
    printed.debug("authorization", &target.basic_authorization());
    for location in [
        "x://u:hunter2@a/?q=hunter2",
        "ws://u:hunter2@:0/",
        "?\u{1}hunter2",
    ] {
        if let Err(error) = target.join(location) {
            printed.error("join", &error);
        }
    }

    // Names that are tokens of others.
    for names in [&["hunter2 "][..], &["hunter2", "hunter2"]] {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        printed.error("encode", &subprotocol::encode(&names).unwrap_err());
        let offer = Offer::default().subprotocols(names);
        let uri = "ws://a/".parse().unwrap();
        let error = request(&uri, &offer, &Key::new([0; 16])).unwrap_err();
        printed.error("offer", &error);
        printed.debug("offer", &offer);
    }
    printed.debug("hidden", &Hidden::from(SECRET));
    let extension = Extension::new("x")
        .unwrap()
        .param_with_value("y", SECRET)
        .unwrap();
    let offer = Offer::default()
        .subprotocols([SECRET])
        .extensions([extension.clone()])
        .header(http::header::COOKIE, secret());
    printed.debug("offer", &offer);
    printed.debug("extension", &extension);
    let choices = Choices::default()
        .subprotocols([SECRET])
        .header(http::header::SET_COOKIE, secret());
    printed.debug("choices", &choices);
    let asking = "Sec-WebSocket-Protocol: hunter2\r\nCookie: hunter2\r\nX: hunter2\r\n\
                  Sec-WebSocket-Extensions: x; y=hunter2\r\n";
    let asking = decoded(&with(asking).replacen("/chat", "/chat?hunter2", 1));
    let acceptance = decide(&asking, &choices).unwrap();
    printed.debug("acceptance", &acceptance);
    let (answer, negotiated) = acceptance.answer().unwrap();
    assert_eq!(negotiated.subprotocol(), Some(SECRET));
    printed.debug("negotiated", &negotiated);
    printed.debug("names", &HeaderNames::new(answer.headers()));
    printed.debug("key", &Key::new(*b"hunter2 hunter2 "));
    let key = Key::new(*b"hunter2 hunter2 ");
    assert!(!format!("{key:?} {:?}", accept_key(key.as_str())).contains(key.as_str()));

    // Why a request is refused.
    for lines in [
        "Origin: https://evil.example/?hunter2\r\n",
        "Origin: hunter2\r\n",
        "Sec-WebSocket-Protocol: hunter2 hunter2\r\n",
        "Sec-WebSocket-Extensions: x; y=\"hunter2\r\n",
        "Sec-WebSocket-Extensions: x; y=\"hunter2 \"\r\n",
        "Content-Length: hunter2\r\n",
        "Transfer-Encoding: hunter2\r\n",
        "Host: hunter2\r\n",
        "Sec-WebSocket-Key: hunter2\r\n",
        "Sec-WebSocket-Version: hunter2\r\n",
    ] {
        let rejection = accept(&decoded(&with(lines)), &Choices::default()).unwrap_err();
        printed.error("refused", &rejection);
        // What the peer is told as well.
        let answer = rejection.encode();
        writeln!(printed.0, "{}", answer.escape_ascii()).unwrap();
        printed.error("accept", &AcceptError::Rejected(rejection));
    }
    let reason = RejectReason::Origin(None);
    assert_eq!(reason.status(), 403);
    let page = Response::builder().status(403).header("x", SECRET);
    let page = page.body(Bytes::from_static(SECRET.as_bytes())).unwrap();
    printed.debug("page", &Rejection::with_response(page).unwrap());

    // What cannot be read of a head.
    for head in [
        "GET /hunter2\r\n\r\n",
        "GET / HTTP/1.1\r\nhunter2\r\n\r\n",
        "hunter2 x y\r\n\r\n",
    ] {
        let mut decoder = RequestDecoder::new(HeadLimits::default());
        if let Err(error) = decoder.decode(head.as_bytes()) {
            printed.error("request", &error);
        }
        printed.debug("decoder", &decoder);
        let mut decoder = ResponseDecoder::new(HeadLimits::default());
        if let Err(error) = decoder.decode(head.as_bytes()) {
            printed.error("response", &error);
        }
        printed.debug("decoder", &decoder);
    }
    let response = Response::builder()
        .header("content-length", "7")
        .body(())
        .unwrap();
    let mut body = BodyDecoder::new(&response, 100);
    body.decode(SECRET.as_bytes());
    printed.debug("body", &body);

    // What a server answers that was not asked for.
    let key = Key::new([7; 16]);
    for (name, value) in [
        ("sec-websocket-protocol", "hunter2"),
        ("sec-websocket-protocol", "hunter2, hunter2"),
        ("sec-websocket-extensions", "hunter2"),
        ("sec-websocket-extensions", "x; y=hunter2, x; y=hunter2"),
        ("sec-websocket-extensions", "permessage-deflate; hunter2"),
        ("sec-websocket-accept", "hunter2"),
        ("upgrade", "hunter2"),
    ] {
        let response = Response::builder()
            .status(101)
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-accept", key.accept().as_str())
            .header(name, value);
        let offer = Offer::default().extensions([Extension::new("x").unwrap()]);
        if let Err(error) = verify(&response.body(()).unwrap(), &offer, &key) {
            printed.error(name, &error);
        }
    }
    printed.assert(&log);
}

#[tokio::test]
async fn both_ends_of_a_connection_print_none() {
    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    let acceptor = Acceptor::new().subprotocols([SECRET]);
    printed.debug("acceptor", &acceptor);
    let (near, far) = tokio::io::duplex(1 << 20);
    let builder = ClientBuilder::new("ws://u:hunter2@a/?hunter2")
        .subprotocols([SECRET])
        .header("X-Api-Key", SECRET)
        .header("Origin", "https://a/?hunter2");
    printed.debug("builder", &builder);
    let opening = async {
        let acceptor = acceptor.allow_any_origin();
        let pending = acceptor.read(far).await.unwrap();
        let pending = pending.header("set-cookie", SECRET);
        (format!("{pending:?}"), pending.accept().await.unwrap())
    };
    let (connected, (pending, mut server)) = tokio::join!(builder.connect_on(near), opening);
    printed.0 += &pending;
    let (mut client, _response) = connected.unwrap();
    assert_eq!(client.negotiated().subprotocol(), Some(SECRET));
    printed.debug("negotiated", client.negotiated());
    client.queue(SECRET).unwrap();
    let sender = client.sender();
    sender.try_send(SECRET).unwrap();
    printed.debug("client", &client);
    client.ping(SECRET.as_bytes()).await.unwrap();
    client.flush().await.unwrap();
    printed.debug("server", &server);
    for _ in 0..2 {
        let message = server.recv().await.unwrap().unwrap();
        printed.debug("message", &message);
        printed.debug("lent", &message.as_ref());
        printed.debug("event", &socket_flow::Event::Message(message));
    }
    printed.debug("span", &client.span());
    for error in [
        SendError::Full(SECRET),
        SendError::Closed(SECRET),
        SendError::Unfinished(SECRET),
        SendError::WrongKind(SECRET),
        SendError::Stalled(SECRET),
    ] {
        printed.error("send", &error);
        printed.error("error", &Error::from(error));
    }
    printed.debug("compressed", &Compressed(SECRET));
    printed.debug("uncompressed", &Uncompressed(SECRET));
    let (outside, outlet) = Outlet::new(1000);
    outside.try_send(SECRET).unwrap();
    printed.debug("outlet", &outlet);
    let hub = Hub::new(SlowPolicy::Close);
    hub.join(SECRET, &sender);
    printed.debug("hub", &hub);
    printed.debug("delivery", &hub.publish_now(SECRET, SECRET));
    printed.debug("mask", &MaskKey::from(*b"hunt"));
    let header = FrameHeader::decode(b"\x81\x87hunt\0\0\0\0\0\0\0");
    assert!(!format!("{header:?}").contains("[104, 117"));
    printed.debug("close", &ClosePayload::EMPTY);
    let (reader, mut writer) = client.into_split();
    writer.queue(SECRET).unwrap();
    printed.debug("reader", &reader);
    printed.debug("writer", &writer);
    printed.debug("config", &Config::new());
    printed.debug("none", &Negotiated::default().with_subprotocol(SECRET));
    drop((reader, writer));
    // Behind the message that was queued is the end.
    while let Ok(Some(_)) = bounded(server.recv()).await {}
    printed.assert(&log);
}

#[tokio::test]
async fn clients_and_what_they_dial_print_none() {
    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    for url in ["http://u:hunter2@a:1", "socks5://u:hunter2@a"] {
        let proxy = Proxy::new(url).unwrap();
        printed.debug("proxy", &proxy);
        printed.debug("builder", &ClientBuilder::new("ws://a/").proxy(proxy));
    }
    for url in [
        "hunter2",
        "ftp://u:hunter2@a",
        "http://u:hunter2@a/hunter2",
        "http://u:hunter2@",
    ] {
        printed.error("proxy", &Proxy::new(url).unwrap_err());
    }
    for builder in [
        ClientBuilder::new("ws://a/").header("hunter2 ", "x"),
        ClientBuilder::new("ws://a/").header("x", "hunter2\n"),
        ClientBuilder::new("ws://a/").header("upgrade", "hunter2"),
        ClientBuilder::new("ws://a/").subprotocols(["hunter2 "]),
        ClientBuilder::new("ws://a/").subprotocols(["hunter2", "hunter2"]),
    ] {
        printed.debug("builder", &builder);
        let (near, _far) = tokio::io::duplex(1000);
        let error = builder.connect_on(near).await.unwrap_err();
        printed.error("connect", &error);
    }
    printed.debug("header", &InvalidHeader::Value);
    for answer in [
        "HTTP/1.1 302 x\r\nLocation: ftp://u:hunter2@a/?hunter2\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: u:hunter2@x://\r\nLocation: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 401 hunter2\r\nWWW-Authenticate: hunter2\r\nContent-Length: 7\r\n\r\nhunter2",
        "HTTP/1.1 101 x\r\nUpgrade: hunter2\r\n\r\n",
        "HTTP/1.1 2hunter2\r\n\r\n",
    ] {
        let set = |builder: ClientBuilder| builder.redirects(1);
        let (connected, _) = connect_to(set, |_| answer.into()).await;
        printed.error("answer", &connected.unwrap_err());
    }
    let added = "Sec-WebSocket-Protocol: hunter2\r\n\r\n";
    let (connected, _) = connect_to(|builder| builder, |ok| (ok + added).into()).await;
    printed.error("answer", &connected.unwrap_err());

    printed.assert(&log);
}

#[cfg(feature = "rustls")]
#[test]
fn keys_and_their_errors_print_none() {
    use socket_flow::tls::{ClientTls, Identity, certificates};

    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    let begin = "-----BEGIN PRIVATE KEY-----";
    for pem in [
        format!("{begin}hunter2\n"),
        format!("{begin}\nhunter2\n"),
        "-----BEGIN hunter2\nhunter2\n-----END hunter2-----\n".into(),
        format!("{begin}\nhunter2{{\n-----END PRIVATE KEY-----\n"),
        "hunter2".into(),
    ] {
        printed.error(
            "pem",
            &Identity::from_pem(pem.as_bytes(), pem.as_bytes()).unwrap_err(),
        );
        printed.error("pem", &certificates(pem.as_bytes()).unwrap_err());
    }
    printed.debug("tls", &ClientTls::new());
    printed.assert(&log);
}

/// A server with everything that is logged of it: who is let in, refused, answered, thrown out, and
/// how a handler ends.
#[tokio::test]
async fn a_server_prints_none() {
    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    let builder = || {
        Server::bind("127.0.0.1:0")
            .paths(["/chat", "/hunter2"])
            .subprotocols([SECRET])
            .respond(|request| {
                let is_page = request.uri().path() == "/page";
                is_page.then(|| Response::new(Bytes::from_static(SECRET.as_bytes())))
            })
            .admit(|pending| {
                let denied = pending.request().headers().contains_key("x-denied");
                std::future::ready(match denied {
                    true => pending.deny(Response::builder().status(402).body(SECRET).unwrap()),
                    false => pending.header("set-cookie", SECRET),
                })
            })
    };
    printed.debug("builder", &builder().paths(["/chat"]));
    let server = builder()
        .serve_with(
            async |mut ws: WebSocket<ServerStream>, request: Request<()>| {
                assert!(!request.headers().contains_key("x-panics"), "{SECRET}");
                ws.recv().await?;
                Err(Error::Closed { code: 1006 })
            },
        )
        .await
        .unwrap();
    printed.debug("handle", &server);
    let credentials = "Sec-WebSocket-Protocol: hunter2\r\nCookie: hunter2\r\nX: hunter2\r\n";
    for (lines, path) in [
        ("", "/chat?hunter2"),
        ("X-Panics: hunter2\r\n", "/chat?hunter2"),
        ("X-Denied: hunter2\r\n", "/chat?hunter2"),
        ("Origin: https://a/?hunter2\r\n", "/chat?hunter2"),
        ("", "/other?hunter2"),
    ] {
        let request = with(&format!("{credentials}{lines}")).replacen("/chat", path, 1);
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(request).await;
        wire.send(b"\x81\x87\0\0\0\0hunter2").await;
        let _ = bounded(wire.rest()).await;
    }
    for request in [
        "GET /page?hunter2 HTTP/1.1\r\nHost: a\r\nCookie: hunter2\r\n\r\n".to_owned(),
        "hunter2\r\n\r\n".into(),
        REQUEST.replacen("Host: ", "Host: hunter2@", 1),
    ] {
        let mut tcp = tokio::net::TcpStream::connect(server.local_addr().unwrap())
            .await
            .unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        tcp.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = bounded(tcp.read_to_end(&mut answer)).await;
    }
    bounded(server.shutdown(std::time::Duration::from_secs(10))).await;
    assert!(log.text().contains("handler panicked"), "{}", log.text());
    assert!(log.text().contains("handler failed"), "{}", log.text());
    let message = Message::from(SECRET);
    printed.debug("message", &message);
    printed.assert(&log);
}
