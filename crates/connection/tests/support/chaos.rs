//! A transport that behaves as badly as the contracts of `AsyncRead` and
//! `AsyncWrite` allow, reproducibly.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Random;

/// Which direction misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Read,
    Write,
    Both,
}

/// How often each kind of misbehaviour happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub short: usize,
    pub pending: usize,
    pub woken_elsewhere: usize,
    pub interrupted: usize,
    pub flush_pending: usize,
}

/// `S`, one poll at a time: a byte, a few, all, `Pending` with a wake, a wake
/// from another task, `Interrupted`.
#[derive(Debug)]
pub struct Chaos<S> {
    io: S,
    mode: Mode,
    random: Random,
    pub faults: Faults,
}

enum Turn {
    Go(usize),
    Wait,
    Interrupt,
}

impl<S> Chaos<S> {
    pub fn new(io: S, mode: Mode, seed: u64) -> Self {
        Self {
            io,
            mode,
            random: Random::new(seed),
            faults: Faults::default(),
        }
    }

    fn turn(&mut self, waker: &Waker) -> Turn {
        match self.random.below(8) {
            0 => {
                self.faults.short += 1;
                Turn::Go(1)
            }
            1 | 2 => {
                self.faults.short += 1;
                Turn::Go(1 + self.random.below(100))
            }
            3 => {
                self.faults.pending += 1;
                waker.wake_by_ref();
                Turn::Wait
            }
            4 => {
                self.faults.woken_elsewhere += 1;
                let waker = waker.clone();
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    waker.wake();
                });
                Turn::Wait
            }
            5 => {
                self.faults.interrupted += 1;
                Turn::Interrupt
            }
            _ => Turn::Go(usize::MAX),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Chaos<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.mode == Mode::Write {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        match self.turn(cx.waker()) {
            Turn::Wait => Poll::Pending,
            Turn::Interrupt => Poll::Ready(Err(io::ErrorKind::Interrupted.into())),
            Turn::Go(most) => {
                if most == usize::MAX {
                    return Pin::new(&mut self.io).poll_read(cx, buf);
                }
                let mut space = [0; 100];
                let mut part = ReadBuf::new(&mut space[..most.min(buf.remaining())]);
                let result = Pin::new(&mut self.io).poll_read(cx, &mut part);
                buf.put_slice(part.filled());
                result
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Chaos<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.mode == Mode::Read {
            return Pin::new(&mut self.io).poll_write(cx, buf);
        }
        match self.turn(cx.waker()) {
            Turn::Wait => Poll::Pending,
            Turn::Interrupt => Poll::Ready(Err(io::ErrorKind::Interrupted.into())),
            Turn::Go(most) => Pin::new(&mut self.io).poll_write(cx, &buf[..most.min(buf.len())]),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A short vectored write that ends anywhere, also behind a boundary.
        let mut joined = Vec::new();
        for buf in bufs {
            let room = 10_000 - joined.len();
            joined.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        self.as_mut().poll_write(cx, &joined)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.mode != Mode::Read {
            match self.random.below(4) {
                0 => {
                    self.faults.flush_pending += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                1 => {
                    self.faults.interrupted += 1;
                    return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
                }
                _ => {}
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
