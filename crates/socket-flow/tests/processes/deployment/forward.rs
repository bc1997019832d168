//! Through tinyproxy, the same behind TLS, and microsocks.

use std::net::SocketAddr;

use socket_flow::tls::ServerTls;
use socket_flow::{
    Backoff, ClientBuilder, ConnectError, Listener, Proxy, ProxyError, ReconnectEvent, SocksReply,
};

use crate::deployment::peers::{echo_on, echo_server, is_echo, proxy_error};
use crate::deployment::process::{Process, free_address, write};
use crate::pki::Authority;

/// A tinyproxy with these lines in its configuration.
async fn tinyproxy(lines: &'static str) -> Option<Process> {
    Process::start("tinyproxy", |port, directory| {
        let text = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\n{lines}\n");
        let file = write(directory, "tinyproxy.conf", &text);
        vec!["-d".into(), "-c".into(), file]
    })
    .await
}

async fn microsocks(arguments: &'static [&'static str]) -> Option<Process> {
    Process::start("microsocks", |port, _| {
        let port = port.to_string();
        let own = ["-i", "127.0.0.1", "-p", &port];
        own.iter()
            .chain(arguments)
            .map(|argument| (*argument).to_owned())
            .collect()
    })
    .await
}

/// Echoes over `ws://` and `wss://`, through this proxy.
async fn both_schemes_work_through(proxy: &Proxy) {
    let authority = Authority::new("a");
    let tls = ServerTls::new(authority.issue("127.0.0.1"))
        .build()
        .unwrap();
    let secure = echo_on(Listener::bind("127.0.0.1:0").await.unwrap().tls(tls));
    let plain = echo_server().await;
    for url in [format!("ws://{plain}/"), format!("wss://{secure}/")] {
        let (mut ws, _) = ClientBuilder::new(&url)
            .tls(authority.client().build().unwrap())
            .proxy(proxy.clone())
            .connect()
            .await
            .unwrap();
        // Not the server: the proxy is in between.
        assert_ne!(ws.get_ref().peer_addr().unwrap(), plain);
        assert_ne!(ws.get_ref().peer_addr().unwrap(), secure);
        is_echo(&mut ws).await;
    }
}

async fn refused(proxy: String, server: SocketAddr) -> ProxyError {
    let connecting =
        ClientBuilder::new(format!("ws://{server}/")).proxy(Proxy::new(proxy).unwrap());
    proxy_error(connecting.connect().await)
}

#[tokio::test]
async fn tinyproxy_opens_a_tunnel() {
    let Some(proxy) = tinyproxy("").await else {
        return;
    };
    both_schemes_work_through(&Proxy::new(format!("http://{}", proxy.addr)).unwrap()).await;
}

#[tokio::test]
async fn tinyproxy_wants_the_right_password() {
    let Some(proxy) = tinyproxy("BasicAuth user pass").await else {
        return;
    };
    let addr = proxy.addr;
    both_schemes_work_through(&Proxy::new(format!("http://user:pass@{addr}")).unwrap()).await;
    for userinfo in ["", "user:wrong@"] {
        let error = refused(format!("http://{userinfo}{addr}"), free_address()).await;
        let ProxyError::Rejected(rejected) = &error else {
            panic!("{error:?}");
        };
        assert!(matches!(rejected.status().as_u16(), 401 | 407), "{error}");
        assert!(!rejected.body().is_empty());
    }
}

#[tokio::test]
async fn tinyproxy_says_why_it_opens_no_tunnel() {
    let Some(proxy) = tinyproxy("ConnectPort 1").await else {
        return;
    };
    let error = refused(format!("http://{}", proxy.addr), free_address()).await;
    assert!(
        matches!(&error, ProxyError::Rejected(rejected) if rejected.status() == 403),
        "{error:?}"
    );
    let Some(proxy) = tinyproxy("").await else {
        return;
    };
    let error = refused(format!("http://{}", proxy.addr), free_address()).await;
    assert!(
        matches!(&error, ProxyError::Rejected(rejected) if rejected.status().is_server_error()),
        "{error:?}"
    );
}

