use std::fmt;

/// A text that is not shown, because it may be a credential: a name out of `Sec-WebSocket-Protocol`,
/// which carries the tokens of clients that can set no other header, or out of another header.
///
/// ```
/// use socket_flow_handshake::Hidden;
///
/// let token = Hidden::from("bearer.eyJhbGciOiJIUzI1NiJ9");
/// assert_eq!(format!("{token:?}"), "..");
/// assert_eq!(token.as_str(), "bearer.eyJhbGciOiJIUzI1NiJ9");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hidden(Box<str>);

impl Hidden {
    /// The text: whoever shows it knows what it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
