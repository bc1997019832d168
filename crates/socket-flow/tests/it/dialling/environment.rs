//! Proxies that the environment names.

use socket_flow::{
    Backoff, ClientBuilder, ConnectError, DisconnectCause, ProxyError, ReconnectEvent,
};
use tokio::io::AsyncWriteExt;

use crate::alone;
use crate::dialling::peers::{echo_server, head, is_echo, peer, relay};
use crate::log::Log;

/// RFC 6455 §4.1.
#[tokio::test]
async fn the_environment_is_asked_for_a_proxy_on_request() {
    let server = echo_server().await;
    let (proxy, request) = peer(async move |mut stream| {
        let request = head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        relay(stream, server).await;
        request
    })
    .await;
    tokio::task::spawn_blocking(move || {
        alone::run(
            "dialling::environment::a_client_in_that_environment",
            &[
                ("http_proxy", &format!("http://{proxy}")),
                ("no_proxy", ""),
                ("DIRECT", &format!("ws://{server}/")),
            ],
        );
    })
    .await
    .unwrap();
    assert!(
        request
            .await
            .unwrap()
            .starts_with("CONNECT server.invalid:80 ")
    );
}

#[tokio::test]
#[ignore = "needs a proxy in the environment: run by the test above"]
async fn a_client_in_that_environment() {
    let direct = ClientBuilder::new(std::env::var("DIRECT").unwrap()).proxy_from_env();
    is_echo(&mut direct.connect().await.unwrap().0).await;
    let proxied = ClientBuilder::new("ws://server.invalid/").proxy_from_env();
    is_echo(&mut proxied.connect().await.unwrap().0).await;
}

#[tokio::test]
async fn entries_of_no_proxy_that_cannot_be_read_are_logged_by_their_number() {
    tokio::task::spawn_blocking(|| {
        alone::run(
            "dialling::environment::a_log_in_that_environment",
            &[("no_proxy", "a.example, u:secret@b, *.c.example,secret.*")],
        );
    })
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs NO_PROXY in the environment: run by the test above"]
async fn a_log_in_that_environment() {
    let (log, _guard) = Log::capture();
    let _client = ClientBuilder::new("ws://server.invalid/").proxy_from_env();
    let text = log.text();
    assert_eq!(text.matches("entry of NO_PROXY cannot be read").count(), 2);
    for number in ["number=2", "number=4"] {
        assert!(text.contains(number), "{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_reconnecting_client_ends_where_the_environment_names_no_usable_proxy() {
    tokio::task::spawn_blocking(|| {
        for proxy in [
            "ftp://x",
            "http://a..b",
            "http://a%3Ab:c@p",
            "http://p/path",
        ] {
            alone::run(
                "dialling::environment::a_reconnecting_client_in_that_environment",
                &[("http_proxy", proxy), ("no_proxy", "")],
            );
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs a proxy in the environment: run by the test above"]
async fn a_reconnecting_client_in_that_environment() {
    let mut client = ClientBuilder::new("ws://server.invalid/")
        .proxy_from_env()
        .reconnect(Backoff::default());
    match client.next().await {
        Some(ReconnectEvent::Disconnected {
            cause: DisconnectCause::Connect(ConnectError::Proxy(ProxyError::InvalidUrl(_))),
            retry_in: None,
        }) => {}
        other => panic!("{other:?}"),
    }
    assert!(client.next().await.is_none());
}
