//! The WebSocket connection (RFC 6455) as a sans-I/O state machine.
//!
//! Bytes go in, events come out; messages go in, bytes come out. No runtime,
//! no clock, no sockets, no operating system: the caller owns all of these,
//! and the same bytes, calls and seed always give the same result.
//!
//! ```text
//!              ┌────────────────────────── Protocol ─────────────────────────┐
//!  read ──▶ Input ──▶ Incoming ── headers, unmasking, UTF-8, assembly ──▶ Event
//!              │          │ pongs, the Close reply                           │
//!              │          ▼                                                  │
//!  write ◀── WriteQueue ◀── Outgoing ◀── frames, masking ◀────────────── Message
//!              └──────────────────────────────────────────────────────────────┘
//! ```
//!
//! It is **pulled**: a [`step`](Protocol::step) parses up to the next event
//! and stops, so no queue of events can grow, and a caller that does not step
//! exerts backpressure. What a step found is lent from where it lies, without
//! a copy, or taken, owned.
//!
//! # Running a connection
//!
//! The [`driver`] runs a connection from its first byte to its end: it decides
//! what happens in which order, keeps the deadlines and the closing sequence, and
//! tells its caller what to do next. Use [`Protocol`] alone where none of that
//! is wanted: to parse and to encode.
//!
//! # Closing
//!
//! Errors queue the right Close themselves (RFC 6455 §7.1.7). It reaches the peer
//! if the connection then ends as the driver does it: the output is written, the
//! write side shut down, and what still arrives is read and thrown away. Closing
//! a socket with unread bytes in it would reset the connection and could destroy
//! the Close on its way.
//!
//! # Features
//!
//! `deflate` compiles the codec of permessage-deflate (RFC 7692) in; it is
//! used where [`Negotiated::deflate`] says that it was agreed. Without the
//! feature agree to none: nothing is compressed then, and a compressed message
//! of the peer is refused with 1002.
//!
//! This crate has no `unsafe`. For sockets on tokio see
//! `socket-flow-connection`, for the opening handshake
//! `socket-flow-handshake`.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod budget;
mod buffer_count;
mod closing;
mod config;
mod deadlines;
mod deflate;
pub mod driver;
mod error;
mod event;
mod frame_queue;
mod growth;
mod incoming;
mod input;
mod mask_keys;
mod message;
mod outgoing;
mod protocol;
mod queue;
mod thread_pool;
mod timeouts;
mod work;

pub use socket_flow_frames::{
    CloseCode, CloseError, DeflateParams, HeaderError, InvalidCloseCode, Negotiated, Role,
    Utf8Bytes, Utf8Error,
};

pub use crate::budget::{Budget, Lease, Newcomer, Purpose, SetAside, Usage};
pub use crate::closing::Closing;
pub use crate::config::{Config, Limits, NEVER, Timeouts};
pub use crate::deflate::Deflate;
pub use crate::error::{
    AbnormalClosure, ControlError, Expired, OutOfMemory, ProtocolError, SendError,
};
pub use crate::event::{CloseFrame, Event, EventRef, Found};
pub use crate::incoming::Incoming;
pub use crate::input::Input;
#[doc(hidden)]
pub use crate::message::Compression;
pub use crate::message::{
    Compressed, Message, MessageRef, Parcel, Payload, Prepared, Uncompressed,
};
pub use crate::outgoing::Outgoing;
pub use crate::protocol::Protocol;
pub use crate::queue::WriteQueue;
