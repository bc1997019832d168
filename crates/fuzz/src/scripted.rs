//! A transport that does, poll by poll, what an input says.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The connection's end of a scripted transport.
#[derive(Debug)]
pub(crate) struct Scripted(pub(crate) Script);

/// Our end of it.
#[derive(Clone, Debug)]
pub(crate) struct Script(Arc<Mutex<State>>);

/// What is scripted, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What is still to be read, and behind it the end.
    pub(crate) arriving: Vec<u8>,
    /// What each poll does, the last first; without any, all that can be done.
    pub(crate) turns: Vec<u8>,
    pub(crate) written: Vec<u8>,
    /// Who waits: at most one for each direction.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Whether a poll has failed, as every later one does then.
    pub(crate) broken: bool,
    pub(crate) shut_down: bool,
}

/// What a poll does.
enum Turn {
    Go(usize),
    Wait,
    Fail,
}

impl Script {
    pub(crate) fn new(arriving: Vec<u8>, turns: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(State {
            arriving,
            turns: turns.iter().rev().copied().collect(),
            ..State::default()
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A failing assertion may hold it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits for the transport; how many that were.
    pub(crate) fn wake(&self) -> usize {
        let (reader, writer) = {
            let mut state = self.state();
            (state.reader.take(), state.writer.take())
        };
        let waiting = reader.into_iter().chain(writer);
        waiting.map(Waker::wake).count()
    }
}

impl State {
    fn turn(&mut self) -> Turn {
        if self.broken {
            return Turn::Fail;
        }
        let Some(turn) = self.turns.pop() else {
            return Turn::Go(usize::MAX);
        };
        match turn % 8 {
            0 | 1 => Turn::Wait,
            2 => Turn::Go(1),
            3 | 4 => Turn::Go(1 + usize::from(turn >> 3)),
            5 if turn == 0xfd => {
                self.broken = true;
                Turn::Fail
            }
            _ => Turn::Go(usize::MAX),
        }
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        match state.turn() {
            Turn::Wait => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Turn::Fail => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Turn::Go(most) => {
                let count = most.min(buf.remaining()).min(state.arriving.len());
                let rest = state.arriving.split_off(count);
                buf.put_slice(&state.arriving);
                state.arriving = rest;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl Scripted {
    fn poll_write_turn(&self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        match state.turn() {
            Turn::Wait => {
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            Turn::Fail => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Turn::Go(most) => Poll::Ready(Ok(most)),
        }
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turn = self.poll_write_turn(cx);
        turn.map_ok(|most| {
            let count = most.min(buf.len());
            self.0.state().written.extend_from_slice(&buf[..count]);
            count
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_turn(cx).map_ok(drop)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let turn = self.poll_write_turn(cx);
        turn.map_ok(|_| self.0.state().shut_down = true)
    }
}
