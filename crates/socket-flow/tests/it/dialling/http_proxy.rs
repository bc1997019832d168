//! Proxies that speak `CONNECT`. The server's name is never resolved here: it does not exist.

use std::time::Duration;

use socket_flow::handshake::head::HeadError;
use socket_flow::{
    Backoff, ClientBuilder, ConnectError, ConnectStage, Proxy, ProxyError, ReconnectEvent,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::dialling::peers::{
    closed_port, echo_server, head, is_echo, peer, proxy_error, relay, say,
};

fn through(proxy: &str, url: &str) -> ClientBuilder {
    ClientBuilder::new(url).proxy(Proxy::new(proxy).unwrap())
}

/// RFC 6455 §4.1; RFC 9110 §9.3.6; RFC 9112 §3.2.3.
#[tokio::test]
async fn a_tunnel_carries_the_connection() {
    for (url, authority) in [
        ("ws://server.invalid/chat", "server.invalid:80"),
        ("ws://server.invalid:9001/", "server.invalid:9001"),
        ("ws://[2001:db8::1]:9/", "[2001:db8::1]:9"),
        ("ws://192.0.2.1/", "192.0.2.1:80"),
    ] {
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n",
            "HTTP/1.1 204 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 x\r\n\r\n",
        ] {
            let server = echo_server().await;
            let (proxy, request) = peer(async move |mut stream| {
                let request = head(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                relay(stream, server).await;
                request
            })
            .await;
            let (mut ws, _) = through(&format!("http://{proxy}"), url)
                .connect()
                .await
                .unwrap();
            assert_eq!(ws.get_ref().peer_addr().unwrap(), proxy);
            is_echo(&mut ws).await;
            drop(ws);
            assert_eq!(
                request.await.unwrap(),
                format!(
                    "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\
                     User-Agent: socket-flow/{}\r\n\r\n",
                    env!("CARGO_PKG_VERSION")
                )
            );
        }
    }
}

#[tokio::test]
async fn credentials_for_the_proxy_go_to_the_proxy_alone() {
    let (proxy, heads) = peer(async move |mut stream| {
        let request = head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        (request, head(&mut stream).await)
    })
    .await;
    let proxy = Proxy::new(format!("http://user:pass@{proxy}"))
        .unwrap()
        .header("x-tenant", "7")
        .unwrap();
    let builder = ClientBuilder::new("ws://me:secret@server.invalid/").proxy(proxy);
    assert!(!format!("{builder:?}").contains("pass"));
    builder.connect().await.unwrap_err();
    let (request, inner) = heads.await.unwrap();
    assert!(request.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"));
    assert!(request.contains("X-Tenant: 7\r\n"));
    assert!(!request.contains("\r\nAuthorization"));
    assert!(inner.contains("\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
    assert!(!inner.contains("Proxy-") && !inner.contains("X-Tenant"));
}

#[tokio::test]
async fn other_credentials_take_the_place_of_basic() {
    let (proxy, request) = peer(async move |mut stream| head(&mut stream).await).await;
    let proxy = Proxy::new(format!("http://user:pass@{proxy}"))
        .unwrap()
        .header("proxy-authorization", "Bearer token")
        .unwrap();
    let connecting = ClientBuilder::new("ws://server.invalid/").proxy(proxy);
    connecting.connect().await.unwrap_err();
    let request = request.await.unwrap();
    assert_eq!(request.matches("Proxy-Authorization").count(), 1);
    assert!(request.contains("Proxy-Authorization: Bearer token\r\n"));
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn a_refusal_is_told_with_status_headers_and_body() {
    let (proxy, _) = peer(async move |mut stream| {
        head(&mut stream).await;
        let answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\
            Proxy-Authenticate: Basic realm=\"x\"\r\n\
            Content-Length: 5\r\n\r\nplease";
        say(stream, answer).await;
    })
    .await;
    let connecting = through(&format!("http://{proxy}"), "ws://server.invalid/");
    let error = proxy_error(connecting.connect().await);
    let ProxyError::Rejected(rejected) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(rejected.status(), 407);
    assert_eq!(
        rejected.headers()["proxy-authenticate"],
        "Basic realm=\"x\""
    );
    assert_eq!(rejected.body(), "pleas");
    let expected = "proxy answered with status 407 Proxy Authentication Required";
    assert_eq!(error.to_string(), expected);
}

/// RFC 9110 §15.2, RFC 9112 §6.3, §7.1, §7.1.1, §7.1.2.
#[tokio::test]
async fn the_body_of_a_refusal_ends_where_a_servers_would() {
    for (rest, expected, is_truncated) in [
        (
            "Transfer-Encoding: chunked\r\n\r\n3;a=\"b;c\"\r\nple\r\n3\r\nase\r\n0\r\nX: y\r\n\r\n",
            "please",
            false,
        ),
        (
            "Transfer-Encoding: chunked,\r\n\r\n6\r\nplease\r\n0\r\n\r\n",
            "please",
            false,
        ),
        (
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nplease\r\n0\r\n\r\n",
            "please",
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n6\r\nplease\r\nx\r\n",
            "please",
            true,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n6\nplease\r\n0\r\n\r\n",
            "",
            true,
        ),
        ("Content-Length: 6, 6\r\n\r\nplease, not", "please", false),
        ("Content-Length: +2\r\n\r\nplease", "please", false),
        ("Content-Length: 7\r\n\r\nplease", "please", true),
        ("\r\nplease", "please", false),
    ] {
        let (proxy, _) = peer(async move |mut stream| {
            head(&mut stream).await;
            let interim = "HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n";
            say(stream, format!("{interim}HTTP/1.1 407 x\r\n{rest}")).await;
        })
        .await;
        let connecting = through(&format!("http://{proxy}"), "ws://server.invalid/");
        let ProxyError::Rejected(rejected) = proxy_error(connecting.connect().await) else {
            panic!("{rest}");
        };
        assert_eq!(rejected.status(), 407, "{rest}");
        assert_eq!(rejected.body(), expected, "{rest}");
        assert_eq!(rejected.is_truncated(), is_truncated, "{rest}");
    }
}

/// RFC 9110 §10.2.3.
#[tokio::test]
async fn a_proxy_that_says_when_to_come_back_is_not_asked_before() {
    for proxied in [true, false] {
        let (proxy, _) = peer(async move |mut stream| {
            head(&mut stream).await;
            let answer = "HTTP/1.1 503 x\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n";
            say(stream, answer).await;
        })
        .await;
        let builder = match proxied {
            true => through(&format!("http://{proxy}"), "ws://server.invalid/"),
            // The server that a redirect leads to says it as well.
            false => {
                let (first, _) = peer(async move |mut stream| {
                    head(&mut stream).await;
                    let answer = format!(
                        "HTTP/1.1 307 x\r\nRetry-After: 1\r\nLocation: ws://{proxy}/\r\n\r\n"
                    );
                    say(stream, answer).await;
                })
                .await;
                ClientBuilder::new(format!("ws://{first}/")).redirects(1)
            }
        };
        let mut client = builder.reconnect(Backoff::default());
        let Some(ReconnectEvent::Disconnected { retry_in, .. }) = client.next().await else {
            panic!("nothing there is to connect to");
        };
        let millis = retry_in.unwrap().as_millis();
        assert!((60_000..=75_000).contains(&millis), "{millis}");
    }
}

/// What follows a refused `CONNECT` would be read as another request (RFC 9931).
///
/// RFC 9110 §9.3.6.
#[tokio::test]
async fn nothing_goes_into_a_tunnel_that_is_not_there() {
    for answer in [
        "HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 x\r\n\r\n",
    ] {
        let (proxy, behind) = peer(async move |mut stream| {
            head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut behind = Vec::new();
            stream.read_to_end(&mut behind).await.unwrap();
            behind
        })
        .await;
        let connecting = through(&format!("http://{proxy}"), "ws://server.invalid/");
        connecting.connect().await.unwrap_err();
        assert_eq!(behind.await.unwrap(), b"", "{answer}");
    }
}

#[tokio::test]
async fn answers_that_are_none_have_their_own_errors() {
    type Check = fn(&ProxyError) -> bool;
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000));
    for (answer, check) in [
        ("", (|e| matches!(e, ProxyError::UnexpectedEof)) as Check),
        ("HTTP/1.1 200", |e| matches!(e, ProxyError::UnexpectedEof)),
        ("SSH-2.0-x\r\n\r\n", |e| matches!(e, ProxyError::Head(_))),
        (&endless, |e| {
            matches!(e, ProxyError::Head(HeadError::LineTooLong))
        }),
        ("HTTP/1.1 200 OK\r\n\r\nx", |e| {
            matches!(e, ProxyError::UnexpectedData)
        }),
        ("HTTP/1.1 101 x\r\n\r\n", |e| {
            matches!(e, ProxyError::Rejected(_))
        }),
        ("HTTP/1.1 302 x\r\nLocation: /\r\n\r\n", |e| {
            matches!(e, ProxyError::Rejected(_))
        }),
    ] {
        let answer = answer.to_owned();
        let shown = answer.clone();
        let (proxy, _) = peer(async move |mut stream| {
            head(&mut stream).await;
            say(stream, answer).await;
        })
        .await;
        let connecting = through(&format!("http://{proxy}"), "ws://server.invalid/");
        let error = proxy_error(connecting.redirects(3).connect().await);
        assert!(check(&error), "{shown:.40} {error:?}");
    }
}

#[tokio::test]
async fn a_silent_proxy_is_given_up() {
    let (proxy, _) = peer(async |mut stream| stream.read_to_end(&mut Vec::new()).await.ok()).await;
    let error = through(&format!("http://{proxy}"), "ws://server.invalid/")
        .connect_timeout(Duration::from_millis(50))
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::Timeout(ConnectStage::Proxy)),
        "{error:?}"
    );
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn a_proxy_that_is_not_there_is_not_gone_around() {
    let server = echo_server().await;
    let proxy = closed_port();
    let connecting = through(&format!("http://{proxy}"), &format!("ws://{server}/"));
    let error = proxy_error(connecting.connect().await);
    let ProxyError::Connect(error) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(error.attempts()[0].0, proxy);
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn an_encrypted_proxy_is_never_tried_in_plaintext() {
    let connecting = through("https://127.0.0.1:1", "ws://server.invalid/");
    let error = proxy_error(connecting.connect().await);
    assert!(matches!(error, ProxyError::TlsUnavailable), "{error:?}");
}
