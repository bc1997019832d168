//! The client's opening handshake: what a server may answer, and how it arrives.

use std::time::Duration;

use socket_flow::handshake::client::VerifyError;
use socket_flow::handshake::head::HeadError;
use socket_flow::{ConnectError, ConnectStage, Message};
use tokio::time::Instant;

use crate::handshake::scripted::{client, connect_to, connect_to_answer};
use crate::support::{HELLO, Peer, REQUEST, switching_protocols};

/// RFC 6455 §4.1.
#[tokio::test]
async fn answers_that_break_the_handshake_fail_with_their_cause() {
    type Spoil = fn(String) -> String;
    let cases: &[(Spoil, VerifyError)] = &[
        (
            |ok| without(&ok, "Sec-WebSocket-Accept"),
            VerifyError::MissingAccept,
        ),
        (
            |ok| with(&ok, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            VerifyError::WrongAccept,
        ),
        (
            |ok| with(&ok, "Sec-WebSocket-Accept", ""),
            VerifyError::WrongAccept,
        ),
        (
            |ok| with(&ok, "Sec-WebSocket-Accept", &"A".repeat(200)),
            VerifyError::WrongAccept,
        ),
        (
            |ok| ok.clone() + "Sec-WebSocket-Accept: x\r\n\r\n",
            VerifyError::RepeatedAccept,
        ),
        (|ok| without(&ok, "Upgrade"), VerifyError::Upgrade),
        (|ok| with(&ok, "Upgrade", "h2c"), VerifyError::Upgrade),
        (|ok| without(&ok, "Connection"), VerifyError::Connection),
        (
            |ok| with(&ok, "Connection", "notupgrade"),
            VerifyError::Connection,
        ),
        (
            |ok| ok + "Sec-WebSocket-Protocol: v3\r\n\r\n",
            VerifyError::UnofferedSubprotocol("v3".into()),
        ),
        (
            |ok| ok + "Sec-WebSocket-Protocol: v1, v2\r\n\r\n",
            VerifyError::RepeatedSubprotocol,
        ),
        (
            |ok| ok + "Sec-WebSocket-Extensions: x-y\r\n\r\n",
            VerifyError::UnofferedExtension("x-y".into()),
        ),
        (
            |ok| ok.replace("HTTP/1.1", "HTTP/1.0") + "\r\n",
            VerifyError::Version,
        ),
    ];
    for (index, (answer, expected)) in cases.iter().enumerate() {
        let builder = client().subprotocols(["v2", "v1"]);
        match connect_to_answer(builder, answer).await {
            Err(ConnectError::Verify(error)) => assert_eq!(error, *expected, "case {index}"),
            other => panic!("case {index}: {other:?}"),
        }
    }

    fn without(answer: &str, name: &str) -> String {
        let kept = answer
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with(name));
        kept.collect::<String>() + "\r\n"
    }

    fn with(answer: &str, name: &str, value: &str) -> String {
        without(answer, name).trim_end().to_owned() + &format!("\r\n{name}: {value}\r\n\r\n")
    }
}

/// RFC 6455 §4.1, §7.1.7, §9.1.
#[tokio::test]
async fn a_client_that_refuses_an_answer_says_nothing_more_and_closes() {
    type Spoil = fn(String) -> String;
    let answers: [Spoil; 4] = [
        |ok| ok.replace("Accept: ", "Accept: x") + "\r\n",
        |ok| ok + "Sec-WebSocket-Extensions: x-y\r\n\r\n",
        |ok| ok + "Sec-WebSocket-Extensions: x;;\r\n\r\n",
        |_| "HTTP/1.1 101 x\r\n folded\r\n\r\n".into(),
    ];
    for answer in answers {
        let (connected, rest) = connect_to(client(), async |mut peer: Peer| {
            let request = peer.head().await;
            // What a server that thinks it is connected sends next is not answered either.
            peer.send(answer(switching_protocols(&request))).await;
            peer.send(b"\x89\x00").await;
            peer.rest().await
        })
        .await;
        assert!(connected.is_err());
        assert_eq!(rest, "");
    }
}

