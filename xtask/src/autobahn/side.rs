//! Which end of the connection is tested.

use std::fmt;

/// The end of the connection that is tested. The suite plays the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

impl Side {
    /// Both sides, in the order they are reported.
    pub(crate) const ALL: [Self; 2] = [Self::Server, Self::Client];

    /// The side's name in file names and messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }

    /// The example that stands for this side.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Server => "echo_server",
            Self::Client => "autobahn_client",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
