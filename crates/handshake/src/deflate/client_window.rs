/// What an offer says of the client's own window (RFC 7692 §7.1.2.2). Exhaustive, for there is
/// nothing else to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // said above
pub enum ClientWindow {
    /// `client_max_window_bits` is not offered: the server cannot limit the window, which is of
    /// 15 bits.
    Absent,
    /// `client_max_window_bits` stands alone: the server may name any window.
    #[default]
    Any,
    /// `client_max_window_bits=n`, 8 to 15: the client uses no larger window, and the server may
    /// name a smaller one.
    Bits(u8),
}
