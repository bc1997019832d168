use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Ends a task's turn: it is polled again once all other tasks that are ready,
/// and the sockets, had theirs.
///
/// A task that wakes itself would come before those whose sockets are ready
/// and not looked at. Outside of a runtime there is nobody to give way to, and
/// it does wake itself.
#[inline(never)]
pub(crate) fn give_way<T>(waker: &Waker) -> Poll<T> {
    let cx = &mut Context::from_waker(waker);
    // The runtime takes the waker now and wakes it later; nothing lives in the
    // future.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
    Poll::Pending
}