#[tokio::test]
async fn accept_values_of_any_length_are_compared_and_never_decoded() {
    for len in 0..=200 {
        let answer = |_| {
            format!(
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                "=".repeat(len)
            )
        };
        let error = connect_to_answer(client(), answer).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::Verify(VerifyError::WrongAccept)),
            "{len}"
        );
    }
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn connection_is_a_list_of_tokens_over_any_lines() {
    for lines in [
        "Connection: keep-alive, Upgrade",
        "connection: UPGRADE",
        "Connection: keep-alive\r\nConnection: upgrade",
    ] {
        let answer = |ok: String| ok.replace("Connection: Upgrade", lines) + "\r\n";
        let (ws, response) = connect_to_answer(client(), answer).await.unwrap();
        assert_eq!(response.status(), 101, "{lines}");
        assert_eq!(ws.negotiated().subprotocol(), None);
    }
}

#[tokio::test]
async fn the_servers_subprotocol_is_one_of_those_offered() {
    let answer = |ok| ok + "Sec-WebSocket-Protocol: v1\r\n\r\n";
    let builder = client().subprotocols(["v2", "v1"]);
    let (ws, _) = connect_to_answer(builder, answer).await.unwrap();
    assert_eq!(ws.negotiated().subprotocol(), Some("v1"));
}

