use core::{error::Error, fmt};

/// The bytes are not UTF-8 (RFC 3629).
///
/// Inside a WebSocket connection this means closing with
/// [`CloseCode::INVALID_PAYLOAD`](crate::CloseCode::INVALID_PAYLOAD).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Utf8Error(());

impl Utf8Error {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for Utf8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid utf-8")
    }
}

impl Error for Utf8Error {}
