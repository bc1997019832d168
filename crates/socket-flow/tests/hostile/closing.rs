//! Close frames that lie, what stands behind them, and the Close that a refusal sends.

use std::time::Duration;

use socket_flow::{
    Acceptor, ClientBuilder, CloseCode, Config, ControlError, Error, Listener, Message, Server,
    ServerStream, WebSocket,
};
use tokio::net::TcpListener;

use crate::bystander::{Books, Limits};
use crate::support::{REQUEST, switching_protocols};
use crate::victim::{Attack, SIDES, honest_client, is_refused};
use crate::wire::{Wire, bounded};

/// Codes that nobody may send (RFC 6455 §7.4.1, §7.4.2).
#[tokio::test]
async fn a_close_with_a_code_nobody_may_send_is_refused_with_1002() {
    for side in SIDES {
        for code in [
            0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 0xffff_u16,
        ] {
            is_refused(side, &side.whole(0x88, &code.to_be_bytes()), 1002).await;
        }
        // Half a code.
        is_refused(side, &side.whole(0x88, b"\x03"), 1002).await;
    }
}

/// A reason that is no text (RFC 6455 §5.5.1, §8.1).
#[tokio::test]
async fn a_close_reason_that_is_not_utf_8_is_refused_with_1007() {
    for side in SIDES {
        for payload in [
            &b"\x03\xe8\xff"[..],
            b"\x03\xe8caf\xc3",
            b"\x0b\xb8\xed\xa0\x80",
        ] {
            is_refused(side, &side.whole(0x88, payload), 1007).await;
        }
    }
}

/// Every code that may be sent is answered by itself, and the application is told
/// (RFC 6455 §5.5.1, §7.4).
#[tokio::test]
async fn a_valid_close_is_answered_with_its_code_and_ends_the_connection() {
    for side in SIDES {
        for code in [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
            4000, 4999_u16,
        ] {
            let mut attack = Attack::on(side).await;
            let payload = [&code.to_be_bytes()[..], b"bye"].concat();
            attack.frame(0x88, &payload).await;
            let answer = attack.wire.frame().await.unwrap();
            assert_eq!(answer.close_code(), code);
            let frame = attack.end().await.end.unwrap().unwrap();
            assert_eq!((frame.code.as_u16(), &*frame.reason), (code, "bye"));
        }
        let mut attack = Attack::on(side).await;
        attack.frame(0x88, b"").await;
        let answer = attack.wire.frame().await.unwrap();
        assert_eq!((answer.first, &*answer.payload), (0x88, &b""[..]));
        assert_eq!(attack.end().await.end.unwrap(), None);
    }
}

/// What is on the wire for a reason is the reason: none of the memory behind it
/// (RFC 6455 §5.5.1; CVE-2026-45736).
#[tokio::test]
async fn a_close_reason_is_sent_to_its_last_byte_and_no_further() {
    let reasons = [
        "",
        "b",
        "bye",
        "\u{20ac}",
        &"r".repeat(122),
        &"r".repeat(123),
    ];
    let server = Server::bind("127.0.0.1:0")
        .serve_with(|mut ws: WebSocket<ServerStream>, _request| async move {
            let reason = ws.recv().await.unwrap().unwrap();
            let reason = reason.as_text().unwrap().to_owned();
            closes_with(&mut ws, &reason).await;
        })
        .await
        .unwrap();
    for reason in reasons {
        let expected = [&4000_u16.to_be_bytes()[..], reason.as_bytes()].concat();

        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(REQUEST).await;
        wire.head().await;
        wire.send(crate::victim::Side::Server.whole(0x81, reason.as_bytes()))
            .await;
        assert_eq!(wire.frame().await.unwrap().payload, expected);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let client = async {
            let (mut ws, _) = ClientBuilder::new(url).connect().await.unwrap();
            closes_with(&mut ws, reason).await;
        };
        let peer = async {
            let mut wire = Wire::new(listener.accept().await.unwrap().0);
            let request = wire.head().await;
            wire.send(switching_protocols(&request) + "\r\n").await;
            assert_eq!(wire.frame().await.unwrap().payload, expected);
        };
        bounded(async { tokio::join!(client, peer) }).await;
    }
}

/// A reason that does not fit is refused and nothing of it is sent: the next one is.
async fn closes_with<S>(ws: &mut WebSocket<S>, reason: &str)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let code = CloseCode::try_from(4000).unwrap();
    for too_long in ["r".repeat(124), "\u{20ac}".repeat(42), "r".repeat(1 << 20)] {
        let error = ws.start_close(code, &too_long).unwrap_err();
        assert_eq!(error, ControlError::ReasonTooLong);
    }
    // The other end hangs up without an answer.
    let _ = ws.close(code, reason).await;
}

