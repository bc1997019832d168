//! Redirects: not followed unless asked, and never with what is not meant for the next server.

use std::net::SocketAddr;

use socket_flow::handshake::target::TargetError;
use socket_flow::{ClientBuilder, ConnectError, InvalidHeader, RedirectError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::dialling::peers::{echo_server, head, is_echo, say};

/// A server that answers each connection with the next of these; the requests it got.
async fn answers<const N: usize>(answers: [String; N]) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(head(&mut stream).await);
            tokio::spawn(say(stream, answer));
        }
        requests
    });
    (addr, task)
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn client(addr: SocketAddr) -> ClientBuilder {
    ClientBuilder::new(format!("ws://user:pass@{addr}/first?a"))
        .header("cookie", "session=1")
        .header("proxy-authorization", "x")
        .header("x-api-key", "secret")
        .header("x-api-key", "another")
        .header("user-agent", "mine/1")
        .origin("https://example.com")
        .subprotocols(["v1", "token.secret"])
}

fn redirect_error<T: std::fmt::Debug>(result: Result<T, ConnectError>) -> RedirectError {
    match result.unwrap_err() {
        ConnectError::Redirect(error) => error,
        other => panic!("{other:?}"),
    }
}

/// RFC 9110 §15.4.
#[tokio::test]
async fn none_is_followed_unless_asked() {
    let (addr, _) = answers([redirect(302, "/second")]).await;
    let error = client(addr).connect().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 302);
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn every_kind_is_followed_when_asked() {
    for status in [301, 302, 303, 307, 308] {
        let server = echo_server().await;
        let (addr, _) = answers([redirect(status, &format!("http://{server}/"))]).await;
        let (mut ws, _) = client(addr).redirects(1).connect().await.unwrap();
        assert_eq!(ws.get_ref().peer_addr().unwrap(), server);
        is_echo(&mut ws).await;
    }
}

/// Servers that answer their connections with these heads, and then neither go on nor close.
async fn stalled<const N: usize>(heads: [String; N]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        for answer in heads {
            let (mut stream, _) = listener.accept().await.unwrap();
            head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            open.push(stream);
        }
        std::future::pending::<()>().await;
    });
    addr
}

/// RFC 9110 §15.4.
#[tokio::test]
async fn the_head_of_a_redirect_is_enough_and_its_body_not_waited_for() {
    for rest in [
        "Content-Length: 50\r\n\r\nhello",
        "Content-Length: 50\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "\r\nhello",
        "Content-Length: +2\r\n\r\n",
        "Content-Encoding: gzip\r\nContent-Length: 50\r\n\r\n\x1f",
    ] {
        for start in [
            "HTTP/1.1 302 Found",
            "HTTP/1.0 301 Moved Permanently",
            "HTTP/1.1 308",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 307 X",
        ] {
            let server = echo_server().await;
            let to = |url: String| format!("{start}\r\nLocation: {url}\r\n{rest}");
            let addr = stalled([to("/x".into()), to(format!("ws://{server}/"))]).await;
            let (mut ws, _) = client(addr).redirects(2).connect().await.unwrap();
            is_echo(&mut ws).await;
        }
    }
}

#[tokio::test]
async fn a_redirect_that_is_not_followed_is_told_without_its_body_too() {
    let rest = "Content-Length: 50\r\n\r\nhello";
    let to = |url: &str| format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\n{rest}");
    for (heads, expected) in [
        ([to("/x"), to("/y")], RedirectError::TooMany),
        (
            [to("/x"), to("ftp://a/")],
            RedirectError::Location(TargetError::Scheme("ftp".into())),
        ),
    ] {
        let addr = stalled(heads).await;
        let error = redirect_error(client(addr).redirects(1).connect().await);
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn other_answers_are_no_redirects() {
    for answer in [
        redirect(300, "/second"),
        redirect(304, "/second"),
        redirect(305, "/second"),
        redirect(200, "/second"),
        "HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n".into(),
    ] {
        let (addr, _) = answers([answer]).await;
        let error = client(addr).redirects(5).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Rejected(_)), "{error:?}");
    }
}

