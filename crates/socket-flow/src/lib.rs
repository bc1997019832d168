//! WebSockets (RFC 6455) for tokio: a client and a server, fast, small and careful.
//!
//! This crate is the front door: it opens connections, [`connect`] on one side and [`accept`] on
//! the other. The open connection is a [`WebSocket`], which is a `Stream` and a `Sink` and has
//! methods that say more: [`recv`](WebSocket::recv), [`send`](WebSocket::send),
//! [`queue`](WebSocket::queue), [`close`](WebSocket::close).
//!
//! [`Server`] owns its tasks: it accepts, hands connections out, and ends them in order; [`Hub`]
//! sends to many. It is no HTTP server beyond answering small requests beside its WebSockets.
//!
//! ```text
//!        connect(url)                           Server · accept(stream) · Acceptor · Listener
//!             │                                                  │
//!             ▼         handshake: request, 101, refusals        ▼
//!       ClientStream ◀─────────────────────────────────────▶ ServerStream
//!             │                                                  │
//!             ▼         connection: WebSocket<S> on tokio        ▼
//!        Message ◀──▶ protocol: messages, closing, deadlines ◀──▶ Message
//!                           frames: headers, masking, UTF-8
//! ```
//!
//! Each layer is a crate of its own and a module here: [`frames`], [`protocol`], [`handshake`],
//! [`connection`].
//!
//! # A client
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut ws, _response) = socket_flow::connect("ws://127.0.0.1:9001").await?;
//! ws.send("hello").await?;
//! while let Some(message) = ws.recv().await? {
//!     println!("{:?}", message.as_text());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # A server
//!
//! ```no_run
#![doc = include_str!("../loops/echo.rs")]
//! ```
//!
//! [`ClientBuilder`] adds headers, subprotocols, proxies, a stream of your own, and a client that
//! [connects again](ClientBuilder::reconnect);
//! [`Server::bind`] and [`Acceptor`] look at the request before they answer.
//!
//! Whoever knows tokio-tungstenite, or socket-flow 0.8, finds their functions, types and settings
//! in the repository's `docs/from-tokio-tungstenite.md` and `docs/from-socket-flow-0.8.md`, with
//! what takes their place here.
//!
//! # Limits and defaults
//!
//! | what | default | where to set it |
//! |---|---|---|
//! | handshake, from the first step to the 101 | 10 s | [`ClientBuilder::handshake_timeout`], [`Acceptor::handshake_timeout`] |
//! | head of a request | 16 KiB, 100 header lines, 8 KiB a line | [`Acceptor::head_limits`] |
//! | head of an answer | 64 KiB, 256 header lines, 16 KiB a line | [`ClientBuilder::head_limits`] |
//! | refusal or page: no byte taken, under a [`Server`] | 5 s | [`ServerBuilder::answer_stall`] |
//! | refusal or page: no byte taken, elsewhere | 30 s | [`Acceptor::answer_stall`] |
//! | refusal or page: least rate over 30 s | 1 KiB/s | [`Acceptor::answer_rate`] |
//! | body kept of an answer that is not 101 | 64 KiB | – |
//! | origins a browser may come from | the server's own | [`Acceptor::origin`] |
//! | clients of a [`Server`] | no limit | [`ServerBuilder::max_connections`] |
//! | events of a [`Server`] that wait to be read | 256 | [`ServerBuilder::event_capacity`] |
//! | messages that wait as events, of all connections together | 16 MiB | [`ServerBuilder::event_memory`] |
//! | queue of a connection's [`Sender`]s | 64 KiB | [`Config::high_water`] |
//! | a message that waits for room in it | 30 s in which nothing is taken over | [`Config::stall_timeout`] |
//! | a [`Hub`]'s members that are slow | 100 ms for a turn, 5 s, 1 MiB | [`Hub::builder`] |
//! | message received | 16 MiB | [`Config::max_message`] |
//! | write queue, above which it takes no more | 64 KiB | [`Config::high_water`] |
//! | pongs waiting to be written | 16, and only the newest above the line before | [`Config::max_pongs`] |
//! | frame sent | the whole message | [`Config::fragment`] |
//! | closing handshake | 5 s | [`Config::close_timeout`] |
//! | keepalive | a ping every 20 s, any byte within 20 s | [`Config::ping_interval`], [`Config::pong_timeout`] |
//! | a frame or a write without progress | 30 s | [`Config::stall_timeout`] |
//! | a connection without messages | for ever | [`Config::idle_timeout`] |
//! | `TCP_NODELAY` | set | [`ClientBuilder::connect_on`], [`accept`] with a stream of your own |
//! | authorities trusted for `wss://` | the platform's | [`ClientBuilder::tls`] |
//! | getting to the server, and TLS with it | what the handshake's time leaves | [`ClientBuilder::connect_timeout`], [`ClientBuilder::tls_timeout`] |
//! | an address that does not answer | the next is tried after 250 ms (RFC 8305) | [`ClientBuilder::addresses`] |
//! | proxies | none | [`ClientBuilder::proxy`], [`ClientBuilder::proxy_from_env`] |
//! | another attempt of a reconnecting client | after 0.5 s, doubled up to 30 s, less up to half at random | [`Backoff`] |
//! | redirects | not followed: the answer is in [`ConnectError::Rejected`] | [`ClientBuilder::redirects`] |
//!
//! # Cancel safety
//!
//! Every asynchronous function says what happens when its future is dropped. For those that open a
//! connection it is always the same: the stream is closed, and nothing goes on in the background.
//! Only a [`Server`] spawns tasks; they end with it.
//!
//! # Logging
//!
//! `tracing` events at level debug tell how handshakes ended; they never hold a header value, a
//! query or a payload.

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

