/// What a [`Hub`](crate::Hub) does with a member that does not keep up: whose
/// queue has no room for a message.
///
/// How far a member may fall behind is set by
/// [`Limits::high_water`](crate::Limits::high_water) of its connection: once
/// for the [`Sender`](crate::Sender)'s queue, once more for the connection's
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowPolicy {
    /// Whoever publishes waits for it; one that stops reading altogether holds
    /// everyone up until its connection's
    /// [`stall`](crate::Timeouts::stall) timeout ends it.
    Wait,
    /// It misses the new message.
    DropNewest,
    /// It misses the oldest published messages that still wait for it, as many
    /// as it takes; what was sent to it alone is never dropped.
    DropOldest,
    /// It is closed with 1013 (try again later), and what waits is dropped.
    Close,
}
