use std::fmt;

use socket_flow_frames::Role;

use crate::deflate::{Compress, Decompress, Deflate, DeflateParams};

/// What the opening handshake agreed on, as plain values.
///
/// ```
/// use socket_flow_protocol::Negotiated;
///
/// let negotiated = Negotiated::default().with_subprotocol("chat.v1");
/// assert_eq!(negotiated.subprotocol(), Some("chat.v1"));
/// assert_eq!(negotiated.deflate(), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Negotiated {
    subprotocol: Option<Box<str>>,
    deflate: Option<DeflateParams>,
}

impl fmt::Debug for Negotiated {
    /// Shows of the subprotocol whether there is one: clients that can set no
    /// other header have their tokens there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiated")
            .field("subprotocol", &self.subprotocol.is_some())
            .field("deflate", &self.deflate)
            .finish()
    }
}

impl Negotiated {
    /// What is agreed on where nothing is; the default.
    pub(crate) const fn nothing() -> Self {
        Self {
            subprotocol: None,
            deflate: None,
        }
    }

    /// Sets the subprotocol (RFC 6455 §1.9).
    #[must_use]
    pub fn with_subprotocol(mut self, subprotocol: impl Into<Box<str>>) -> Self {
        self.subprotocol = Some(subprotocol.into());
        self
    }

    /// Turns permessage-deflate on (RFC 7692); how to compress is said by
    /// [`Config::deflate`](crate::Config::deflate).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, params: DeflateParams) -> Self {
        self.deflate = Some(params);
        self
    }

    /// The subprotocol both sides speak, or `None` when none was agreed.
    #[inline]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The parameters of permessage-deflate, or `None` when it was not
    /// agreed.
    #[inline]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }

    /// How much memory `role` keeps from message to message, in bytes: for the
    /// contexts of what it sends, with these settings, and of what it receives.
    /// What is not kept is borrowed for the length of a message.
    #[cfg(feature = "deflate")]
    pub fn kept_memory(&self, role: Role, settings: &Deflate) -> usize {
        let sends = self.compress(role, settings);
        let receives = self.decompress(role);
        sends.map_or(0, |compress| compress.keeps())
            + receives.map_or(0, |decompress| decompress.keeps())
    }

    /// The compressor for what `role` sends.
    #[cfg(feature = "deflate")]
    pub(crate) fn compress(&self, role: Role, settings: &Deflate) -> Option<Compress> {
        let params = self.deflate?;
        let (bits, alone) = match role {
            Role::Client => (
                params.client_max_window_bits,
                params.client_no_context_takeover,
            ),
            Role::Server => (
                params.server_max_window_bits,
                params.server_no_context_takeover,
            ),
        };
        Some(Compress::new(settings, bits, !alone))
    }

    /// The decompressor for what `role` receives.
    #[cfg(feature = "deflate")]
    pub(crate) fn decompress(&self, role: Role) -> Option<Decompress> {
        let params = self.deflate?;
        let alone = match role {
            Role::Client => params.server_no_context_takeover,
            Role::Server => params.client_no_context_takeover,
        };
        Some(Decompress::new(!alone))
    }

    #[cfg(not(feature = "deflate"))]
    pub(crate) fn kept_memory(&self, _: Role, _: &Deflate) -> usize {
        0
    }

    #[cfg(not(feature = "deflate"))]
    pub(crate) fn compress(&self, _: Role, _: &Deflate) -> Option<Compress> {
        None
    }

    #[cfg(not(feature = "deflate"))]
    pub(crate) fn decompress(&self, _: Role) -> Option<Decompress> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_agreed_on_there_is_what_is_by_default() {
        assert_eq!(Negotiated::nothing(), Negotiated::default());
    }

    #[test]
    #[cfg(feature = "deflate")]
    fn the_parameters_of_compression_are_told_as_they_were_agreed_on() {
        let params = DeflateParams {
            server_max_window_bits: 9,
            ..DeflateParams::default()
        };
        let negotiated = Negotiated::nothing().with_deflate(params);
        assert_eq!(negotiated.deflate(), Some(params));
    }
}
