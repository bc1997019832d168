//! What `Ok` means: everything queued before a call was taken by the transport's write and flushed.
//! Where something was dropped instead, the call fails with the cause, whoever met it first.

use std::time::Duration;

use futures_util::SinkExt;
use socket_flow_connection::{
    CloseCode, Config, Error, Expired, Message, OwnedReader, OwnedWriter, Role,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use crate::support::frames::{TEXT, close, parse, whole};
use crate::support::record::Recorder;
use crate::support::{self, Client, Server, no_deadlines, open, poll_dry, poll_once, raw};

type Halves = (OwnedReader<DuplexStream>, OwnedWriter<DuplexStream>);

/// A split connection over a pipe that takes 64 bytes and is not read, and a writer that waits in
/// it with 100 KB.
async fn stuck(role: Role) -> (OwnedReader<DuplexStream>, DuplexStream, JoinHandle<Sent>) {
    let (ws, far) = raw(
        role,
        64,
        Config::new().ping_interval(socket_flow_connection::NEVER),
    );
    let (reader, mut writer): Halves = ws.into_split();
    let sending = tokio::spawn(async move {
        let sent = writer.send(vec![0; 100_000]).await;
        (sent, writer)
    });
    tokio::task::yield_now().await;
    (reader, far, sending)
}

type Sent = (Result<(), Error>, OwnedWriter<DuplexStream>);

/// Every way to wait for what was queued fails then, again and again.
async fn stays_lost(mut writer: OwnedWriter<DuplexStream>, is_cause: fn(&Error) -> bool) {
    for _ in 0..2 {
        let again = writer.flush().await.unwrap_err();
        assert!(is_cause(&again), "{again:?}");
        let again = writer.send("late").await.unwrap_err();
        assert!(is_cause(&again), "{again:?}");
        let again = writer.close(CloseCode::NORMAL, "").await.unwrap_err();
        assert!(is_cause(&again), "{again:?}");
    }
}

/// Cause: the half that received dropped what the other one had queued, and that was told `Ok`,
/// because nothing was queued any more.
#[tokio::test(start_paused = true)]
async fn a_send_fails_when_the_peers_close_is_never_answered_for_want_of_room() {
    for role in [Client, Server] {
        let (mut reader, mut far, sending) = stuck(role).await;
        far.write_all(&close(other(role), 1000, "")).await.unwrap();
        let start = tokio::time::Instant::now();
        match reader.recv().await {
            Err(Error::Unsent(cause)) => {
                assert!(
                    matches!(*cause, Error::Timeout(Expired::Close)),
                    "{cause:?}"
                );
            }
            received => panic!("{received:?}"),
        }
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        assert_eq!(reader.close_frame().unwrap().code, CloseCode::NORMAL);
        let (sent, writer) = sending.await.unwrap();
        let is_cause = |error: &Error| matches!(error, Error::Timeout(Expired::Close));
        assert!(is_cause(&sent.unwrap_err()));
        stays_lost(writer, is_cause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_fails_with_the_violation_that_ended_the_connection() {
    for role in [Client, Server] {
        let (mut reader, mut far, sending) = stuck(role).await;
        far.write_all(b"\xff\xff").await.unwrap();
        assert!(matches!(reader.recv().await, Err(Error::Protocol(_))));
        let (sent, writer) = sending.await.unwrap();
        let is_cause = |error: &Error| matches!(error, Error::Protocol(_));
        assert!(is_cause(&sent.unwrap_err()));
        stays_lost(writer, is_cause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_fails_when_the_peer_ends_without_a_close() {
    for role in [Client, Server] {
        let (mut reader, mut far, sending) = stuck(role).await;
        far.shutdown().await.unwrap();
        assert!(matches!(
            reader.recv().await,
            Err(Error::Closed { code: 1006 })
        ));
        let (sent, writer) = sending.await.unwrap();
        let is_cause = |error: &Error| matches!(error, Error::Closed { code: 1006 });
        assert!(is_cause(&sent.unwrap_err()));
        stays_lost(writer, is_cause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn both_halves_are_told_when_the_peer_is_dropped() {
    let (mut reader, far, sending) = stuck(Server).await;
    drop(far);
    let received = reader.recv().await.unwrap_err();
    assert!(
        matches!(received, Error::Io(_) | Error::Closed { .. }),
        "{received:?}"
    );
    let (sent, writer) = sending.await.unwrap();
    let is_cause = |error: &Error| matches!(error, Error::Io(_) | Error::Closed { .. });
    assert!(is_cause(&sent.unwrap_err()));
    stays_lost(writer, is_cause).await;
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_the_writer_meets_is_told_to_both_halves() {
    let (mut reader, _far, sending) = stuck(Server).await;
    let receiving = tokio::spawn(async move { reader.recv().await });
    let (sent, writer) = sending.await.unwrap();
    let is_cause = |error: &Error| matches!(error, Error::Timeout(Expired::Write));
    assert!(is_cause(&sent.unwrap_err()));
    assert!(receiving.await.unwrap().is_err());
    stays_lost(writer, is_cause).await;
}

#[tokio::test]
async fn what_was_written_before_the_end_is_no_loss() {
    for role in [Client, Server] {
        let (ws, mut far) = raw(role, 1 << 16, no_deadlines());
        let (mut reader, mut writer) = ws.into_split();
        writer.send("one").await.unwrap();
        far.write_all(&close(other(role), 1000, "")).await.unwrap();
        far.shutdown().await.unwrap();
        assert_eq!(reader.recv().await.unwrap(), None);
        writer.flush().await.unwrap();
        assert!(matches!(writer.send("late").await, Err(Error::Send(_))));
        writer.flush().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_is_an_error_only_where_something_of_ours_was_not_sent() {
    // The peer does not answer: all of ours is written.
    let (mut ws, _far) = raw(Server, 1 << 16, Config::new());
    ws.queue("all").unwrap();
    assert!(!ws.close(CloseCode::NORMAL, "").await.unwrap().clean);

    // The peer answers and takes nothing.
    let (io, far) = Recorder::with_room(3);
    let mut ws = open(io, Server, Config::new());
    ws.queue("not all").unwrap();
    far.tape().feed(Ok(close(Client, 1000, "")));
    let error = ws.close(CloseCode::NORMAL, "").await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Close)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_flush_of_a_sink_fails_with_the_cause() {
    let (io, far) = Recorder::with_room(3);
    let mut ws = open(io, Server, Config::new());
    ws.feed(Message::from("lost")).await.unwrap();
    far.tape().write_error = Some(std::io::ErrorKind::BrokenPipe);
    far.tape().make_room(100);
    for _ in 0..2 {
        let error = SinkExt::flush(&mut ws).await.unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
    }
}

/// Cause: `poll_event` did not look for a sink that waits in another task.
#[tokio::test]
async fn a_sink_that_waits_is_woken_whichever_way_the_other_task_receives() {
    use std::pin::{Pin, pin};
    use std::task::Context;

    use crate::support::Wakes;
    use futures_util::Sink;

    for by_events in [true, false] {
        let (io, far) = Recorder::with_room(0);
        let mut ws = open(io, Server, no_deadlines().high_water(100));
        ws.queue(vec![0; 200]).unwrap();
        let (wakes, waker) = Wakes::new();
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut ws).poll_ready(&mut cx).is_pending());
        match by_events {
            true => assert!(poll_once(pin!(ws.recv_event())).is_pending()),
            false => assert!(poll_once(pin!(ws.recv())).is_pending()),
        }
        let before = wakes.count();
        far.tape().make_room(1_000);
        assert!(wakes.count() > before, "the sink waits for ever");
        assert!(Pin::new(&mut ws).poll_ready(&mut cx).is_ready());
    }
}

/// Cause: nothing was read while a connection was only driven, so that a peer that was gone, or a
/// ping of its, was not noticed.
#[tokio::test(start_paused = true)]
async fn driving_keeps_the_deadlines_answers_pings_and_keeps_the_first_message() {
    let (mut ws, mut far) = raw(Server, 1 << 16, Config::new());
    far.write_all(&whole(Client, 0x9, b"ping")).await.unwrap();
    far.write_all(&whole(Client, TEXT, b"first")).await.unwrap();
    far.write_all(&whole(Client, TEXT, b"second"))
        .await
        .unwrap();
    let sender = ws.sender();
    assert!(poll_dry(|| poll_once(ws.drive())).is_pending());
    sender.try_send("sent meanwhile").unwrap();
    assert!(poll_dry(|| poll_once(ws.drive())).is_pending());
    let written = support::read_now(&mut far);
    let frames = parse(&written);
    assert_eq!(frames[0].payload, b"ping");
    assert_eq!(frames[1].payload, b"sent meanwhile");
    for text in ["first", "second"] {
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(text));
    }

    // A peer that is silent is given up, and `recv` tells why.
    let start = tokio::time::Instant::now();
    ws.drive().await.unwrap_or_default();
    assert_eq!(start.elapsed(), Duration::from_secs(40));
    let error = ws.recv().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Pong)), "{error:?}");
}

#[tokio::test]
async fn driving_ends_when_the_peer_does() {
    let (mut ws, far) = raw(Server, 1 << 16, no_deadlines());
    drop(far);
    ws.drive().await.unwrap_or_default();
    assert!(ws.recv().await.is_err());

    let (mut ws, mut far) = raw(Server, 1 << 16, no_deadlines());
    far.write_all(&close(Client, 1001, "bye")).await.unwrap();
    ws.drive().await.unwrap();
    let receiving = tokio::spawn(async move { (ws.recv().await, ws) });
    support::read_all(&mut far).await;
    drop(far);
    let (received, ws) = receiving.await.unwrap();
    assert_eq!(received.unwrap(), None);
    assert_eq!(ws.close_frame().unwrap().reason.as_str(), "bye");
}

/// Drives a connection with more queued than its pipe holds, whose peer sends this, ends its side or
/// not, and reads from the second second on or never: how that ends, and after how many seconds.
async fn drives(sent: &[u8], ends: bool, reads: bool) -> (Result<(), Error>, u64) {
    let (mut ws, mut far) = raw(Server, 100, Config::new());
    ws.queue(vec![b'x'; 1_000]).unwrap();
    far.write_all(sent).await.unwrap();
    if ends {
        far.shutdown().await.unwrap();
    }
    let start = tokio::time::Instant::now();
    let reading = tokio::spawn(async move {
        if !reads {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut bytes = Vec::new();
        let _ = far.read_to_end(&mut bytes).await;
        bytes.len()
    });
    let driven = ws.drive().await;
    let took = start.elapsed().as_secs();
    let (left, received) = (ws.buffered_amount(), ws.recv().await);
    match driven {
        Ok(()) => {
            assert_eq!(left, 0);
            drop(ws);
            assert!(reading.await.unwrap() >= 1_004);
        }
        // `recv` tells it too.
        Err(_) => assert!(received.is_err(), "{received:?}"),
    }
    (driven, took)
}

/// Cause: driving was over, and `Ok`, once the connection began to end, whatever was still queued.
#[tokio::test(start_paused = true)]
async fn driving_is_ok_only_where_everything_is_sent() {
    let violation = b"\xff\x80\0\0\0\0";
    for (sent, ends) in [
        (&close(Client, 1000, "")[..], true),
        (&close(Client, 1000, "")[..], false),
        (violation, true),
        (violation, false),
    ] {
        let (driven, took) = drives(sent, ends, false).await;
        assert!(driven.is_err(), "{sent:?} {ends}");
        assert_eq!(took, 5, "{sent:?} {ends}");
        let (driven, took) = drives(sent, ends, true).await;
        driven.unwrap();
        assert_eq!(took, 1, "{sent:?} {ends}");
    }
    // An end without a Close is the end of all.
    for reads in [false, true] {
        let (driven, took) = drives(b"", true, reads).await;
        assert!(matches!(driven, Err(Error::Closed { .. })), "{driven:?}");
        assert_eq!(took, 0);
    }
    // A peer that says nothing.
    let (driven, took) = drives(b"", false, false).await;
    assert!(
        matches!(driven, Err(Error::Timeout(Expired::Write))),
        "{driven:?}"
    );
    assert!((30..=37).contains(&took), "{took}");
}

fn other(role: Role) -> Role {
    match role {
        Client => Server,
        Server => Client,
    }
}
