//! Waiting until what senders handed in is sent, and answering through one's own sender.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use socket_flow_connection::{
    CloseCode, Config, Error, Expired, Message, NEVER, Outlet, Prepared, Publications, SendError,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::support::frames::{BINARY, close, parse, whole};
use crate::support::record::Recorder;
use crate::support::{Client, Server, bounded, no_deadlines, open, poll_dry, poll_once, raw};

#[tokio::test]
async fn a_flush_is_ready_once_everything_before_it_was_written_and_flushed() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    sender.try_send("one").unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    assert!(poll_once(&mut flush).is_pending());
    // What comes later is not waited for, also where the queue is never empty.
    sender.try_send("two").unwrap();
    far.tape().make_room(4);
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    assert!(poll_once(&mut flush).is_pending());
    far.tape().make_room(3);
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
    assert_eq!(far.tape().written(), b"\x81\x03one\x81\x03");
}

#[tokio::test]
async fn a_flush_waits_for_the_flush_of_the_transport() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    far.tape().holds_back = true;
    sender.try_send("one").unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    assert!(poll_once(&mut flush).is_pending());
    far.tape().holds_back = false;
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn a_flush_with_nothing_before_it_is_ready_with_the_next_turn() {
    let (mut ws, _far) = raw(Server, 100, no_deadlines());
    let sender = ws.sender();
    tokio::spawn(async move { ws.recv().await });
    bounded(sender.flush()).await.unwrap();
}