#[tokio::test]
async fn tinyproxy_behind_tls_opens_a_tunnel() {
    let Some(inner) = tinyproxy("BasicAuth user pass").await else {
        return;
    };
    let authority = Authority::new("proxies");
    let haproxy = Process::start("haproxy", |port, directory| {
        let pem = write(directory, "both.pem", &authority.issue_pem("127.0.0.1"));
        let text = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
             frontend tls\n bind 127.0.0.1:{port} ssl crt {pem}\n default_backend proxy\n\
             backend proxy\n server one {}\n",
            inner.addr
        );
        vec![
            "-db".into(),
            "-f".into(),
            write(directory, "haproxy.cfg", &text),
        ]
    });
    let Some(haproxy) = haproxy.await else {
        return;
    };
    let proxy = Proxy::new(format!("https://user:pass@{}", haproxy.addr))
        .unwrap()
        .tls(authority.client().build().unwrap());
    both_schemes_work_through(&proxy).await;
}

#[tokio::test]
async fn microsocks_opens_a_tunnel() {
    let Some(proxy) = microsocks(&[]).await else {
        return;
    };
    both_schemes_work_through(&Proxy::new(format!("socks5://{}", proxy.addr)).unwrap()).await;
    // It resolves names itself.
    let port = echo_server().await.port();
    let (mut ws, _) = ClientBuilder::new(format!("ws://localhost:{port}/"))
        .proxy(Proxy::new(format!("socks5h://{}", proxy.addr)).unwrap())
        .connect()
        .await
        .unwrap();
    is_echo(&mut ws).await;
}

#[tokio::test]
async fn microsocks_wants_the_right_password() {
    let Some(proxy) = microsocks(&["-u", "user", "-P", "pass"]).await else {
        return;
    };
    let addr = proxy.addr;
    both_schemes_work_through(&Proxy::new(format!("socks5://user:pass@{addr}")).unwrap()).await;
    let error = refused(format!("socks5://{addr}"), free_address()).await;
    assert!(
        matches!(error, ProxyError::AuthenticationRequired),
        "{error:?}"
    );
    let error = refused(format!("socks5://user:wrong@{addr}"), free_address()).await;
    assert!(
        matches!(error, ProxyError::AuthenticationFailed),
        "{error:?}"
    );
}

#[tokio::test]
async fn microsocks_says_why_it_opens_no_tunnel() {
    let Some(proxy) = microsocks(&[]).await else {
        return;
    };
    let error = refused(format!("socks5://{}", proxy.addr), free_address()).await;
    assert!(
        matches!(error, ProxyError::Socks(SocksReply::ConnectionRefused)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_refuses_is_heard_through_a_tunnel() {
    let Some(proxy) = microsocks(&[]).await else {
        return;
    };
    let server = echo_server().await;
    let error = ClientBuilder::new(format!("ws://{server}/"))
        .origin("https://elsewhere.example")
        .proxy(Proxy::new(format!("socks5://{}", proxy.addr)).unwrap())
        .connect()
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Rejected(_)), "{error:?}");
    assert_eq!(error.status().unwrap(), 403);
}

/// Whether a reconnecting client tries again after its first attempt through this proxy.
async fn tries_again(proxy: String, server: SocketAddr) -> bool {
    let mut client = ClientBuilder::new(format!("ws://{server}/"))
        .proxy(Proxy::new(proxy).unwrap())
        .reconnect(Backoff::default());
    match client.next().await {
        Some(ReconnectEvent::Disconnected { retry_in, .. }) => {
            if retry_in.is_none() {
                assert!(client.next().await.is_none());
            }
            retry_in.is_some()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reconnecting_client_ends_where_tinyproxy_does_not_let_it_through() {
    let Some(proxy) = tinyproxy("BasicAuth user pass").await else {
        return;
    };
    let addr = proxy.addr;
    assert!(!tries_again(format!("http://{addr}"), free_address()).await);
    assert!(!tries_again(format!("http://user:wrong@{addr}"), free_address()).await);
    // A server that is not there may come back.
    assert!(tries_again(format!("http://user:pass@{addr}"), free_address()).await);
}

#[tokio::test]
async fn a_reconnecting_client_ends_where_microsocks_does_not_let_it_through() {
    let Some(proxy) = microsocks(&["-u", "user", "-P", "pass"]).await else {
        return;
    };
    let addr = proxy.addr;
    assert!(!tries_again(format!("socks5://{addr}"), free_address()).await);
    assert!(!tries_again(format!("socks5://user:wrong@{addr}"), free_address()).await);
    assert!(tries_again(format!("socks5://user:pass@{addr}"), free_address()).await);
}