/// RFC 9112 §2.2.
#[tokio::test]
async fn answers_that_are_not_http_fail_with_their_cause() {
    for (answer, expected) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", HeadError::Version),
        ("HTTP/1.1 101 x\n\n", HeadError::LineEnding),
        (
            "HTTP/1.1 101 x\r\nUpgrade : websocket\r\n\r\n",
            HeadError::HeaderName,
        ),
        ("HTTP/1.1 101 x\r\n folded\r\n\r\n", HeadError::FoldedLine),
        (
            "HTTP/1.1 101 x\r\na: \0\r\n\r\n",
            HeadError::ControlCharacter,
        ),
    ] {
        match connect_to_answer(client(), |_| answer.into()).await {
            Err(ConnectError::Head(error)) => assert_eq!(error, expected, "{answer:?}"),
            other => panic!("{answer:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_bounded() {
    for (line, expected) in [
        ("a: b\r\n", HeadError::TooManyHeaders),
        ("a", HeadError::LineTooLong),
    ] {
        let server = async |mut peer: Peer| {
            peer.head().await;
            peer.send("HTTP/1.1 101 x\r\n").await;
            peer.send(line.repeat(16 * 1024 + 1)).await;
            peer
        };
        match connect_to(client(), server).await.0 {
            Err(ConnectError::Head(error)) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn the_end_of_the_stream_anywhere_in_the_answer_is_an_error() {
    let whole = switching_protocols(REQUEST) + "\r\n";
    for len in 0..whole.len() {
        let answer = |ok: String| (ok + "\r\n")[..len].to_owned();
        let error = connect_to_answer(client(), answer).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::UnexpectedEof),
            "after {len} bytes: {error:?}"
        );
    }
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn frames_in_the_segment_of_the_101_are_delivered() {
    for cut in 0..=HELLO.len() {
        let (connected, mut peer) = connect_to(client(), async |mut peer: Peer| {
            let request = peer.head().await;
            let mut segment = (switching_protocols(&request) + "\r\n").into_bytes();
            segment.extend_from_slice(HELLO);
            segment.extend_from_slice(&HELLO[..cut]);
            peer.send(segment).await;
            peer
        })
        .await;
        let (mut ws, _) = connected.unwrap();
        peer.send(&HELLO[cut..]).await;
        for _ in 0..2 {
            assert_eq!(
                ws.recv().await.unwrap(),
                Some(Message::from("Hello")),
                "cut at {cut}"
            );
        }
    }
}

/// RFC 9112 §6.3.
#[tokio::test]
async fn a_101_has_no_body_whatever_it_announces() {
    for line in ["Content-Length: 7", "Transfer-Encoding: chunked"] {
        let (connected, _peer) = connect_to(client(), async |mut peer: Peer| {
            let request = peer.head().await;
            let head = switching_protocols(&request) + line + "\r\n\r\n";
            peer.send([head.as_bytes(), HELLO].concat()).await;
            peer
        })
        .await;
        let (mut ws, _) = connected.unwrap();
        let received = ws.recv().await.unwrap();
        assert_eq!(received, Some(Message::from("Hello")), "{line}");
    }
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn a_101_that_arrives_byte_by_byte_is_no_attack() {
    let (connected, mut peer) = connect_to(client(), async |mut peer: Peer| {
        let request = peer.head().await;
        peer.send_slowly(switching_protocols(&request) + "\r\n")
            .await;
        peer
    })
    .await;
    let (mut ws, _) = connected.unwrap();
    let (received, ()) = tokio::join!(ws.recv(), peer.send_slowly(HELLO));
    assert_eq!(received.unwrap(), Some(Message::from("Hello")));
}

/// RFC 9110 §15.2.
#[tokio::test]
async fn interim_responses_are_skipped() {
    let answer = |ok| {
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{ok}\r\n"
        )
    };
    let (_, response) = connect_to_answer(client(), answer).await.unwrap();
    assert_eq!(response.status(), 101);
    assert!(!response.headers().contains_key("link"));
}

/// RFC 6455 §4.1; RFC 9112 §6.3, §7.1, §8.
#[tokio::test]
async fn an_answer_in_plain_http_is_handed_over() {
    let (kib64, over) = ("x".repeat(64 << 10), "x".repeat((64 << 10) + 1));
    for (answer, status, body, truncated) in [
        ("401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nwho".to_owned(), 401, "who", false),
        ("503 x\r\nRetry-After: 30\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n4\r\n now\r\n0\r\n\r\n".into(), 503, "not now", false),
        ("200 OK\r\n\r\nuntil the end".into(), 200, "until the end", false),
        ("302 Found\r\nLocation: ws://elsewhere/\r\nContent-Length: 0\r\n\r\n".into(), 302, "", false),
        ("204 No Content\r\nContent-Length: 9\r\n\r\n".into(), 204, "", false),
        ("426 x\r\nContent-Length: 9\r\n\r\ncut".into(), 426, "cut", true),
        ("500 x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\ncut".into(), 500, "cut", true),
        (format!("500 x\r\nContent-Length: 65536\r\n\r\n{kib64}"), 500, &kib64, false),
        (format!("500 x\r\nContent-Length: 65537\r\n\r\n{over}"), 500, &kib64, true),
        (format!("500 x\r\n\r\n{over}"), 500, &kib64, true),
    ] {
        let error = connect_to_answer(client(), |_| format!("HTTP/1.1 {answer}")).await.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        let ConnectError::Rejected(rejected) = error else {
            panic!("{error:?}");
        };
        assert_eq!(rejected.body(), body, "{status}");
        assert_eq!(rejected.is_truncated(), truncated, "{status}");
        for (name, value) in [("www-authenticate", "Basic"), ("retry-after", "30"), ("location", "ws://elsewhere/")] {
            let there = answer.to_lowercase().contains(name);
            assert_eq!(rejected.headers().get(name).is_some_and(|got| got == value), there);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_waited_for_as_long_as_its_framing_asks() {
    for (framing, seconds) in [("", 1), ("Content-Length: 100\r\n", 10)] {
        let start = Instant::now();
        let server = async |mut peer: Peer| {
            peer.head().await;
            peer.send(format!(
                "HTTP/1.1 404 Not Found\r\n{framing}\r\nno such page"
            ))
            .await;
            peer
        };
        let (connected, _peer) = connect_to(client(), server).await;
        let Err(ConnectError::Rejected(rejected)) = connected else {
            panic!("{connected:?}");
        };
        assert_eq!(rejected.body(), "no such page");
        assert!(rejected.is_truncated());
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_ten_seconds() {
    let start = Instant::now();
    let (near, mut peer) = Peer::pair();
    let error = client().connect_on(near).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Timeout(ConnectStage::Handshake)),
        "{error:?}"
    );
    assert_eq!(start.elapsed().as_secs(), 10);
    // The stream is closed.
    assert!(peer.rest().await.ends_with("\r\n\r\n"));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_however_the_server_trickles() {
    let start = Instant::now();
    let server = async |mut peer: Peer| {
        peer.head().await;
        peer.send("HTTP/1.1 101 Switching Protocols\r\nX: ").await;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            peer.send("x").await;
        }
    };
    let (near, peer) = Peer::pair();
    let server = tokio::spawn(server(peer));
    let error = client()
        .handshake_timeout(Duration::from_secs(3))
        .connect_on(near)
        .await
        .unwrap_err();
    server.abort();
    assert!(
        matches!(error, ConnectError::Timeout(ConnectStage::Handshake)),
        "{error:?}"
    );
    assert_eq!(start.elapsed().as_secs(), 3);
}
