//! What is sent: size, kind, connections and depth.

/// What a payload is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of every value, in binary messages.
    Binary,
    /// One byte per character, in text messages.
    Ascii,
    /// One to four bytes per character, in text messages.
    MultiByte,
    /// What chats and dashboards send, in text messages.
    Json,
}

impl Kind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "binary" => Some(Self::Binary),
            "ascii" => Some(Self::Ascii),
            "multibyte" => Some(Self::MultiByte),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ascii",
            Self::MultiByte => "multibyte",
            Self::Json => "json",
        }
    }
}

/// The number of the scenario in which what one connection sends comes back on all.
pub const BROADCAST: u32 = 10;

/// An exchange of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// How many bytes the payload of a message has.
    pub size: usize,
    /// What it is made of.
    pub kind: Kind,
    /// How many connections there are.
    pub connections: usize,
    /// How many messages a connection sends in one write; the next ones follow when all are
    /// answered.
    pub depth: usize,
}

impl Scenario {
    /// The scenario of this number, from 1 on.
    pub fn numbered(number: u32) -> Option<Self> {
        let (size, kind, connections, depth) = match number {
            1 => (32, Kind::Binary, 1, 1),
            2 => (32, Kind::Binary, 64, 1),
            3 => (32, Kind::Binary, 8, 64),
            4 => (1 << 10, Kind::Ascii, 64, 16),
            5 => (16 << 10, Kind::Binary, 16, 8),
            6 => (1 << 20, Kind::Binary, 4, 2),
            7 => (1 << 20, Kind::MultiByte, 4, 2),
            8 => (16 << 20, Kind::Binary, 1, 1),
            9 => (2 << 10, Kind::Json, 16, 4),
            BROADCAST => (256, Kind::Binary, 1_000, 1),
            _ => return None,
        };
        Some(Self {
            size,
            kind,
            connections,
            depth,
        })
    }
}
