use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use shuttle::future::yield_now;
use socket_flow_connection::Role::Client;
use socket_flow_connection::{Config, NEVER, Negotiated, Role, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frames::{CLOSE, close, split_frames};

/// A server's connection over a pipe that takes `room` bytes per direction, and the peer's end.
pub(crate) fn server(room: usize) -> (WebSocket<End>, End) {
    server_with(Config::new(), room)
}

/// The same, with limits of one's own.
pub(crate) fn server_with(config: Config, room: usize) -> (WebSocket<End>, End) {
    let (near, far) = pipe(room);
    let config = config
        .ping_interval(NEVER)
        .stall_timeout(NEVER)
        .close_timeout(NEVER);
    let ws = WebSocket::from_parts(
        near,
        BytesMut::new(),
        Role::Server,
        Negotiated::default(),
        config,
    );
    (ws, far)
}

/// One end of a pipe in memory. Like a socket it remembers one waker per direction; unlike
/// `tokio::io::duplex` it wakes outside its lock, which the scheduler knows nothing of.
#[derive(Clone, Debug)]
pub(crate) struct End {
    incoming: Arc<Mutex<Lane>>,
    outgoing: Arc<Mutex<Lane>>,
}

#[derive(Debug)]
struct Lane {
    bytes: VecDeque<u8>,
    room: usize,
    /// How many bytes were ever taken.
    written: usize,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

fn pipe(room: usize) -> (End, End) {
    let lane = || {
        Arc::new(Mutex::new(Lane {
            bytes: VecDeque::new(),
            room,
            written: 0,
            ended: false,
            reader: None,
            writer: None,
        }))
    };
    let (up, down) = (lane(), lane());
    let near = End {
        incoming: up.clone(),
        outgoing: down.clone(),
    };
    let far = End {
        incoming: down,
        outgoing: up,
    };
    (near, far)
}

impl End {
    /// Writes all of it.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let written = poll_fn(|cx| Pin::new(&mut *self).poll_write(cx, bytes)).await;
            bytes = &bytes[written.unwrap()..];
        }
    }

    /// Reads, at most `limit` bytes at a time, until the other end has ended.
    pub(crate) async fn read_to_end(&mut self, limit: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let more = self.read_some(limit).await;
            if more.is_empty() {
                return all;
            }
            all.extend(more);
            yield_now().await;
        }
    }

    /// Reads once; nothing where the other end has ended.
    pub(crate) async fn read_some(&mut self, limit: usize) -> Vec<u8> {
        let mut space = vec![0; limit];
        let mut buf = ReadBuf::new(&mut space);
        poll_fn(|cx| Pin::new(&mut *self).poll_read(cx, &mut buf))
            .await
            .unwrap();
        buf.filled().to_vec()
    }

    /// Reads like [`End::read_to_end`], and ends too: a client that lets the server be first.
    pub(crate) async fn follow_to_the_end(mut self, limit: usize) -> Vec<u8> {
        let all = self.read_to_end(limit).await;
        self.end();
        all
    }

    /// Reads up to the server's Close, answers it, and ends.
    pub(crate) async fn answer_the_close(mut self, limit: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let more = self.read_some(limit).await;
            assert!(!more.is_empty(), "the server ended without a Close");
            all.extend(more);
            let (frames, _) = split_frames(&all);
            if frames.iter().any(|frame| frame.opcode == CLOSE) {
                break;
            }
        }
        self.write(&close(Client, 1000, "")).await;
        all.extend(self.follow_to_the_end(limit).await);
        all
    }

    /// How many bytes the other end has written.
    pub(crate) fn written(&self) -> usize {
        lock(&self.incoming).written
    }

    /// Ends what this end sends.
    pub(crate) fn end(&self) {
        let mut lane = lock(&self.outgoing);
        lane.ended = true;
        let waker = lane.reader.take();
        drop(lane);
        wake(waker);
    }

    /// Takes nothing more of what the other end sends.
    pub(crate) fn stop(&self) {
        let mut lane = lock(&self.incoming);
        lane.ended = true;
        let waker = lane.writer.take();
        drop(lane);
        wake(waker);
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut lane = lock(&self.incoming);
        if lane.bytes.is_empty() && !lane.ended {
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = lane.bytes.len().min(buf.remaining());
        let bytes: Vec<u8> = lane.bytes.drain(..count).collect();
        let waker = lane.writer.take();
        drop(lane);
        buf.put_slice(&bytes);
        wake(waker);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = lock(&self.outgoing);
        if lane.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(lane.room - lane.bytes.len());
        if count == 0 {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        lane.bytes.extend(&bytes[..count]);
        lane.written += count;
        let waker = lane.reader.take();
        drop(lane);
        wake(waker);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap()
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
