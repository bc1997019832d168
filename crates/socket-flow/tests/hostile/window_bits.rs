//! Window sizes of permessage-deflate that no window has: codecs assert or panic on them, before
//! anybody has logged in.

use socket_flow::handshake::client::VerifyError;
use socket_flow::{ConnectError, Deflate, ServerBuilder};

use crate::support::header;
use crate::victim::{Attack, Side, answer, connect_to, refusal, server, status, with};

const PARAMETERS: [&str; 2] = ["server_max_window_bits", "client_max_window_bits"];

/// Tokens that are no number from 8 to 15 (RFC 7692 §7.1.2).
const NO_WINDOWS: [&str; 16] = [
    "0",
    "1",
    "7",
    "16",
    "99",
    "255",
    "256",
    "264",
    "08",
    "015",
    "+9",
    "-9",
    "0xf",
    "9.0",
    "9bits",
    "18446744073709551624",
];

/// What does not follow the grammar of a parameter at all (RFC 6455 §9.1).
const NO_VALUES: [&str; 5] = ["", "\"\"", "\"9", "\" 9\"", "9 9"];

fn compressing(builder: ServerBuilder) -> ServerBuilder {
    builder.deflate(Deflate::balanced())
}

fn extension(params: &str) -> String {
    format!("Sec-WebSocket-Extensions: permessage-deflate; {params}\r\n")
}

/// An offer that cannot be is declined, and the connection opens without it: no panic, no codec of
/// a window that is not there (RFC 7692 §7.1.2.1, §7.1.2.2; CVE-2026-2229).
#[tokio::test]
async fn a_server_declines_windows_that_no_window_has() {
    let server = server(compressing).await;
    for parameter in PARAMETERS {
        for value in NO_WINDOWS {
            for params in [
                format!("{parameter}={value}"),
                format!("{parameter}=\"{value}\""),
                format!("{parameter}=9; {parameter}={value}"),
                format!("{parameter}=9; {parameter}=9"),
                format!("{parameter}={value}; server_no_context_takeover"),
            ] {
                let (head, mut wire) = answer(&server, &with(&extension(&params))).await;
                assert_eq!(status(&head), 101, "{params}");
                assert_eq!(header(&head, "sec-websocket-extensions"), None, "{params}");
                wire.send(Side::Server.whole(0x81, b"alive?")).await;
                assert_eq!(wire.frame().await.unwrap().payload, b"alive?");
            }
        }
        for value in NO_VALUES {
            let request = with(&extension(&format!("{parameter}={value}")));
            assert_eq!(status(&refusal(&server, &request).await), 400, "{request}");
        }
    }
    let request = with(&extension("server_max_window_bits"));
    let (head, _) = answer(&server, &request).await;
    assert_eq!(header(&head, "sec-websocket-extensions"), None);
}

/// Every window that is one is agreed on and inflated, the smallest included
/// (RFC 7692 §7.1.2.1, §7.1.2.2).
#[tokio::test]
async fn a_server_serves_windows_of_8_to_15_bits() {
    let server = server(compressing).await;
    for parameter in PARAMETERS {
        for bits in 8..=15 {
            let params = format!("{parameter}={bits}");
            let (head, mut wire) = answer(&server, &with(&extension(&params))).await;
            let agreed = header(&head, "sec-websocket-extensions").unwrap();
            assert!(agreed.contains(&params), "{agreed}");
            let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
            wire.send(Side::Server.whole(0xc1, hello)).await;
            assert_eq!(wire.frame().await.unwrap().payload, b"Hello");
        }
    }
}

/// An answer that cannot be fails the connection before a frame is read (RFC 7692 §7.1.2, §5.1;
/// CVE-2026-2229).
#[tokio::test]
async fn a_client_fails_on_windows_that_no_window_has() {
    for parameter in PARAMETERS {
        for value in NO_WINDOWS.iter().chain(&NO_VALUES) {
            for params in [
                format!("{parameter}={value}"),
                format!("{parameter}=9; {parameter}={value}"),
            ] {
                let (connected, sent) = connect_to(
                    |builder| builder.deflate(Deflate::balanced()),
                    |ok| (ok + &extension(&params) + "\r\n\x01\x05Hello").into(),
                )
                .await;
                assert!(
                    matches!(
                        connected,
                        Err(ConnectError::Verify(
                            VerifyError::Deflate(_) | VerifyError::Extensions(_)
                        ))
                    ),
                    "{params}: {connected:?}"
                );
                assert_eq!(sent, b"");
            }
        }
    }
}

/// Every window that is one is taken by a client too (RFC 7692 §7.1.2.1, §7.1.2.2).
#[tokio::test]
async fn a_client_takes_windows_of_8_to_15_bits() {
    for bits in 8..=15 {
        let line = extension(&format!("server_max_window_bits={bits}"));
        let mut attack = Attack::open(
            Side::Client,
            &line,
            |server| server,
            |client| client.deflate(Deflate::balanced().server_max_window_bits(bits)),
        )
        .await;
        attack.frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00").await;
        assert_eq!(attack.wire.frame().await.unwrap().payload, b"Hello");
    }
}
