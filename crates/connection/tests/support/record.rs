//! A transport whose every call is scripted by the test and recorded.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the test and the transport share.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    /// What the next reads find, one entry each; then `Pending`.
    pub(crate) reads: VecDeque<io::Result<Vec<u8>>>,
    /// What each write took.
    pub(crate) writes: Vec<Vec<u8>>,
    /// How many bytes the transport takes before it blocks.
    pub(crate) room: usize,
    /// What writes fail with.
    pub(crate) write_error: Option<io::ErrorKind>,
    /// Writes report that they took nothing.
    pub(crate) takes_nothing: bool,
    /// Writes that hit the end of the room.
    pub(crate) blocked: usize,
    /// Flushes wait for ever.
    pub(crate) holds_back: bool,
    pub(crate) flushes: usize,
    pub(crate) shutdowns: usize,
    pub(crate) dropped: bool,
    read_waker: Option<Waker>,
    write_waker: Option<Waker>,
}

impl Tape {
    pub(crate) fn written(&self) -> Vec<u8> {
        self.writes.concat()
    }

    /// Lets a read find something.
    pub(crate) fn feed(&mut self, read: io::Result<Vec<u8>>) {
        self.reads.push_back(read);
        if let Some(waker) = self.read_waker.take() {
            waker.wake();
        }
    }

    /// Lets writes take `count` more bytes.
    pub(crate) fn make_room(&mut self, count: usize) {
        self.room = self.room.saturating_add(count);
        if let Some(waker) = self.write_waker.take() {
            waker.wake();
        }
    }
}

/// The transport; it keeps one waker per direction, the last.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Arc<Mutex<Tape>>);

impl Recorder {
    /// A transport that takes everything.
    pub(crate) fn new() -> (Io, Self) {
        Self::with_room(usize::MAX)
    }

    /// A transport that takes `room` bytes and then blocks.
    pub(crate) fn with_room(room: usize) -> (Io, Self) {
        let tape = Tape {
            room,
            ..Tape::default()
        };
        let recorder = Self(Arc::new(Mutex::new(tape)));
        (Io(recorder.clone()), recorder)
    }

    pub(crate) fn tape(&self) -> MutexGuard<'_, Tape> {
        // A failing assertion may hold it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that a connection owns.
#[derive(Debug)]
pub(crate) struct Io(Recorder);

impl Drop for Io {
    fn drop(&mut self) {
        self.0.tape().dropped = true;
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut tape = self.0.tape();
        match tape.reads.pop_front() {
            None => {
                tape.read_waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !rest.is_empty() {
                    tape.reads.push_front(Ok(rest));
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut tape = self.0.tape();
        if let Some(kind) = tape.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        if tape.takes_nothing {
            return Poll::Ready(Ok(0));
        }
        if tape.room == 0 {
            tape.blocked += 1;
            tape.write_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = buf.len().min(tape.room);
        if tape.room != usize::MAX {
            tape.room -= count;
        }
        tape.writes.push(buf[..count].to_vec());
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tape = self.0.tape();
        tape.flushes += 1;
        if tape.holds_back {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.tape().shutdowns += 1;
        Poll::Ready(Ok(()))
    }
}
