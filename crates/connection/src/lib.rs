//! A WebSocket connection (RFC 6455) over any tokio stream.
//!
//! [`WebSocket<S>`] puts the sans-I/O core of `socket-flow-protocol` on an
//! `AsyncRead + AsyncWrite`: reading, writing, deadlines, closing. The opening
//! handshake is done elsewhere, by `socket-flow`, by an HTTP server, or by
//! you; [`WebSocket::from_parts`] takes over behind it.
//!
//! ```text
//!            ┌──────────── WebSocket<S> ────────────┐
//!  stream ──▶│ read buffer ─▶ parse ─▶ messages ────┼──▶ recv · Stream
//!            │                  │ pongs, Close      │
//!            │                  ▼                   │
//!  stream ◀──│ vectored writes ◀─ queue ◀───────────┼─── queue · send · Sink
//!            └──────────────────────────────────────┘
//! ```
//!
//! Three ways to use one connection:
//!
//! - as a whole, in one task: [`WebSocket`], a `Stream` and a `Sink`;
//! - [`halves`](WebSocket::halves), side by side in one task: messages are
//!   lent without a copy while the writer is fed;
//! - [`into_split`](WebSocket::into_split), owned, for two tasks.
//!
//! To send from many tasks, clone its [`Sender`].
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any time, in `select!` or by a
//! timeout: no received byte is lost, and no half frame is left on the wire.
//! All state lives in the connection, none in a future.
//!
//! # Memory
//!
//! A connection that waits holds no buffer: reads share one per thread, and
//! an empty queue gives its memory back.

#![forbid(unsafe_code)]

mod error;
mod give_way;
mod half;
mod message_writer;
mod outcome;
mod parts;
mod reader;
mod sender;
mod split;
mod stream;
mod sync;
mod timer;
mod wakers;
mod websocket;
mod writer;

pub use socket_flow_protocol::driver::Handed;
pub use socket_flow_protocol::{
    Budget, CloseCode, CloseFrame, Closing, Compressed, Config, ControlError, Deflate,
    DeflateParams, Event, EventRef, Expired, Lease, Limits, Message, MessageRef, NEVER, Negotiated,
    OutOfMemory, Parcel, Payload, Prepared, ProtocolError, Purpose, Role, SendError, SetAside,
    Timeouts, Uncompressed, Usage, Utf8Bytes, WriteQueue,
};

pub use crate::error::Error;
pub use crate::message_writer::MessageWriter;
pub use crate::outcome::CloseOutcome;
pub use crate::parts::Parts;
pub use crate::reader::Reader;
pub use crate::sender::{Outlet, Sender};
#[doc(hidden)]
pub use crate::sender::{Patience, Publications, Published};
pub use crate::split::{OwnedReader, OwnedWriter};
pub use crate::websocket::WebSocket;
#[doc(hidden)]
pub use crate::writer::Heir;
pub use crate::writer::Writer;
