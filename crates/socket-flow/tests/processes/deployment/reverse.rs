//! Behind nginx and HAProxy, with the configurations of `docs/deployment`.

use std::net::SocketAddr;

use socket_flow::{Acceptor, ClientBuilder, CloseCode, ConnectError, Deflate, Listener};

use crate::deployment::process::{Process, free_address, write};
use crate::pki::Authority;

/// A server that echoes and agrees to compression; it refuses foreign origins.
async fn server() -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = Acceptor::new().deflate(Deflate::balanced());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(pending) = acceptor.read(stream).await else {
                    return;
                };
                let forwarded = &pending.request().headers()["x-forwarded-for"];
                let forwarded = forwarded.to_str().unwrap().to_owned();
                let mut ws = pending.header("x-seen", forwarded).accept().await.unwrap();
                while let Ok(Some(message)) = ws.recv().await {
                    ws.queue(message).unwrap();
                }
            });
        }
    });
    addr
}

/// Replaces what stands in a configuration exactly once.
fn replace(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

async fn nginx(authority: &Authority, backend: SocketAddr) -> Option<Process> {
    Process::start("nginx", |port, directory| {
        let pem = write(directory, "both.pem", &authority.issue_pem("127.0.0.1"));
        let text = include_str!("../../../../../docs/deployment/nginx.conf");
        let text = replace(
            text,
            "listen 443 ssl",
            &format!("listen 127.0.0.1:{port} ssl"),
        );
        let text = replace(&text, "127.0.0.1:9001", &backend.to_string());
        let text = replace(&text, "/etc/ssl/example.com/fullchain.pem", &pem);
        let text = replace(&text, "/etc/ssl/example.com/privkey.pem", &pem);
        let pid = directory.join("pid");
        vec![
            "-c".into(),
            write(directory, "nginx.conf", &text),
            "-g".into(),
            format!(
                "daemon off; master_process off; pid {}; error_log stderr;",
                pid.display()
            ),
        ]
    })
    .await
}

async fn haproxy(authority: &Authority, backend: SocketAddr) -> Option<Process> {
    Process::start("haproxy", |port, directory| {
        let pem = write(directory, "both.pem", &authority.issue_pem("127.0.0.1"));
        let text = include_str!("../../../../../docs/deployment/haproxy.cfg");
        let text = replace(text, "bind :443", &format!("bind 127.0.0.1:{port}"));
        let text = replace(&text, "127.0.0.1:9001", &backend.to_string());
        let text = replace(&text, "/etc/ssl/example.com/both.pem", &pem);
        vec![
            "-db".into(),
            "-f".into(),
            write(directory, "haproxy.cfg", &text),
        ]
    })
    .await
}

fn client(authority: &Authority, proxy: SocketAddr) -> ClientBuilder {
    ClientBuilder::new(format!("wss://{proxy}/chat?room=1"))
        .tls(authority.client().build().unwrap())
        .deflate(Deflate::balanced())
}

/// What a browser's page needs of a server behind a proxy.
async fn works_in_front(authority: &Authority, proxy: SocketAddr) {
    let (mut ws, response) = client(authority, proxy)
        .origin(format!("https://{proxy}"))
        .connect()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-seen"], "127.0.0.1");
    assert!(ws.negotiated().deflate().is_some());
    for len in [0, 1, 125, 126, 65_536, 1 << 20] {
        // Hard to compress, so that it is as long on the wire.
        let bytes: Vec<u8> = (0..len as u64)
            .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .collect();
        ws.queue(bytes.as_slice()).unwrap();
        let echo = ws.recv().await.unwrap().unwrap();
        assert!(echo.as_bytes() == bytes, "{len} bytes");
    }
    let outcome = ws.close(CloseCode::NORMAL, "bye").await.unwrap();
    assert!(outcome.clean);
    assert_eq!(outcome.code(), 1000);

    let foreign = client(authority, proxy).origin("https://elsewhere.example");
    let error = foreign.connect().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 403);
}

async fn says_that_its_server_is_gone(authority: &Authority, proxy: SocketAddr) {
    let error = client(authority, proxy).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Rejected(_)), "{error:?}");
    assert!(error.status().unwrap().is_server_error());
}

#[tokio::test]
async fn nginx_passes_everything_on() {
    let authority = Authority::new("a");
    let Some(proxy) = nginx(&authority, server().await).await else {
        return;
    };
    works_in_front(&authority, proxy.addr).await;
}

#[tokio::test]
async fn haproxy_passes_everything_on() {
    let authority = Authority::new("a");
    let Some(proxy) = haproxy(&authority, server().await).await else {
        return;
    };
    works_in_front(&authority, proxy.addr).await;
}

#[tokio::test]
async fn a_proxy_without_its_server_is_a_refusal_with_a_status() {
    let authority = Authority::new("a");
    if let Some(proxy) = nginx(&authority, free_address()).await {
        says_that_its_server_is_gone(&authority, proxy.addr).await;
    }
    if let Some(proxy) = haproxy(&authority, free_address()).await {
        says_that_its_server_is_gone(&authority, proxy.addr).await;
    }
}
