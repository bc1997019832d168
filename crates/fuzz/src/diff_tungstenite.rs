//! F12: what a peer sends, beside tungstenite.

use std::io::{self, Cursor, Read, Write};

use socket_flow_protocol::{CloseError, Config, Event, HeaderError, ProtocolError, Role};
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::source::Source;
use crate::support::{Endpoint, ROLES, binary, ping, pong, text};

/// Both libraries find the same messages and control frames, and end alike: open, closed with the
/// same code, or refused; but for [`DIFFERENCES`].
pub(crate) fn diff_tungstenite(data: &[u8]) {
    let mut source = Source::new(data);
    let role = source.pick(&ROLES);
    // Not below 125: here the limit is one on messages, there one on control frames too.
    let limit = source.pick(&[1 << 20, 200, 2000]);
    let bytes = source.rest();
    let (ours, error) = ours(role, limit, bytes);
    let theirs = theirs(role, limit, bytes);
    if ours == theirs {
        return;
    }
    let known = DIFFERENCES
        .iter()
        .find(|difference| (difference.applies)(&ours, error, &theirs));
    assert!(known.is_some(), "{ours:?} ({error:?}), but {theirs:?}");
}

/// What came of the bytes.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    events: Vec<Event>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// More could follow.
    Open,
    Closed(Option<u16>),
    Refused,
}

/// Where the two may differ, and how.
struct Difference {
    #[allow(dead_code)] // for whoever reads the list
    what: &'static str,
    applies: fn(&Outcome, Option<ProtocolError>, &Outcome) -> bool,
}

const DIFFERENCES: [Difference; 5] = [
    Difference {
        what: "an error is reported at the byte that proves it, before its frame is complete",
        applies: |ours, _, theirs| {
            ours.end == End::Refused && theirs.end == End::Open && ours.events == theirs.events
        },
    },
    Difference {
        what: "text is refused in the fragment that breaks it; until the message ends more control \
               frames may come",
        applies: |ours, error, theirs| {
            let behind = theirs.events.get(ours.events.len()..).unwrap_or_default();
            matches!(error, Some(ProtocolError::InvalidUtf8(_)))
                && theirs.events.starts_with(&ours.events)
                && behind
                    .iter()
                    .all(|event| !matches!(event, Event::Message(_)))
        },
    },
    Difference {
        what: "a length must be in its shortest form (RFC 6455 §5.2), and that is held to here; of \
               a control frame any longer form says too much",
        applies: |ours, error, theirs| {
            use HeaderError::{ControlTooLong, NonMinimalLength};
            let longer = Some(ProtocolError::Header(NonMinimalLength));
            let is_longer =
                error == longer || matches!(error, Some(ProtocolError::Header(ControlTooLong(_))));
            is_longer && theirs.events.starts_with(&ours.events)
        },
    },
    Difference {
        what: "a Close with a code that may not be sent is an error here, and answered with 1002 \
               as well where it counts as a Close",
        applies: |ours, error, theirs| {
            matches!(
                error,
                Some(ProtocolError::Close(CloseError::InvalidCode(_)))
            ) && theirs.end == End::Closed(Some(1002))
                && ours.events == theirs.events
        },
    },
    Difference {
        what: "1014 was registered after RFC 6455, and is a code like 1012 and 1013 here",
        applies: |ours, _, theirs| {
            ours.end == End::Closed(Some(1014))
                && theirs.end == End::Closed(Some(1002))
                && ours.events == theirs.events
        },
    },
];

fn ours(role: Role, limit: usize, bytes: &[u8]) -> (Outcome, Option<ProtocolError>) {
    let mut endpoint = Endpoint::new(role, &Config::new().max_message(limit));
    endpoint.feed(bytes);
    let mut events = endpoint.events;
    let end = match (endpoint.error, events.pop()) {
        (None, Some(Event::Close(frame))) => End::Closed(frame.map(|frame| frame.code.as_u16())),
        (error, last) => {
            events.extend(last);
            if error.is_some() {
                End::Refused
            } else {
                End::Open
            }
        }
    };
    (Outcome { events, end }, endpoint.error)
}

fn theirs(role: Role, limit: usize, bytes: &[u8]) -> Outcome {
    let role = match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(bytes)), role, Some(config));
    let mut events = Vec::new();
    let end = loop {
        events.push(match socket.read() {
            Ok(Message::Text(message)) => text(&message),
            Ok(Message::Binary(message)) => binary(&message),
            Ok(Message::Ping(data)) => ping(&data),
            Ok(Message::Pong(data)) => pong(&data),
            Ok(Message::Close(frame)) => break End::Closed(frame.map(|frame| frame.code.into())),
            Ok(Message::Frame(_)) => unreachable!("never read"),
            Err(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => {
                break End::Open;
            }
            Err(_) => break End::Refused,
        });
    };
    Outcome { events, end }
}

/// A transport: the bytes to read, and nothing kept of what is written.
struct Wire<'a>(Cursor<&'a [u8]>);

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
