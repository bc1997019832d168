use alloc::boxed::Box;
use core::fmt;

use crate::deflate_params::DeflateParams;

/// What the opening handshake agreed on, as plain values.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{DeflateParams, Negotiated};
///
/// let negotiated = Negotiated::NOTHING
///     .with_subprotocol("chat.v1")
///     .with_deflate(DeflateParams::default());
/// assert_eq!(negotiated.subprotocol(), Some("chat.v1"));
/// assert_eq!(negotiated.deflate(), Some(DeflateParams::default()));
/// assert_eq!(negotiated.with_deflate(None).deflate(), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Negotiated {
    subprotocol: Option<Box<str>>,
    deflate: Option<DeflateParams>,
}

impl Negotiated {
    /// Neither subprotocol nor extension; the default.
    pub const NOTHING: Self = Self {
        subprotocol: None,
        deflate: None,
    };

    /// Sets the subprotocol (RFC 6455 §1.9); `None` for none.
    #[must_use]
    pub fn with_subprotocol<'a>(mut self, name: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = name.into().map(Into::into);
        self
    }

    /// Turns permessage-deflate on (RFC 7692), with these parameters; `None` turns it off.
    #[must_use]
    pub fn with_deflate(mut self, params: impl Into<Option<DeflateParams>>) -> Self {
        self.deflate = params.into();
        self
    }

    /// The subprotocol both sides speak, or `None` when none was agreed.
    #[inline]
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The parameters of permessage-deflate, or `None` when it was not agreed.
    #[inline]
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }
}

impl fmt::Debug for Negotiated {
    /// Shows of the subprotocol whether there is one: clients that can set no other header have
    /// their tokens there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiated")
            .field("subprotocol", &self.subprotocol.is_some())
            .field("deflate", &self.deflate)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::{DeflateParams, Negotiated};

    #[test]
    fn where_nothing_is_agreed_on_there_is_what_is_by_default() {
        assert_eq!(Negotiated::NOTHING, Negotiated::default());
        assert_eq!(Negotiated::NOTHING.subprotocol(), None);
        assert_eq!(Negotiated::NOTHING.deflate(), None);
    }

    #[test]
    fn what_was_agreed_on_is_told_as_it_was_set_last() {
        let params = DeflateParams {
            server_max_window_bits: 9,
            ..DeflateParams::default()
        };
        let negotiated = Negotiated::NOTHING
            .with_subprotocol("v1")
            .with_deflate(params);
        assert_eq!(negotiated.deflate(), Some(params));
        assert_eq!(negotiated.subprotocol(), Some("v1"));
        let other = negotiated.with_subprotocol(Some("v2")).with_deflate(None);
        assert_eq!(other, Negotiated::NOTHING.with_subprotocol("v2"));
        assert_eq!(other.with_subprotocol(None), Negotiated::NOTHING);
    }

    #[test]
    fn a_subprotocol_is_not_shown() {
        let shown = format!("{:?}", Negotiated::NOTHING.with_subprotocol("hunter2"));
        assert_eq!(shown, "Negotiated { subprotocol: true, deflate: None }");
    }
}
