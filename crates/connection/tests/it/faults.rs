//! Transports that fail, stutter or lie.

use std::io;

use socket_flow_connection::{CloseCode, Config, Error, Expired, Message, NEVER, SendError};

use crate::support::frames::{BINARY, CLOSE, PING, TEXT, close, parse, split_frames, whole};
use crate::support::record::Recorder;
use crate::support::{self, Client, Server, no_deadlines, open, poll_once};

#[tokio::test]
async fn an_interrupted_read_is_tried_again() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    far.tape().feed(Err(io::ErrorKind::Interrupted.into()));
    far.tape().feed(Ok(whole(Client, TEXT, b"a")));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("a")));
}

#[tokio::test]
async fn an_interrupted_read_into_a_large_message_is_tried_again() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    let mut wire = whole(Client, BINARY, &[7; 200_000]);
    let rest = wire.split_off(100_000);
    far.tape().feed(Ok(wire));
    far.tape().feed(Err(io::ErrorKind::Interrupted.into()));
    far.tape().feed(Ok(rest));
    let message = ws.recv().await.unwrap().unwrap();
    assert_eq!(message.as_bytes(), [7; 200_000]);
}

#[tokio::test]
async fn a_write_that_takes_nothing_is_an_error_and_no_loop() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    far.tape().takes_nothing = true;
    match ws.send("a").await {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::WriteZero),
        other => panic!("{other:?}"),
    }
    // The first message is lost: no later call says that all is sent.
    assert!(matches!(ws.send("b").await, Err(Error::Io(_))));
    assert!(matches!(ws.flush().await, Err(Error::Io(_))));
    assert!(matches!(ws.queue("c"), Err(SendError::Closed("c"))));
}

#[tokio::test]
async fn what_arrived_before_a_write_failed_is_still_received() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    far.tape().write_error = Some(io::ErrorKind::BrokenPipe);
    ws.queue("lost").unwrap();
    far.tape().feed(Ok(whole(Client, TEXT, b"last words")));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("last words")));
    assert!(poll_once(ws.recv()).is_pending());
    far.tape().feed(Ok(Vec::new()));
    far.tape().feed(Ok(Vec::new()));
    match ws.recv().await {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
        other => panic!("{other:?}"),
    }
}

/// RFC 6455 §7.2.1.
#[tokio::test]
async fn a_read_error_ends_the_connection_with_its_cause() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Client, Config::new());
    far.tape().feed(Err(io::ErrorKind::ConnectionReset.into()));
    far.tape().feed(Ok(Vec::new()));
    match ws.recv().await {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        other => panic!("{other:?}"),
    }
    let again = ws.recv().await;
    assert!(matches!(again, Err(Error::Closed { code: 1006 })));
}

/// RFC 6455 §7.1.4.
#[tokio::test]
async fn a_reset_after_a_clean_close_is_no_error() {
    for role in [Client, Server] {
        let peer = if role == Client { Server } else { Client };
        let (io, far) = Recorder::new();
        let mut ws = open(io, role, Config::new());
        far.tape().feed(Ok(close(peer, 1000, "")));
        far.tape().feed(Err(io::ErrorKind::ConnectionReset.into()));
        assert_eq!(ws.recv().await.unwrap(), None);
        assert_eq!(ws.recv().await.unwrap(), None);
        let written = far.tape().written();
        assert_eq!(parse(&written)[0].close_code(), 1000);
    }
}

/// RFC 6455 §7.1.5, §7.1.7, §7.2.1.
#[tokio::test]
async fn an_end_without_a_close_is_1006() {
    for wire in [
        Vec::new(),
        whole(Server, TEXT, b"half a frame")[..5].to_vec(),
    ] {
        let (io, far) = Recorder::new();
        let mut ws = open(io, Client, Config::new());
        if !wire.is_empty() {
            far.tape().feed(Ok(wire));
        }
        far.tape().feed(Ok(Vec::new()));
        far.tape().feed(Ok(Vec::new()));
        let error = ws.recv().await.unwrap_err();
        assert!(matches!(error, Error::Closed { code: 1006 }));
        assert_eq!(error.close_code(), Some(1006));
    }
}

