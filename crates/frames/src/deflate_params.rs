/// The four parameters of permessage-deflate (RFC 7692 §7.1): those that a handshake agreed on, or
/// those that an endpoint would like.
///
/// Windows are base-two logarithms of bytes: 8 are 256 bytes, 15 are 32 KiB.
///
/// Exhaustive: the RFC defines these four and no more.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::DeflateParams;
///
/// let params = DeflateParams::default();
/// assert!(!params.server_no_context_takeover && !params.client_no_context_takeover);
/// assert_eq!((params.server_max_window_bits, params.client_max_window_bits), (15, 15));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // the RFC's four parameters
pub struct DeflateParams {
    /// The server compresses each message on its own (RFC 7692 §7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client compresses each message on its own (RFC 7692 §7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The largest window the server compresses with, 8 to 15 (RFC 7692 §7.1.2.1). What lies
    /// outside counts as the nearest.
    pub server_max_window_bits: u8,
    /// The largest window the client compresses with, likewise (RFC 7692 §7.1.2.2).
    pub client_max_window_bits: u8,
}

impl DeflateParams {
    /// 256 bytes, the smallest window that can be negotiated.
    pub const MIN_WINDOW_BITS: u8 = 8;
    /// 32 KiB, the largest window, and the one that is meant where none is named.
    pub const MAX_WINDOW_BITS: u8 = 15;

    /// The same, with each window that lies outside of 8 to 15 replaced by the nearest.
    ///
    /// # Examples
    ///
    /// ```
    /// use socket_flow_frames::DeflateParams;
    ///
    /// let params = DeflateParams {
    ///     server_max_window_bits: 0,
    ///     client_max_window_bits: 16,
    ///     ..DeflateParams::default()
    /// };
    /// assert_eq!(params.clamped().server_max_window_bits, 8);
    /// assert_eq!(params.clamped().client_max_window_bits, 15);
    /// ```
    #[must_use]
    pub fn clamped(self) -> Self {
        let window = |bits: u8| bits.clamp(Self::MIN_WINDOW_BITS, Self::MAX_WINDOW_BITS);
        Self {
            server_max_window_bits: window(self.server_max_window_bits),
            client_max_window_bits: window(self.client_max_window_bits),
            ..self
        }
    }
}

impl Default for DeflateParams {
    /// What a `permessage-deflate` without parameters means: contexts are kept, windows are the
    /// largest.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: Self::MAX_WINDOW_BITS,
            client_max_window_bits: Self::MAX_WINDOW_BITS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DeflateParams;

    /// RFC 7692 §7.1.2.
    #[test]
    fn a_window_outside_of_8_to_15_counts_as_the_nearest_and_nothing_else_changes() {
        for bits in 0..=u8::MAX {
            let nearest = match bits {
                0..=8 => 8,
                9..=14 => bits,
                15.. => 15,
            };
            for alone in [false, true] {
                let params = DeflateParams {
                    server_no_context_takeover: alone,
                    client_no_context_takeover: !alone,
                    server_max_window_bits: bits,
                    client_max_window_bits: 11,
                };
                let clamped = DeflateParams {
                    server_max_window_bits: nearest,
                    ..params
                };
                assert_eq!(params.clamped(), clamped);
            }
            let params = DeflateParams {
                client_max_window_bits: bits,
                ..DeflateParams::default()
            };
            assert_eq!(params.clamped().client_max_window_bits, nearest);
        }
    }
}
