/// What a [`Hub`](crate::Hub) does with a member that is slow: one whose queue
/// is still full after the task that runs its connection has had its turn.
///
/// A queue alone that is full says nothing: whoever publishes many messages at
/// once fills every queue, also those of members that read. So
/// [`publish`](crate::Hub::publish) waits for that turn, at most
/// [`turn`](crate::HubBuilder::turn), 100 ms by default, for all members
/// together, and not again for a member before its connection has taken
/// something over.
///
/// A queue holds [`Limits::high_water`](crate::Limits::high_water) bytes, 64 KiB
/// by default, each message counted as its payload and 64 bytes more; a second
/// one of that size is the connection's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowPolicy {
    /// Whoever publishes waits for room in the member's queue, at most
    /// [`slow`](crate::HubBuilder::slow), 5 s by default, for all members
    /// together; then the member misses this message, and
    /// [`Delivery::missed`](crate::Delivery::missed) names it.
    Wait,
    /// The member misses the new message, at once.
    DropNewest,
    /// The member misses the oldest published messages that still wait for it,
    /// at once and as many as make room for the new one; what was sent to it
    /// alone is never dropped, and where that fills the queue the member misses
    /// the new message.
    DropOldest,
    /// The member is closed with 1013 (try again later) after all it was handed,
    /// once [`backlog`](crate::HubBuilder::backlog) bytes more than fit its
    /// queue wait for it, 1 MiB by default, or less than one queue's worth of
    /// bytes has left the queue in [`slow`](crate::HubBuilder::slow), 5 s by
    /// default; a queue that was emptied has caught up.
    ///
    /// The Close has its place at once, so what does not leave within the
    /// connection's [`close`](crate::Timeouts::close) timeout is lost with it.
    Close,
}
