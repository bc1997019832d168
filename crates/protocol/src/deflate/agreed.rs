//! The codecs of a connection, as they follow from what was negotiated.

use socket_flow_frames::{DeflateParams, Negotiated, Role};

use super::{Compress, Decompress, Deflate};

impl Deflate {
    /// How much memory `role` keeps at most from message to message with these parameters, in bytes:
    /// for the contexts of what it sends, by these settings, and of what it receives. What is not kept
    /// is borrowed for the length of a message.
    ///
    /// ```
    /// use socket_flow_protocol::{Deflate, Role};
    ///
    /// let (balanced, smallest) = (Deflate::balanced(), Deflate::smallest_memory());
    /// assert_eq!(balanced.kept_memory(balanced.params(), Role::Server), 430_080);
    /// assert_eq!(smallest.kept_memory(smallest.params(), Role::Server), 0);
    /// ```
    pub fn kept_memory(&self, params: DeflateParams, role: Role) -> usize {
        compressor(params, role, self).keeps() + decompressor(params, role).keeps()
    }
}

/// What `role` keeps from message to message, in bytes.
pub(crate) fn kept_memory(negotiated: &Negotiated, role: Role, settings: &Deflate) -> usize {
    let params = negotiated.deflate();
    params.map_or(0, |params| settings.kept_memory(params, role))
}

/// The compressor for what `role` sends.
pub(crate) fn compress(
    negotiated: &Negotiated,
    role: Role,
    settings: &Deflate,
) -> Option<Compress> {
    let params = negotiated.deflate()?;
    Some(compressor(params, role, settings))
}

/// The decompressor for what `role` receives.
pub(crate) fn decompress(negotiated: &Negotiated, role: Role) -> Option<Decompress> {
    let params = negotiated.deflate()?;
    Some(decompressor(params, role))
}

fn compressor(params: DeflateParams, role: Role, settings: &Deflate) -> Compress {
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
    Compress::new(settings, bits, !alone)
}

fn decompressor(params: DeflateParams, role: Role) -> Decompress {
    let alone = match role {
        Role::Client => params.server_no_context_takeover,
        Role::Server => params.client_no_context_takeover,
    };
    Decompress::new(!alone)
}
