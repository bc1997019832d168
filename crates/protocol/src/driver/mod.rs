//! The whole life of a connection, without I/O: what happens in which order,
//! how it ends, and what every failure means.
//!
//! A *shell* owns the transport, the clock and the wakers. It asks the driver
//! what to do [next](Next), does it, and reports what came of it. tokio,
//! blocking sockets, HTTP/2 streams and the simulation are shells of the same
//! driver, so a connection behaves alike in all of them.
//!
//! ```text
//!               ┌── nothing to parse: write · read · wait ──┐
//!               ▼                                           │
//!             Open ─────────────────────────────────────────┘
//!            │    ▲ │
//!  a message,│    │ └─ the peer's Close · a violation · a deadline ·
//!  the queue │    │    the end of the transport · a failed read or write
//!  is full   ▼    │                    │
//!             Held                     ▼
//!                                   Ending ──▶ Over
//!
//!  Ending:          ┌─ a server, or after a failure ─▶ shut down ─┐
//!            write ─┤                                             ├─▶ drain ─▶ over
//!                   └─ a client, both Closes exchanged ───────────┘
//! ```
//!
//! The driver has two halves, joined by reference. [`Receiving`] runs the
//! connection and is given the other half, because it writes before it waits
//! and queues pongs. [`Sending`] never touches the receiving half, so a shell
//! may give each half to a task of its own.
//!
//! # The contract of a shell
//!
//! 1. Begin a [`Turn`] whenever the task is woken or a call is made.
//! 2. Ask [`Receiving::next`], or [`Sending::next`] in a call that only sends,
//!    and do what it says until it says `Found`, `Wait`, `Memory`, `Yield` or
//!    `Over`.
//! 3. `Write`: write from [`Sending::queued`] and report to
//!    [`Sending::wrote`]; where it is empty, flush and report to
//!    [`Sending::flushed`]. If the transport is blocked, call
//!    [`Turn::block_writes`].
//! 4. `Read`: read into [`Receiving::space`]; `Discard`: read and throw away.
//!    Report both to [`Receiving::read`].
//! 5. `ShutDown`: shut the write side down and report to [`Turn::shut_down`].
//! 6. `TakeOver`: call [`Sending::take_over`] with what others have handed in
//!    and report to [`Turn::taken_over`].
//! 7. `Wait`: end the turn until the transport is ready, others hand in what
//!    [`Sending::accepts`], or the given time. If that has passed, call
//!    [`Turn::set_now`] and ask again; `Duration::ZERO` has always passed.
//! 8. `Memory`: as `Wait`, and until what was passed to
//!    [`Receiving::when_there_is_memory`] is called. Only where the connections
//!    share a [`Budget`](crate::Budget).
//! 9. `Yield`: end the turn, and begin another one once others had theirs. Where
//!    [`Receiving::doubts_transport`], see first if the transport has failed.
//! 10. `Found`: hand it out, lent or owned, before the next call.
//! 11. `Over`: the connection has ended; drop the transport.
//!
//! Where the halves are in two tasks, each wakes the other one: the sending half
//! the receiving one after a call that queued something or changed
//! [`Sending::closing`]; the receiving half the sending one after a turn that
//! changed [`Sending::closing`], [`Sending::written`], [`Receiving::is_open`] or
//! [`Receiving::is_over`].
//!
//! To drop a connection, call [`Sending::leave`] and run [`Goal::Gone`], which
//! never waits. `crates/protocol/examples/blocking_echo.rs` is a whole shell
//! over `std::net::TcpStream`.

mod begin_ending;
mod ending;
mod failure;
mod handed_in;
mod others;
mod read;
mod receiving;
mod sending;
mod taking_over;
mod turn;
mod waiting;

use std::time::Duration;

use crate::event::Found;
use crate::input::Input;
use crate::protocol::Protocol;

pub use failure::Failure;
pub use handed_in::{Accepts, Handed, HandedIn, OVERHEAD, cost};
pub use receiving::Receiving;
pub use sending::{Goal, Sending};
pub use turn::Turn;

/// The driver of an open connection. `input` holds what was read after the
/// opening handshake.
///
/// ```
/// use std::task::Poll;
///
/// use bytes::{Buf, BufMut};
/// use socket_flow_protocol::driver::{Next, Turn, drive};
/// use socket_flow_protocol::{Config, Input, Negotiated, Protocol};
///
/// let server = Protocol::server(Config::new(), Negotiated::default());
/// let (mut receiving, mut sending) = drive(server, Input::new());
/// // A masked "Hello" (RFC 6455 §5.7), and what is written in answer.
/// let mut arrives = Some(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
/// let mut written = Vec::new();
///
/// let mut turn = Turn::new();
/// loop {
///     match receiving.next(&mut sending, &turn) {
///         Next::Read => {
///             let read = match arrives.take() {
///                 Some(bytes) => {
///                     receiving.space().put_slice(bytes);
///                     Poll::Ready(Ok(bytes.len()))
///                 }
///                 None => Poll::Pending,
///             };
///             receiving.read(&mut sending, &mut turn, read);
///         }
///         Next::Found(found) => {
///             let message = receiving.take_message(found).expect("no control frame came");
///             sending.queue(message).expect("an open connection");
///         }
///         Next::Write if sending.wants_flush() => _ = sending.flushed(Poll::Ready(Ok(()))),
///         Next::Write => {
///             written.extend_from_slice(sending.queued().chunk());
///             let count = sending.queued().chunk().len();
///             let _ = sending.wrote(Poll::Ready(Ok(count)));
///         }
///         Next::Wait(Some(at)) if at.is_zero() => turn.set_now(at),
///         Next::Wait(_) => break, // for the socket, or the next ping
///         other => panic!("{other:?}"),
///     }
/// }
/// assert_eq!(written, b"\x81\x05Hello");
/// ```
pub fn drive(protocol: Protocol, input: Input) -> (Receiving, Sending) {
    let (incoming, outgoing) = protocol.into_halves();
    (Receiving::new(incoming, input), Sending::new(outgoing))
}

/// What a shell is to do next; see the [contract](self#the-contract-of-a-shell).
///
/// There may be more to do in later versions. A shell ends its turn on what it does
/// not know, as on [`Next::Wait`] without a time.
#[derive(Debug)]
#[non_exhaustive]
pub enum Next {
    /// Write from [`Sending::queued`]; where it is empty, flush.
    Write,
    /// Read into [`Receiving::space`].
    Read,
    /// Read and throw away: the connection ends, and a socket that is closed
    /// with unread bytes in it resets the connection.
    Discard,
    /// Shut the write side of the transport down.
    ShutDown,
    /// Take over what others have handed in.
    TakeOver,
    /// Nothing can be done before the transport is ready, others hand something
    /// in, or this time comes on the caller's time line. `None`: no deadline.
    Wait(Option<Duration>),
    /// As `Wait`, and until there may be memory: pass what ends the wait to
    /// [`Receiving::when_there_is_memory`].
    Memory(Option<Duration>),
    /// Hand this out.
    Found(Found),
    /// This turn's work is used up: let others have their turn.
    Yield,
    /// The connection, or the goal, has ended: in order, or by a failure.
    Over(Result<(), Failure>),
}

impl Next {
    /// Asks for the time: [`Duration::ZERO`] has always passed.
    const TIME: Self = Self::Wait(Some(Duration::ZERO));
}