#[tokio::test]
async fn what_is_queued_before_the_end_of_input_was_written_or_is_dropped_whole() {
    let (io, far) = Recorder::with_room(3);
    let mut ws = open(io, Server, no_deadlines());
    ws.queue("abc").unwrap();
    far.tape().feed(Ok(Vec::new()));
    far.tape().feed(Ok(Vec::new()));
    assert!(ws.recv().await.is_err());
    assert_eq!(ws.buffered_amount(), 0);
    far.tape().make_room(100);
    drop(ws);
    // Nothing follows half a frame.
    assert_eq!(far.tape().written(), b"\x81\x03a");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_write_ends_the_waiting_sender_within_a_quarter_of_its_period() {
    let (io, far) = Recorder::with_room(10);
    let mut ws = open(io, Server, Config::new());
    let begin = tokio::time::Instant::now();
    let error = ws.send(vec![0; 1000]).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    let seconds = begin.elapsed().as_secs_f32();
    assert!((30.0..=37.6).contains(&seconds), "{seconds}");
    // Half a frame is on the wire: nothing may follow it.
    far.tape().make_room(1 << 20);
    drop(ws);
    assert_eq!(far.tape().written().len(), 10);
}

/// TLS takes whole records and may hold them back.
#[tokio::test(start_paused = true)]
async fn a_stalled_flush_is_a_stalled_write_though_the_queue_is_empty() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    far.tape().holds_back = true;
    let begin = tokio::time::Instant::now();
    let error = ws.send("a").await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    let seconds = begin.elapsed().as_secs_f32();
    assert!((30.0..=37.6).contains(&seconds), "{seconds}");
    assert_eq!(far.tape().written(), b"\x81\x01a");
    let again = ws.send("b").await.unwrap_err();
    assert!(matches!(again, Error::Timeout(Expired::Write)), "{again:?}");

    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new().ping_interval(NEVER));
    far.tape().holds_back = true;
    ws.queue("a").unwrap();
    let begin = tokio::time::Instant::now();
    let error = ws.recv().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    let seconds = begin.elapsed().as_secs_f32();
    assert!((30.0..=37.6).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_goes_through_is_watched_no_longer() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new().ping_interval(NEVER));
    far.tape().holds_back = true;
    ws.queue("a").unwrap();
    assert!(poll_once(ws.recv()).is_pending());
    tokio::time::advance(std::time::Duration::from_secs(20)).await;
    far.tape().holds_back = false;
    assert!(poll_once(ws.recv()).is_pending());
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    assert!(poll_once(ws.recv()).is_pending());
    ws.send("b").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stalled_write_ends_the_receiver_too() {
    let (io, far) = Recorder::with_room(10);
    let mut ws = open(io, Server, Config::new());
    ws.queue(vec![0; 100_000]).unwrap();
    let begin = tokio::time::Instant::now();
    let error = ws.recv().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    assert!(begin.elapsed().as_secs_f32() <= 37.6);
    assert_eq!(far.tape().shutdowns.min(1), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_trickles_stays_alive() {
    let (io, far) = Recorder::with_room(10);
    let mut ws = open(io, Server, Config::new());
    let trickle = async {
        for _ in 0..1000 {
            tokio::time::sleep(std::time::Duration::from_secs(20)).await;
            far.tape().make_room(1);
        }
        far.tape().make_room(1 << 20);
    };
    let (sent, ()) = tokio::join!(ws.send(vec![0; 1000]), trickle);
    sent.unwrap();
    assert_eq!(parse(&far.tape().written())[0].payload.len(), 1000);
}

/// RFC 6455 §7.1.4.
#[tokio::test(start_paused = true)]
async fn a_close_without_an_answer_ends_after_five_seconds_and_is_not_clean() {
    for role in [Client, Server] {
        let (io, far) = Recorder::new();
        let mut ws = open(io, role, Config::new());
        let begin = tokio::time::Instant::now();
        let outcome = ws.close(CloseCode::NORMAL, "bye").await.unwrap();
        assert!(!outcome.clean);
        assert_eq!(outcome.code(), 1006);
        assert_eq!(begin.elapsed().as_secs(), 5);
        assert!(far.tape().shutdowns > 0, "the socket stays open");
        let written = far.tape().written();
        let (frames, _) = split_frames(&written);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].opcode, CLOSE);
        assert_eq!(frames[0].payload, b"\x03\xe8bye");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_cannot_be_written_ends_after_five_seconds() {
    let (io, _far) = Recorder::with_room(0);
    let mut ws = open(io, Server, Config::new());
    ws.queue(vec![0; 1 << 20]).unwrap();
    let begin = tokio::time::Instant::now();
    let error = ws.close(CloseCode::NORMAL, "").await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Close)), "{error:?}");
    assert_eq!(begin.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_whose_pong_is_behind_our_backpressure_is_not_taken_for_dead() {
    let (io, far) = Recorder::with_room(10);
    let mut ws = open(io, Server, Config::new());
    // At 20 s a ping goes out.
    let waiting = tokio::time::timeout(std::time::Duration::from_secs(21), ws.recv());
    assert!(waiting.await.is_err());
    assert_eq!(parse(&far.tape().written())[0].opcode, PING);
    // Now the peer reads slowly what we send, and what it sends waits.
    ws.queue(vec![0; 100_000]).unwrap();
    let mut messages = whole(Client, TEXT, b"first");
    messages.extend(whole(Client, TEXT, b"second"));
    far.tape().feed(Ok(messages));
    let slow = async {
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_secs(10)).await;
            far.tape().make_room(10);
        }
        far.tape().make_room(1 << 20);
    };
    let (received, ()) = tokio::join!(ws.recv(), slow);
    assert_eq!(received.unwrap(), Some(Message::from("first")));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("second")));
}

