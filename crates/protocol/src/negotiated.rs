/// What the opening handshake agreed on, as plain values.
///
/// ```
/// use socket_flow_protocol::Negotiated;
///
/// let negotiated = Negotiated::default().with_subprotocol("chat.v1");
/// assert_eq!(negotiated.subprotocol(), Some("chat.v1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Negotiated {
    subprotocol: Option<Box<str>>,
}

impl Negotiated {
    /// Sets the subprotocol (RFC 6455 §1.9).
    #[must_use]
    pub fn with_subprotocol(mut self, subprotocol: impl Into<Box<str>>) -> Self {
        self.subprotocol = Some(subprotocol.into());
        self
    }

    /// The subprotocol both sides speak, or `None` when none was agreed.
    #[inline]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }
}
