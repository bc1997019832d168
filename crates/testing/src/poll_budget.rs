use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is given up after so many polls: what `select!` and timeouts
/// do, at a point that can be chosen.
///
/// It resolves to `None` as soon as the budget is used up and the future has
/// not finished; by then the future has been dropped.
#[derive(Debug)]
pub struct PollBudget<F> {
    future: Option<Pin<Box<F>>>,
    left: usize,
}

impl<F: Future> PollBudget<F> {
    /// Gives `future` at most `polls` polls.
    pub fn new(polls: usize, future: F) -> Self {
        Self {
            future: Some(Box::pin(future)),
            left: polls,
        }
    }
}

impl<F: Future> Future for PollBudget<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let left = self.left;
        if let (Some(future), 1..) = (&mut self.future, left) {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                self.future = None;
                return Poll::Ready(Some(output));
            }
            self.left -= 1;
        }
        if self.left > 0 {
            return Poll::Pending;
        }
        self.future = None;
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn three_polls() -> u8 {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        7
    }

    #[tokio::test]
    async fn a_future_is_given_up_after_its_polls_and_not_before() {
        assert_eq!(PollBudget::new(0, three_polls()).await, None);
        assert_eq!(PollBudget::new(2, three_polls()).await, None);
        assert_eq!(PollBudget::new(3, three_polls()).await, Some(7));
    }
}
