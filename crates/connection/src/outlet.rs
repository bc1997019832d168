use std::sync::Arc;
use std::task::{Context, Poll};

use socket_flow_protocol::NEVER;
use socket_flow_protocol::driver::{Accepts, Handed, HandedIn};

use crate::outbox::Outbox;
use crate::sender::Sender;
use crate::taking::Taking;

/// The other end of [`Sender`]s that belong to no connection: for whoever
/// hands their messages on, to one connection after another.
///
/// Dropping it closes the senders. Their [`flush`](Sender::flush) waits until
/// everything is handed on and asked for more, which is all that is known here.
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
    ///
    /// [`Sender::send`] waits for room without limit: nobody but the owner of
    /// the outlet knows for how long there may be no connection.
    pub fn new(capacity: usize) -> (Sender, Self) {
        let outbox = Arc::new(Outbox::new(capacity, NEVER, None));
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
            self.outbox.tell_handed_on();
            if self
                .outbox
                .poll_filled(Accepts::All, cx.waker())
                .is_pending()
            {
                return Poll::Pending;
            }
        }
    }

    /// As [`poll_next`](Outlet::poll_next), but drops the messages that wait. A
    /// [`flush`](Sender::flush) that waits for them fails.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    ///
    /// use socket_flow_connection::{CloseCode, Handed, Outlet};
    ///
    /// let (sender, mut outlet) = Outlet::new(64 << 10);
    /// sender.try_send("old news")?;
    /// sender.close(CloseCode::NORMAL, "")?;
    /// let next = poll_fn(|cx| outlet.poll_discard(cx)).await;
    /// assert!(matches!(next, Handed::Close(_)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<Handed> {
        let (mut freed, mut is_lost) = (0, false);
        let next = loop {
            match self.outbox.next(&mut freed) {
                Some(Handed::Message(_)) => is_lost = true,
                next => break next,
            }
        };
        self.outbox.free(freed);
        if is_lost {
            self.outbox.fail_flushes();
        }
        match next {
            Some(handed) => Poll::Ready(handed),
            None => self.poll_next(cx),
        }
    }

    /// A message that was handed out was dropped: a [`flush`](Sender::flush) that waits
    /// for it fails.
    pub fn tell_dropped(&mut self) {
        self.outbox.fail_flushes();
    }

    /// Nothing is handed on any more: what waits is dropped, and senders are told,
    /// those too that wait for a [`flush`](Sender::flush).
    pub fn end(&mut self) {
        self.outbox.shut();
        // Whether what was handed on is sent is not known here.
        self.outbox.leave(false);
    }

    /// What was asked for, as a driver takes it over: for a shell of one's own,
    /// which polls for it with [`poll_handed_in`](Outlet::poll_handed_in). The
    /// room of what is taken is given back when this is dropped. When the
    /// connection ends, the driver closes it: what waits is dropped and senders
    /// are told.
    ///
    /// ```
    /// use bytes::Buf;
    /// use socket_flow_connection::{Config, Negotiated, Outlet};
    /// use socket_flow_protocol::driver::drive;
    /// use socket_flow_protocol::{Input, Protocol};
    ///
    /// let server = Protocol::server(Config::new(), Negotiated::default());
    /// let (_receiving, mut sending) = drive(server, Input::new());
    /// let (sender, mut outlet) = Outlet::new(64 << 10);
    /// sending.expect_handed_in();
    /// sender.try_send("Hello")?;
    /// assert!(!sending.take_over(&mut outlet.handed_in()));
    /// assert_eq!(sending.queued().chunk(), b"\x81\x05Hello");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn handed_in(&mut self) -> impl HandedIn + '_ {
        Taking::from(Some(&*self.outbox))
    }

    /// Polls until [`handed_in`](Outlet::handed_in) has something to take;
    /// where `only_close`, that is a Close with no message in front of it.
    pub fn poll_handed_in(&mut self, only_close: bool, cx: &mut Context<'_>) -> Poll<()> {
        self.outbox.tell_handed_on();
        let accepts = match only_close {
            true => Accepts::Close,
            false => Accepts::All,
        };
        self.outbox.poll_filled(accepts, cx.waker())
    }

    /// Polls for the moment a sender asks to close, without taking any message.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.outbox.poll_closed(cx.waker())
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        // Not that all is handed on: what was taken last may have been dropped.
        self.end();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::task::Waker;

    use socket_flow_protocol::CloseCode;

    use super::*;

    #[test]
    fn room_is_given_back_when_what_was_handed_in_has_been_taken() {
        let (sender, mut outlet) = Outlet::new(70);
        sender.try_send("one").unwrap();
        assert!(sender.try_send("two").is_err());
        let mut handed_in = outlet.handed_in();
        assert!(matches!(handed_in.next(false), Some(Handed::Message(_))));
        assert!(handed_in.next(false).is_none());
        assert!(sender.try_send("two").is_err());
        drop(handed_in);
        sender.try_send("two").unwrap();
        outlet.handed_in().close();
        assert!(sender.is_closed());
    }

    #[test]
    fn inside_a_message_a_close_alone_is_waited_for() {
        let cx = &mut Context::from_waker(Waker::noop());
        let (sender, mut outlet) = Outlet::new(1_000);
        assert!(outlet.poll_handed_in(false, cx).is_pending());
        sender.try_send("one").unwrap();
        assert!(outlet.poll_handed_in(false, cx).is_ready());
        assert!(outlet.poll_handed_in(true, cx).is_pending());
        assert!(outlet.handed_in().next(true).is_none());
        assert!(outlet.handed_in().next(false).is_some());
        sender.close(CloseCode::NORMAL, "").unwrap();
        assert!(outlet.poll_handed_in(true, cx).is_ready());
        let handed = outlet.handed_in().next(true);
        assert!(matches!(handed, Some(Handed::Close(_))));
    }
}
