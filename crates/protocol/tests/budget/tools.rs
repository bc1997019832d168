//! Connections that draw from a budget, and what uses it up.

use std::sync::atomic::Ordering;

use socket_flow_protocol::{Budget, Config, Lease, Purpose, Role};

use crate::support::{Endpoint, header, off};

/// The buffers of a test's threads are a few hundred KiB, so what is measured is in these.
pub(crate) const MIB: usize = 1 << 20;

pub(crate) fn config(budget: &Budget) -> Config {
    off().budget(budget.clone())
}

pub(crate) fn server(budget: &Budget) -> Endpoint {
    Endpoint::new(Role::Server, &config(budget))
}

/// So much of the budget is used by something else.
pub(crate) fn hog(budget: &Budget, bytes: usize) -> Lease {
    let mut lease = budget.lease(Purpose::Events);
    lease.set(bytes);
    lease
}

/// The first bytes of a message of 1 MiB.
pub(crate) fn half() -> Vec<u8> {
    let mut bytes = header(Role::Server, 0x82, MIB as u64);
    bytes.extend(vec![0; MIB / 2]);
    bytes
}

impl Endpoint {
    /// Whether it waits for memory, and was called, for there may be some.
    pub(crate) fn is_called(&self) -> bool {
        self.lacks_memory && self.called.load(Ordering::SeqCst)
    }

    /// Goes on if it was called, for there may be memory; whether it was.
    pub(crate) fn pump_if_called(&mut self) -> bool {
        let is_called = self.is_called();
        if is_called {
            self.pump();
        }
        is_called
    }
}
