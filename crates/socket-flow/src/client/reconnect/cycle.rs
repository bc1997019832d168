//! From one connection to the next: connects, waits, and connects again.

use std::sync::PoisonError;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use socket_flow_connection::Handed;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};

use crate::client::reconnect::link::{Link, LinkEvent};
use crate::client::reconnect::{DisconnectCause, ReconnectEvent, Reconnecting, Retry, State};

impl<S: AsyncRead + AsyncWrite + Unpin> Reconnecting<S> {
    /// Polls for an event that did not wait; where `receives` is off, for no
    /// message.
    pub(super) fn poll_new(
        &mut self,
        cx: &mut Context<'_>,
        receives: bool,
    ) -> Poll<Option<ReconnectEvent>> {
        loop {
            let cause = match &mut self.state {
                State::Over => return Poll::Ready(None),
                State::Start => {
                    self.state = State::Connecting((self.connect)().into());
                    continue;
                }
                State::Waiting(sleep) => {
                    let sleeping = sleep.as_mut().poll(cx);
                    if self.is_closed_meanwhile(cx) {
                        self.end();
                        continue;
                    }
                    ready!(sleeping);
                    self.state = State::Connecting((self.connect)().into());
                    continue;
                }
                State::Connecting(connecting) => {
                    // Nothing panics under the lock: nobody ever takes it.
                    let connecting = connecting.get_mut().unwrap_or_else(PoisonError::into_inner);
                    let connected = connecting.as_mut().poll(cx);
                    if connected.is_pending() {
                        if self.is_closed_meanwhile(cx) {
                            self.end();
                            continue;
                        }
                        return Poll::Pending;
                    }
                    match ready!(connected) {
                        Ok((ws, response)) => {
                            self.state = State::Open(Box::new(Link::new(ws, Instant::now())));
                            return Poll::Ready(Some(ReconnectEvent::Connected(response)));
                        }
                        Err(error) => DisconnectCause::Connect(error),
                    }
                }
                State::Open(link) => {
                    let (outlet, pending) = (&mut self.outlet, &mut self.pending);
                    let event = match receives {
                        true => ready!(link.poll(outlet, pending, cx)),
                        false => LinkEvent::Over(ready!(link.poll_sending(outlet, pending, cx))),
                    };
                    match event {
                        LinkEvent::Message(message) => {
                            return Poll::Ready(Some(ReconnectEvent::Message(message)));
                        }
                        LinkEvent::Over(cause) => {
                            self.is_closing |= link.is_closing();
                            if link.opened().elapsed() >= self.backoff.stable_after {
                                self.failures = 0;
                            }
                            cause
                        }
                    }
                }
            };
            return Poll::Ready(Some(self.disconnect(cause)));
        }
    }

    /// While there is no connection: whether the application wants none any
    /// more. Drops what waits for one, where that was chosen.
    fn is_closed_meanwhile(&mut self, cx: &mut Context<'_>) -> bool {
        if self.drops_unsent {
            if self.pending.take().is_some() {
                self.outlet.tell_dropped();
            }
            while let Poll::Ready(taken) = self.outlet.poll_discard(cx) {
                self.is_closing |= matches!(taken, Handed::Close(_));
            }
        } else {
            self.is_closing |= self.outlet.poll_closed(cx).is_ready();
        }
        self.is_closing
    }

    fn disconnect(&mut self, cause: DisconnectCause) -> ReconnectEvent {
        self.failures = self.failures.saturating_add(1);
        let retry_in = self.delay(&cause);
        tracing::debug!(%cause, ?retry_in, "disconnected");
        match retry_in {
            Some(delay) => self.state = State::Waiting(Box::pin(sleep(delay))),
            None => self.end(),
        }
        ReconnectEvent::Disconnected { cause, retry_in }
    }

    /// No connection follows: what waits is dropped, and senders are told.
    fn end(&mut self) {
        self.state = State::Over;
        self.pending = None;
        self.outlet.end();
    }

    fn delay(&self, cause: &DisconnectCause) -> Option<Duration> {
        if self.is_closing || self.failures >= self.backoff.attempts {
            return None;
        }
        match (self.classify)(cause) {
            Retry::No => None,
            Retry::After(delay) => Some(delay),
            Retry::Yes => {
                let asked = cause.retry_after(SystemTime::now());
                Some(self.backoff.delay(self.failures, asked, random()))
            }
        }
    }
}

/// Without random numbers from the system, the longest delay.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
