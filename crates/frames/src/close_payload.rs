use core::{error::Error, fmt, ops::Deref};

use crate::{CloseCode, MAX_CONTROL_PAYLOAD, Utf8Error, utf8};

/// The longest reason a Close frame has room for behind its code, in bytes of UTF-8 (RFC 6455 section 5.5).
pub const MAX_REASON_LEN: usize = MAX_CONTROL_PAYLOAD - 2;

/// The payload of a Close frame, ready to send: nothing, or a code and a reason (RFC 6455 section 5.5.1).
///
/// It is always valid: code and reason go in as [`CloseCode`] and `&str`, never as raw bytes.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{CloseCode, ClosePayload};
///
/// let payload = ClosePayload::new(CloseCode::GOING_AWAY, "bye")?;
/// assert_eq!(payload.as_bytes(), b"\x03\xe9bye");
/// assert!(ClosePayload::EMPTY.is_empty());
/// # Ok::<(), socket_flow_frames::ReasonTooLong>(())
/// ```
#[derive(Clone, Copy)]
pub struct ClosePayload {
    /// Zero beyond `len`.
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    /// At most 125.
    len: u8,
}

impl ClosePayload {
    /// No code and no reason; the peer will report 1005.
    pub const EMPTY: Self = Self {
        bytes: [0; MAX_CONTROL_PAYLOAD],
        len: 0,
    };

    /// A code and a reason, which may be empty.
    ///
    /// # Errors
    ///
    /// [`ReasonTooLong`] when `reason` has more than [`MAX_REASON_LEN`] bytes.
    pub fn new(code: CloseCode, reason: &str) -> Result<Self, ReasonTooLong> {
        let too_long = ReasonTooLong { len: reason.len() };
        let len = u8::try_from(reason.len() + 2).map_err(|_| too_long)?;
        let mut payload = Self { len, ..Self::EMPTY };
        let (head, tail) = payload.bytes.split_at_mut(2);
        head.copy_from_slice(&code.as_u16().to_be_bytes());
        tail.get_mut(..reason.len())
            .ok_or(too_long)?
            .copy_from_slice(reason.as_bytes());
        Ok(payload)
    }

    /// The payload as it goes on the wire, before masking: at most 125 bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl From<CloseCode> for ClosePayload {
    /// The code without a reason.
    fn from(code: CloseCode) -> Self {
        let mut payload = Self {
            len: 2,
            ..Self::EMPTY
        };
        payload.bytes[..2].copy_from_slice(&code.as_u16().to_be_bytes());
        payload
    }
}

impl Deref for ClosePayload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for ClosePayload {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Default for ClosePayload {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl PartialEq for ClosePayload {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ClosePayload {}

impl fmt::Debug for ClosePayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClosePayload")
            .field(&decode_close(self))
            .finish()
    }
}

/// Reads the payload of a received Close frame (RFC 6455 section 5.5.1): `None` when it is empty, else the
/// code and the reason.
///
/// # Errors
///
/// [`CloseError`] when the peer may not send this; [`CloseError::close_code`] is the answer it deserves.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{decode_close, CloseCode, CloseError};
///
/// assert_eq!(decode_close(b"\x03\xe8done"), Ok(Some((CloseCode::NORMAL, "done"))));
/// assert_eq!(decode_close(b""), Ok(None));
/// assert_eq!(decode_close(b"\x03\xee"), Err(CloseError::InvalidCode(1006)));
/// ```
pub fn decode_close(payload: &[u8]) -> Result<Option<(CloseCode, &str)>, CloseError> {
    if payload.len() > MAX_CONTROL_PAYLOAD {
        return Err(CloseError::TooLong);
    }
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(CloseError::Truncated)
        };
    };
    let code = u16::from_be_bytes(*code);
    let code = CloseCode::try_from(code).map_err(|_| CloseError::InvalidCode(code))?;
    let reason = utf8::validate(reason).map_err(CloseError::InvalidReason)?;
    Ok(Some((code, reason)))
}

/// The reason for a closure does not fit into a Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReasonTooLong {
    len: usize,
}

impl ReasonTooLong {
    /// The length of the refused reason in bytes; at most [`MAX_REASON_LEN`] would have fitted.
    #[must_use]
    pub const fn reason_len(&self) -> usize {
        self.len
    }
}

impl fmt::Display for ReasonTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "close reason of {} bytes is longer than {MAX_REASON_LEN}",
            self.len
        )
    }
}

impl Error for ReasonTooLong {}

/// Why the payload of a received Close frame was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseError {
    /// One byte: half a code (section 5.5.1).
    Truncated,
    /// A code that may not be sent (section 7.4).
    InvalidCode(u16),
    /// A reason that is not UTF-8 (section 5.5.1).
    InvalidReason(Utf8Error),
    /// More than 125 bytes (section 5.5).
    TooLong,
}

impl CloseError {
    /// The code to close the connection with: [`CloseCode::INVALID_PAYLOAD`] for a reason that is not UTF-8,
    /// [`CloseCode::PROTOCOL_ERROR`] otherwise.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::InvalidReason(_) => CloseCode::INVALID_PAYLOAD,
            Self::Truncated | Self::InvalidCode(_) | Self::TooLong => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("close frame with half a code"),
            Self::InvalidCode(code) => write!(f, "close frame with the invalid code {code}"),
            Self::InvalidReason(_) => f.write_str("close frame with an invalid reason"),
            Self::TooLong => f.write_str("close frame longer than 125 bytes"),
        }
    }
}

impl Error for CloseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidReason(error) => Some(error),
            Self::Truncated | Self::InvalidCode(_) | Self::TooLong => None,
        }
    }
}
