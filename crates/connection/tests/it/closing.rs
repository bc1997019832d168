//! The closing handshake, its ends, and dropping without one.

use std::time::Duration;

use socket_flow_connection::{
    CloseCode, Closing, Config, ControlError, Error, Event, Expired, Message, SendError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::support::frames::{CLOSE, PING, TEXT, close, parse, whole};
use crate::support::record::Recorder;
use crate::support::{Client, Server, bounded, open, pair, raw, read_all, tcp};

/// RFC 6455 §5.5.1, §7.1.7: a server that fails a connection ends its side
/// behind its Close and still reads.
#[tokio::test(start_paused = true)]
async fn a_peer_that_has_ended_its_side_still_gets_what_is_queued_whole() {
    for (role, peer) in [(Client, Server), (Server, Client)] {
        for arriving in [close(peer, 1000, ""), b"\xff".to_vec()] {
            let (io, far) = Recorder::with_room(3);
            let mut ws = open(io, role, Config::new());
            ws.queue("under way").unwrap();
            far.tape().feed(Ok(arriving.clone()));
            far.tape().feed(Ok(Vec::new()));
            let waiting = tokio::time::timeout(Duration::from_secs(4), ws.recv());
            assert!(waiting.await.is_err(), "the Close is not written");
            assert_eq!(far.tape().shutdowns, 0);
            far.tape().make_room(usize::MAX);
            let end = ws.recv().await;
            assert_eq!(end.is_ok(), arriving.len() > 1);
            let frames = parse(&far.tape().written());
            assert_eq!(frames.len(), 2, "{role:?}");
            assert_eq!(frames[0].payload, b"under way");
            let code = if end.is_ok() { 1000 } else { 1002 };
            assert_eq!(frames[1].close_code(), code);
            assert_eq!(far.tape().shutdowns, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_ended_its_side_and_does_not_read_is_left_at_the_close_timeout() {
    let (io, far) = Recorder::with_room(3);
    let mut ws = open(io, Client, Config::new());
    far.tape().feed(Ok(close(Server, 1000, "")));
    far.tape().feed(Ok(Vec::new()));
    let begin = Instant::now();
    match ws.recv().await {
        Err(Error::Unsent(cause)) => {
            assert!(
                matches!(*cause, Error::Timeout(Expired::Close)),
                "{cause:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::NORMAL);
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
    assert_eq!(far.tape().shutdowns, 1);
}

/// RFC 6455 §7.1.2, §7.1.5, §7.1.6.
#[tokio::test]
async fn either_side_may_begin_and_both_learn_the_code() {
    for client_begins in [true, false] {
        let (client, server) = pair(100);
        let (mut first, mut second) = match client_begins {
            true => (client, server),
            false => (server, client),
        };
        let other = tokio::spawn(async move {
            let end = second.recv().await.unwrap();
            (end, second)
        });
        let code = CloseCode::try_from(4321).unwrap();
        let outcome = first.close(code, "grüße").await.unwrap();
        assert!(outcome.clean);
        assert_eq!(outcome.code(), 4321);
        assert_eq!(first.closing(), Closing::Done);
        let (end, mut second) = other.await.unwrap();
        assert_eq!(end, None);
        let frame = second.close_frame().unwrap().clone();
        assert_eq!((frame.code, &*frame.reason), (code, "grüße"));
        assert_eq!(second.closing(), Closing::Done);
        assert_eq!(second.recv().await.unwrap(), None);
        // Closing once more is harmless and says the same.
        assert!(first.close(code, "").await.unwrap().clean);
        assert!(second.close(code, "").await.unwrap().clean);
    }
}

/// RFC 6455 §5.5.1.
#[tokio::test]
async fn both_may_begin_at_once() {
    let (mut client, mut server) = pair(100);
    let (one, two) = tokio::join!(
        client.close(CloseCode::NORMAL, "a"),
        server.close(CloseCode::GOING_AWAY, "b")
    );
    assert_eq!(one.unwrap().code(), 1001);
    assert_eq!(two.unwrap().code(), 1000);
}

/// RFC 6455 §5.5.1, §7.1.1.
#[tokio::test(start_paused = true)]
async fn the_server_ends_tcp_first_and_the_client_waits_for_it() {
    let (mut server, mut far) = raw(Server, 100, Config::new());
    far.write_all(&close(Client, 1000, "")).await.unwrap();
    let begin = Instant::now();
    let serving = tokio::spawn(async move { (server.recv().await, server) });
    // The far end has not ended its side, and sees the end.
    let wire = read_all(&mut far).await;
    assert_eq!(parse(&wire)[0].close_code(), 1000);
    assert_eq!(begin.elapsed(), Duration::ZERO);
    drop(far);
    assert_eq!(serving.await.unwrap().0.unwrap(), None);

    let (io, far) = Recorder::new();
    let mut client = open(io, Client, Config::new());
    far.tape().feed(Ok(close(Server, 1000, "")));
    let waiting = tokio::time::timeout(Duration::from_secs(4), client.recv());
    assert!(waiting.await.is_err());
    assert_eq!(far.tape().shutdowns, 0);
    far.tape().feed(Ok(Vec::new()));
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(far.tape().shutdowns, 1);
}

/// RFC 6455 §5.5.1, §7.1.1.
#[tokio::test(start_paused = true)]
async fn a_server_that_began_ends_tcp_as_soon_as_the_answer_is_there() {
    let (mut server, mut far) = raw(Server, 100, Config::new());
    let begin = Instant::now();
    let closing = tokio::spawn(async move { server.close(CloseCode::NORMAL, "").await });
    let mut wire = [0; 4];
    far.read_exact(&mut wire).await.unwrap();
    assert_eq!(parse(&wire)[0].close_code(), 1000);
    // Not before there is an answer, though it takes its time.
    let early = tokio::time::timeout(Duration::from_secs(3), far.read_u8());
    assert!(early.await.is_err());
    far.write_all(&close(Client, 1000, "")).await.unwrap();
    assert_eq!(read_all(&mut far).await, b"");
    assert_eq!(begin.elapsed().as_secs(), 3);
    drop(far);
    assert!(closing.await.unwrap().unwrap().clean);
}

/// RFC 6455 §7.1.5.
#[tokio::test]
async fn a_close_without_a_code_is_answered_without_one() {
    let (mut ws, mut far) = raw(Server, 100, Config::new());
    far.write_all(&whole(Client, CLOSE, b"")).await.unwrap();
    far.shutdown().await.unwrap();
    let outcome = ws.close(CloseCode::NORMAL, "").await;
    // Ours was queued first: its code is ours, the outcome the peer's.
    assert_eq!(outcome.unwrap().code(), 1005);
    assert!(ws.close_frame().is_none());

    let (mut ws, mut far) = raw(Server, 100, Config::new());
    far.write_all(&whole(Client, CLOSE, b"")).await.unwrap();
    far.shutdown().await.unwrap();
    assert_eq!(ws.recv_event().await.unwrap(), Some(Event::Close(None)));
    assert_eq!(ws.recv_event().await.unwrap(), None);
    assert_eq!(parse(&read_all(&mut far).await)[0].payload, b"");
}

#[tokio::test]
async fn recv_event_shows_ping_pong_and_close() {
    let (mut client, mut server) = pair(100);
    let other = tokio::spawn(async move {
        server.ping(b"are you there").await.unwrap();
        let pong = server.recv_event().await.unwrap();
        let outcome = server.close(CloseCode::NORMAL, "ok").await.unwrap();
        (pong, outcome)
    });
    let ping = client.recv_event().await.unwrap();
    assert_eq!(ping, Some(Event::Ping("are you there".into())));
    match client.recv_event().await.unwrap() {
        Some(Event::Close(Some(frame))) => assert_eq!(&*frame.reason, "ok"),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.recv_event().await.unwrap(), None);
    let (pong, outcome) = other.await.unwrap();
    assert_eq!(pong, Some(Event::Pong("are you there".into())));
    assert!(outcome.clean);
}

#[tokio::test]
async fn a_message_queued_after_the_close_comes_back() {
    let (mut ws, _far) = raw(Client, 100, Config::new());
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    match ws.queue(Message::from("too late")) {
        Err(SendError::Closed(message)) => assert_eq!(message.as_text(), Some("too late")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(ws.ready().await, Err(Error::Send(_))));
    assert!(matches!(
        ws.ping(b"").await,
        Err(Error::Control(ControlError::Closed))
    ));
}

#[tokio::test]
async fn what_is_under_way_arrives_after_start_close_and_is_dropped_by_close() {
    for keep in [true, false] {
        let (mut ws, mut far) = raw(Client, 100, Config::new());
        far.write_all(&whole(Server, TEXT, b"late")).await.unwrap();
        far.write_all(&close(Server, 1000, "")).await.unwrap();
        far.shutdown().await.unwrap();
        if keep {
            ws.start_close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(Message::from("late")));
            assert_eq!(ws.recv().await.unwrap(), None);
        } else {
            assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
        }
    }
}

#[tokio::test]
async fn every_reason_up_to_123_bytes_is_sent_and_a_longer_one_is_an_error() {
    for len in 0..=123 {
        let (mut ws, mut far) = raw(Server, 200, Config::new());
        let reason = "r".repeat(len);
        ws.start_close(CloseCode::NORMAL, &reason).unwrap();
        ws.flush().await.unwrap();
        drop(ws);
        let frames = parse(&read_all(&mut far).await);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].payload[2..], *reason.as_bytes());
    }
    let (mut ws, _far) = raw(Server, 200, Config::new());
    let long = "r".repeat(124);
    assert_eq!(
        ws.start_close(CloseCode::NORMAL, &long),
        Err(ControlError::ReasonTooLong)
    );
    assert!(matches!(
        ws.close(CloseCode::NORMAL, &long).await,
        Err(Error::Control(ControlError::ReasonTooLong))
    ));
    assert_eq!(ws.closing(), Closing::Open);
    ws.send("still open").await.unwrap();
}

#[tokio::test]
async fn every_sendable_code_arrives_verbatim() {
    for code in (1000..=1003)
        .chain(1007..=1014)
        .chain([3000, 3999, 4000, 4999])
    {
        let (mut client, mut server) = pair(100);
        let other = tokio::spawn(async move {
            server.recv().await.unwrap();
            server.close_frame().unwrap().code.as_u16()
        });
        let sent = CloseCode::try_from(code).unwrap();
        assert_eq!(client.close(sent, "").await.unwrap().code(), code);
        assert_eq!(other.await.unwrap(), code);
    }
}

#[tokio::test]
async fn dropping_a_connection_writes_what_is_queued_and_1001() {
    for role in [Client, Server] {
        let (mut ws, mut far) = raw(role, 100, Config::new());
        ws.queue("last").unwrap();
        drop(ws);
        let frames = parse(&read_all(&mut far).await);
        assert_eq!(frames[0].payload, b"last");
        assert_eq!(frames[1].close_code(), 1001);
        assert_eq!(frames.len(), 2);
    }
}

#[tokio::test]
async fn dropping_makes_one_attempt_and_closes_the_socket_all_the_same() {
    let (io, far) = Recorder::with_room(4);
    let mut ws = open(io, Server, Config::new());
    ws.queue("last words").unwrap();
    drop(ws);
    let tape = far.tape();
    assert!(tape.dropped);
    assert_eq!((tape.written().len(), tape.blocked), (4, 1));
}

#[tokio::test]
async fn dropping_after_a_close_adds_nothing() {
    let (mut client, mut server) = pair(100);
    let other = tokio::spawn(async move { server.recv().await });
    client.close(CloseCode::NORMAL, "").await.unwrap();
    drop(client);
    assert_eq!(other.await.unwrap().unwrap(), None);

    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    drop(ws);
    let written = far.tape().written();
    assert_eq!(parse(&written).len(), 1);
    assert_eq!(parse(&written)[0].close_code(), 1000);
}

#[tokio::test]
async fn dropping_closes_the_file_descriptor() {
    let (near, mut far) = tcp().await;
    drop(open(near, Server, Config::new()));
    let wire = bounded(read_all(&mut far)).await;
    assert_eq!(parse(&wire)[0].close_code(), 1001);
    // Writing to a closed socket is answered with a reset.
    let reset = bounded(async {
        loop {
            if far.write_all(b"x").await.is_err() {
                return true;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(reset.await);
}

/// RFC 6455 §7.1.1.
#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_while_we_drain_is_cut_off_at_the_close_timeout() {
    let (mut ws, far) = raw(Server, 1000, Config::new());
    let (mut read, mut write) = tokio::io::split(far);
    write.write_all(&close(Client, 1000, "")).await.unwrap();
    let flooding = tokio::spawn(async move {
        while write
            .write_all(&whole(Client, PING, b"flood"))
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let begin = Instant::now();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(begin.elapsed().as_secs(), 5);
    drop(ws);
    let mut wire = Vec::new();
    read.read_to_end(&mut wire).await.unwrap();
    assert_eq!(parse(&wire).len(), 1);
    flooding.await.unwrap();
}

/// Cause: the wait for the end of the transport had a deadline of its own, so
/// that closing could take twice as long as was said.
///
/// RFC 6455 §5.5.1.
#[tokio::test(start_paused = true)]
async fn a_late_answer_to_our_close_does_not_start_the_time_again() {
    let (mut client, mut far) = raw(Client, 1000, Config::new());
    let begin = Instant::now();
    let late = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(4)).await;
        far.write_all(&close(Server, 1000, "")).await.unwrap();
        // Held open: the client waits for a server that does not end TCP.
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(far);
    });
    let outcome = client.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(outcome.clean);
    assert_eq!(begin.elapsed().as_secs(), 5);
    late.abort();
}
