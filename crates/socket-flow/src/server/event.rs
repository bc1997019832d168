use std::fmt;

use http::Request;
use socket_flow_connection::{Error, Sender};
use socket_flow_handshake::header::HeaderNames;
use socket_flow_protocol::{Message, Utf8Bytes};

use crate::server::event_memory::EventRoom;
use crate::server::peer_addr::PeerAddr;
use crate::server::reply_room::Promise;

/// What happens on the connections of a server; see
/// [`ServerBuilder::serve`](crate::ServerBuilder::serve).
///
/// For each connection there is one `Open`, then its messages in order, then
/// one `Close`.
#[non_exhaustive]
pub enum ServerEvent {
    /// A connection is open.
    Open {
        /// The connection, in all its events.
        id: ConnectionId,
        /// Where it comes from.
        peer: PeerAddr,
        /// The request it began with: path, query and headers, and
        /// [`PeerAddr`] among its extensions.
        request: Box<Request<()>>,
        /// To send on it, and to close it. Keep it: there is no other way.
        sender: Sender,
    },
    /// A message has arrived.
    Message {
        /// The connection it came on.
        id: ConnectionId,
        /// The message.
        message: Message,
    },
    /// A connection has ended.
    Close {
        /// The connection, which has no more events.
        id: ConnectionId,
        /// The code as RFC 6455 §7.1.5 defines it: the peer's, 1005 where its
        /// Close carried none, 1006 where none came.
        code: u16,
        /// The peer's reason, often empty.
        reason: Utf8Bytes,
        /// Why it ended, where it was not by a complete closing handshake.
        error: Option<Error>,
    },
}

impl ServerEvent {
    /// The connection it is about.
    pub fn id(&self) -> ConnectionId {
        match self {
            Self::Open { id, .. } | Self::Message { id, .. } | Self::Close { id, .. } => *id,
        }
    }
}

impl fmt::Debug for ServerEvent {
    /// Shows no header value, no query and no payload: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open {
                id,
                peer,
                request,
                sender,
            } => f
                .debug_struct("Open")
                .field("id", id)
                .field("peer", peer)
                .field("path", &request.uri().path())
                .field("headers", &HeaderNames::new(request.headers()))
                .field("sender", sender)
                .finish(),
            Self::Message { id, message } => f
                .debug_struct("Message")
                .field("id", id)
                .field("message", message)
                .finish(),
            Self::Close {
                id,
                code,
                reason,
                error,
            } => f
                .debug_struct("Close")
                .field("id", id)
                .field("code", code)
                .field("reason", reason)
                .field("error", error)
                .finish(),
        }
    }
}

/// A connection of a server. No two connections of one server have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event that waits to be read.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) event: ServerEvent,
    /// The room for a reply, where it is a message.
    pub(crate) promise: Option<Promise>,
    /// The memory of its message, or of its request, until it is read.
    pub(crate) room: Option<EventRoom>,
}

impl From<ServerEvent> for Queued {
    fn from(event: ServerEvent) -> Self {
        Self {
            event,
            promise: None,
            room: None,
        }
    }
}
