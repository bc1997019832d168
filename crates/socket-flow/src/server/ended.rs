//! How a handler ended, and what that means for a connection it dropped.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use socket_flow_connection::{Heir, WebSocket};
use socket_flow_protocol::CloseCode;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::server::refuse::{LINGER, linger};
use crate::stream::{LingerSlot, ServerStream};

/// How a handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Failed,
    Panicked,
}

impl Ended {
    /// What the peer is told, and all it is told, where the handler has not
    /// closed the connection itself (RFC 6455 §7.4.1).
    pub(crate) fn close_code(self) -> CloseCode {
        match self {
            Self::Done => CloseCode::NORMAL,
            Self::Failed | Self::Panicked => CloseCode::INTERNAL_ERROR,
        }
    }
}

/// Runs what may panic; the panic's own words are the panic hook's affair.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(drop_caught)
        .ok()
}

/// What a panic carries may panic itself when it is dropped, and what that one carries again.
fn drop_caught(carried: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(carried))) {
        mem::forget(again);
    }
}

/// What a connection leaves when it is dropped: its transport, and what it still
/// has to send.
///
/// Where this is dropped first, or with both, the connection says 1001 by itself.
pub(crate) struct Legacy {
    heir: Heir,
    slot: LingerSlot<ServerStream>,
}

impl Legacy {
    pub(crate) fn of(ws: &mut WebSocket<ServerStream>) -> Self {
        Self {
            heir: ws.sender().heir(),
            slot: ws.get_mut().reclaim_on_drop(),
        }
    }

    /// The transport, once the connection is dropped.
    pub(crate) fn poll_dropped(&self, cx: &mut Context<'_>) -> Poll<ServerStream> {
        self.slot.poll_take(cx)
    }

    /// The handler has ended, with the connection or without.
    pub(crate) async fn settle(self, ended: Ended) {
        let code = ended.close_code();
        let stream = match self.slot.take() {
            None if self.heir.stop(code) => {
                // It is being dropped at this moment, on another thread.
                let dropped = poll_fn(|cx| self.slot.poll_take(cx));
                Deadline::after(LINGER).run(dropped).await
            }
            stream => stream,
        };
        if let Some(stream) = stream {
            self.end(stream, code).await;
        }
    }

    /// Ends the connection that was left, so that its last words arrive: writes what was
    /// queued and a Close with this code, and ends the transport. A Close that was queued
    /// stays as it is; a connection that a panic dropped closes with 1011.
    pub(crate) async fn end(&self, stream: ServerStream, code: CloseCode) {
        let since = self.heir.ends_since();
        match self.heir.writer(stream) {
            Ok(mut writer) => {
                let since = since.unwrap_or_else(Instant::now);
                let deadline = Deadline::since(since, writer.close_timeout());
                let code = self.heir.drop_code().unwrap_or(code);
                // The reason is empty, so it cannot be too long.
                let _ = writer.start_close(code, "");
                // Where it fails the transport has, and lingering ends at once.
                if deadline.run(pin!(writer.flush())).await.is_some() {
                    linger(writer.into_transport(), deadline).await;
                }
            }
            Err(stream) => {
                // The handler took the connection apart.
                if let Some(since) = since {
                    linger(stream, Deadline::since(since, LINGER)).await;
                }
            }
        }
    }
}

impl Drop for Legacy {
    fn drop(&mut self) {
        self.heir.stop(CloseCode::GOING_AWAY);
        if let Some(stream) = self.slot.take() {
            // Dropping it is the one attempt to say so.
            drop(self.heir.writer(stream));
        }
    }
}

/// Polls what may panic, and makes of its output what is asked for; `None` after a panic.
pub(crate) fn poll_caught<F: Future + ?Sized, T>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
    make: impl FnOnce(F::Output) -> T,
) -> Poll<Option<T>> {
    match caught(|| future.poll(cx).map(make)) {
        Some(polled) => polled.map(Some),
        None => Poll::Ready(None),
    }
}
