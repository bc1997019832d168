use std::fmt;

use crate::budget::{Budget, Purpose};

/// A part of a [`Budget`] that is used for one purpose. Dropped, it is free again.
///
/// ```
/// use socket_flow_protocol::{Budget, Purpose};
///
/// let budget = Budget::new(100);
/// let mut lease = budget.lease(Purpose::Handshakes);
/// assert!(lease.try_set(80));
/// assert!(!lease.try_set(101));
/// assert_eq!(budget.usage().handshakes, 80);
/// drop(lease);
/// assert_eq!(budget.usage().used, 0);
/// ```
#[must_use]
pub struct Lease {
    budget: Budget,
    purpose: Purpose,
    /// Invariant: charged for this purpose.
    bytes: usize,
}

impl Lease {
    pub(super) fn new(budget: Budget, purpose: Purpose) -> Self {
        Self {
            budget,
            purpose,
            bytes: 0,
        }
    }

    /// How many bytes it has.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it is a part of.
    #[inline]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Makes it so many bytes, if more than before only where they fit; whether
    /// it has at least as many now. Eight times as much as it has then, at most an
    /// eighth of the budget, is left for smaller ones.
    ///
    /// ```
    /// use socket_flow_protocol::{Budget, Purpose};
    ///
    /// let budget = Budget::new(80_000);
    /// let mut large = budget.lease(Purpose::Events);
    /// assert!(!large.try_set(70_001));
    /// assert!(large.try_set(70_000));
    /// let mut small = budget.lease(Purpose::Events);
    /// assert!(small.try_set(1_000));
    /// ```
    #[inline]
    pub fn try_set(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            self.set(bytes);
            return true;
        }
        let more = bytes - self.bytes;
        let is_charged = self.budget.try_charge(self.purpose, more, bytes);
        if is_charged {
            self.bytes = bytes;
        }
        is_charged
    }

    /// Takes so many bytes out of it, or all there are: they are free once what is returned is dropped.
    /// That calls whoever waits for memory; so whoever holds a lock drops it later.
    ///
    /// ```
    /// use socket_flow_protocol::{Budget, Purpose};
    ///
    /// let budget = Budget::new(100);
    /// let mut lease = budget.lease(Purpose::Senders);
    /// assert!(lease.try_set(80));
    /// let part = lease.split(30);
    /// assert_eq!((lease.bytes(), part.bytes(), budget.usage().senders), (50, 30, 80));
    /// drop(part);
    /// assert_eq!(budget.usage().senders, 50);
    /// ```
    #[inline]
    pub fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            budget: self.budget.clone(),
            purpose: self.purpose,
            bytes,
        }
    }

    /// Makes it so many bytes, whether they fit or not: for memory that is there
    /// already.
    #[inline]
    pub fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes > before {
            self.budget.charge(self.purpose, bytes - before);
        } else if bytes < before {
            self.budget.give_back(self.purpose, before - bytes);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("purpose", &self.purpose)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
