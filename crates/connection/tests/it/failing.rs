//! What a peer that breaks the protocol gets, and when the error is returned
//! (RFC 6455 §7.1.7).

use std::time::Duration;

use socket_flow_connection::{Config, Error, Message, ProtocolError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::support::frames::{BINARY, TEXT, frame, parse, whole};
use crate::support::record::Recorder;
use crate::support::{self, Client, Server, bounded, open, poll_once, raw, read_all, tcp};

/// Violations of a client, and the code each is answered with.
fn violations() -> [(Vec<u8>, u16); 9] {
    [
        // A reserved opcode, a reserved bit, an unmasked frame.
        (b"\x83\x80\0\0\0\0".to_vec(), 1002),
        (b"\xc1\x80\0\0\0\0".to_vec(), 1002),
        (b"\x81\x01a".to_vec(), 1002),
        // A continuation of nothing; a fragmented ping.
        (frame(Client, true, 0, b"x"), 1002),
        (frame(Client, false, 9, b"x"), 1002),
        // Text that is not UTF-8, seen in an unfinished frame.
        (b"\x81\xfe\xff\xff\0\0\0\0\xff".to_vec(), 1007),
        // A declared length over the limit; no payload has come.
        (b"\x82\xff\x40\0\0\0\0\0\0\0\0\0\0\0".to_vec(), 1009),
        // A Close with a code nobody may send, and one of one byte.
        (support::frames::close(Client, 1005, ""), 1002),
        (whole(Client, 8, b"\x03"), 1002),
    ]
}

/// RFC 6455 §5.1, §7.1.7, §7.2.2, §10.7.
#[tokio::test(start_paused = true)]
async fn the_close_and_the_end_are_on_the_wire_before_the_error_is_returned() {
    for (wire, code) in violations() {
        let (mut ws, mut far) = raw(Server, 1 << 16, Config::new());
        far.write_all(&whole(Client, TEXT, b"fine")).await.unwrap();
        far.write_all(&wire).await.unwrap();
        let first = ws.recv().await.unwrap().unwrap();
        ws.queue(first).unwrap();
        let failing = tokio::spawn(async move { (ws.recv().await, ws) });
        // The echo first, then the Close, then the end of the stream.
        let frames = parse(&read_all(&mut far).await);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].payload, b"fine");
        assert_eq!(frames[1].close_code(), code);
        // It is still read from, and not before the peer ends it over.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(!failing.is_finished());
            far.write_all(&[0; 1000]).await.unwrap();
        }
        drop(far);
        let (result, mut ws) = failing.await.unwrap();
        match result.unwrap_err() {
            Error::Protocol(error) => assert_eq!(error.close_code().as_u16(), code),
            other => panic!("{other:?}"),
        }
        assert!(matches!(ws.recv().await, Err(Error::Closed { code: 1006 })));
        assert!(ws.queue("x").is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_drained_for_one_second_and_a_chatty_one_for_five() {
    for (chatty, seconds) in [(false, 1), (true, 5)] {
        let (mut ws, far) = raw(Server, 1000, Config::new());
        let (_read, mut write) = tokio::io::split(far);
        write.write_all(b"\x83\x80").await.unwrap();
        let sending = tokio::spawn(async move {
            while chatty && write.write_all(b"more").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            write
        });
        let begin = Instant::now();
        assert!(matches!(ws.recv().await, Err(Error::Protocol(_))));
        assert_eq!(begin.elapsed().as_secs(), seconds);
        drop(ws);
        drop(sending.await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_receive_dropped_while_it_drains_goes_on_in_the_next() {
    let (mut ws, mut far) = raw(Server, 1000, Config::new());
    far.write_all(b"\x83\x80").await.unwrap();
    for _ in 0..10 {
        assert!(poll_once(ws.recv()).is_pending());
    }
    let begin = Instant::now();
    assert!(matches!(ws.recv().await, Err(Error::Protocol(_))));
    assert_eq!(begin.elapsed().as_secs(), 1);
}

/// RFC 6455 §7.1.7.
#[tokio::test(start_paused = true)]
async fn a_flood_behind_a_violation_is_not_stored() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    far.tape().feed(Ok(b"\x83\x80".to_vec()));
    for _ in 0..10_000 {
        far.tape().feed(Ok(vec![0; 4096]));
    }
    far.tape().feed(Ok(Vec::new()));
    assert!(matches!(ws.recv().await, Err(Error::Protocol(_))));
    // Nor is the read buffer kept while it waits for the peer's end.
    assert_eq!(ws.into_parts().read.capacity(), 0);
}

/// RFC 6455 §5.1, §5.5.1, §7.1.7, §7.2.1.
#[tokio::test]
async fn a_client_refuses_masked_frames_and_says_so() {
    let (mut ws, mut far) = raw(Client, 1000, Config::new());
    far.write_all(&whole(Client, TEXT, b"x")).await.unwrap();
    far.shutdown().await.unwrap();
    let error = ws.recv().await.unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::Header(_))));
    assert_eq!(error.close_code(), Some(1002));
    let frames = parse(&read_all(&mut far).await);
    assert!(frames[0].masked);
    assert_eq!(frames[0].close_code(), 1002);
}

