//! Connections that draw from a budget, and what uses it up.

use socket_flow_protocol::{Budget, Config, Lease, Purpose, Role};

use super::{Endpoint, header, off};

/// The buffers of a test's threads are a few hundred KiB, so what is measured is in these.
pub const MIB: usize = 1 << 20;

pub fn config(budget: &Budget) -> Config {
    off().budget(budget.clone())
}

pub fn server(budget: &Budget) -> Endpoint {
    Endpoint::new(Role::Server, &config(budget))
}

/// So much of the budget is used by something else.
pub fn hog(budget: &Budget, bytes: usize) -> Lease {
    let mut lease = budget.lease(Purpose::Events);
    lease.set(bytes);
    lease
}

/// The first bytes of a message of 1 MiB.
pub fn half() -> Vec<u8> {
    let mut bytes = header(Role::Server, 0x82, MIB as u64);
    bytes.extend(vec![0; MIB / 2]);
    bytes
}
