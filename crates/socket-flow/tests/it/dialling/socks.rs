//! Proxies that speak SOCKS 5, played byte by byte.

use std::time::Duration;

use socket_flow::{ClientBuilder, ConnectError, ConnectStage, Proxy, ProxyError, SocksReply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::dialling::peers::{echo_server, is_echo, peer, proxy_error, relay, say};

fn through(proxy: std::net::SocketAddr, userinfo: &str, url: &str) -> ClientBuilder {
    let proxy = Proxy::new(format!("socks5://{userinfo}{proxy}")).unwrap();
    ClientBuilder::new(url).proxy(proxy)
}

/// Reads exactly these bytes, then answers.
async fn step(stream: &mut TcpStream, expected: &[u8], answer: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, expected);
    stream.write_all(answer).await.unwrap();
}

/// The answer that the tunnel is open, bound to 0.0.0.0:0.
const OPEN: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const NO_AUTHENTICATION: &[u8] = &[5, 1, 0];
const EITHER: &[u8] = &[5, 2, 0, 2];
const CREDENTIALS: &[u8] = b"\x01\x04user\x05pa:ss";
const REQUEST: &[u8] = b"\x05\x01\x00\x03\x0eserver.invalid\x00\x50";

#[tokio::test]
async fn names_and_addresses_are_left_to_the_proxy() {
    let domain = [&[5, 0, 0, 3, 3][..], b"abc", &[0, 0]].concat();
    let ipv6 = [&[5, 0, 0, 4][..], &[0; 18]].concat();
    for (url, request, answer) in [
        ("ws://server.invalid/", REQUEST, OPEN),
        ("ws://server.invalid/", REQUEST, &domain),
        ("ws://server.invalid/", REQUEST, &ipv6),
        (
            "ws://192.0.2.1:9001/",
            &[5, 1, 0, 1, 192, 0, 2, 1, 0x23, 0x29],
            OPEN,
        ),
        (
            "ws://[2001:db8::1]/",
            b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50",
            OPEN,
        ),
    ] {
        let server = echo_server().await;
        let (request, answer) = (request.to_vec(), answer.to_vec());
        let (proxy, _) = peer(async move |mut stream| {
            step(&mut stream, NO_AUTHENTICATION, &[5, 0]).await;
            step(&mut stream, &request, &answer).await;
            relay(stream, server).await;
        })
        .await;
        let (mut ws, _) = through(proxy, "", url).connect().await.unwrap();
        is_echo(&mut ws).await;
    }
}

#[tokio::test]
async fn user_and_password_are_shown_where_they_are_asked_for() {
    for asked in [true, false] {
        let server = echo_server().await;
        let (proxy, _) = peer(async move |mut stream| {
            if asked {
                step(&mut stream, EITHER, &[5, 2]).await;
                step(&mut stream, CREDENTIALS, &[1, 0]).await;
            } else {
                step(&mut stream, EITHER, &[5, 0]).await;
            }
            step(&mut stream, REQUEST, OPEN).await;
            relay(stream, server).await;
        })
        .await;
        let connecting = through(proxy, "user:pa%3Ass@", "ws://server.invalid/").connect();
        is_echo(&mut connecting.await.unwrap().0).await;
    }
}