#[tokio::test(start_paused = true)]
async fn half_a_message_behind_our_backpressure_is_not_a_stalled_read() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, Config::new());
    far.tape().feed(Ok(whole(Client, TEXT, b"first")));
    let mut half = support::frames::frame(Client, false, TEXT, b"sec");
    half.truncate(4);
    let rest = support::frames::frame(Client, false, TEXT, b"sec")[4..].to_vec();
    far.tape().feed(Ok(half));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("first")));
    assert!(poll_once(ws.recv()).is_pending());
    ws.queue(vec![0; 100_000]).unwrap();
    far.tape().feed(Ok(rest));
    far.tape()
        .feed(Ok(support::frames::frame(Client, true, 0, b"ond")));
    let slow = async {
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_secs(10)).await;
            far.tape().make_room(10);
        }
        far.tape().make_room(1 << 20);
    };
    let (received, ()) = tokio::join!(ws.recv(), slow);
    assert_eq!(received.unwrap(), Some(Message::from("second")));
}

#[tokio::test(start_paused = true)]
async fn a_write_failure_is_reported_and_not_the_deadline_that_follows_it() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    far.tape().write_error = Some(io::ErrorKind::BrokenPipe);
    ws.queue("lost").unwrap();
    // The read side stays open and silent.
    match ws.recv().await {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
        other => panic!("{other:?}"),
    }
}

/// RFC 6455 §5.5.1, §7.1.1.
#[tokio::test(start_paused = true)]
async fn a_client_ends_the_transport_when_the_server_does_not() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Client, Config::new());
    far.tape().feed(Ok(close(Server, 1000, "")));
    let begin = tokio::time::Instant::now();
    let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(outcome.clean);
    assert_eq!(begin.elapsed().as_secs(), 5);
    assert_eq!(far.tape().shutdowns, 1, "the socket stays open");
}
