//! Secrets on the way to a server and in what panics: proxies, redirects, clients that connect again,
//! lists of origins, TLS, and the panics of an application's (SECURITY.md; RFC 9110 §11.6.1, RFC 6455
//! §10.5).

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use socket_flow::handshake::head::{HeadLimits, RequestDecoder, ResponseDecoder};
use socket_flow::handshake::host::HostPolicy;
use socket_flow::handshake::origin::OriginPolicy;
use socket_flow::{
    Acceptor, Backoff, ClientBuilder, Proxy, ReconnectEvent, Reconnecting, Server, ServerStream,
    WebSocket,
};
use tokio::net::TcpListener;

use crate::log::Log;
use crate::secret_fields::{Printed, SECRET};
use crate::support::REQUEST;
use crate::victim::with;
use crate::wire::{Wire, bounded};

/// A peer that answers each connection with these bytes, whatever it is asked, and ends it.
async fn answers(bytes: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut wire = Wire::new(stream);
            tokio::spawn(async move {
                wire.send(bytes).await;
                wire.shut_down().await;
                wire.rest_or_reset().await;
            });
        }
    });
    addr
}

/// What a client that connects again says of its first failure, and of itself.
async fn fails(printed: &mut Printed, what: &str, builder: ClientBuilder) {
    printed.debug(what, &builder);
    let mut client: Reconnecting = builder.reconnect(Backoff::default());
    printed.debug(what, &client);
    let event = bounded(client.next()).await.unwrap();
    printed.debug(what, &event);
    printed.debug(what, &client);
    let ReconnectEvent::Disconnected { cause, .. } = event else {
        panic!("{what}: nothing is there to connect to");
    };
    printed.error(what, &cause);
}

#[tokio::test]
async fn what_a_client_dials_through_prints_none() {
    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    let client = || {
        ClientBuilder::new("ws://u:hunter2@server.invalid/?hunter2")
            .header("Cookie", SECRET)
            .header("X-Hunter", SECRET)
            .subprotocols(["v1", "bearer.hunter2"])
            .redirects(1)
    };
    for answer in [
        &b"HTTP/1.1 407 hunter2\r\nProxy-Authenticate: hunter2\r\nContent-Length: 7\r\n\r\nhunter2"
            [..],
        b"HTTP/1.1 302 x\r\nLocation: http://u:hunter2@a/?hunter2#hunter2\r\n\r\n",
        b"HTTP/1.1 200 x\r\n\r\nhunter2",
        b"HTTP/1.1 200 x\r\nhunter2\r\n\r\n",
        b"hunter2\r\n\r\n",
        b"HTTP/1.1 103 x\r\nLink: hunter2\r\n\r\nHTTP/1.1 503 x\r\nRetry-After: hunter2\r\n\r\n",
    ] {
        let proxy = Proxy::new(format!("http://u:hunter2@{}", answers(answer).await)).unwrap();
        let proxy = proxy.header("X-Tenant", SECRET).unwrap();
        fails(&mut printed, "proxy", client().proxy(proxy)).await;
    }
    for answer in [
        &b"\x05\x02\x01\x01hunter2"[..],
        b"\x05\x02\x01\x00\x05\x02\x00\x03\x07hunter2\0\x50",
        b"\x05\xff",
        b"hunter2",
    ] {
        let proxy = Proxy::new(format!("socks5://u:hunter2@{}", answers(answer).await)).unwrap();
        fails(&mut printed, "socks", client().proxy(proxy)).await;
    }
    // What does not fit into SOCKS.
    let long = format!("socks5://u:{}@127.0.0.1:1", SECRET.repeat(40));
    fails(
        &mut printed,
        "long",
        client().proxy(Proxy::new(long).unwrap()),
    )
    .await;
    let header = Proxy::new("http://p").unwrap().header("hunter2 ", SECRET);
    printed.error("header", &header.unwrap_err());
    printed.assert(&log);
}

#[tokio::test]
async fn where_a_server_sends_its_client_prints_none() {
    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    for answer in [
        &b"HTTP/1.1 301 x\r\nLocation: ws://u:hunter2@server.invalid:1/?hunter2#hunter2\r\n\r\n"[..],
        b"HTTP/1.1 307 x\r\nLocation: ?token=hunter2\r\n\r\n",
        b"HTTP/1.1 308 x\r\nLocation: ws://a..b/hunter2\r\n\r\n",
        b"HTTP/1.1 302 x\r\nLocation: ws://u:%zzhunter2@a/\r\n\r\n",
        b"HTTP/1.1 302 x\r\nLocation: ws://a:hunter2/\r\n\r\n",
        b"HTTP/1.1 302 x\r\nSet-Cookie: hunter2\r\nLocation: hunter2:x\r\n\r\n",
        b"HTTP/1.1 401 x\r\nWWW-Authenticate: Bearer hunter2\r\nContent-Length: +7\r\n\r\nhunter2",
        b"HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\n\r\n7;a=hunter2\r\nhunter2\r\nhunter2",
    ] {
        let url = format!("ws://u:hunter2@{}/hunter2?hunter2", answers(answer).await);
        let builder = ClientBuilder::new(url)
            .header("Authorization", SECRET)
            .subprotocols(["bearer.hunter2"])
            .keep_on_redirect(["authorization"])
            .redirects(1);
        fails(&mut printed, "redirect", builder).await;
    }
    printed.assert(&log);
}

