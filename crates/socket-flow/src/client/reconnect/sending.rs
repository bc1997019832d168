use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use socket_flow_protocol::{Payload, SendError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::reconnect::{ReconnectEvent, Reconnecting};

impl<S: AsyncRead + AsyncWrite + Unpin> Reconnecting<S> {
    /// Queues a message, without waiting. It leaves with the next
    /// [`next`](Self::next), [`ready`](Self::ready) or [`send`](Self::send)
    /// that has a connection.
    ///
    /// # Errors
    /// Gives the message back: [`SendError::Full`] where there is no room in
    /// the [queue](Self::queue_capacity), [`SendError::Closed`] once no
    /// connection follows.
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        self.sender.try_send(message)
    }

    /// Waits until a connection has taken over everything in the queue, so that
    /// [`queue`](Self::queue) takes a message of any size. Other [`Sender`]s
    /// may fill it again.
    ///
    /// It runs the connection meanwhile, and connects again where it is lost,
    /// as [`send`](Self::send) does.
    ///
    /// ```
    #[doc = include_str!("../../../loops/ready.rs")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socket_flow::{Backoff, ClientBuilder, CloseCode};
    /// # let server = socket_flow::Server::bind("127.0.0.1:0")
    /// #     .serve_with(|mut ws, _| async move {
    /// #         ws.send("hello").await?;
    /// #         assert_eq!(ws.recv().await?.unwrap().as_text(), Some("hello"));
    /// #         ws.close(CloseCode::POLICY_VIOLATION, "").await.map(drop)
    /// #     })
    /// #     .await?;
    /// # let url = format!("ws://{}", server.local_addr()?);
    /// # echo(ClientBuilder::new(url).reconnect(Backoff::default())).await.unwrap();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] once no connection follows.
    ///
    /// # Cancel safety
    /// Cancel safe: what is queued stays, and so do events for
    /// [`next`](Self::next).
    ///
    /// [`Sender`]: crate::Sender
    pub async fn ready(&mut self) -> Result<(), SendError<()>> {
        poll_fn(|cx| {
            loop {
                if self.sender.is_closed() {
                    return Poll::Ready(Err(SendError::Closed(())));
                }
                if self.sender.room() == self.sender.capacity() {
                    return Poll::Ready(Ok(()));
                }
                let polled = self.poll_ahead(cx);
                // It may just have taken everything.
                let is_full = self.sender.room() < self.sender.capacity();
                if polled.is_pending() && is_full && !self.sender.is_closed() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Queues a message; waits for room. This is how the loop of events
    /// replies.
    ///
    /// It runs the connection while it waits, and connects again where it is
    /// lost: for 30 s at most in which a connection takes no byte
    /// ([`Timeouts::stall`](crate::Timeouts::stall)), which ends that one; and
    /// without a connection until there is one, or none follows.
    ///
    /// What happens meanwhile waits for [`next`](Self::next): one message is
    /// received ahead, then the server has to wait, and a connection that fails
    /// to send is given up with what it had not received by then. Of attempts
    /// that fail in a long row, the first ones and the last are told.
    ///
    /// `Ok` says that the message has its place in the queue. A connection that
    /// is lost may take it along, as `Disconnected` tells.
    ///
    /// ```
    #[doc = include_str!("../../../loops/reconnecting.rs")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socket_flow::{Backoff, ClientBuilder, CloseCode};
    /// # let server = socket_flow::Server::bind("127.0.0.1:0")
    /// #     .serve_with(|mut ws, _| async move {
    /// #         ws.send("hello").await?;
    /// #         assert_eq!(ws.recv().await?.unwrap().as_text(), Some("hello"));
    /// #         ws.close(CloseCode::POLICY_VIOLATION, "").await.map(drop)
    /// #     })
    /// #     .await?;
    /// # let url = format!("ws://{}", server.local_addr()?);
    /// # echo(ClientBuilder::new(url).reconnect(Backoff::default())).await.unwrap();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] gives the message back once no connection follows.
    ///
    /// # Cancel safety
    /// Cancel safe: the message is queued whole, or not at all where the future
    /// is dropped before it is ready. Events wait for [`next`](Self::next).
    pub async fn send<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        let sender = self.sender();
        let mut sending = pin!(sender.send(message));
        poll_fn(|cx| {
            loop {
                let sent = sending.as_mut().poll(cx);
                if sent.is_ready() {
                    return sent;
                }
                if self.poll_ahead(cx).is_pending() {
                    // What it has taken made room.
                    return sending.as_mut().poll(cx);
                }
            }
        })
        .await
    }

    /// Runs the connection until there is an event, and keeps it. Also ready
    /// once no connection follows, which closes the senders.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_new(cx, !self.ahead.has_message).map(|event| {
            if let Some(event) = event {
                self.ahead.push(event);
            }
        })
    }
}

/// Events that came before they were asked for.
#[derive(Default)]
pub(super) struct Ahead {
    /// Invariant: a message at most, and few others.
    events: VecDeque<ReconnectEvent>,
    has_message: bool,
}

impl Ahead {
    pub(super) fn pop(&mut self) -> Option<ReconnectEvent> {
        let event = self.events.pop_front()?;
        if matches!(event, ReconnectEvent::Message(_)) {
            self.has_message = false;
        }
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        Some(event)
    }

    /// Where many wait already, an attempt that failed takes the place of the
    /// one before, and of a connection that came and went between them.
    fn push(&mut self, event: ReconnectEvent) {
        use ReconnectEvent::{Connected, Disconnected, Message};
        if self.events.len() >= MANY && matches!(event, Disconnected { .. }) {
            if let Some(Connected(_)) = self.events.back() {
                self.events.pop_back();
            }
            if let Some(Disconnected { .. }) = self.events.back() {
                self.events.pop_back();
            }
        }
        self.has_message |= matches!(event, Message(_));
        self.events.push_back(event);
    }
}

/// More events than this wait only where attempts fail in a long row.
const MANY: usize = 8;
