//! What the programs of both ends are told to do, as they read it.

use std::path::Path;

use serde::{Serialize, Serializer};

use crate::authority::Authority;
use crate::interop::payload::Payload;

/// What a client does, one connection after the other.
#[derive(Debug, Serialize)]
pub(crate) struct ClientScript<'a> {
    /// The file of the authority to trust for `wss://`.
    pub(crate) authority: Option<&'a Path>,
    pub(crate) exchanges: Vec<Exchange<'a>>,
}

/// What a client does with one connection.
#[derive(Debug, Serialize)]
pub(crate) struct Exchange<'a> {
    pub(crate) id: &'a str,
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) client: &'a Client,
}

/// The settings of a client, and what it does once the connection is open.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Client {
    pub(crate) subprotocols: Vec<&'static str>,
    pub(crate) deflate: Option<Parameters>,
    pub(crate) steps: Vec<Step>,
}

/// The listeners of a server.
#[derive(Debug, Serialize)]
pub(crate) struct ServerScript<'a> {
    /// Its certificate, if it speaks TLS.
    pub(crate) tls: Option<&'a Authority>,
    pub(crate) profiles: Vec<Profile<'a>>,
}

/// One listener.
#[derive(Debug, Serialize)]
pub(crate) struct Profile<'a> {
    pub(crate) id: usize,
    #[serde(flatten)]
    pub(crate) server: &'a Server,
}

/// The settings of a server that sends back whatever it receives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Server {
    pub(crate) subprotocols: Vec<&'static str>,
    pub(crate) deflate: Option<Parameters>,
    /// In bytes.
    pub(crate) max_message: Option<u32>,
    /// The size of the frames it answers in; 0 for one frame a message.
    pub(crate) fragment: usize,
    /// What it does before anything else: a ping or a close.
    pub(crate) opening: Option<Step>,
}

/// One thing to do on an open connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Step {
    /// Sends a file, or each of its lines, and compares what comes back.
    Echo {
        kind: Kind,
        #[serde(rename = "file")]
        payload: Payload,
        lines: bool,
        /// The size of the frames; 0 for one frame a message.
        fragment: usize,
    },
    /// Sends a file that is not sent back.
    Send {
        kind: Kind,
        #[serde(rename = "file")]
        payload: Payload,
    },
    /// Sends a ping and waits for its pong.
    Ping { data: String },
    /// Closes, with a Close without a code where it is `None`.
    Close { code: Option<u16>, reason: String },
    /// Waits until the other end has closed.
    AwaitClose,
}

impl Step {
    /// What it sends as a message.
    pub(crate) fn payload(&self) -> Option<Payload> {
        match self {
            Self::Echo { payload, .. } | Self::Send { payload, .. } => Some(*payload),
            Self::Ping { .. } | Self::Close { .. } | Self::AwaitClose => None,
        }
    }
}

/// The two kinds of data message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Text,
    Binary,
}

impl Kind {
    /// The RFC's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// The parameters of permessage-deflate: what a client asks for or a server demands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Parameters {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    pub(crate) client_max_window_bits: Option<Window>,
}

/// The value of `client_max_window_bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// It stands alone, which only an offer may.
    Any,
    Bits(u8),
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_bool(true),
            Self::Bits(bits) => serializer.serialize_u8(*bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_script_reads_as_the_programs_expect_it() {
        let client = Client {
            subprotocols: vec!["a"],
            deflate: Some(Parameters {
                server_no_context_takeover: true,
                server_max_window_bits: Some(9),
                client_max_window_bits: Some(Window::Any),
                ..Parameters::default()
            }),
            steps: vec![
                Step::Echo {
                    kind: Kind::Text,
                    payload: Payload::Empty,
                    lines: false,
                    fragment: 7,
                },
                Step::AwaitClose,
            ],
        };
        let script = ClientScript {
            authority: Some(Path::new("ca.pem")),
            exchanges: vec![Exchange {
                id: "x",
                url: "ws://127.0.0.1:1/x".into(),
                client: &client,
            }],
        };
        assert_eq!(
            serde_json::to_value(&script).unwrap(),
            json!({"authority": "ca.pem", "exchanges": [{
                "id": "x",
                "url": "ws://127.0.0.1:1/x",
                "subprotocols": ["a"],
                "deflate": {
                    "server_no_context_takeover": true,
                    "client_no_context_takeover": false,
                    "server_max_window_bits": 9,
                    "client_max_window_bits": true,
                },
                "steps": [
                    {"do": "echo", "kind": "text", "file": "empty", "lines": false, "fragment": 7},
                    {"do": "await_close"},
                ],
            }]})
        );
    }
}
