/// How far the closing handshake has come (RFC 6455 §7.1).
///
/// ```text
///               our Close is queued
///       Open ───────────────────────▶ Sent
///         │                             │
///         │ the peer's Close arrives    │ the peer's Close arrives
///         ▼                             ▼
///     Received ───────────────────▶   Done
///               our Close is queued
/// ```
///
/// A peer's Close is answered in the same step, so `Received` is not seen between
/// two steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the RFC's four states; there is no fifth
pub enum Closing {
    /// No Close has been sent or received.
    #[default]
    Open,
    /// Our Close is queued or sent; no data message can be queued any more.
    Sent,
    /// The peer's Close has arrived; nothing more is expected from it.
    Received,
    /// Both Closes have been seen: the closing handshake is complete.
    Done,
}

impl Closing {
    /// Whether our Close has been queued.
    #[inline]
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Sent | Self::Done)
    }

    /// Whether the peer's Close has arrived.
    #[inline]
    pub fn is_received(self) -> bool {
        matches!(self, Self::Received | Self::Done)
    }
}
