/// The parameters of permessage-deflate that both sides agreed on
/// (RFC 7692 §7.1), as plain values.
///
/// ```
/// use socket_flow_protocol::DeflateParams;
///
/// let params = DeflateParams::default();
/// assert_eq!(params.server_max_window_bits, 15);
/// assert!(!params.client_no_context_takeover);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // the RFC's four parameters
pub struct DeflateParams {
    /// The server compresses each message on its own (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client compresses each message on its own (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The server's window, as the binary logarithm of its bytes, 8 to 15
    /// (§7.1.2.1). What lies outside counts as the nearest.
    pub server_max_window_bits: u8,
    /// The client's window, likewise (§7.1.2.2).
    pub client_max_window_bits: u8,
}

impl Default for DeflateParams {
    /// Contexts are kept, windows are the largest: what an answer without
    /// parameters means.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}
