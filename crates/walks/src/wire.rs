//! A stream in memory whose peer is told what to do.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream; a clone of it is its peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    /// What the peer has sent and the stream has not read.
    sent: Vec<u8>,
    /// Whether the peer sends nothing more.
    is_ended: bool,
    /// What the stream has written and the peer has not taken.
    written: Vec<u8>,
}

impl Wire {
    /// Sends this, as the peer.
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.0.borrow_mut().sent.extend_from_slice(bytes);
    }

    /// Ends the peer's side.
    pub(crate) fn end(&self) {
        self.0.borrow_mut().is_ended = true;
    }

    /// Takes what was written, as the peer.
    pub(crate) fn receive(&self) -> Vec<u8> {
        mem::take(&mut self.0.borrow_mut().written)
    }
}

impl AsyncRead for Wire {
    /// Nobody wakes who waits here: the peer sends before it is waited for.
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        if state.sent.is_empty() && !state.is_ended {
            return Poll::Pending;
        }
        let count = state.sent.len().min(buf.remaining());
        buf.put_slice(&state.sent[..count]);
        state.sent.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
