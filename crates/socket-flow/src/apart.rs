use std::pin::Pin;
use std::task::{Context, Poll};

/// An opening handshake apart from the connection that follows it in the same task.
///
/// It is on the heap while it lasts, and the task no larger for it. And it is polled in a function
/// of its own: what it has on the stack would otherwise be there for every message received
/// afterwards, and keep from the registers what is needed then.
pub(crate) struct Apart<F>(Pin<Box<F>>);

impl<F: Future> Apart<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(cx)
    }
}
