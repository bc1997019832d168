//! What an implementation made of an input.

use std::fmt;

use serde::Deserialize;

use crate::replay::corpus::Stage;
use crate::replay::frames::{End, Sent};

/// What was seen of it on the wire, and what its program said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) opened: Option<Opened>,
    /// Of an HTTP answer that opens nothing.
    pub(crate) status: Option<u16>,
    pub(crate) messages: Vec<Message>,
    /// The frames on the wire. `None` where there were to be none.
    pub(crate) sent: Option<Sent>,
    /// Why it ended, in the words of the library.
    pub(crate) error: String,
}

/// What an open connection was agreed to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Opened {
    pub(crate) subprotocol: Option<String>,
    pub(crate) deflate: bool,
}

/// Its kind and its payload, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Message(pub(crate) String, pub(crate) String);

impl Outcome {
    /// Whether both are the same to a peer and to an application; what a library says of an error
    /// is its own business.
    pub(crate) fn agrees(&self, other: &Self, stage: Stage) -> bool {
        match stage {
            Stage::Opening => self.opened == other.opened && self.refusal() == other.refusal(),
            Stage::Frames => self.messages == other.messages && self.sent == other.sent,
        }
    }
}

impl Outcome {
    /// How its frames ended.
    pub(crate) fn end(&self) -> Option<End> {
        self.sent.as_ref().map(|sent| sent.end)
    }

    /// The payloads of its pongs.
    pub(crate) fn pongs(&self) -> &[Vec<u8>] {
        self.sent.as_ref().map_or(&[], |sent| &sent.pongs)
    }

    /// The status of a final answer: another one may be told by whoever stops at it.
    pub(crate) fn refusal(&self) -> Option<u16> {
        self.status.filter(|status| *status >= 200)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.opened, self.status, &self.sent) {
            (None, Some(status), _) => write!(f, "refused with {status}")?,
            (None, None, _) => f.write_str("not opened")?,
            (Some(opened), _, None) => {
                f.write_str("opened")?;
                if let Some(subprotocol) = &opened.subprotocol {
                    write!(f, " with {subprotocol}")?;
                }
                if opened.deflate {
                    f.write_str(", compressed")?;
                }
            }
            (Some(_), _, Some(sent)) => {
                for Message(kind, payload) in &self.messages {
                    write!(f, "{kind} {payload}, ")?;
                }
                for pong in &sent.pongs {
                    write!(f, "pong {}, ", pong.escape_ascii())?;
                }
                match sent.end {
                    End::Nothing => f.write_str("no Close")?,
                    End::Close(None) => f.write_str("Close without a code")?,
                    End::Close(Some(code)) => write!(f, "Close {code}")?,
                    End::Stalled => f.write_str("no end in time")?,
                }
            }
        }
        match &self.error[..] {
            "" => Ok(()),
            error => write!(f, " ({error})"),
        }
    }
}