#[tokio::test]
async fn the_same_server_gets_the_same_request() {
    let script = [redirect(307, "second?b#c"), redirect(403, "/never")];
    let (addr, requests) = answers(script).await;
    let error = client(addr).redirects(5).connect().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 403);
    let requests = requests.await.unwrap();
    assert!(requests[0].starts_with("GET /first?a HTTP/1.1\r\n"));
    assert!(requests[1].starts_with("GET /second?b HTTP/1.1\r\n"));
    for request in &requests {
        for line in [
            "Cookie: session=1",
            "Authorization: Basic dXNlcjpwYXNz",
            "Proxy-Authorization: x",
            "X-Api-Key: secret",
            "X-Api-Key: another",
            "User-Agent: mine/1",
            "Origin: https://example.com",
            "Sec-WebSocket-Protocol: v1, token.secret",
        ] {
            assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
        }
    }
}

/// Sends the client to another server, and from there back to the first; what the other was asked,
/// and what the first was asked then. The port makes them two origins.
async fn there_and_back(client: impl FnOnce(SocketAddr) -> ClientBuilder) -> [String; 2] {
    let refusal = || "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n".to_owned();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("ws://me:mine@{}/", second.local_addr().unwrap());
    let (first, firsts) = answers([redirect(302, &location), refusal()]).await;
    let there = tokio::spawn(async move {
        let (mut stream, _) = second.accept().await.unwrap();
        let request = head(&mut stream).await;
        say(stream, redirect(302, &format!("http://{first}/"))).await;
        request
    });
    let error = client(first).redirects(5).connect().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 403);
    [there.await.unwrap(), firsts.await.unwrap()[1].clone()]
}

/// RFC 9110 §15.4.
#[tokio::test]
async fn another_server_gets_no_credentials_and_they_do_not_come_back() {
    for request in there_and_back(client).await {
        let names: Vec<_> = request
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once(':')?.0))
            .collect();
        let expected = [
            "Host",
            "Upgrade",
            "Connection",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Version",
            "User-Agent",
        ];
        assert_eq!(names, expected, "{request}");
        assert!(request.contains("User-Agent: mine/1\r\n"), "{request}");
    }
}

/// RFC 9110 §15.4.
#[tokio::test]
async fn another_server_gets_what_an_explicit_call_keeps() {
    let keeping = |addr| {
        client(addr).keep_on_redirect([
            "X-Api-Key",
            "cookie",
            "authorization",
            "sec-websocket-protocol",
        ])
    };
    for request in there_and_back(keeping).await {
        for line in [
            "Cookie: session=1",
            "X-Api-Key: secret",
            "X-Api-Key: another",
            "Sec-WebSocket-Protocol: v1, token.secret",
        ] {
            assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
        }
        assert!(!request.contains("Origin"), "{request}");
        // The user and password of a URL are never taken along.
        assert!(!request.contains("uthorization"), "{request}");
    }
    let named = |addr| {
        ClientBuilder::new(format!("ws://{addr}/"))
            .header("authorization", "Bearer x")
            .keep_on_redirect(["authorization"])
    };
    for request in there_and_back(named).await {
        assert!(
            request.contains("\r\nAuthorization: Bearer x\r\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_name_of_a_header_to_keep_that_is_none_is_told() {
    let error = ClientBuilder::new("ws://a/")
        .keep_on_redirect(["no name"])
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::InvalidHeader(InvalidHeader::Name)),
        "{error:?}"
    );
}

#[tokio::test]
async fn addresses_are_for_the_first_server_alone() {
    let server = echo_server().await;
    let (first, _) = answers([redirect(302, &format!("ws://{server}/"))]).await;
    let (mut ws, _) = ClientBuilder::new("ws://server.invalid/")
        .addresses([first])
        .redirects(1)
        .connect()
        .await
        .unwrap();
    assert_eq!(ws.get_ref().peer_addr().unwrap(), server);
    is_echo(&mut ws).await;
}

/// RFC 9110 §15.4.
#[tokio::test]
async fn the_limit_ends_a_loop() {
    let round = || redirect(302, "/again");
    let (addr, requests) = answers([round(), round(), round()]).await;
    let error = redirect_error(client(addr).redirects(2).connect().await);
    assert_eq!(error, RedirectError::TooMany);
    assert_eq!(requests.await.unwrap().len(), 3);
}

/// RFC 9110 §10.2.2; RFC 3986 §2.1.
#[tokio::test]
async fn a_location_with_raw_blanks_or_letters_is_percent_encoded() {
    let latin1 = b"HTTP/1.1 302 x\r\nLocation: /\xe9\r\nContent-Length: 0\r\n\r\n";
    for (answer, expected) in [
        (redirect(302, "/a b?c d").into_bytes(), "/a%20b?c%20d"),
        (redirect(302, "/\u{e9}").into_bytes(), "/%C3%A9"),
        (redirect(302, "/a{b}|\"").into_bytes(), "/a%7Bb%7D%7C%22"),
        (latin1.to_vec(), "/%E9"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            head(&mut stream).await;
            say(stream, answer).await;
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = head(&mut stream).await;
            say(stream, "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n").await;
            request
        });
        let error = client(addr).redirects(1).connect().await.unwrap_err();
        assert_eq!(error.status().unwrap(), 403);
        let request = asked.await.unwrap();
        let line = format!("GET {expected} HTTP/1.1\r\n");
        assert!(request.starts_with(&line), "{request}");
    }
}

