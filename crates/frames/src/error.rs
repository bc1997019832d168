use core::{error::Error, fmt};

use crate::{CloseCode, OpCode, Rsv};

/// Why a frame header was refused: the peer broke RFC 6455, and the connection has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderError {
    /// These reserved bits are set without a negotiated extension that defines them (section 5.2).
    ReservedBits(Rsv),
    /// The opcode is reserved (section 5.2).
    ReservedOpCode(u8),
    /// A control frame without FIN (section 5.5).
    FragmentedControl(OpCode),
    /// A control frame that declares more than 125 bytes (section 5.5).
    ControlTooLong(OpCode),
    /// A client received a masked frame (section 5.1).
    UnexpectedMask,
    /// A server received an unmasked frame (section 5.1).
    MissingMask,
    /// The length is not encoded in the fewest bytes (section 5.2).
    NonMinimalLength,
    /// The most significant bit of a 64-bit length is set (section 5.2).
    LengthOverflow,
}

impl HeaderError {
    /// The code to close the connection with: [`CloseCode::PROTOCOL_ERROR`] for all of them (section 7.4.1).
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        CloseCode::PROTOCOL_ERROR
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits(rsv) => write!(f, "reserved bits {rsv:?} are set"),
            Self::ReservedOpCode(value) => write!(f, "reserved opcode {value:#x}"),
            Self::FragmentedControl(opcode) => write!(f, "fragmented {opcode:?} frame"),
            Self::ControlTooLong(opcode) => write!(f, "{opcode:?} frame longer than 125 bytes"),
            Self::UnexpectedMask => f.write_str("masked frame from a server"),
            Self::MissingMask => f.write_str("unmasked frame from a client"),
            Self::NonMinimalLength => f.write_str("payload length not minimally encoded"),
            Self::LengthOverflow => f.write_str("payload length with the most significant bit set"),
        }
    }
}

impl Error for HeaderError {}
