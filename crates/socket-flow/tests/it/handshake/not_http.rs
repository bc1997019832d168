//! A peer that speaks another protocol and then waits: told by its first line, not by the clock.

use socket_flow::handshake::head::HeadError;
use socket_flow::handshake::server::RejectReason;
use socket_flow::{AcceptError, Acceptor, ConnectError};
use tokio::time::Instant;

use crate::handshake::scripted::{client, connect_to};
use crate::support::Peer;

/// RFC 9112 §4.
#[tokio::test(start_paused = true)]
async fn a_client_knows_by_the_first_line_that_the_server_speaks_no_http() {
    for (line, expected) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", HeadError::Version),
        ("HTTP/2.0 101 X\r\n", HeadError::Version),
        ("220 mail.example ESMTP\r\n", HeadError::Version),
        ("HTTP/1.1 abc\r\n", HeadError::Status),
        ("HTTP/1.1 101 X\r\nUpgrade\r\n", HeadError::HeaderName),
        (
            "HTTP/1.1 100 X\r\n\r\nRTSP/1.0 200 OK\r\n",
            HeadError::Version,
        ),
    ] {
        for cut in 0..=line.len() {
            let start = Instant::now();
            let (connected, _peer) = connect_to(client(), async |mut peer: Peer| {
                peer.head().await;
                peer.send(&line[..cut]).await;
                tokio::task::yield_now().await;
                peer.send(&line[cut..]).await;
                peer
            })
            .await;
            match connected {
                Err(ConnectError::Head(error)) => assert_eq!(error, expected, "{line:?}"),
                other => panic!("{line:?} cut at {cut}: {other:?}"),
            }
            assert_eq!(start.elapsed().as_millis(), 0, "{line:?} cut at {cut}");
        }
    }
}

/// RFC 9112 §3; RFC 9110 §15.6.6.
#[tokio::test(start_paused = true)]
async fn a_server_answers_the_first_line_that_is_no_http() {
    for (line, expected, status) in [
        ("EHLO x\r\n", HeadError::StartLine, 400),
        ("GET / HTTP/3.0\r\n", HeadError::Version, 505),
        ("SSH-2.0-OpenSSH_9.6\r\n", HeadError::StartLine, 400),
        ("GET / HTTP/1.1\r\nHost\r\n", HeadError::HeaderName, 400),
    ] {
        for cut in 0..=line.len() {
            let (near, mut peer) = Peer::pair();
            let start = Instant::now();
            let asking = async {
                peer.send(&line[..cut]).await;
                tokio::task::yield_now().await;
                peer.send(&line[cut..]).await;
                let answer = peer.rest().await;
                // The server waits for it, to close without destroying its answer.
                peer.shut_down().await;
                (answer, start.elapsed())
            };
            let acceptor = Acceptor::new();
            let (accepted, (answer, took)) = tokio::join!(acceptor.accept(near), asking);
            match accepted {
                Err(AcceptError::Rejected(rejection)) => {
                    assert_eq!(
                        *rejection.reason(),
                        RejectReason::Head(expected),
                        "{line:?}"
                    );
                }
                other => panic!("{line:?} cut at {cut}: {other:?}"),
            }
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            assert_eq!(took.as_millis(), 0, "{line:?} cut at {cut}");
        }
    }
}

/// RFC 9110 §5.4, §15.2.
#[tokio::test]
async fn an_answer_as_large_as_servers_make_them_is_read() {
    let lines = "X-Trace: 0123456789abcdef\r\n".repeat(200);
    let cookie = format!("Set-Cookie: a={}\r\n", "b".repeat(12 << 10));
    let (connected, _peer) = connect_to(client(), async |mut peer: Peer| {
        let request = peer.head().await;
        let answer = crate::support::switching_protocols(&request);
        peer.send(answer + &lines + &cookie + "\r\n").await;
        peer
    })
    .await;
    let (_, response) = connected.unwrap();
    assert_eq!(response.headers().get_all("x-trace").iter().count(), 200);
}
