//! The owned halves in two tasks.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use socket_flow_connection::{
    CloseCode, Closing, Config, Error, Expired, Message, OwnedReader, OwnedWriter, SendError,
    WebSocket,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::support::frames::{CLOSE, PONG, TEXT, close, parse, split_frames, whole};
use crate::support::record::Recorder;
use crate::support::{
    self, Client, Server, Wakes, bounded, no_deadlines, open, pair, poll_once, raw, read_all, tcp,
};

const MIB: usize = 1 << 20;

/// Sends 64 MiB and receives as much, at once.
async fn flood<S>(ws: WebSocket<S>) -> (OwnedReader<S>, OwnedWriter<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut reader, mut writer) = ws.into_split();
    let sending = tokio::spawn(async move {
        for n in 0..64_u8 {
            writer.send(vec![n; MIB]).await.unwrap();
        }
        writer
    });
    for n in 0..64_u8 {
        let message = reader.recv().await.unwrap().unwrap();
        assert_eq!(message.len(), MIB);
        assert!(message.as_bytes().iter().all(|&byte| byte == n));
    }
    (reader, sending.await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_carry_64_mib_at_once_in_memory() {
    let (client, server) = pair(64 << 10);
    bounded(async { tokio::join!(flood(client), flood(server)) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_carry_64_mib_at_once_over_tcp() {
    let (near, far) = tcp().await;
    let client = open(near, Client, Config::new());
    let server = open(far, Server, Config::new());
    bounded(async { tokio::join!(flood(client), flood(server)) }).await;
}

#[tokio::test]
async fn both_halves_that_wait_to_write_are_woken() {
    let (io, far) = Recorder::with_room(0);
    let (mut reader, mut writer) = open(io, Server, no_deadlines()).into_split();
    let (reads, read_waker) = Wakes::new();
    let (writes, write_waker) = Wakes::new();
    let mut sending = pin!(writer.send("a"));
    assert!(
        sending
            .as_mut()
            .poll(&mut Context::from_waker(&write_waker))
            .is_pending()
    );
    // The reader tries to write too and is the last to wait.
    let mut receiving = pin!(reader.recv());
    assert!(
        receiving
            .as_mut()
            .poll(&mut Context::from_waker(&read_waker))
            .is_pending()
    );
    far.tape().make_room(100);
    assert_eq!((reads.count(), writes.count()), (1, 1));
    assert!(
        sending
            .as_mut()
            .poll(&mut Context::from_waker(&write_waker))
            .is_ready()
    );
    assert_eq!(far.tape().written(), b"\x81\x01a");
}

#[tokio::test]
async fn a_writer_is_woken_when_the_reader_wrote_for_it() {
    let (io, far) = Recorder::with_room(0);
    let (mut reader, mut writer) = open(io, Server, no_deadlines()).into_split();
    let (writes, write_waker) = Wakes::new();
    let mut sending = pin!(writer.send("a"));
    let mut cx = Context::from_waker(&write_waker);
    assert!(sending.as_mut().poll(&mut cx).is_pending());
    // Room appears and nobody is told: the reader finds it first.
    far.tape().room = 100;
    assert!(poll_once(reader.recv()).is_pending());
    assert_eq!(far.tape().written(), b"\x81\x01a");
    assert!(writes.count() > 0, "the sender waits for ever");
    assert!(sending.as_mut().poll(&mut cx).is_ready());
}

#[tokio::test]
async fn a_writer_that_fails_wakes_the_reader() {
    let (io, far) = Recorder::new();
    let (mut reader, mut writer) = open(io, Server, Config::new()).into_split();
    let (reads, read_waker) = Wakes::new();
    let mut receiving = pin!(reader.recv());
    let mut cx = Context::from_waker(&read_waker);
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    far.tape().write_error = Some(std::io::ErrorKind::BrokenPipe);
    assert!(writer.send("a").await.is_err());
    assert!(reads.count() > 0, "the reader keeps no deadline");
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_keepalive_ends_soon_after_the_writer_failed() {
    let (io, far) = Recorder::new();
    let config = Config::new().ping_interval(socket_flow_connection::NEVER);
    let (mut reader, mut writer) = open(io, Server, config).into_split();
    let receiving = tokio::spawn(async move { reader.recv().await });
    tokio::task::yield_now().await;
    far.tape().write_error = Some(std::io::ErrorKind::BrokenPipe);
    assert!(matches!(writer.send("a").await, Err(Error::Io(_))));
    let error = receiving.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
}

/// RFC 6455 §6.1.
#[tokio::test(start_paused = true)]
async fn a_writer_waiting_for_room_sees_the_end_of_the_connection() {
    let (ws, mut far) = raw(Server, 16, Config::new());
    let (mut reader, mut writer) = ws.into_split();
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = writer.send(vec![0; 100_000]).await {
                return error;
            }
        }
    });
    let receiving = tokio::spawn(async move { reader.recv().await });
    tokio::task::yield_now().await;
    far.write_all(b"\xff\xff").await.unwrap();
    let error = receiving.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(_)));
    // What it had queued was dropped for that.
    let lost = sending.await.unwrap();
    assert!(matches!(lost, Error::Protocol(_)), "{lost:?}");
}