#[tokio::test]
async fn a_location_that_is_no_url_has_its_own_error() {
    for (location, expected) in [
        ("ftp://a/", TargetError::Scheme("ftp".into())),
        ("http://", TargetError::MissingHost),
        ("/100%", TargetError::Path),
        ("/a?100%", TargetError::Query),
        ("/\\evil.example/", TargetError::Path),
        ("http://a..b/", TargetError::Host),
        ("http://b\u{fc}cher.example/", TargetError::NonAsciiHost),
        ("//", TargetError::MissingHost),
        ("https:b", TargetError::MissingHost),
        ("javascript:alert(1)", TargetError::MissingHost),
        ("http://a:99999/", TargetError::Port),
        ("http://u@v@a/", TargetError::Userinfo),
        ("http://127.1/", TargetError::Host),
    ] {
        let (addr, _) = answers([redirect(302, location)]).await;
        let error = redirect_error(client(addr).redirects(1).connect().await);
        assert_eq!(error, RedirectError::Location(expected), "{location:?}");
    }
}

#[cfg(feature = "rustls")]
mod secure {
    use socket_flow::tls::ServerTls;
    use socket_flow::{Acceptor, Listener};

    use super::*;
    use crate::dialling::peers::echo_on;
    use crate::pki::Authority;

    async fn redirecting_to(authority: &Authority, location: String) -> SocketAddr {
        let tls = ServerTls::new(authority.issue("127.0.0.1"))
            .build()
            .unwrap();
        let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let pending = Acceptor::new().read(listener.accept().await.0).await;
            let answer = http::Response::builder()
                .status(307)
                .header("location", location)
                .body("");
            pending.unwrap().reject(answer.unwrap()).await.unwrap();
        });
        addr
    }

    #[tokio::test]
    async fn no_redirect_leads_out_of_tls() {
        let authority = Authority::new("a");
        let server = echo_server().await;
        for scheme in ["ws", "http"] {
            let addr = redirecting_to(&authority, format!("{scheme}://{server}/")).await;
            let connecting = ClientBuilder::new(format!("wss://{addr}/"))
                .tls(authority.client().build().unwrap())
                .redirects(5);
            let error = redirect_error(connecting.connect().await);
            assert_eq!(error, RedirectError::Downgrade);
        }
    }

    #[tokio::test]
    async fn redirects_lead_into_tls_and_on_inside_of_it() {
        let authority = Authority::new("a");
        let tls = ServerTls::new(authority.issue("127.0.0.1"))
            .build()
            .unwrap();
        let server = echo_on(Listener::bind("127.0.0.1:0").await.unwrap().tls(tls));
        let second = redirecting_to(&authority, format!("https://{server}/")).await;
        let (first, _) = answers([redirect(301, &format!("wss://{second}/"))]).await;
        let (mut ws, _) = client(first)
            .tls(authority.client().build().unwrap())
            .redirects(2)
            .connect()
            .await
            .unwrap();
        assert!(ws.get_ref().tls().is_some());
        is_echo(&mut ws).await;
    }
}
