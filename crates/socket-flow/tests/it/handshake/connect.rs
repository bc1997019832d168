//! The client's opening handshake: the URL, the socket and the request.

use std::io;

use socket_flow::handshake::client::RequestError;
use socket_flow::handshake::target::TargetError;
use socket_flow::{ClientBuilder, CloseCode, ConnectError, InvalidHeader, Listener, Message};

use crate::handshake::scripted::{client, connect_to, connect_to_answer};
use crate::support::{Peer, header, switching_protocols};

/// RFC 6455 §3, §4.1, §11.1.1, §11.1.2.
#[tokio::test]
async fn each_mistake_in_a_url_is_its_own_error() {
    for (url, expected) in [
        ("", TargetError::MissingScheme),
        ("example.com", TargetError::MissingScheme),
        ("http://example.com", TargetError::Scheme("http".into())),
        ("ws://", TargetError::MissingHost),
        ("ws:///chat", TargetError::MissingHost),
        ("ws://:9001/", TargetError::MissingHost),
        ("ws://bücher.example/", TargetError::NonAsciiHost),
        ("ws://a b/", TargetError::Host),
        ("ws://[::1/", TargetError::Host),
        ("ws://a:0/", TargetError::Port),
        ("ws://a:65536/", TargetError::Port),
        ("ws://a:b/", TargetError::Port),
        ("ws://a/#", TargetError::Fragment),
        ("ws://a/b#c", TargetError::Fragment),
        ("ws://a/100%", TargetError::Path),
        ("ws://a/b\\c", TargetError::Path),
        ("ws://a/\u{7f}", TargetError::Path),
        ("ws://a/?100%", TargetError::Query),
        ("ws://a%3Ab:c@a/", TargetError::Userinfo),
        ("ws://a..b/", TargetError::Host),
        ("wss://a..b/", TargetError::Host),
        ("ws://127.1/", TargetError::Host),
        ("wss://a/b#c", TargetError::Fragment),
        ("wss://bücher.example/", TargetError::NonAsciiHost),
        ("wss://a/%zz", TargetError::Path),
    ] {
        match socket_flow::connect(url).await {
            Err(ConnectError::Target(error)) => assert_eq!(error, expected, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn wss_is_never_tried_in_plaintext() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let error = socket_flow::connect(&url).await.unwrap_err();
    assert!(matches!(error, ConnectError::TlsUnavailable));
    assert!(error.to_string().contains("`rustls`"));
    let accepted = listener.accept().map_err(|error| error.kind());
    assert_eq!(accepted.unwrap_err(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn wss_over_a_stream_of_the_callers_is_the_callers_affair() {
    let (near, far) = tokio::io::duplex(1024);
    let (client, server) = tokio::join!(
        ClientBuilder::new("wss://server.example.com/").connect_on(near),
        socket_flow::accept(far),
    );
    let ((mut client, _), mut server) = (client.unwrap(), server.unwrap());
    let (outcome, received) = tokio::join!(client.close(CloseCode::NORMAL, ""), server.recv());
    assert!(outcome.unwrap().clean);
    assert_eq!(received.unwrap(), None);
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn a_refused_connection_names_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let Err(ConnectError::Connect(error)) = socket_flow::connect(&format!("ws://{addr}/")).await
    else {
        panic!("connected to nobody");
    };
    let [(tried, cause)] = error.attempts() else {
        panic!("{error:?}");
    };
    assert_eq!(
        (*tried, cause.kind()),
        (addr, io::ErrorKind::ConnectionRefused)
    );
    assert!(error.to_string().starts_with(&addr.to_string()));
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn the_request_holds_what_was_asked_for_and_no_more() {
    let builder = ClientBuilder::new("ws://Server.Example.com:8080/chat?room=1")
        .header("Cookie", "session=1")
        .headers([("X-One", "1"), ("X-Two", "2")])
        .origin("https://first.example")
        .origin("https://example.com")
        .subprotocols(["v2", "v1"]);
    let (_, request) = connect_to(builder, async |mut peer: Peer| peer.head().await).await;
    let key = header(&request, "sec-websocket-key").unwrap();
    assert_eq!(key.len(), 24);
    assert_eq!(
        request,
        format!(
            "GET /chat?room=1 HTTP/1.1\r\n\
             Host: server.example.com:8080\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: v2, v1\r\n\
             Cookie: session=1\r\n\
             X-One: 1\r\n\
             X-Two: 2\r\n\
             Origin: https://example.com\r\n\
             User-Agent: socket-flow/{}\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

/// RFC 6455 §4.1, §11.1.1; RFC 3986 §2.1, §3.3, §3.4.
#[tokio::test]
async fn what_a_path_or_a_query_cannot_hold_goes_out_percent_encoded() {
    for (url, line) in [
        ("ws://h/a{b}", "GET /a%7Bb%7D HTTP/1.1"),
        (
            "ws://h/\"<>[]^`{|}?\"<>[]^`{|}",
            "GET /%22%3C%3E%5B%5D%5E%60%7B%7C%7D?%22%3C%3E%5B%5D%5E%60%7B%7C%7D HTTP/1.1",
        ),
        ("ws://h/a b?ü", "GET /a%20b?%C3%BC HTTP/1.1"),
        ("ws://h?{a}", "GET /?%7Ba%7D HTTP/1.1"),
        ("ws://h/%7b%C3%BC", "GET /%7b%C3%BC HTTP/1.1"),
    ] {
        let builder = ClientBuilder::new(url);
        let (_, request) = connect_to(builder, async |mut peer: Peer| peer.head().await).await;
        assert_eq!(request.lines().next(), Some(line), "{url}");
    }
}

/// RFC 6455 §4.1; RFC 7617 §2.
#[tokio::test]
async fn empty_userinfo_is_not_sent() {
    for url in ["ws://@h/", "ws://:@h/"] {
        let builder = ClientBuilder::new(url);
        let (_, request) = connect_to(builder, async |mut peer: Peer| peer.head().await).await;
        assert_eq!(header(&request, "authorization"), None, "{url}");
    }
}

/// RFC 9110 §10.1.5.
#[tokio::test]
async fn the_application_can_say_which_user_agent_it_is() {
    let ours = concat!("socket-flow/", env!("CARGO_PKG_VERSION"));
    for (builder, expected) in [
        (client(), ours),
        (client().header("User-Agent", "mine/1"), "mine/1"),
    ] {
        let (_, request) = connect_to(builder, async |mut peer: Peer| peer.head().await).await;
        assert_eq!(header(&request, "user-agent"), Some(expected));
        assert_eq!(request.matches("User-Agent").count(), 1);
    }
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn every_connection_has_a_key_of_its_own() {
    let mut keys = std::collections::HashSet::new();
    for _ in 0..100 {
        let (_, request) = connect_to(client(), async |mut peer: Peer| peer.head().await).await;
        assert!(keys.insert(header(&request, "sec-websocket-key").unwrap().to_owned()));
    }
}

/// RFC 6455 §4.1; RFC 9110 §4.2.4.
#[tokio::test]
async fn userinfo_goes_out_as_basic_authentication_and_nowhere_else() {
    let url = "ws://user:pass@server.example.com/chat";
    let (_, request) = connect_to(ClientBuilder::new(url), async |mut peer: Peer| {
        peer.head().await
    })
    .await;
    assert_eq!(
        header(&request, "authorization"),
        Some("Basic dXNlcjpwYXNz")
    );
    assert_eq!(header(&request, "host"), Some("server.example.com"));
    assert!(request.starts_with("GET /chat HTTP/1.1\r\n"));

    let builder = ClientBuilder::new(url).header("authorization", "Bearer token");
    let (_, request) = connect_to(builder, async |mut peer: Peer| peer.head().await).await;
    assert_eq!(request.matches("Authorization").count(), 1);
    assert_eq!(header(&request, "authorization"), Some("Bearer token"));
}

/// RFC 9110 §5.5.
#[tokio::test]
async fn no_header_can_inject_a_line() {
    for (name, value, expected) in [
        ("x", "a\r\nb: c", InvalidHeader::Value),
        ("x", "a\nb", InvalidHeader::Value),
        ("x", "a\0b", InvalidHeader::Value),
        ("x\r\ny", "a", InvalidHeader::Name),
        ("x y", "a", InvalidHeader::Name),
        ("", "a", InvalidHeader::Name),
    ] {
        let (near, mut peer) = Peer::pair();
        // A later valid header does not make it forgotten.
        let connecting = client()
            .header(name, value)
            .header("y", "b")
            .connect_on(near);
        match connecting.await {
            Err(ConnectError::InvalidHeader(error)) => assert_eq!(error, expected, "{name:?}"),
            other => panic!("{name:?} {value:?}: {other:?}"),
        }
        assert_eq!(peer.rest().await, "");
    }
}

/// RFC 6455 §11.3.1.
#[tokio::test]
async fn headers_of_the_handshake_cannot_be_set() {
    for name in ["host", "Connection", "sec-websocket-key", "content-length"] {
        let (near, _peer) = Peer::pair();
        let error = client()
            .header(name, "1")
            .connect_on(near)
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ConnectError::Request(RequestError::ReservedHeader(reserved))
                if reserved.as_str().eq_ignore_ascii_case(name)),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn credentials_are_shown_by_nothing() {
    let url = "ws://hunter:secret@server.example.com/chat?token=secret";
    let builder = ClientBuilder::new(url).header("cookie", "secret");
    let mut shown = format!("{builder:?}");
    for answer in [
        "HTTP/1.1 401 x\r\nSet-Cookie: secret\r\nContent-Length: 6\r\n\r\nsecret",
        "HTTP/1.1 101 x\r\nSet-Cookie: secret\r\n\r\n",
        "HTTP/1.1 101 x\r\nSet-Cookie: secret\0\r\n\r\n",
        "HTTP/1.1 101 secret",
    ] {
        let error = connect_to_answer(builder.clone(), |_| answer.into())
            .await
            .unwrap_err();
        shown += &format!("{error} {error:?}");
    }
    for url in [
        "ws://hunter:secret@/",
        "ws://hunter:secret@a/#",
        "ws://hunter:secret@a:secret/",
    ] {
        let error = socket_flow::connect(url).await.unwrap_err();
        shown += &format!("{error} {error:?}");
    }
    assert!(
        !shown.contains("secret") && !shown.contains("hunter"),
        "{shown}"
    );
}

/// RFC 6455 §4.1; RFC 9110 §7.8.
#[tokio::test]
async fn nothing_is_sent_before_the_101() {
    let server = async |mut peer: Peer| {
        let request = peer.head().await;
        assert_eq!(peer.arrived().await, b"");
        peer.send(switching_protocols(&request) + "\r\n").await;
        assert_eq!(peer.arrived().await, b"");
    };
    connect_to(client(), server).await.0.unwrap();
}

#[tokio::test]
async fn a_stream_that_takes_no_request_is_an_io_error() {
    let (near, peer) = Peer::pair();
    drop(peer);
    let error = client().connect_on(near).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_dropped_connect_closes_the_stream() {
    let (near, mut peer) = Peer::pair();
    let connecting = tokio::spawn(client().connect_on(near));
    peer.head().await;
    connecting.abort();
    assert_eq!(peer.rest().await, "");
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn hosts_are_names_and_addresses_of_both_families() {
    for (bind, host) in [
        ("127.0.0.1:0", "127.0.0.1"),
        ("127.0.0.1:0", "localhost"),
        ("[::1]:0", "[::1]"),
    ] {
        let Ok(listener) = Listener::bind(bind).await else {
            // A machine without IPv6.
            continue;
        };
        let url = format!("ws://{host}:{}/", listener.local_addr().unwrap().port());
        let (connected, server) = tokio::join!(socket_flow::connect(&url), async {
            let (stream, peer) = listener.accept().await;
            assert_eq!(stream.peer_addr().ok(), peer.socket_addr());
            let mut ws = socket_flow::accept(stream).await.unwrap();
            ws.send("Hello").await.unwrap();
            ws
        });
        let (mut ws, _) = connected.unwrap();
        assert_eq!(
            ws.recv().await.unwrap(),
            Some(Message::from("Hello")),
            "{url}"
        );
        let near = ws.get_ref().local_addr().unwrap();
        assert_eq!(server.get_ref().peer_addr().unwrap(), near);
    }
}
