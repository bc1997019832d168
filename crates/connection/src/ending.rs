use std::io;
use std::task::{Poll, Waker, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::Instant;

use crate::error::Error;
use crate::source::Source;
use crate::timer::Timer;
use crate::writer::Writer;

/// The end of a connection, by the RFC's letter (RFC 6455 §7.1.1 and §7.1.7).
///
/// ```text
///            ┌─ server, or failed ─▶ shut down ─┐
///   flush ───┤                                  ├─▶ drain ─▶ over
///            └─ client after a clean handshake ─┘
/// ```
///
/// What is queued, the Close included, is written; then everything the peer
/// still sends is read and thrown away until it ends the connection. Closing
/// a socket that holds unread bytes would reset the connection, and a reset
/// destroys the Close on its way to the peer. The server ends TCP first; a
/// client waits for it.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What the receiving call returns when it is over.
    failure: Option<Error>,
    stage: Stage,
    /// Whether the peer has ended its side.
    peer_ended: bool,
    /// Whether the write side is shut down before draining.
    shut_down_first: bool,
    /// The longest silence while draining.
    silence: Duration,
    /// When it is over in any case; `None` when that is never.
    deadline: Option<Instant>,
    /// When the silence is too long.
    silent_at: Option<Instant>,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Flush,
    ShutDown,
    Drain,
}

impl Ending {
    /// Both Closes have been exchanged.
    pub(crate) fn clean(is_server: bool, timeout: Duration) -> Self {
        // A client gives the server all the time it has to end TCP first.
        let silence = if is_server { SILENCE } else { timeout };
        Self::new(None, is_server, silence, timeout)
    }

    /// The connection failed; the Close that says why is queued.
    pub(crate) fn failed(failure: Error, timeout: Duration) -> Self {
        Self::new(Some(failure), true, SILENCE, timeout)
    }

    /// The transport is of no more use: nothing is waited for.
    pub(crate) fn over(failure: Error) -> Self {
        Self::new(Some(failure), true, Duration::ZERO, Duration::ZERO)
    }

    fn new(
        failure: Option<Error>,
        shut_down_first: bool,
        silence: Duration,
        timeout: Duration,
    ) -> Self {
        Self {
            failure,
            stage: Stage::Flush,
            peer_ended: false,
            shut_down_first,
            silence,
            deadline: Instant::now().checked_add(timeout),
            silent_at: None,
            timer: Timer::default(),
        }
    }

    /// Goes on with the sequence; ready when it is over.
    pub(crate) fn poll<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<Result<(), Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        if self
            .poll_stages(source, writer, read_waker, write_waker)
            .is_pending()
            && self.poll_deadline(read_waker).is_pending()
        {
            return Poll::Pending;
        }
        if self.stage != Stage::Drain || !self.shut_down_first {
            // One last attempt for what is left, then the transport ends,
            // also where the peer was to end it and did not.
            let _ = writer.poll_write(write_waker);
            let _ = writer.poll_shutdown(write_waker);
        }
        // What could not be written by now never will be.
        writer.outgoing.abandon();
        Poll::Ready(self.failure.take().map_or(Ok(()), Err))
    }

    fn poll_stages<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<()>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        if self.stage == Stage::Flush && writer.poll_write(write_waker).is_ready() {
            self.stage = if self.shut_down_first {
                Stage::ShutDown
            } else {
                Stage::Drain
            };
        }
        if self.stage == Stage::ShutDown && writer.poll_shutdown(write_waker).is_ready() {
            self.stage = Stage::Drain;
        }
        // Also while the Close cannot be written yet: a peer that sends and
        // does not read would never make room for it.
        if !self.peer_ended {
            ready!(self.poll_drain(source, writer, read_waker));
        }
        // One that has ended its side may still read. What is queued goes out
        // whole, or until writing fails or takes too long.
        if self.peer_ended && self.stage == Stage::Flush {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Reads and throws away, storing nothing, until the peer ends its side or
    /// the transport fails.
    fn poll_drain<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        waker: &Waker,
    ) -> Poll<()>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        let mut scratch = [0; 4096];
        for _ in 0..READS {
            let mut space = &mut scratch[..];
            match source.poll_read(writer, waker, &mut space) {
                Poll::Ready(Ok(0)) => {
                    self.peer_ended = true;
                    return Poll::Ready(());
                }
                Poll::Ready(Ok(_)) => self.silent_at = None,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // TLS without its `close_notify`: the end all the same.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.peer_ended = true;
                    return Poll::Ready(());
                }
                // A peer may reset once it has what it wanted: after the
                // handshake that is as good an end as any.
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        // A flood that never runs dry must not keep this task from its
        // deadline, nor other tasks from their turn.
        waker.wake_by_ref();
        Poll::Pending
    }

    fn poll_deadline(&mut self, waker: &Waker) -> Poll<()> {
        if self.stage == Stage::Drain && self.silent_at.is_none() {
            self.silent_at = Instant::now().checked_add(self.silence);
        }
        match self.silent_at.into_iter().chain(self.deadline).min() {
            Some(at) => self.timer.poll(at, waker),
            None => Poll::Pending,
        }
    }
}

/// The longest silence while draining after a failure.
const SILENCE: Duration = Duration::from_secs(1);

/// Reads thrown away before the deadline and other tasks get their turn.
const READS: usize = 64;