#[tokio::test]
async fn every_answer_but_success_has_its_own_error() {
    type Steps = &'static [(&'static [u8], &'static [u8])];
    type Check = fn(&ProxyError) -> bool;
    let cases: [(&str, Steps, Check); 11] = [
        ("", &[(NO_AUTHENTICATION, &[5, 0xff])], |e| {
            matches!(e, ProxyError::AuthenticationRequired)
        }),
        (
            "user:pa%3Ass@",
            &[(EITHER, &[5, 2]), (CREDENTIALS, &[1, 1])],
            |e| matches!(e, ProxyError::AuthenticationFailed),
        ),
        (
            "user:pa%3Ass@",
            &[(EITHER, &[5, 2]), (CREDENTIALS, &[])],
            |e| matches!(e, ProxyError::UnexpectedEof),
        ),
        // Credentials that were not offered, another method, another version, HTTP.
        ("", &[(NO_AUTHENTICATION, &[5, 2])], |e| {
            matches!(e, ProxyError::InvalidReply)
        }),
        ("user:pa%3Ass@", &[(EITHER, &[5, 1])], |e| {
            matches!(e, ProxyError::InvalidReply)
        }),
        ("", &[(NO_AUTHENTICATION, &[4, 0])], |e| {
            matches!(e, ProxyError::InvalidReply)
        }),
        ("", &[(NO_AUTHENTICATION, b"HTTP/1.1 400 x\r\n\r\n")], |e| {
            matches!(e, ProxyError::InvalidReply)
        }),
        ("", &[(NO_AUTHENTICATION, &[])], |e| {
            matches!(e, ProxyError::UnexpectedEof)
        }),
        (
            "",
            &[(NO_AUTHENTICATION, &[5, 0]), (REQUEST, &[5, 0, 0, 9])],
            |e| matches!(e, ProxyError::InvalidReply),
        ),
        (
            "",
            &[(NO_AUTHENTICATION, &[5, 0]), (REQUEST, &[0, 0, 0, 1])],
            |e| matches!(e, ProxyError::InvalidReply),
        ),
        (
            "",
            &[(NO_AUTHENTICATION, &[5, 0]), (REQUEST, &[5, 0, 0, 1, 0])],
            |e| matches!(e, ProxyError::UnexpectedEof),
        ),
    ];
    for (userinfo, steps, check) in cases {
        let (proxy, _) = peer(async move |mut stream| {
            for (expected, answer) in steps {
                step(&mut stream, expected, answer).await;
            }
            say(stream, "").await;
        })
        .await;
        let connecting = through(proxy, userinfo, "ws://server.invalid/").connect();
        let error = proxy_error(connecting.await);
        assert!(check(&error), "{steps:?} {error:?}");
    }
}

#[tokio::test]
async fn every_reply_of_the_rfc_is_told() {
    for (code, expected) in [
        (1, SocksReply::GeneralFailure),
        (2, SocksReply::NotAllowed),
        (3, SocksReply::NetworkUnreachable),
        (4, SocksReply::HostUnreachable),
        (5, SocksReply::ConnectionRefused),
        (6, SocksReply::TtlExpired),
        (7, SocksReply::CommandNotSupported),
        (8, SocksReply::AddressTypeNotSupported),
        (77, SocksReply::Other(77)),
    ] {
        let (proxy, _) = peer(async move |mut stream| {
            step(&mut stream, NO_AUTHENTICATION, &[5, 0]).await;
            step(&mut stream, REQUEST, &[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            say(stream, "").await;
        })
        .await;
        let connecting = through(proxy, "", "ws://server.invalid/").connect();
        match proxy_error(connecting.await) {
            ProxyError::Socks(reply) => assert_eq!(reply, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_sent() {
    let long = "u".repeat(256);
    for userinfo in [format!("{long}:p@"), format!("u:{long}@"), "u@".into()] {
        let (proxy, rest) = peer(async move |mut stream| {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            rest
        })
        .await;
        let connecting = through(proxy, &userinfo, "ws://server.invalid/").connect();
        let error = proxy_error(connecting.await);
        assert!(matches!(error, ProxyError::FieldLength), "{error:?}");
        assert_eq!(rest.await.unwrap(), b"");
    }
}

#[tokio::test]
async fn a_silent_proxy_is_given_up() {
    let (proxy, _) = peer(async |mut stream| stream.read_to_end(&mut Vec::new()).await.ok()).await;
    let error = through(proxy, "", "ws://server.invalid/")
        .connect_timeout(Duration::from_millis(50))
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::Timeout(ConnectStage::Proxy)),
        "{error:?}"
    );
}