#[tokio::test]
async fn a_flush_is_told_whichever_way_the_connection_is_run() {
    let (mut ws, _far) = raw(Server, 1 << 16, no_deadlines());
    let sender = ws.sender();
    for way in 0..3 {
        sender.try_send("one").unwrap();
        let mut flush = Box::pin(sender.flush());
        assert!(poll_once(&mut flush).is_pending());
        match way {
            0 => ws.flush().await.unwrap(),
            1 => assert!(poll_dry(|| poll_once(ws.drive())).is_pending()),
            _ => assert!(poll_dry(|| poll_once(ws.recv_event())).is_pending()),
        }
        assert!(
            matches!(poll_once(&mut flush), Poll::Ready(Ok(()))),
            "{way}"
        );
    }
    let (mut reader, mut writer) = ws.into_split();
    for is_reader in [true, false] {
        sender.try_send("one").unwrap();
        let mut flush = Box::pin(sender.flush());
        assert!(poll_once(&mut flush).is_pending());
        match is_reader {
            true => assert!(poll_dry(|| poll_once(reader.recv())).is_pending()),
            false => writer.flush().await.unwrap(),
        }
        assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_fails_with_the_cause_of_the_end() {
    let (mut ws, _far) = raw(Server, 16, Config::new().ping_interval(NEVER));
    let sender = ws.sender();
    sender.try_send(vec![0; 1_000]).unwrap();
    let running = tokio::spawn(async move { ws.recv().await });
    let error = sender.flush().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    assert!(running.await.unwrap().is_err());
    // There is nobody any more who could send anything.
    let error = sender.flush().await.unwrap_err();
    assert!(
        matches!(error, Error::Send(SendError::Closed(()))),
        "{error:?}"
    );
}

/// Cause: once the connection had ended a flush said `Closed`, also where everything was sent.
#[tokio::test]
async fn a_flush_after_the_end_says_whether_everything_was_sent() {
    for is_split in [false, true] {
        let (mut ws, mut far) = raw(Server, 1 << 16, no_deadlines());
        let sender = ws.sender();
        sender.try_send("one").unwrap();
        far.write_all(&close(Client, 1000, "")).await.unwrap();
        far.shutdown().await.unwrap();
        let kept = match is_split {
            false => {
                assert_eq!(ws.recv().await.unwrap(), None);
                Ok(ws)
            }
            true => {
                let (mut reader, writer) = ws.into_split();
                assert_eq!(reader.recv().await.unwrap(), None);
                Err((reader, writer))
            }
        };
        sender.flush().await.unwrap();
        assert!(sender.try_send("two").is_err());
        drop(kept);
        // Also once nobody has the connection any more.
        sender.flush().await.unwrap();
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        assert!(sent.starts_with(b"\x81\x03one\x88\x02\x03\xe8"), "{sent:?}");
    }
}

#[tokio::test]
async fn a_flush_after_something_was_dropped_unsent_says_so() {
    // By the peer's Close before it was taken over, and by whom it was handed in.
    for is_ours in [false, true] {
        let (io, far) = Recorder::with_room(0);
        let mut ws = open(io, Server, no_deadlines().high_water(1));
        let sender = ws.sender();
        ws.queue("fills the queue").unwrap();
        sender.try_send("never taken over").unwrap();
        match is_ours {
            false => far.tape().feed(Ok(close(Client, 1000, ""))),
            true => sender.close_now(CloseCode::NORMAL, "").unwrap(),
        }
        let _ = poll_dry(|| poll_once(ws.recv()));
        far.tape().make_room(1_000);
        let _ = poll_dry(|| poll_once(ws.recv()));
        match poll_once(sender.flush()) {
            Poll::Ready(Err(Error::Send(SendError::Closed(())))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_flush_tells_that_the_peer_closed_before_a_message_was_taken_over() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines().high_water(1));
    let sender = ws.sender();
    ws.queue("fills the queue").unwrap();
    sender.try_send("never taken over").unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    far.tape().feed(Ok(close(Client, 1000, "")));
    let _ = poll_dry(|| poll_once(ws.recv()));
    drop(ws);
    match poll_once(&mut flush) {
        Poll::Ready(Err(Error::Send(SendError::Closed(())))) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_taken_over_before_our_close_is_still_flushed() {
    let (mut ws, mut far) = raw(Server, 1 << 16, no_deadlines());
    let sender = ws.sender();
    sender.try_send("one").unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    sender.close(CloseCode::NORMAL, "").unwrap();
    let running = tokio::spawn(async move { ws.recv().await });
    bounded(flush).await.unwrap();
    far.write_all(&close(Client, 1000, "")).await.unwrap();
    let mut written = Vec::new();
    far.read_to_end(&mut written).await.unwrap();
    assert_eq!(parse(&written).len(), 2);
    assert_eq!(running.await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_flush_in_the_connections_own_handler_ends_within_the_stall_time() {
    let (mut ws, _far) = raw(Server, 100, Config::new());
    let sender = ws.sender();
    let start = tokio::time::Instant::now();
    let error = sender.flush().await.unwrap_err();
    assert!(
        matches!(error, Error::Send(SendError::Stalled(()))),
        "{error:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    drop(ws);
}

#[tokio::test]
async fn a_flush_beside_an_outlet_waits_until_everything_is_handed_on() {
    let (sender, mut outlet) = Outlet::new(1_000);
    sender.try_send("one").unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    let mut next = || poll_once(std::future::poll_fn(|cx| outlet.poll_next(cx)));
    assert!(next().is_ready());
    assert!(next().is_pending());
    assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
}

/// Cause: what a handler answered through its connection's own sender left only when the input ran
/// dry, so that it waited for room that only its next call would have made.
#[tokio::test]
async fn a_loop_that_answers_through_its_own_sender_answers_everything() {
    let burst = b"\x82\x84\x00\x00\x00\x00\x01\x02\x03\x04".repeat(5_000);
    for is_split in [false, true] {
        for size in [64, 1 << 20] {
            let (mut ws, far) = raw(Server, size, no_deadlines());
            let (mut read, mut write) = tokio::io::split(far);
            let out = ws.sender();
            let handler = tokio::spawn(async move {
                if !is_split {
                    while let Some(message) = ws.recv().await? {
                        out.send(message).await?;
                    }
                } else {
                    let (mut reader, _writer) = ws.into_split();
                    while let Some(message) = reader.recv().await? {
                        out.send(message).await?;
                    }
                }
                Ok::<_, Error>(())
            });
            let burst = burst.clone();
            tokio::spawn(async move { write.write_all(&burst).await });
            let mut answers = vec![0; 5_000 * 6];
            bounded(read.read_exact(&mut answers)).await.unwrap();
            assert_eq!(answers, b"\x82\x04\x01\x02\x03\x04".repeat(5_000));
            handler.abort();
        }
    }
}

/// The peer takes nothing for a while: the messages wait, and nothing is lost.
#[tokio::test]
async fn answers_of_any_size_through_ones_own_sender_wait_for_the_peer() {
    for is_split in [false, true] {
        let (io, far) = Recorder::with_room(100);
        let mut ws = open(io, Server, no_deadlines());
        let out = ws.sender();
        let sizes = [1_000, 60_000, 10, 40_000, 200_000, 5, 65_000];
        for size in sizes.repeat(10) {
            far.tape().feed(Ok(whole(Client, BINARY, &vec![1; size])));
        }
        let handler = tokio::spawn(async move {
            let answer = async |message: Option<Message>| {
                out.send(message.expect("a message")).await.expect("room");
            };
            if !is_split {
                for _ in 0..70 {
                    answer(ws.recv().await.unwrap()).await;
                }
                ws.flush().await.unwrap();
            } else {
                let (mut reader, mut writer) = ws.into_split();
                for _ in 0..70 {
                    answer(reader.recv().await.unwrap()).await;
                }
                writer.flush().await.unwrap();
            }
        });
        while !handler.is_finished() {
            far.tape().make_room(30_000);
            tokio::task::yield_now().await;
        }
        handler.await.unwrap();
        let written = far.tape().written();
        let answered = parse(&written).into_iter().map(|frame| frame.payload.len());
        // And the Close of the drop.
        let answered: Vec<_> = answered.take(70).collect();
        assert_eq!(answered, sizes.repeat(10), "{is_split}");
    }
}

#[tokio::test]
async fn a_flush_does_not_count_a_pong_that_a_newer_one_takes_the_place_of() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines().high_water(100));
    let sender = ws.sender();
    ws.queue(vec![0; 200]).unwrap();
    let ping = [b"\x89\xfd\0\0\0\0".as_slice(), &[7; 125]].concat();
    far.tape().feed(Ok(ping));
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    far.tape().feed(Ok(b"\x89\x80\0\0\0\0".to_vec()));
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    far.tape().make_room(1_000);
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    assert_eq!(ws.buffered_amount(), 0);
    assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn a_flush_does_not_wait_for_messages_that_newer_ones_took_the_place_of() {
    // Three of the small ones are dropped for a large one; where another stands
    // first, they are not the first ones.
    for stands_first in [false, true] {
        let (io, _far) = Recorder::new();
        let mut ws = open(io, Server, no_deadlines().high_water(400));
        let sender = ws.sender();
        if stands_first {
            sender.try_send("x").unwrap();
        }
        while sender.room() >= sender.cost(1) {
            sender.send_newest("x").unwrap();
        }
        let mut flush = Box::pin(sender.flush());
        assert!(poll_once(&mut flush).is_pending());
        assert_eq!(sender.send_newest(vec![0; 130]).unwrap(), 3);
        assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
        assert_eq!((sender.buffered_amount(), ws.buffered_amount()), (0, 0));
        assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
    }
}

#[tokio::test]
async fn a_flush_does_not_wait_for_published_messages_that_newer_ones_took_the_place_of() {
    let (io, _far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines().high_water(400));
    let sender = ws.sender();
    let publications = Publications::default();
    let publish = |payload| sender.publish_newest(&publications.add(&Prepared::new(payload)));
    let mut sent = 0;
    while sender.room() >= sender.cost(1) {
        assert_eq!(publish(vec![0]), Ok(0));
        sent += 1;
    }
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    // All of what the flush waits for but one.
    for _ in 1..sent {
        assert_eq!(publish(vec![1]), Ok(1));
    }
    assert!(poll_once(&mut flush).is_pending());
    assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
    assert_eq!((sender.buffered_amount(), ws.buffered_amount()), (0, 0));
    assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn a_flush_ends_where_the_connection_is_dropped_or_taken_apart() {
    for way in 0..5 {
        // Nothing has room that is not taken over.
        let (mut ws, _far) = raw(Server, 10, no_deadlines());
        let sender = ws.sender();
        sender.try_send(vec![0; 100]).unwrap();
        let mut flush = Box::pin(sender.flush());
        assert!(poll_once(&mut flush).is_pending());
        match way {
            0 => drop(ws),
            1 => {
                assert!(poll_dry(|| poll_once(ws.recv())).is_pending());
                drop(ws);
            }
            2 => drop(ws.into_parts()),
            3 => drop(ws.into_split()),
            _ => {
                let (reader, writer) = ws.into_split();
                drop(writer);
                drop(reader);
            }
        }
        for flush in [flush, Box::pin(sender.flush())] {
            match poll_once(flush) {
                Poll::Ready(Err(Error::Send(SendError::Closed(())))) => {}
                other => panic!("{way}: {other:?}"),
            }
        }
    }
}

/// What was handed on is known to have been kept once more is asked for.
#[tokio::test]
async fn a_flush_beside_an_outlet_ends_with_the_outlet() {
    for asked in 0..3 {
        let (sender, mut outlet) = Outlet::new(1_000);
        sender.try_send("one").unwrap();
        let mut flush = Box::pin(sender.flush());
        assert!(poll_once(&mut flush).is_pending());
        for nth in 0..asked {
            let next = poll_once(std::future::poll_fn(|cx| outlet.poll_next(cx)));
            assert_eq!(next.is_ready(), nth == 0);
        }
        drop(outlet);
        match poll_once(&mut flush) {
            Poll::Ready(result) => assert_eq!(result.is_ok(), asked == 2),
            Poll::Pending => panic!("it waits for ever: {asked}"),
        }
        assert!(matches!(poll_once(sender.flush()), Poll::Ready(Err(_))));
    }
}

#[tokio::test]
async fn a_flush_beside_an_outlet_fails_where_its_message_is_dropped() {
    let (sender, mut outlet) = Outlet::new(1_000);
    for is_handed_out in [false, true] {
        sender.try_send("one").unwrap();
        let mut flush = Box::pin(sender.flush());
        assert!(poll_once(&mut flush).is_pending());
        if is_handed_out {
            assert!(poll_once(std::future::poll_fn(|cx| outlet.poll_next(cx))).is_ready());
            outlet.tell_dropped();
        } else {
            assert!(poll_once(std::future::poll_fn(|cx| outlet.poll_discard(cx))).is_pending());
        }
        assert!(matches!(poll_once(&mut flush), Poll::Ready(Err(_))));
        assert_eq!(sender.buffered_amount(), 0);
    }
    sender.try_send("two").unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    for nth in 0..2 {
        let next = poll_once(std::future::poll_fn(|cx| outlet.poll_next(cx)));
        assert_eq!(next.is_ready(), nth == 0);
    }
    assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
}

/// A transport that has one more message whenever it is read from.
struct Flood;

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(b"\x81\x81\0\0\0\0x");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_flush_is_told_while_the_peer_never_stops_sending() {
    let mut ws = open(Flood, Server, no_deadlines());
    let sender = ws.sender();
    sender.try_send("one").unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(poll_once(&mut flush).is_pending());
    // More than two turns.
    for _ in 0..1_000 {
        let _ = poll_once(ws.recv());
    }
    assert!(matches!(poll_once(&mut flush), Poll::Ready(Ok(()))));
}

#[tokio::test(start_paused = true)]
async fn a_flush_goes_on_waiting_while_the_handler_sends_a_large_message_to_a_slow_peer() {
    let (mut ws, mut far) = raw(Server, 1_000, Config::new().ping_interval(NEVER));
    let sender = ws.sender();
    let sending = tokio::spawn(async move { ws.send(vec![0; 100_000]).await.map(|()| ws) });
    tokio::spawn(async move {
        while far.read(&mut [0; 1_000]).await.is_ok_and(|count| count > 0) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    tokio::task::yield_now().await;
    sender.try_send("one").unwrap();
    sender.flush().await.unwrap();
    sending.await.unwrap().unwrap();
}

/// Polls a flush to its end wherever it is woken.
struct AtOnce(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for AtOnce {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let Ok(mut flush) = self.0.try_lock() else {
            return;
        };
        let polled = flush
            .as_mut()
            .map(|flush| flush.as_mut().poll(&mut Context::from_waker(&waker)));
        if polled.is_some_and(|polled| polled.is_ready()) {
            *flush = None;
        }
    }
}

#[tokio::test]
async fn whoever_is_told_of_a_flush_may_run_at_once() {
    let (io, _far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    let (told, answer) = std::sync::mpsc::channel();
    // A lock that is held meanwhile would hold this thread for ever.
    let running = std::thread::spawn(move || {
        let at_once = Arc::new(AtOnce(Mutex::new(Some(Box::pin(async move {
            told.send(sender.flush().await.is_ok()).unwrap();
        })))));
        Waker::from(at_once.clone()).wake();
        let _ = poll_dry(|| poll_once(ws.recv()));
        drop(at_once);
    });
    let told = answer.recv_timeout(Duration::from_secs(60));
    assert_eq!(told, Ok(true));
    running.join().unwrap();
}
