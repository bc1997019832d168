use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket_flow_protocol::Timeouts;
use socket_flow_protocol::driver::{Accepts, Handed, HandedIn};

use crate::sender::Sender;
use crate::sender::outbox::{Outbox, Taking};

/// The other end of [`Sender`]s that belong to no connection: for whoever
/// hands their messages on, to one connection after another.
///
/// Senders wait for room as long as the owner polls the outlet, whether it takes
/// anything over or not. While they wait they wake the owner to poll it.
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
    /// [`Sender::send`] and [`Sender::flush`] fail with
    /// [`SendError::Stalled`](socket_flow_protocol::SendError::Stalled) once the
    /// outlet was not polled for 30 s, the default of [`Timeouts::stall`].
    pub fn new(capacity: usize) -> (Sender, Self) {
        Self::with_stall(capacity, Timeouts::default().stall)
    }

    /// As [`new`](Outlet::new), where senders wait for another time while the outlet
    /// is not polled, [`NEVER`](socket_flow_protocol::NEVER) for no limit. They ask
    /// for that four times in it, so they may wait up to a quarter longer.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    ///
    /// use socket_flow_connection::{Outlet, SendError};
    ///
    /// let (sender, _outlet) = Outlet::with_stall(1, Duration::from_millis(20));
    /// sender.try_send("first").unwrap();
    /// // The outlet is not polled.
    /// assert_eq!(sender.send("second").await, Err(SendError::Stalled("second")));
    /// # }
    /// ```
    pub fn with_stall(capacity: usize, stall: Duration) -> (Sender, Self) {
        let mut outbox = Outbox::new(capacity, stall, None);
        outbox.is_of_outlet = true;
        let outbox = Arc::new(outbox);
        (Sender::new(Arc::clone(&outbox)), Self { outbox })
    }

    /// Polls for what was asked for next.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Handed> {
        loop {
            let mut freed = 0;
            if let Some(handed) = self.outbox.pop(&mut freed) {
                self.outbox.release_permits(freed);
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
            match self.outbox.pop(&mut freed) {
                Some(Handed::Message(_)) => is_lost = true,
                next => break next,
            }
        };
        self.outbox.release_permits(freed);
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
        self.outbox.discard();
        // Whether what was handed on is sent is not known here.
        self.outbox.leave();
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

    /// Polls for the moment a sender asks to close, without taking any message: also
    /// for an owner that has no use for one now, and whose senders are to go on
    /// waiting.
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
    use std::future::poll_fn;
    use std::task::Waker;

    use socket_flow_protocol::{CloseCode, SendError};
    use tokio::time::{Instant, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

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

    /// Whichever way the owner polls: it is woken to do so.
    #[tokio::test(start_paused = true)]
    async fn senders_wait_as_long_as_the_owner_polls_and_ask_it_to() {
        type Run = fn(&mut Outlet, &mut Context<'_>) -> Poll<()>;
        let runs: [Run; 2] = [
            |outlet, cx| outlet.poll_closed(cx),
            |outlet, cx| outlet.poll_handed_in(true, cx),
        ];
        for run in runs {
            let (sender, mut outlet) = Outlet::with_stall(1, 4 * SECOND);
            sender.try_send("one").unwrap();
            let start = Instant::now();
            let owner = tokio::spawn(async move {
                let running = poll_fn(|cx| run(&mut outlet, cx));
                let over = tokio::time::timeout(100 * SECOND, running).await;
                assert!(over.is_err());
                outlet
            });
            assert_eq!(sender.send("two").await, Err(SendError::Stalled("two")));
            let _outlet = owner.await.unwrap();
            let waited = start.elapsed();
            assert!(
                (104 * SECOND..=105 * SECOND).contains(&waited),
                "{waited:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_that_comes_back_in_time_is_waited_for() {
        let (sender, mut outlet) = Outlet::with_stall(1, 4 * SECOND);
        sender.try_send("one").unwrap();
        let owner = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(3 * SECOND).await;
                let _ = outlet.poll_closed(&mut Context::from_waker(Waker::noop()));
            }
            for _ in 0..2 {
                poll_fn(|cx| outlet.poll_next(cx)).await;
            }
        });
        let start = Instant::now();
        sender.send("two").await.unwrap();
        assert_eq!(start.elapsed(), 30 * SECOND);
        owner.await.unwrap();
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