/// Nothing behind a Close is read, whatever it is: not delivered, not answered, not judged
/// (RFC 6455 §5.5.1, §7.1.7).
#[tokio::test]
async fn what_stands_behind_a_close_is_neither_parsed_nor_echoed() {
    for side in SIDES {
        for behind in [
            side.whole(0x81, b"ghost"),
            side.whole(0x89, b"ghost"),
            side.whole(0x88, b"\x03\xe9"),
            side.frame(0x82, &[127, 255, 255, 255, 255, 255, 255, 255, 255], b""),
            b"\xff\xff\xff\xff".to_vec(),
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            vec![0; 1 << 20],
        ] {
            let mut attack = Attack::on(side).await;
            let mut wire = side.whole(0x81, b"last");
            wire.extend(side.whole(0x88, b"\x03\xe8"));
            wire.extend(behind);
            attack.send(wire).await;
            attack.wire.shut_down().await;
            let frames = attack.wire.frames().await;
            assert_eq!(frames.len(), 2, "{frames:?}");
            assert_eq!(frames[0].payload, b"last");
            assert_eq!(frames[1].close_code(), 1000);
            let seen = attack.end().await;
            assert_eq!(seen.messages, [Message::from("last")]);
            assert_eq!(seen.end.unwrap().unwrap().code, CloseCode::NORMAL);
        }
    }
}

/// Every refusal is followed by a flood that nobody reads as frames: a socket closed with unread
/// bytes in it would send a reset, which destroys the Close on its way (RFC 6455 §7.1.1, §7.1.7).
///
/// RFC 6455 §10.7.
#[tokio::test]
async fn the_code_of_every_refusal_arrives_though_a_flood_stands_behind_it() {
    for side in SIDES {
        let too_big = side.frame(0x82, &[127, 0, 0, 0, 0, 1, 0, 0, 1], b"");
        for (bytes, code) in [
            (side.frame(0x83, &[0], b""), 1002),
            (side.frame(0xc1, &[0], b""), 1002),
            (side.misdirected(0x81, &[0], b""), 1002),
            (side.whole(0x80, b"x"), 1002),
            (side.whole(0x09, b"x"), 1002),
            (side.frame(0x82, &[126, 0, 1], b""), 1002),
            (side.whole(0x88, &1005_u16.to_be_bytes()), 1002),
            (side.whole(0x81, b"\xff"), 1007),
            (side.whole(0x88, b"\x03\xe8\xff"), 1007),
            (too_big, 1009),
        ] {
            let mut attack = Attack::on(side).await;
            // More than all buffers on the way take, and written before anything is read.
            attack.send([bytes, vec![0; 8 << 20]].concat()).await;
            assert_eq!(attack.refusal(code).await.messages, []);
        }
    }
}

/// A second violation, or a Close, behind the first changes nothing: one Close is sent
/// (RFC 6455 §5.5.1, §7.1.7).
#[tokio::test]
async fn two_violations_are_answered_by_one_close() {
    for side in SIDES {
        let mut attack = Attack::on(side).await;
        let mut wire = side.whole(0x81, b"\xff");
        wire.extend(side.frame(0x83, &[0], b""));
        wire.extend(side.whole(0x88, b"\x03\xe8"));
        wire.extend(side.whole(0x89, b"ping"));
        attack.send(wire).await;
        let seen = attack.refusal(1007).await;
        assert!(matches!(seen.end, Err(Error::Protocol(_))));
    }
}

/// A peer that answers our Close with a flood, faster than it is read from, puts off the end of the
/// closing handshake by nothing (RFC 6455 §7.1.1, §7.1.7).
#[tokio::test]
async fn a_flood_does_not_put_off_the_end_of_a_closing_handshake() {
    for frame in [b"\x89\x84\0\0\0\0ping", b"\x81\x84\0\0\0\0text"] {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // On a thread of its own: on this one it would have to wait for its victim.
        let flood = std::thread::spawn(move || {
            use std::io::Write;
            let mut tcp = std::net::TcpStream::connect(addr).unwrap();
            tcp.write_all(REQUEST.as_bytes()).unwrap();
            let block = frame.repeat(10_000);
            while tcp.write_all(&block).is_ok() {}
        });
        let config = Config::new().close_timeout(Duration::from_millis(50));
        let acceptor = Acceptor::new().config(config);
        let mut ws = acceptor.accept(listener.accept().await.0).await.unwrap();
        let books = Books::default();
        let bystander = honest_client(&books).await;
        let turns = books.open(Limits::PLAIN);
        let closing = tokio::spawn(async move {
            let outcome = bounded(turns.of(ws.close(CloseCode::GOING_AWAY, ""))).await;
            assert!(!outcome.unwrap().clean);
        });
        closing.await.unwrap();
        bystander.goes_on().await;
        // Its socket is closed, and it has noticed.
        flood.join().unwrap();
    }
}
