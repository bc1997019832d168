use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::faults::{Fault, Faults};
use crate::random::Random;

/// Which direction of a transport misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // for tests
pub enum Mode {
    /// Reads.
    Read,
    /// Writes, flushes and the end of our direction.
    Write,
    /// Everything.
    Both,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Both];

    /// Whether a fault of this kind can happen in this mode.
    pub fn has(self, fault: Fault) -> bool {
        match fault {
            Fault::Eof => self != Self::Write,
            Fault::BrokenPipe | Fault::WriteZero | Fault::ShutdownError => self != Self::Read,
            Fault::FlushPending | Fault::ShortVectored => self != Self::Read,
            _ => true,
        }
    }
}

/// A transport that behaves as badly as the contracts of `AsyncRead` and
/// `AsyncWrite` allow, the same for the same seed.
///
/// Every poll is cut short, put off, interrupted or left as it is. With
/// [`breaking`](Chaos::breaking) it also breaks for good, once.
#[derive(Debug)]
pub struct Chaos<S> {
    io: S,
    mode: Mode,
    random: Random,
    faults: Faults,
    interrupts: bool,
    /// The fault to come that nothing survives, and the polls until then.
    fatal: Option<(Fault, usize)>,
    /// The one that came.
    broken: Option<Fault>,
}

impl<S> Chaos<S> {
    /// Misbehaves in one direction or both and counts how in `faults`.
    pub fn new(io: S, mode: Mode, seed: u64, faults: &Faults) -> Self {
        Self {
            io,
            mode,
            random: Random::new(seed),
            faults: faults.clone(),
            interrupts: true,
            fatal: None,
            broken: None,
        }
    }

    /// Never fails with `Interrupted`. Layers between, such as TLS, may take
    /// any failure of their transport for its end; only whoever calls a
    /// transport directly is asked to try again.
    #[must_use]
    pub fn uninterrupted(mut self) -> Self {
        self.interrupts = false;
        self
    }

    /// Breaks in this way at the first chance after so many polls.
    #[must_use]
    pub fn breaking(mut self, fault: Fault, polls: usize) -> Self {
        self.fatal = Some((fault, polls));
        self
    }

    fn reads_misbehave(&self) -> bool {
        self.mode != Mode::Write
    }

    fn writes_misbehave(&self) -> bool {
        self.mode != Mode::Read
    }

    /// What it does once it breaks, now or earlier, in one of these ways.
    fn broken(&mut self, ways: &[Fault]) -> Option<io::Result<usize>> {
        if let Some((fault, polls)) = &mut self.fatal {
            if *polls > 0 {
                *polls -= 1;
            } else if ways.contains(fault) {
                self.faults.add(*fault);
                self.broken = Some(*fault);
                self.fatal = None;
            }
        }
        let kind = match self.broken.filter(|fault| ways.contains(fault))? {
            Fault::ConnectionReset => ErrorKind::ConnectionReset,
            Fault::BrokenPipe => ErrorKind::BrokenPipe,
            Fault::ShutdownError => ErrorKind::NotConnected,
            _ => return Some(Ok(0)),
        };
        Some(Err(kind.into()))
    }

    /// How many bytes a read or a write may have, 0 where it found the end;
    /// unless it is put off, or fails.
    fn poll(&mut self, ways: &[Fault], waker: &Waker) -> Poll<io::Result<usize>> {
        if let Some(broken) = self.broken(ways) {
            return Poll::Ready(broken);
        }
        match self.random.below(8) {
            0 => {
                self.faults.add(Fault::Byte);
                Poll::Ready(Ok(1))
            }
            1 | 2 => {
                self.faults.add(Fault::Short);
                Poll::Ready(Ok(self.random.between(1, SHORT)))
            }
            3 => {
                self.faults.add(Fault::Pending);
                waker.wake_by_ref();
                Poll::Pending
            }
            4 => {
                self.faults.add(Fault::WokenElsewhere);
                let waker = waker.clone();
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    waker.wake();
                });
                Poll::Pending
            }
            5 if self.interrupts => {
                self.faults.add(Fault::Interrupted);
                Poll::Ready(Err(ErrorKind::Interrupted.into()))
            }
            _ => Poll::Ready(Ok(usize::MAX)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Chaos<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.reads_misbehave() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        match ready!(self.poll(&[Fault::ConnectionReset, Fault::Eof], cx.waker()))? {
            0 => Poll::Ready(Ok(())),
            usize::MAX => Pin::new(&mut self.io).poll_read(cx, buf),
            most => {
                let mut space = [0; SHORT];
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
        if !self.writes_misbehave() {
            return Pin::new(&mut self.io).poll_write(cx, buf);
        }
        match ready!(self.poll(&BROKEN_WRITES, cx.waker()))? {
            0 => Poll::Ready(Ok(0)),
            most => {
                let part = &buf[..most.min(buf.len())];
                Pin::new(&mut self.io).poll_write(cx, part)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.writes_misbehave() {
            return Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        }
        let most = ready!(self.poll(&BROKEN_WRITES, cx.waker()))?;
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        // It may end anywhere, also behind a boundary.
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        let most = most.min(self.random.between(1, VECTORED)).min(all);
        if most < all && bufs.len() > 1 {
            self.faults.add(Fault::ShortVectored);
        }
        let mut joined = Vec::with_capacity(most);
        for buf in bufs {
            let room = most - joined.len();
            joined.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        Pin::new(&mut self.io).poll_write(cx, &joined)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.writes_misbehave() {
            match self.random.below(4) {
                0 => {
                    self.faults.add(Fault::FlushPending);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                1 if self.interrupts => {
                    self.faults.add(Fault::Interrupted);
                    return Poll::Ready(Err(ErrorKind::Interrupted.into()));
                }
                _ => {}
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.writes_misbehave() {
            if let Some(broken) = self.broken(&[Fault::ShutdownError]) {
                return Poll::Ready(broken.map(drop));
            }
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The ways in which writes break.
const BROKEN_WRITES: [Fault; 3] = [Fault::ConnectionReset, Fault::BrokenPipe, Fault::WriteZero];

/// The most bytes of a short read or write.
const SHORT: usize = 100;

/// The most bytes of a vectored write.
const VECTORED: usize = 10_000;
