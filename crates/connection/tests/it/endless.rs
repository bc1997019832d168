//! Senders that hand in without pause, on a transport that takes everything at once.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use futures_util::SinkExt;
use socket_flow_connection::{Error, Message, Sender, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::frames::{TEXT, whole};
use crate::support::{Client, Server, no_deadlines, open};

/// What is handed in takes all of a queue.
const HIGH_WATER: usize = 1_000;

/// Each write hands the next message in: no turn ends for want of one.
#[derive(Debug, Default)]
struct AlwaysReady {
    sender: Arc<OnceLock<Sender>>,
    reads: Arc<Mutex<Vec<u8>>>,
    /// Writes since the last poll began.
    writes: Arc<Mutex<usize>>,
}

impl AsyncRead for AlwaysReady {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut reads = self.reads.lock().unwrap();
        if reads.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(&reads);
        reads.clear();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for AlwaysReady {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut writes = self.writes.lock().unwrap();
        *writes += 1;
        assert!(*writes < 10_000, "a turn without end");
        if let Some(sender) = self.sender.get() {
            // Full where the one before was not taken over.
            let _ = sender.try_send(vec![0; 2 * HIGH_WATER]);
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A connection whose senders never pause, from now on.
struct Endless {
    ws: WebSocket<AlwaysReady>,
    far: Far,
}

/// The other end.
struct Far {
    reads: Arc<Mutex<Vec<u8>>>,
    writes: Arc<Mutex<usize>>,
}

fn endless() -> Endless {
    let io = AlwaysReady::default();
    let (reads, writes) = (io.reads.clone(), io.writes.clone());
    let first = io.sender.clone();
    let mut ws = open(io, Server, no_deadlines().high_water(HIGH_WATER));
    let sender = ws.sender();
    sender.try_send(vec![0; 2 * HIGH_WATER]).unwrap();
    first.set(sender).unwrap();
    let far = Far { reads, writes };
    Endless { ws, far }
}

impl Far {
    /// Lets turns pass until it is ready; none may take more than its share.
    fn is_ready_in<F: Future>(&self, turns: usize, future: F) -> F::Output {
        let mut future = pin!(future);
        for _ in 0..turns {
            *self.writes.lock().unwrap() = 0;
            let cx = &mut Context::from_waker(Waker::noop());
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return output;
            }
        }
        panic!("it has no end");
    }

    /// The same, and it is never ready.
    fn is_pending_for(&self, turns: usize, future: impl Future) {
        let mut future = pin!(future);
        for _ in 0..turns {
            *self.writes.lock().unwrap() = 0;
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(future.as_mut().poll(cx).is_pending());
        }
    }

    fn sends(&self, text: &str) {
        let frame = whole(Client, TEXT, text.as_bytes());
        self.reads.lock().unwrap().extend(frame);
    }

    /// A message arrives although senders never pause.
    fn is_received<F>(&self, receiving: F)
    where
        F: Future<Output = Result<Option<Message>, Error>>,
    {
        let mut receiving = pin!(receiving);
        self.is_pending_for(10, poll_fn(|cx| receiving.as_mut().poll(cx)));
        self.sends("Hello");
        let received = self.is_ready_in(10, receiving).unwrap();
        assert_eq!(received, Some(Message::from("Hello")));
    }
}

/// Cause: the transport made room for the next message at once, and only a turn in which senders
/// paused had an end.
#[test]
fn senders_without_pause_leave_others_their_turn_and_the_peer_its_messages() {
    let Endless { mut ws, far } = endless();
    far.is_received(ws.recv());

    let Endless { mut ws, far } = endless();
    let (reader, writer) = ws.halves();
    far.is_received(async { Ok(reader.recv(writer).await?.map(Message::from)) });

    let Endless { ws, far } = endless();
    let (mut reader, _writer) = ws.into_split();
    far.is_received(reader.recv());
}

#[test]
fn senders_without_pause_leave_a_driven_connection_its_turns() {
    let Endless { mut ws, far } = endless();
    far.is_pending_for(10, ws.drive());
    far.sends("Hello");
    far.is_pending_for(10, ws.drive());
    let received = far.is_ready_in(10, ws.recv()).unwrap();
    assert_eq!(received, Some(Message::from("Hello")));
}

#[test]
fn senders_without_pause_keep_no_call_that_sends_from_its_end() {
    let Endless { mut ws, far } = endless();
    far.is_ready_in(10, ws.flush()).unwrap();
    far.is_ready_in(10, ws.send("Hello")).unwrap();
    far.is_ready_in(10, ws.ping(b"")).unwrap();
    far.is_ready_in(10, SinkExt::flush(&mut ws)).unwrap();
    let (_, writer) = ws.halves();
    far.is_ready_in(10, writer.send("Hello")).unwrap();
    let mut parts = writer.message_writer();
    far.is_ready_in(10, parts.write("Hel")).unwrap();
    far.is_ready_in(10, parts.finish("lo")).unwrap();

    let Endless { ws, far } = endless();
    let (_reader, mut writer) = ws.into_split();
    far.is_ready_in(10, writer.flush()).unwrap();
    far.is_ready_in(10, writer.send("Hello")).unwrap();
    let mut parts = writer.message_writer();
    far.is_ready_in(10, parts.write("Hel")).unwrap();
    far.is_ready_in(10, parts.finish("lo")).unwrap();
    far.is_ready_in(10, SinkExt::flush(&mut writer)).unwrap();
}
