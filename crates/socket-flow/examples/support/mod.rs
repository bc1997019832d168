//! What the examples share: how they notice that they are asked to stop, and the flags that turn
//! compression on.

#![allow(dead_code)] // no example needs all of it

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Poll, Waker};

use lexopt::{Arg, Parser, ValueExt};
use socket_flow::Deflate;
use tokio::sync::watch;

/// `--deflate [--no-context-takeover] [--window-bits N]`.
#[derive(Clone, Default)]
pub(crate) struct Compression {
    on: bool,
    no_context_takeover: bool,
    window_bits: Option<u8>,
}

impl Compression {
    /// Takes the argument if it is one of these flags.
    pub(crate) fn take(&mut self, arg: &Arg<'_>) -> bool {
        match arg {
            Arg::Long("deflate") => self.on = true,
            Arg::Long("no-context-takeover") => self.no_context_takeover = true,
            _ => return false,
        }
        true
    }

    /// The value of `--window-bits`.
    pub(crate) fn take_window_bits(&mut self, parser: &mut Parser) -> Result<(), lexopt::Error> {
        let bits: u8 = parser.value()?.parse()?;
        if !(8..=15).contains(&bits) {
            return Err("--window-bits takes 8 to 15".into());
        }
        self.window_bits = Some(bits);
        Ok(())
    }

    /// The settings for both sides of a connection, if it is to compress at all.
    pub(crate) fn settings(&self) -> Option<Deflate> {
        let bits = self.window_bits.unwrap_or(15);
        self.on.then(|| {
            Deflate::balanced()
                .server_no_context_takeover(self.no_context_takeover)
                .client_no_context_takeover(self.no_context_takeover)
                .server_max_window_bits(bits)
                .client_max_window_bits(bits)
        })
    }
}

/// Becomes requested at the first Ctrl-C or SIGTERM.
#[derive(Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Catches the signals from now on. Must be called on a tokio runtime.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let signals = Signals::catch()?;
        let (request, requested) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            request.send_replace(true);
            // The sender stays, or waiting for it would fail.
            request.closed().await;
        });
        Ok(Self(requested))
    }

    /// Waits for the signal.
    pub(crate) async fn requested(&mut self) {
        // It fails when the runtime is gone, and this future with it.
        let _ = self.0.wait_for(|requested| *requested).await;
    }

    /// Runs `work` to its end, or until the signal: then it is `None`.
    ///
    /// The same as a `select!`, but the signal is only looked at once per waker and not whenever
    /// `work` is woken, so that it costs a busy connection nothing.
    pub(crate) async fn interrupt<F: Future>(&mut self, work: F) -> Option<F::Output> {
        let state = self.0.clone();
        let mut work = pin!(work);
        let mut requested = pin!(self.requested());
        let mut watched_by: Option<Waker> = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let watched = watched_by
                .as_ref()
                .is_some_and(|waker| waker.will_wake(cx.waker()));
            if watched && !state.has_changed().unwrap_or(true) {
                return Poll::Pending;
            }
            watched_by = Some(cx.waker().clone());
            requested.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
