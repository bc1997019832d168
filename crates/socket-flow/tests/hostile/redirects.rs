//! Answers that lead the client elsewhere, with what it carries.

use std::net::SocketAddr;

use socket_flow::{ClientBuilder, ConnectError, RedirectError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::wire::Wire;

/// A server that answers each connection with the next of these; the requests it got.
async fn answers(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let mut wire = Wire::new(listener.accept().await.unwrap().0);
            requests.push(wire.head().await);
            wire.send(answer).await;
            assert_eq!(wire.rest_or_reset().await, b"");
        }
        requests
    });
    (addr, requests)
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 307 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn refusal() -> String {
    "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n".into()
}

fn client(addr: SocketAddr) -> ClientBuilder {
    ClientBuilder::new(format!("ws://user:pass@{addr}/first"))
        .header("cookie", "session=1")
        .header("proxy-authorization", "x")
        .header("x-api-key", "x")
        .subprotocols(["v1", "token.x"])
}

/// A redirect is an answer like any other unless the application asks for more
/// (RFC 6455 §4.1, RFC 9110 §15.4).
#[tokio::test]
async fn no_redirect_is_followed_by_default() {
    let (elsewhere, _) = answers(vec![refusal()]).await;
    let (addr, requests) = answers(vec![redirect(&format!("ws://{elsewhere}/"))]).await;
    match client(addr).connect().await {
        Err(ConnectError::Rejected(rejected)) => assert_eq!(rejected.status(), 307),
        other => panic!("{other:?}"),
    }
    assert_eq!(requests.await.unwrap().len(), 1);
}

/// Credentials are for one origin: scheme, host and port (RFC 9110 §15.4, §11.6.2, RFC 6265 §8.6).
#[tokio::test]
async fn credentials_are_not_carried_to_another_origin() {
    let (second, seconds) = answers(vec![refusal()]).await;
    let (first, firsts) = answers(vec![redirect(&format!("ws://{second}/"))]).await;
    client(first).redirects(5).connect().await.unwrap_err();
    let first = &firsts.await.unwrap()[0];
    let second = &seconds.await.unwrap()[0];
    for name in [
        "\r\nCookie: ",
        "\r\nAuthorization: ",
        "\r\nProxy-Authorization: ",
        "\r\nX-Api-Key: ",
        "\r\nSec-WebSocket-Protocol: ",
    ] {
        assert!(first.contains(name), "{first}");
        assert!(!second.contains(name), "{second}");
    }
}

/// Neither the address in a `Location` nor its userinfo gets further than a URL of the
/// application's would (RFC 9110 §10.2.2, §4.2.4).
#[tokio::test]
async fn a_location_that_leads_nowhere_is_an_error() {
    for location in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a/",
        "http://",
        "//",
        "/100%",
        "/a\\b",
        "\\\\evil.example/",
        "//a..b/",
        "//127.1/",
        "//\u{1f600}/",
        "ws://a\\b/",
        "ws://a:99999/",
        "ws://[::1/",
    ] {
        let (addr, _) = answers(vec![redirect(location)]).await;
        match client(addr).redirects(5).connect().await {
            Err(ConnectError::Redirect(RedirectError::Location(_))) => {}
            other => panic!("{location}: {other:?}"),
        }
    }
}

/// A loop of redirects ends at the limit, to the connection (RFC 9110 §15.4).
#[tokio::test]
async fn redirects_end_at_their_limit() {
    for limit in [1, 5] {
        let (addr, requests) = answers(vec![redirect("/again"); limit + 1]).await;
        match client(addr).redirects(limit).connect().await {
            Err(ConnectError::Redirect(RedirectError::TooMany)) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(requests.await.unwrap().len(), limit + 1);
    }
}

#[cfg(feature = "rustls")]
mod secure {
    use socket_flow::Server;
    use socket_flow::tls::ServerTls;

    use super::*;
    use crate::pki::{Authority, client as secure_client};

    /// What was asked for in secret is not asked for in the clear, whatever a server says, and the
    /// other server is not even dialled (RFC 9110 §15.4, RFC 6455 §10.6).
    #[tokio::test]
    async fn no_redirect_leads_from_wss_to_ws() {
        let authority = Authority::new("a");
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain = elsewhere.local_addr().unwrap();
        for location in [format!("ws://{plain}/"), format!("http://{plain}/")] {
            let tls = ServerTls::new(authority.issue("localhost")).build();
            let server = Server::bind("127.0.0.1:0")
                .tls(tls.unwrap())
                .admit(move |pending| {
                    let answer = http::Response::builder()
                        .status(302)
                        .header("location", location.clone())
                        .body("");
                    std::future::ready(pending.deny(answer.unwrap()))
                })
                .serve_with(|_ws, _request| async {})
                .await
                .unwrap();
            let port = server.local_addr().unwrap().port();
            let connecting = secure_client("localhost", port, authority.client()).redirects(5);
            match connecting.connect().await {
                Err(ConnectError::Redirect(RedirectError::Downgrade)) => {}
                other => panic!("{other:?}"),
            }
        }
        let elsewhere = elsewhere.into_std().unwrap();
        let dialled = elsewhere.accept().map(drop).map_err(|error| error.kind());
        assert_eq!(dialled.unwrap_err(), std::io::ErrorKind::WouldBlock);
    }
}
