use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use socket_flow_connection::{Handed, Outlet, WebSocket};
use socket_flow_protocol::{Message, Parcel, SendError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::client::reconnect::cause::DisconnectCause;

/// One of a reconnecting client's connections.
pub(super) struct Link<S: AsyncRead + AsyncWrite + Unpin> {
    ws: WebSocket<S>,
    opened: Instant,
    /// Whether the application asked for the end.
    is_closing: bool,
}

pub(super) enum LinkEvent {
    Message(Message),
    Over(DisconnectCause),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(super) fn new(ws: WebSocket<S>, opened: Instant) -> Self {
        Self {
            ws,
            opened,
            is_closing: false,
        }
    }

    pub(super) fn get_ref(&self) -> &WebSocket<S> {
        &self.ws
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Receives, and sends what the outlet gives, `pending` first: what this
    /// connection can take no more stays there for the next. That comes before each
    /// message, for there may always be another one.
    pub(super) fn poll(
        &mut self,
        outlet: &mut Outlet,
        pending: &mut Option<Parcel>,
        cx: &mut Context<'_>,
    ) -> Poll<LinkEvent> {
        loop {
            let has_taken = self.take(outlet, pending, cx);
            if let Poll::Ready(event) = self.poll_receiving(cx) {
                return Poll::Ready(event);
            }
            if !has_taken {
                return Poll::Pending;
            }
        }
    }

    /// Sends what the outlet gives, and hands out no message. A connection that
    /// sends nothing any more is seen to its end.
    pub(super) fn poll_sending(
        &mut self,
        outlet: &mut Outlet,
        pending: &mut Option<Parcel>,
        cx: &mut Context<'_>,
    ) -> Poll<DisconnectCause> {
        loop {
            let has_taken = self.take(outlet, pending, cx);
            let flushed = pin!(self.ws.flush()).poll(cx);
            if let Poll::Ready(Err(error)) = flushed {
                return Poll::Ready(DisconnectCause::Failed(error));
            }
            if has_taken {
                continue;
            }
            if flushed.is_pending() || !self.ws.closing().is_sent() {
                return Poll::Pending;
            }
            match ready!(self.poll_receiving(cx)) {
                LinkEvent::Message(_) => {}
                LinkEvent::Over(cause) => return Poll::Ready(cause),
            }
        }
    }

    fn poll_receiving(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        Poll::Ready(match ready!(Pin::new(&mut self.ws).poll_next(cx)) {
            Some(Ok(message)) => LinkEvent::Message(message),
            Some(Err(error)) => LinkEvent::Over(DisconnectCause::Failed(error)),
            None => LinkEvent::Over(DisconnectCause::Closed(self.ws.close_frame().cloned())),
        })
    }

    /// Queues all that fits, to leave together; whether it was anything.
    fn take(
        &mut self,
        outlet: &mut Outlet,
        pending: &mut Option<Parcel>,
        cx: &mut Context<'_>,
    ) -> bool {
        let mut has_taken = false;
        while !self.ws.closing().is_sent() {
            let parcel = match pending.take() {
                Some(parcel) => parcel,
                None => match outlet.poll_next(cx) {
                    Poll::Ready(Handed::Message(parcel)) => parcel,
                    Poll::Ready(Handed::Close(frame)) => {
                        self.is_closing = true;
                        // Its reason was found to be short enough.
                        let _ = self.ws.start_close(frame.code, &frame.reason);
                        return true;
                    }
                    _ => return has_taken,
                },
            };
            match self.ws.queue(parcel) {
                Ok(()) => has_taken = true,
                Err(error) => {
                    *pending = Some(SendError::into_inner(error));
                    break;
                }
            }
        }
        // Nothing more is taken now, but who waits for room is not forgotten.
        let _ = outlet.poll_closed(cx);
        has_taken
    }
}
