//! Servers whose 101 is not one: the client must not open, and must not say a word.

use socket_flow::ConnectError;
use socket_flow::handshake::client::VerifyError;

use crate::victim::connect_to;

/// Frames right behind an answer, which must not be read where the answer is wrong.
const FRAMES: &[u8] = b"\x81\x05ghost\x89\x04ping\x88\x02\x03\xe8";

/// A client that offers subprotocols gets this answer, with frames in the same segment: it fails
/// with this error, and writes nothing behind its request.
async fn fails(answer: impl FnOnce(String) -> String, expected: VerifyError) {
    let (connected, sent) = connect_to(
        |builder| builder.subprotocols(["v2", "v1"]),
        |ok| [answer(ok).as_bytes(), FRAMES].concat(),
    )
    .await;
    match connected {
        Err(ConnectError::Verify(error)) => assert_eq!(error, expected),
        other => panic!("{other:?} instead of {expected:?}"),
    }
    assert_eq!(sent, b"", "{expected:?}");
}

/// The lines of a 101 without the one of this name.
fn without(ok: &str, name: &str) -> String {
    ok.split_inclusive("\r\n")
        .filter(|line| !line.starts_with(name))
        .collect()
}

/// A 101 with another accept value.
fn accept(ok: &str, value: &str) -> String {
    let rest = without(ok, "Sec-WebSocket-Accept");
    format!("{rest}Sec-WebSocket-Accept: {value}\r\n\r\n")
}

/// An accept value that is missing, of another key, of another case, or there twice proves
/// nothing (RFC 6455 §4.1 step 4, §4.2.2, §11.3.3).
#[tokio::test]
async fn an_accept_that_proves_nothing_fails_before_any_frame_is_read() {
    let missing = |ok: String| without(&ok, "Sec-WebSocket-Accept") + "\r\n";
    fails(missing, VerifyError::MissingAccept).await;
    // That of the RFC's own example.
    for value in ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "", "x"] {
        fails(|ok| accept(&ok, value), VerifyError::WrongAccept).await;
    }
    type Spoil = fn(&str) -> String;
    let spoils: [Spoil; 5] = [
        |right| right.to_ascii_lowercase(),
        |right| right.to_ascii_uppercase(),
        |right| right[..27].to_owned(),
        |right| format!("{right}="),
        |right| format!("\"{right}\""),
    ];
    for spoil in spoils {
        let answer = |ok: String| {
            let right = crate::support::header(&ok, "sec-websocket-accept").unwrap();
            accept(&ok, &spoil(right))
        };
        fails(answer, VerifyError::WrongAccept).await;
    }
    let twice = |ok: String| {
        let right = crate::support::header(&ok, "sec-websocket-accept").unwrap();
        format!("{ok}Sec-WebSocket-Accept: {right}\r\n\r\n")
    };
    fails(twice, VerifyError::RepeatedAccept).await;
}

/// Accept values of 1 to 200 characters, which somebody may decode into a buffer of 20 bytes
/// (RFC 6455 §4.1 step 4).
#[tokio::test]
async fn an_accept_of_any_length_is_an_error_and_no_panic() {
    for len in 1..=200 {
        fails(|ok| accept(&ok, &"A".repeat(len)), VerifyError::WrongAccept).await;
    }
    let long = "A".repeat(8_000);
    fails(|ok| accept(&ok, &long), VerifyError::WrongAccept).await;
}

/// Tokens that only contain the right word, on the client's side (RFC 6455 §4.1 steps 2 and 3).
#[tokio::test]
async fn upgrade_and_connection_are_compared_as_tokens() {
    for value in ["notupgrade", "upgraded", "keep-alive", "\"upgrade\"", ""] {
        let line = format!("Connection: {value}\r\n\r\n");
        let answer = |ok: String| without(&ok, "Connection") + &line;
        fails(answer, VerifyError::Connection).await;
    }
    for value in ["websockets", "h2c", "websocket, h2c", "websocket/2", ""] {
        let line = format!("Upgrade: {value}\r\n\r\n");
        let answer = |ok: String| without(&ok, "Upgrade") + &line;
        fails(answer, VerifyError::Upgrade).await;
    }
    let old = |ok: String| ok.replace("HTTP/1.1", "HTTP/1.0") + "\r\n";
    fails(old, VerifyError::Version).await;
    // Lists, lines and cases are as free as a server's.
    for lines in [
        "connection: KEEP-ALIVE, uPGRADE\r\nUPGRADE: WebSocket\r\n\r\n",
        "Connection: x\r\nConnection:upgrade\r\nUpgrade:websocket\r\n\r\n",
    ] {
        let answer = |ok: String| without(&without(&ok, "Connection"), "Upgrade") + lines;
        let (connected, _) = connect_to(|builder| builder, |ok| answer(ok).into_bytes()).await;
        connected.unwrap();
    }
}

/// A subprotocol or an extension that the client did not ask for would be spoken by one side only
/// (RFC 6455 §4.1 steps 5 and 6).
#[tokio::test]
async fn what_was_not_offered_fails_the_handshake() {
    for name in ["v3", "V1", "v1.1"] {
        let answer = |ok: String| format!("{ok}Sec-WebSocket-Protocol: {name}\r\n\r\n");
        fails(answer, VerifyError::UnofferedSubprotocol(name.into())).await;
    }
    for lines in [
        "Sec-WebSocket-Protocol: v2, v1\r\n\r\n",
        "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v1\r\n\r\n",
    ] {
        fails(|ok| ok + lines, VerifyError::RepeatedSubprotocol).await;
    }
    for name in ["permessage-deflate", "x", "constructor", "__proto__"] {
        let answer = |ok: String| format!("{ok}Sec-WebSocket-Extensions: {name}\r\n\r\n");
        fails(answer, VerifyError::UnofferedExtension(name.into())).await;
    }
}

/// A server answers with a subprotocol that was offered, exactly as it was, or with none
/// (RFC 6455 §4.2.2 item 5, §11.3.4).
#[tokio::test]
async fn a_server_never_answers_what_was_not_offered() {
    use crate::victim::{answer, server, with};
    let server = server(|builder| builder.subprotocols(["v2", "v1"])).await;
    for (offer, expected) in [
        ("", None),
        ("Sec-WebSocket-Protocol: v3, V1\r\n", None),
        ("Sec-WebSocket-Protocol: v3, v1\r\n", Some("v1")),
        (
            "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v2\r\n",
            Some("v2"),
        ),
    ] {
        let offer = format!("{offer}Sec-WebSocket-Extensions: permessage-deflate, x-webkit\r\n");
        let (head, _wire) = answer(&server, &with(&offer)).await;
        let picked = crate::support::header(&head, "sec-websocket-protocol");
        assert_eq!(picked, expected, "{offer}");
        assert!(!head.contains("Extensions"), "{head}");
    }
}
