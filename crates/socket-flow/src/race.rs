use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// What the first of two futures to be ready gave.
#[derive(Debug)]
pub(crate) enum First<A, B> {
    Left(A),
    Right(B),
}

/// Runs both until one is ready, `left` first.
///
/// Whoever calls has pinned them: an `async fn` that is given a future and pins it takes its memory
/// twice.
pub(crate) async fn race<A, B>(mut left: A, mut right: B) -> First<A::Output, B::Output>
where
    A: Future + Unpin,
    B: Future + Unpin,
{
    poll_fn(|cx| {
        if let Poll::Ready(output) = Pin::new(&mut left).poll(cx) {
            return Poll::Ready(First::Left(output));
        }
        Pin::new(&mut right).poll(cx).map(First::Right)
    })
    .await
}
