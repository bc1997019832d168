use core::{error::Error, fmt};

/// What a frame carries (RFC 6455 section 5.2).
///
/// Exhaustive: the ten other values are reserved, and a frame that bears one fails the connection, so an
/// `OpCode` that exists can be acted upon.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::OpCode;
///
/// assert_eq!(OpCode::try_from(0x9), Ok(OpCode::Ping));
/// assert!(OpCode::try_from(0x3).is_err());
/// assert_eq!(u8::from(OpCode::Pong), 0xA);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(clippy::exhaustive_enums)] // the six that RFC 6455 §5.2 defines; others are an error
pub enum OpCode {
    /// The next part of a fragmented message.
    Continuation = 0x0,
    /// A text message, or its first part; the whole message is UTF-8.
    Text = 0x1,
    /// A binary message, or its first part.
    Binary = 0x2,
    /// Starts or answers the closing handshake (section 5.5.1).
    Close = 0x8,
    /// Asks for a pong with the same payload (section 5.5.2).
    Ping = 0x9,
    /// Answers a ping, or is a heartbeat that expects no answer (section 5.5.3).
    Pong = 0xA,
}

impl OpCode {
    /// Whether this is `Close`, `Ping` or `Pong`: frames that are never fragmented and carry at most
    /// [`MAX_CONTROL_PAYLOAD`](crate::MAX_CONTROL_PAYLOAD) bytes (section 5.5).
    #[inline]
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    /// Whether this is `Text`, `Binary` or `Continuation`: frames that carry a message (section 5.6).
    #[inline]
    #[must_use]
    pub const fn is_data(self) -> bool {
        !self.is_control()
    }
}

impl TryFrom<u8> for OpCode {
    type Error = ReservedOpCode;

    #[inline]
    fn try_from(value: u8) -> Result<Self, ReservedOpCode> {
        Ok(match value {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(ReservedOpCode(value)),
        })
    }
}

impl From<OpCode> for u8 {
    #[inline]
    fn from(opcode: OpCode) -> Self {
        opcode as Self
    }
}

/// A number that is no [`OpCode`]: reserved by RFC 6455 section 5.2, or above 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReservedOpCode(u8);

impl ReservedOpCode {
    /// The number that was refused.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self.0
    }
}

impl fmt::Display for ReservedOpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reserved opcode {:#x}", self.0)
    }
}

impl Error for ReservedOpCode {}

#[cfg(test)]
mod tests {
    use super::OpCode;

    /// RFC 6455 §5.2.
    #[test]
    fn six_values_are_opcodes_and_all_others_are_reserved() {
        for value in 0..=u8::MAX {
            let opcode = OpCode::try_from(value);
            if [0x0, 0x1, 0x2, 0x8, 0x9, 0xA].contains(&value) {
                assert_eq!(u8::from(opcode.unwrap()), value);
            } else {
                assert_eq!(opcode.unwrap_err().as_u8(), value);
            }
        }
    }

    #[test]
    fn close_ping_and_pong_are_control_frames() {
        for opcode in [OpCode::Close, OpCode::Ping, OpCode::Pong] {
            assert!(opcode.is_control() && !opcode.is_data());
        }
        for opcode in [OpCode::Continuation, OpCode::Text, OpCode::Binary] {
            assert!(opcode.is_data() && !opcode.is_control());
        }
    }
}
