use core::{error::Error, fmt, num::NonZeroU16};

/// Why a connection is closed, as it may stand in a Close frame (RFC 6455 section 7.4).
///
/// Only codes that may be sent exist: 1000–1003, 1007–1014, and 3000–4999, which are free for libraries and
/// applications. 1005, 1006 and 1015 stand for the absence of a code and are never on the wire.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::CloseCode;
///
/// assert_eq!(CloseCode::NORMAL.as_u16(), 1000);
/// let application = CloseCode::try_from(4001)?;
/// assert_eq!(u16::from(application), 4001);
/// assert!(CloseCode::try_from(1006).is_err());
/// assert_eq!(CloseCode::NORMAL.to_string(), "1000 normal closure");
/// # Ok::<(), socket_flow_frames::InvalidCloseCode>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(NonZeroU16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(NonZeroU16::new(1000).unwrap());
    /// 1001: a server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(NonZeroU16::new(1001).unwrap());
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(NonZeroU16::new(1002).unwrap());
    /// 1003: a kind of data (say, binary) that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(NonZeroU16::new(1003).unwrap());
    /// 1007: data that does not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(NonZeroU16::new(1007).unwrap());
    /// 1008: the endpoint's policy was violated; for when no other code fits.
    pub const POLICY_VIOLATION: Self = Self(NonZeroU16::new(1008).unwrap());
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(NonZeroU16::new(1009).unwrap());
    /// 1010: a client misses an extension in the server's answer.
    pub const MANDATORY_EXTENSION: Self = Self(NonZeroU16::new(1010).unwrap());
    /// 1011: an unexpected condition at a server.
    pub const INTERNAL_ERROR: Self = Self(NonZeroU16::new(1011).unwrap());
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(NonZeroU16::new(1012).unwrap());
    /// 1013: the service is overloaded (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(NonZeroU16::new(1013).unwrap());
    /// 1014: a gateway got an invalid answer from the server behind it (IANA registry).
    pub const BAD_GATEWAY: Self = Self(NonZeroU16::new(1014).unwrap());

    /// The code as a number.
    #[inline]
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0.get()
    }

    /// The name the RFC or the IANA registry gives the code; `None` for 3000–4999.
    const fn name(self) -> Option<&'static str> {
        Some(match self.as_u16() {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1007 => "invalid payload",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            _ => return None,
        })
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        match (code, NonZeroU16::new(code)) {
            (1000..=1003 | 1007..=1014 | 3000..=4999, Some(code)) => Ok(Self(code)),
            _ => Err(InvalidCloseCode(code)),
        }
    }
}

impl From<CloseCode> for u16 {
    #[inline]
    fn from(code: CloseCode) -> Self {
        code.as_u16()
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A number that may not stand in a Close frame (RFC 6455 section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidCloseCode(u16);

impl InvalidCloseCode {
    /// The number that was refused.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} may not stand in a close frame", self.0)
    }
}

impl Error for InvalidCloseCode {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::CloseCode;

    /// RFC 6455 §7.4.1.
    #[test]
    fn of_all_65536_numbers_exactly_the_sendable_ones_are_close_codes() {
        let mut valid = 0;
        for number in 0..=u16::MAX {
            let sendable = matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999);
            match CloseCode::try_from(number) {
                Ok(code) => {
                    assert!(sendable, "{number}");
                    assert_eq!((code.as_u16(), u16::from(code)), (number, number));
                    valid += 1;
                }
                Err(error) => {
                    assert!(!sendable, "{number}");
                    assert_eq!(error.as_u16(), number);
                }
            }
        }
        assert_eq!(valid, 4 + 8 + 2000);
    }

    #[test]
    fn codes_without_a_constant_are_displayed_as_numbers() {
        assert_eq!(CloseCode::BAD_GATEWAY.to_string(), "1014 bad gateway");
        assert_eq!(CloseCode::try_from(3000).unwrap().to_string(), "3000");
    }
}
