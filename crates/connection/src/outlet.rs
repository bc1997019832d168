use std::sync::Arc;
use std::task::{Context, Poll};

use socket_flow_protocol::driver::Handed;

use crate::outbox::Outbox;
use crate::sender::Sender;

/// The other end of [`Sender`]s that belong to no connection: for whoever
/// hands their messages on, to one connection after another.
///
/// Dropping it closes the senders.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use socket_flow_connection::{Handed, Outlet};
///
/// let (sender, mut outlet) = Outlet::new(64 << 10);
/// sender.try_send("hello")?;
/// match std::future::poll_fn(|cx| outlet.poll_next(cx)).await {
///     Handed::Message(parcel) => assert_eq!(parcel.len(), 5),
///     other => panic!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outlet {
    outbox: Arc<Outbox>,
}

impl Outlet {
    /// Senders that may let messages of this many bytes wait, with 64 for each
    /// message, and their other end.
    pub fn new(capacity: usize) -> (Sender, Self) {
        let outbox = Arc::new(Outbox::new(capacity));
        (Sender::new(Arc::clone(&outbox)), Self { outbox })
    }

    /// Polls for what was asked for next.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Handed> {
        loop {
            let mut freed = 0;
            if let Some(handed) = self.outbox.next(&mut freed) {
                self.outbox.free(freed);
                return Poll::Ready(handed);
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