#[tokio::test]
async fn heads_that_are_half_there_and_lists_that_are_wrong_print_none() {
    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    let request = with("Cookie: hunter2\r\nSec-WebSocket-Protocol: bearer.hunter2, v1\r\n");
    let request = request.replacen("/chat", "/chat?hunter2", 1);
    let response =
        "HTTP/1.1 103 hunter2\r\nLink: hunter2\r\n\r\nHTTP/1.1 101 hunter2\r\nX: hunter2";
    for end in 0..=request.len() {
        let mut decoder = RequestDecoder::new(HeadLimits::default());
        let found = decoder.decode(&request.as_bytes()[..end]).unwrap();
        printed.debug("request", &decoder);
        assert_eq!(found.is_some(), end == request.len());
    }
    for end in 0..=response.len() {
        let mut decoder = ResponseDecoder::new(HeadLimits::default());
        assert!(
            decoder
                .decode(&response.as_bytes()[..end])
                .unwrap()
                .is_none()
        );
        printed.debug("response", &decoder);
    }
    for listed in [
        "https://u:hunter2@a",
        "https://a/?hunter2",
        "https://a:hunter2",
        "hunter2",
        "https://*hunter2*",
        "https://a#hunter2",
    ] {
        printed.error("origin", &OriginPolicy::allow_list([listed]).unwrap_err());
        let host = listed.trim_start_matches("https://");
        if let Err(error) = HostPolicy::allow_list([host]) {
            printed.error("host", &error);
        }
        if let Err(error) = Acceptor::new().hosts([listed]) {
            printed.error("hosts", &error);
        }
    }
    printed.assert(&log);
}

/// The words of a panic belong to the panic hook, wherever it happens.
#[tokio::test]
async fn no_panic_of_an_application_is_logged_in_its_words() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "{SECRET}");
        }
    }
    let (log, _guard) = Log::capture();
    let server = Server::bind("127.0.0.1:0")
        .respond(|request| {
            assert_ne!(request.uri().path(), "/page", "{SECRET}");
            Some(Response::new(Bytes::new()))
        })
        .admit(|pending| {
            assert_ne!(pending.request().uri().path(), "/admit", "{SECRET}");
            std::future::ready(pending)
        })
        .serve_with(|ws: WebSocket<ServerStream>, request: http::Request<()>| {
            let last = match request.uri().path() {
                "/drop" => Some(PanicsWhenDropped),
                _ => None,
            };
            // It goes on without its connection, and panics as it is dropped.
            let mut ends = Box::pin(async move {
                drop(ws);
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(request.uri().path() == "/drop", "{SECRET}");
            });
            std::future::poll_fn(move |cx| {
                let _held = &last;
                ends.as_mut().poll(cx)
            })
        })
        .await
        .unwrap();
    for path in ["/admit", "/drop", "/chat"] {
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(REQUEST.replacen("/chat", path, 1)).await;
        wire.send(b"\x88\x80\0\0\0\0").await;
        wire.rest_or_reset().await;
    }
    let mut wire = Wire::connect(server.local_addr().unwrap()).await;
    wire.send("GET /page HTTP/1.1\r\nHost: a\r\n\r\n").await;
    wire.shut_down().await;
    wire.rest().await;
    bounded(server.shutdown(Duration::from_secs(10))).await;
    let text = log.text();
    for told in [
        "respond panicked",
        "admit panicked",
        "handler panicked",
        "a connection's task failed",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    Printed::default().assert(&log);
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn keys_and_what_they_are_set_in_print_none() {
    use crate::pki::Authority;
    use socket_flow::Listener;
    use socket_flow::tls::{ClientTls, ServerTls};

    let (log, _guard) = Log::capture();
    let mut printed = Printed::default();
    let authority = Authority::new("secrets");
    let identity = authority.issue("localhost");
    let shown = format!(
        "{identity:?} {:?} {:?}",
        ServerTls::new(authority.issue("localhost")),
        ClientTls::new().identity(authority.issue("client"))
    );
    // A key is 121 bytes at least, and no number of many digits is shown.
    let numbers = shown.matches(|c: char| c.is_ascii_digit()).count();
    assert!(numbers < 20, "{shown}");
    let tls = ServerTls::new(identity).build().unwrap();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await;
            tokio::spawn(socket_flow::accept(stream));
        }
    });
    // Nobody trusts its authority, and the client says who it is to nobody.
    let trust = ClientTls::new().roots(Authority::new("another").roots());
    let builder = ClientBuilder::new(format!("wss://u:hunter2@localhost:{port}/?hunter2"))
        .header("Cookie", SECRET)
        .tls(trust.build().unwrap());
    fails(&mut printed, "tls", builder).await;
    let proxy = Proxy::new(format!("https://u:hunter2@localhost:{port}")).unwrap();
    fails(
        &mut printed,
        "proxy",
        ClientBuilder::new("ws://a.invalid/?hunter2").proxy(proxy),
    )
    .await;
    printed.assert(&log);
}
