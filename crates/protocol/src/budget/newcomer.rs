use std::fmt;

use crate::budget::wait::{Number, Wait};
use crate::budget::{Budget, Lease};

/// Whoever has no message yet and waits for memory: the head of a handshake.
///
/// Newcomers stand in the line of their budget after all messages, in the order
/// in which they came, and never go beyond it. Dropped, a newcomer leaves the line.
///
/// ```
/// use std::sync::mpsc;
///
/// use socket_flow_protocol::{Budget, Purpose};
///
/// let budget = Budget::new(100);
/// let mut other = budget.lease(Purpose::Handshakes);
/// other.set(80);
///
/// let mut lease = budget.lease(Purpose::Handshakes);
/// let mut newcomer = budget.newcomer();
/// let (sender, called) = mpsc::channel();
/// let call = move || drop(sender.send(()));
/// assert!(!newcomer.take(&mut lease, 30, call));
/// drop(other);
/// assert_eq!(called.try_recv(), Ok(()));
/// assert!(newcomer.take(&mut lease, 30, || {}));
/// assert_eq!(budget.usage().handshakes, 30);
/// ```
#[must_use]
pub struct Newcomer {
    budget: Budget,
    /// How long it has waited, while it does.
    number: Option<Number>,
}

impl Newcomer {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            number: None,
        }
    }

    /// Makes the lease so many bytes in its turn; whether it has as many now.
    /// Otherwise this waits in the line, and `call` is called once it is worth
    /// another attempt, which gives the next `call`: until then others go on in its
    /// place. A thread's buffer that is freed calls nobody.
    ///
    /// `call` may be called while the memory of others is given back: it should do
    /// no more than wake.
    pub fn take(
        &mut self,
        lease: &mut Lease,
        bytes: usize,
        call: impl FnOnce() + Send + 'static,
    ) -> bool {
        if bytes <= lease.bytes() {
            self.leave();
            return true;
        }
        let budget = &self.budget;
        let call = Box::new(call);
        let is_taken = budget.in_line(|line| {
            let wait = Wait {
                number: *self.number.get_or_insert_with(|| line.join()),
                held: lease.bytes(),
                needs: bytes - lease.bytes(),
            };
            line.take_as_newcomer(wait, call, budget, || lease.try_set(bytes))
        });
        if is_taken {
            self.leave();
        }
        is_taken
    }

    fn leave(&mut self) {
        if let Some(number) = self.number.take() {
            let budget = &self.budget;
            budget.in_line(|line| line.leave_newcomers(number, budget));
            // The next one may go on as well.
            budget.call_first();
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Newcomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Newcomer")
            .field("is_waiting", &self.number.is_some())
            .finish_non_exhaustive()
    }
}
