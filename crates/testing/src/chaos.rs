use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use strum::{EnumIter, IntoStaticStr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::report::Report;
use crate::seeds::Random;

/// What a transport can do to a connection; reports have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[allow(clippy::exhaustive_enums)] // for tests
pub enum Fault {
    /// A read or write of one byte.
    OneByte,
    /// A read or write of a few bytes.
    Short,
    /// A vectored write that ends somewhere inside its slices.
    ShortVectored,
    /// `Pending`, and woken at once.
    Pending,
    /// `Pending`, and woken later by another task.
    WokenElsewhere,
    /// `Interrupted`, which means: again.
    Interrupted,
    /// A flush that has to wait.
    FlushPending,
    /// A read or write fails with `ConnectionReset`.
    ConnectionReset,
    /// A write fails with `BrokenPipe`.
    BrokenPipe,
    /// A write takes nothing, for ever.
    WriteZero,
    /// Reads find the end.
    Eof,
    /// The end of our direction fails.
    ShutdownError,
}

impl Fault {
    /// Whether no connection survives it; those come last.
    pub fn is_fatal(self) -> bool {
        self >= Self::ConnectionReset
    }
}

/// How often each fault happened; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Report>>);

impl Faults {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&self, fault: Fault) {
        self.figures().add(fault.into(), 1);
    }

    /// How often it happened.
    pub fn count(&self, fault: Fault) -> u64 {
        self.figures().get(fault.into())
    }

    /// How often each happened.
    pub fn report(&self) -> Report {
        self.figures().clone()
    }

    fn figures(&self) -> MutexGuard<'_, Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    /// The fault that nothing survives, and the polls until then.
    fatal: Option<(Fault, usize)>,
    is_broken: bool,
}

impl<S> Chaos<S> {
    /// Misbehaves in one direction or both and counts how in `faults`.
    pub fn new(io: S, mode: Mode, seed: u64, faults: &Faults) -> Self {
        Self {
            io,
            mode,
            random: Random::with_seed(seed),
            faults: faults.clone(),
            interrupts: true,
            fatal: None,
            is_broken: false,
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

    /// What it does once it breaks, now or earlier, in one of these ways.
    fn broken(&mut self, ways: &[Fault]) -> Option<io::Result<usize>> {
        let (fault, polls) = self.fatal.as_mut()?;
        if let Some(left) = polls.checked_sub(1) {
            *polls = left;
            return None;
        }
        let fault = ways.iter().find(|way| *way == fault)?;
        if !self.is_broken {
            self.is_broken = true;
            self.faults.add(*fault);
        }
        let kind = match fault {
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
        match self.random.usize(..8) {
            0 => self.with(Fault::OneByte, Poll::Ready(Ok(1))),
            1 | 2 => {
                let most = self.random.usize(1..=SHORT);
                self.with(Fault::Short, Poll::Ready(Ok(most)))
            }
            3 => {
                waker.wake_by_ref();
                self.with(Fault::Pending, Poll::Pending)
            }
            4 => {
                let waker = waker.clone();
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    waker.wake();
                });
                self.with(Fault::WokenElsewhere, Poll::Pending)
            }
            5 if self.interrupts => self.interrupt(),
            _ => Poll::Ready(Ok(usize::MAX)),
        }
    }

    fn interrupt<T>(&self) -> Poll<io::Result<T>> {
        let error = ErrorKind::Interrupted.into();
        self.with(Fault::Interrupted, Poll::Ready(Err(error)))
    }

    /// What comes of a poll, and why.
    fn with<T>(&self, fault: Fault, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.faults.add(fault);
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Chaos<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut most = usize::MAX;
        if self.mode != Mode::Write {
            most = ready!(self.poll(&[Fault::ConnectionReset, Fault::Eof], cx.waker()))?;
        }
        let mut some = (&mut self.io).take(most as u64);
        Pin::new(&mut some).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Chaos<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.mode == Mode::Read {
            return Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        }
        let mut most = ready!(self.poll(&BROKEN_WRITES, cx.waker()))?;
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        let all = bufs.iter().map(|buf| buf.len()).sum();
        if bufs.len() > 1 {
            // It may end anywhere, also after a boundary.
            most = most.min(self.random.usize(1..=VECTORED));
            if most < all {
                self.faults.add(Fault::ShortVectored);
            }
        }
        let bytes = bufs.iter().flat_map(|buf| buf.iter().copied());
        let joined: Vec<_> = bytes.take(most).collect();
        Pin::new(&mut self.io).poll_write(cx, &joined)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.random.usize(..4) {
            _ if self.mode == Mode::Read => {}
            0 => {
                cx.waker().wake_by_ref();
                return self.with(Fault::FlushPending, Poll::Pending);
            }
            1 if self.interrupts => return self.interrupt(),
            _ => {}
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.broken(&[Fault::ShutdownError]) {
            Some(broken) if self.mode != Mode::Read => Poll::Ready(broken.map(drop)),
            _ => Pin::new(&mut self.io).poll_shutdown(cx),
        }
    }
}

/// The ways in which writes break.
const BROKEN_WRITES: [Fault; 3] = [Fault::ConnectionReset, Fault::BrokenPipe, Fault::WriteZero];

/// The most bytes of a short read or write.
const SHORT: usize = 100;

/// The most bytes of a vectored write.
const VECTORED: usize = 10_000;
