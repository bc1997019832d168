//! What a client asks for.

use std::io;
use std::str::FromStr;

use crate::paths::{ELSEWHERE, SHORT};

/// What a client makes the server hold memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A connection that has exchanged a message and says nothing any more.
    Idle,
    /// The same, opened by the longest request that there is.
    IdleAfterHead,
    /// Most of a TLS ClientHello.
    Hello,
    /// Most of a head.
    Head,
    /// The longest head, for a server that does not decide.
    Undecided,
    /// Messages of 1 KiB, each sent once the one before is echoed.
    Active,
    /// Echoes that are not read.
    Unread,
    /// An echo of a large message that is not read, and most of another.
    Worst,
    /// Compressed messages that become very large, again and again; where the server does not agree to
    /// compress, what they would become.
    Bombs,
    /// The first 63 KiB of a frame that declares much more, then a byte now and then.
    Half,
    /// Messages for a handler that does not read them.
    Elsewhere,
}

impl Kind {
    const ALL: [(&'static str, Self); 11] = [
        ("idle", Self::Idle),
        ("idle-after-head", Self::IdleAfterHead),
        ("hello", Self::Hello),
        ("head", Self::Head),
        ("undecided", Self::Undecided),
        ("active", Self::Active),
        ("unread", Self::Unread),
        ("worst", Self::Worst),
        ("bombs", Self::Bombs),
        ("half", Self::Half),
        ("elsewhere", Self::Elsewhere),
    ];

    /// Reads a list of names.
    pub(super) fn list(names: &str) -> io::Result<Vec<Self>> {
        names.split(',').map(str::parse).collect()
    }

    /// What its connections are opened on.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Bombs | Self::Half => SHORT,
            Self::Elsewhere => ELSEWHERE,
            _ => "/",
        }
    }
}

impl FromStr for Kind {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no kind '{name}'"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_a_list() {
        let kinds = Kind::list("bombs,head").unwrap();
        assert_eq!(kinds, [Kind::Bombs, Kind::Head]);
        assert!(Kind::list("").is_err());
        assert!(Kind::list("bombs,,head").is_err());
    }
}