/// RFC 6455 §5.5.1, §6.1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_follows_the_close_of_a_racing_sender() {
    for round in 0..200 {
        let (ws, mut far) = raw(Server, 1 << 16, Config::new());
        let (mut reader, mut writer) = ws.into_split();
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            while writer.send("data").await.is_ok() {
                sent += 1;
            }
            assert!(matches!(writer.queue("x"), Err(SendError::Closed("x"))));
            sent
        });
        let receiving = tokio::spawn(async move { reader.recv().await });
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        far.write_all(&close(Client, 1000, "")).await.unwrap();
        let wire = read_all(&mut far).await;
        drop(far);
        assert_eq!(receiving.await.unwrap().unwrap(), None);
        let sent = sending.await.unwrap();
        let frames = parse(&wire);
        let closes = frames.iter().filter(|frame| frame.opcode == CLOSE).count();
        assert_eq!(closes, 1);
        assert_eq!(frames.last().unwrap().opcode, CLOSE);
        assert!(frames.len() > sent, "{} {sent}", frames.len());
    }
}

#[tokio::test]
async fn the_writers_close_is_completed_by_the_reader() {
    let (client, mut server) = pair(1000);
    let (mut reader, mut writer) = client.into_split();
    let receiving = tokio::spawn(async move {
        let last = reader.recv().await.unwrap();
        let end = reader.recv().await.unwrap();
        (last, end, reader.close_frame().cloned())
    });
    writer.close(CloseCode::NORMAL, "bye").await.unwrap();
    assert_eq!(writer.closing(), Closing::Sent);
    // What is still under way arrives.
    server.send("late").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), None);
    let (last, end, frame) = receiving.await.unwrap();
    assert_eq!(last, Some(Message::from("late")));
    assert_eq!(end, None);
    assert_eq!(frame.unwrap().code, CloseCode::NORMAL);
    assert_eq!(writer.closing(), Closing::Done);
    assert!(matches!(writer.send("x").await, Err(Error::Send(_))));
}

#[tokio::test(start_paused = true)]
async fn a_close_started_by_the_writer_is_written_and_timed_by_a_waiting_reader() {
    let (ws, mut far) = raw(Server, 1000, Config::new());
    let (mut reader, mut writer) = ws.into_split();
    let receiving = tokio::spawn(async move { reader.recv().await });
    tokio::task::yield_now().await;
    writer.start_close(CloseCode::NORMAL, "").unwrap();
    let begin = tokio::time::Instant::now();
    let error = receiving.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Close)));
    assert_eq!(begin.elapsed().as_secs(), 5);
    assert_eq!(parse(&read_all(&mut far).await)[0].close_code(), 1000);
}

