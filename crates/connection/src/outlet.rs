use std::sync::Arc;
use std::task::{Context, Poll};

use socket_flow_protocol::{CloseFrame, Parcel};

use crate::outbox::{Next, Outbox};
use crate::sender::Sender;

/// The other end of [`Sender`]s that belong to no connection: for whoever
/// hands their messages on, to one connection after another.
///
/// Dropping it closes the senders.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use socket_flow_connection::{Outlet, Taken};
///
/// let (sender, mut outlet) = Outlet::new(64 << 10);
/// sender.try_send("hello")?;
/// match std::future::poll_fn(|cx| outlet.poll_next(cx)).await {
///     Taken::Message(parcel) => assert_eq!(parcel.len(), 5),
///     other => panic!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outlet {
    outbox: Arc<Outbox>,
}

/// What a [`Sender`] asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Taken {
    /// To send a message.
    Message(Parcel),
    /// To close, behind all messages. Nothing follows.
    Close(CloseFrame),
}

impl Outlet {
    /// Senders that may let messages of this many bytes wait, with 64 for each
    /// message, and their other end.
    pub fn new(capacity: usize) -> (Sender, Self) {
        let outbox = Arc::new(Outbox::new(capacity));
        (Sender::new(Arc::clone(&outbox)), Self { outbox })
    }

    /// Polls for what was asked for next.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Taken> {
        loop {
            let (next, cost) = self.outbox.next();
            self.outbox.free(cost);
            match next {
                Next::Send(parcel) => return Poll::Ready(Taken::Message(parcel)),
                Next::Close(frame) => return Poll::Ready(Taken::Close(*frame)),
                Next::Nothing => {}
            }
            if self.outbox.poll_filled(false, cx.waker()).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Polls for the moment a sender asks to close, without taking any message.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.outbox.poll_closed(cx.waker())
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.outbox.shut();
    }
}
