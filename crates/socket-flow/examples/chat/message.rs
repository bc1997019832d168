//! What the page and the server say to each other: JSON, one object in each text message.

use serde::{Deserialize, Serialize};

/// What the page says.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Go to a room, under a name; out of the room one was in.
    Join { room: String, name: String },
    /// Say something. `key` is the page's own, so that it can repeat what may have been lost.
    Say { key: String, text: String },
    /// Comes back as a `Pong`, for the page to measure how long that takes.
    Ping { at: f64 },
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Reply<'a> {
    /// The rooms there are; after each change.
    Rooms { rooms: Vec<RoomInfo<'a>> },
    /// You are in a room now: who else is, and what was said last.
    Joined {
        room: &'a str,
        you: u64,
        people: Vec<Person<'a>>,
        said: Vec<&'a Said>,
    },
    /// Somebody came into the room.
    Entered(Person<'a>),
    /// Somebody left it.
    Left(Person<'a>),
    /// Somebody said something in it.
    Said(&'a Said),
    /// The answer to a `Ping`, with its number.
    Pong { at: f64 },
    /// What you asked for is not done; `key` says for which message.
    Refused {
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        why: &'static str,
    },
}

impl Reply<'_> {
    /// A refusal of something that is no message.
    pub(crate) fn refused(why: &'static str) -> Self {
        Self::Refused { key: None, why }
    }

    pub(crate) fn to_json(&self) -> String {
        // Strings and numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A room from outside.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct RoomInfo<'a> {
    pub(crate) name: &'a str,
    pub(crate) people: usize,
}

/// Somebody in a room. Two may look alike, but no two have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Person<'a> {
    pub(crate) id: u64,
    pub(crate) name: &'a str,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Said {
    pub(crate) key: String,
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) text: String,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_by_their_type() {
        for (json, request) in [
            (
                r#"{"type":"join","room":"lobby","name":"Ann"}"#,
                Request::Join {
                    room: "lobby".into(),
                    name: "Ann".into(),
                },
            ),
            (
                r#"{"type":"say","key":"k1","text":"hi"}"#,
                Request::Say {
                    key: "k1".into(),
                    text: "hi".into(),
                },
            ),
            (r#"{"type":"ping","at":1.5}"#, Request::Ping { at: 1.5 }),
        ] {
            assert_eq!(serde_json::from_str::<Request>(json).unwrap(), request);
        }
        for json in [r#"{"type":"fly"}"#, r#"{"type":"say"}"#, "[]", "hi"] {
            assert!(serde_json::from_str::<Request>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn replies_name_their_type() {
        let person = Person { id: 7, name: "Ann" };
        assert_eq!(
            Reply::Entered(person).to_json(),
            r#"{"type":"entered","id":7,"name":"Ann"}"#
        );
        assert_eq!(
            Reply::refused("no").to_json(),
            r#"{"type":"refused","why":"no"}"#
        );
        assert_eq!(
            Reply::Pong { at: 0.5 }.to_json(),
            r#"{"type":"pong","at":0.5}"#
        );
    }
}