#[tokio::test]
async fn dropping_one_half_keeps_the_other() {
    let (ws, mut far) = raw(Server, 1000, no_deadlines());
    let (mut reader, writer) = ws.into_split();
    drop(writer);
    far.write_all(&whole(Client, support::frames::PING, b"p"))
        .await
        .unwrap();
    far.write_all(&whole(Client, TEXT, b"a")).await.unwrap();
    assert_eq!(reader.recv().await.unwrap(), Some(Message::from("a")));
    assert!(poll_once(reader.recv()).is_pending());
    let mut pong = [0; 3];
    far.read_exact(&mut pong).await.unwrap();
    assert_eq!(parse(&pong)[0].opcode, PONG);

    let (ws, mut far) = raw(Server, 1000, no_deadlines());
    let (reader, mut writer) = ws.into_split();
    drop(reader);
    writer.send("b").await.unwrap();
    let mut text = [0; 3];
    far.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"\x81\x01b");
}

#[tokio::test]
async fn dropping_both_halves_says_going_away_and_ends_the_transport() {
    for reader_first in [true, false] {
        let (ws, mut far) = raw(Server, 1000, Config::new());
        let (reader, mut writer) = ws.into_split();
        writer.queue("last").unwrap();
        if reader_first {
            drop(reader);
            drop(writer);
        } else {
            drop(writer);
            drop(reader);
        }
        let frames = parse(&read_all(&mut far).await);
        assert_eq!(frames[0].payload, b"last");
        assert_eq!(frames[1].close_code(), 1001);
        assert_eq!(frames.len(), 2);
    }
    let (near, mut far) = tcp().await;
    drop(open(near, Server, Config::new()).into_split());
    let wire = bounded(read_all(&mut far)).await;
    assert_eq!(parse(&wire)[0].close_code(), 1001);
}

#[tokio::test]
async fn what_was_queued_before_the_split_is_written_after_it() {
    let (mut ws, mut far) = raw(Server, 1000, no_deadlines());
    ws.queue("before").unwrap();
    let (_reader, mut writer) = ws.into_split();
    writer.send("after").await.unwrap();
    let wire = support::read_now(&mut far);
    let (frames, rest) = split_frames(&wire);
    assert_eq!(rest, b"");
    assert_eq!(frames[0].payload, b"before");
    assert_eq!(frames[1].payload, b"after");
}

#[tokio::test]
async fn a_send_dropped_while_blocked_is_finished_by_the_reader() {
    let (ws, mut far) = raw(Server, 2, no_deadlines());
    let (mut reader, mut writer) = ws.into_split();
    assert!(matches!(poll_once(writer.send("abc")), Poll::Pending));
    let receiving = tokio::spawn(async move { reader.recv().await });
    let mut wire = [0; 5];
    bounded(far.read_exact(&mut wire)).await.unwrap();
    assert_eq!(&wire, b"\x81\x03abc");
    receiving.abort();
}

/// Two halves in one task would never let it rest.
#[tokio::test]
async fn a_reader_that_waits_for_the_end_does_not_keep_waking_the_writer() {
    let (ws, mut far) = raw(Server, 64, no_deadlines());
    let (mut reader, mut writer) = ws.into_split();
    writer.queue(&[7; 1000][..]).unwrap();
    // Not masked: the connection fails, and its Close waits for the queue.
    far.write_all(b"\x81\x00").await.unwrap();
    assert!(poll_once(reader.recv()).is_pending());
    let (wakes, waker) = Wakes::new();
    let mut flush = pin!(writer.flush());
    let cx = &mut Context::from_waker(&waker);
    assert!(flush.as_mut().poll(cx).is_pending());
    assert!(poll_once(reader.recv()).is_pending());
    assert_eq!(wakes.count(), 0);
}