use std::time::Duration;

mod apart;
mod client;
mod deadline;
#[cfg(feature = "deflate")]
mod deflate;
mod head_io;
mod hub;
mod invalid_header;
mod race;
mod server;
mod stream;
mod stream_failure;
#[cfg(feature = "rustls")]
pub mod tls;

pub use socket_flow_connection as connection;
pub use socket_flow_frames as frames;
pub use socket_flow_handshake as handshake;
pub use socket_flow_protocol as protocol;

/// The types of requests, responses and headers, in the version that this crate's signatures name.
pub use http;

pub use socket_flow_connection::{
    CloseOutcome, Error, MessageWriter, OwnedReader, OwnedWriter, Parts, Reader, Sender, WebSocket,
    Writer,
};
pub use socket_flow_handshake::head::HeadLimits;
pub use socket_flow_handshake::origin::OriginPolicy;
#[cfg(feature = "deflate")]
pub use socket_flow_protocol::Deflate;
pub use socket_flow_protocol::{
    Budget, CloseCode, CloseFrame, Closing, Compressed, Config, ControlError, DeflateParams, Event,
    EventRef, Expired, Limits, Message, MessageRef, NEVER, Negotiated, OutOfMemory, Parcel,
    Payload, Prepared, ProtocolError, Role, SendError, SetAside, Timeouts, Uncompressed, Usage,
    Utf8Bytes,
};

pub use crate::client::{
    Backoff, ClientBuilder, ConnectError, ConnectStage, DialError, DisconnectCause,
    InvalidProxyUrl, Proxy, ProxyError, ReconnectEvent, Reconnecting, RedirectError, Rejected,
    Retry, SocksReply, connect,
};
pub use crate::hub::{Delivery, Hub, HubBuilder, HubError, HubStats, SlowPolicy};
pub use crate::invalid_header::InvalidHeader;
pub use crate::server::{
    AcceptError, Acceptor, BudgetError, ConnectionId, Events, HandlerResult, Listener, PeerAddr,
    Pending, Server, ServerBuilder, ServerEvent, ServerHandle, ShutdownOutcome, Upgrade, accept,
};
pub use crate::stream::{ClientStream, ServerStream};

/// How long an opening handshake may take if nothing else is said: long for a network, short for
/// a socket that someone holds open for nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The examples of the README and the guides are tested like those here.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[cfg(all(feature = "deflate", feature = "rustls"))]
    #[doc = include_str!("../../../docs/from-socket-flow-0.8.md")]
    struct FromSocketFlow08;

    #[cfg(feature = "rustls")]
    #[doc = include_str!("../../../docs/from-tokio-tungstenite.md")]
    struct FromTokioTungstenite;
}
