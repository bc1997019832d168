//! What is agreed on and set, read off an input.

use socket_flow_protocol::{Deflate, DeflateParams, Role};

use crate::source::Source;

/// What the handshake agreed on about compression.
pub(crate) fn params(source: &mut Source<'_>) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: source.flag(),
        client_no_context_takeover: source.flag(),
        server_max_window_bits: 8 + source.byte() % 8,
        client_max_window_bits: 8 + source.byte() % 8,
    }
}

/// How hard an end compresses.
pub(crate) fn deflate(source: &mut Source<'_>) -> Deflate {
    Deflate::balanced()
        .level(1 + source.byte() % 9)
        .memory_level(1 + source.byte() % 9)
        .threshold(source.pick(&[0, 1, 30, 256, usize::MAX]))
}

/// Whether what `sender` sends refers to its earlier messages, and the bits of its window.
pub(crate) fn context(sender: Role, params: DeflateParams) -> (bool, u8) {
    match sender {
        Role::Client => (
            !params.client_no_context_takeover,
            params.client_max_window_bits,
        ),
        Role::Server => (
            !params.server_no_context_takeover,
            params.server_max_window_bits,
        ),
    }
}
