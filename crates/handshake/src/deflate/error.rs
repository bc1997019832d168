use std::error::Error;
use std::fmt;

/// A window that is not of 8 to 15 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // the number that was refused
pub struct InvalidWindowBits(
    /// What was asked for.
    pub u8,
);

impl fmt::Display for InvalidWindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window of {} bits, 8 to 15 are possible", self.0)
    }
}

impl Error for InvalidWindowBits {}

/// A parameter of permessage-deflate. Exhaustive, for the RFC defines these four and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // said above
pub enum Parameter {
    /// `server_no_context_takeover` (RFC 7692 §7.1.1.1).
    ServerNoContextTakeover,
    /// `client_no_context_takeover` (RFC 7692 §7.1.1.2).
    ClientNoContextTakeover,
    /// `server_max_window_bits` (RFC 7692 §7.1.2.1).
    ServerMaxWindowBits,
    /// `client_max_window_bits` (RFC 7692 §7.1.2.2).
    ClientMaxWindowBits,
}

impl Parameter {
    const ALL: [Self; 4] = [
        Self::ServerNoContextTakeover,
        Self::ClientNoContextTakeover,
        Self::ServerMaxWindowBits,
        Self::ClientMaxWindowBits,
    ];

    /// The parameter of this name, in exact case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|parameter| parameter.name() == name)
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerNoContextTakeover => "server_no_context_takeover",
            Self::ClientNoContextTakeover => "client_no_context_takeover",
            Self::ServerMaxWindowBits => "server_max_window_bits",
            Self::ClientMaxWindowBits => "client_max_window_bits",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a server's permessage-deflate is no answer to the client's offer (RFC 7692 §5.1, §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeflateError {
    /// The value is not a number from 8 to 15 without leading zeros.
    InvalidWindowBits(Parameter),
    /// The parameter was demanded and is not in the answer.
    MissingParameter(Parameter),
    /// The parameter stands without the value it needs.
    MissingValue(Parameter),
    /// The parameter stands there more than once.
    RepeatedParameter(Parameter),
    /// The parameter has a value and takes none.
    UnexpectedValue(Parameter),
    /// A parameter that permessage-deflate does not have.
    UnknownParameter(Box<str>),
    /// The parameter may be answered only where it was offered, and it was not.
    UnofferedParameter(Parameter),
    /// The window is larger than the one that was offered.
    WindowTooLarge(Parameter),
}

impl fmt::Display for DeflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidWindowBits(parameter) => {
                write!(f, "{parameter} is not a number from 8 to 15")
            }
            Self::MissingParameter(parameter) => {
                write!(f, "{parameter} was demanded and is missing")
            }
            Self::MissingValue(parameter) => write!(f, "{parameter} has no value"),
            Self::RepeatedParameter(parameter) => write!(f, "{parameter} is repeated"),
            Self::UnexpectedValue(parameter) => write!(f, "{parameter} has a value"),
            Self::UnknownParameter(name) => write!(f, "unknown parameter {name:?}"),
            Self::UnofferedParameter(parameter) => write!(f, "{parameter} was not offered"),
            Self::WindowTooLarge(parameter) => write!(f, "{parameter} is larger than offered"),
        }
    }
}

impl Error for DeflateError {}