/// RFC 6455 §10.4.
#[tokio::test]
async fn a_message_at_its_limit_is_received_and_one_byte_more_is_refused() {
    for (len, fits) in [(999, true), (1000, true), (1001, false)] {
        for pieces in [1, 3] {
            let config = Config::new().max_message(1000);
            let (mut ws, mut far) = raw(Server, 1 << 16, config);
            let payload = vec![b'x'; len];
            let parts: Vec<_> = payload.chunks(len.div_ceil(pieces)).collect();
            for (n, part) in parts.iter().enumerate() {
                let opcode = if n == 0 { TEXT } else { 0 };
                far.write_all(&frame(Client, n + 1 == parts.len(), opcode, part))
                    .await
                    .unwrap();
            }
            far.shutdown().await.unwrap();
            match ws.recv().await {
                Ok(Some(message)) => assert!(fits && message.len() == len),
                Err(Error::Protocol(ProtocolError::MessageTooBig { limit: 1000 })) => {
                    assert!(!fits);
                    assert_eq!(parse(&read_all(&mut far).await)[0].close_code(), 1009);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A Close followed by closing a socket with unread input becomes a reset,
/// and a reset destroys the Close on its way.
///
/// RFC 6455 §7.1.1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_the_close_always_arrives_whatever_lies_unread_behind_the_violation() {
    for round in 0..200 {
        let (near, mut far) = tcp().await;
        let failing = tokio::spawn(async move {
            let mut ws = open(near, Server, Config::new());
            let result = ws.recv().await;
            drop(ws);
            result
        });
        let mut wire = b"\x83\x80\0\0\0\0".to_vec();
        // More than all buffers on the way take: a peer that writes first and
        // reads then must be read to the end.
        wire.extend(vec![0; 100_000 * (round % 50)]);
        far.write_all(&wire).await.unwrap();
        let mut answer = Vec::new();
        bounded(far.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(parse(&answer)[0].close_code(), 1002, "round {round}");
        drop(far);
        let result = bounded(failing).await.unwrap();
        assert!(matches!(result, Err(Error::Protocol(_))));
    }
}

#[tokio::test]
async fn a_violation_after_our_close_is_an_error_and_adds_no_second_close() {
    let (mut ws, mut far) = raw(Server, 1000, Config::new());
    far.write_all(b"\x83\x80").await.unwrap();
    far.shutdown().await.unwrap();
    let result = ws
        .close(socket_flow_connection::CloseCode::NORMAL, "")
        .await;
    assert!(matches!(result, Err(Error::Protocol(_))));
    let frames = parse(&read_all(&mut far).await);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].close_code(), 1000);
}

/// RFC 6455 §7.1.1.
#[tokio::test]
async fn what_lies_behind_a_close_is_ignored() {
    let (mut ws, mut far) = raw(Server, 1000, Config::new());
    let mut wire = support::frames::close(Client, 1000, "");
    wire.extend(whole(Client, BINARY, b"ghost"));
    wire.extend(b"\x83\x80");
    far.write_all(&wire).await.unwrap();
    far.shutdown().await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None::<Message>);
    assert_eq!(parse(&read_all(&mut far).await).len(), 1);
}
