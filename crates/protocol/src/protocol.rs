use std::sync::Arc;
use std::time::Duration;

use socket_flow_frames::{CloseCode, Negotiated, Role};

use crate::closing::Closing;
use crate::config::Config;
use crate::error::{AbnormalClosure, ControlError, Expired, ProtocolError, SendError};
use crate::event::{CloseFrame, Event, EventRef, Found};
use crate::incoming::Incoming;
use crate::input::Input;
use crate::message::{Message, MessageRef, Payload};
use crate::outgoing::Outgoing;
use crate::queue::WriteQueue;

/// An open connection without its transport: both halves, joined.
///
/// Deterministic: the same bytes, calls and seed give the same bytes out.
///
/// ```
/// use bytes::Buf;
/// use socket_flow_protocol::{Config, Event, Input, Message, Negotiated, Protocol};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Protocol::client(Config::new(), Negotiated::default(), [7; 32]);
/// let mut server = Protocol::server(Config::new(), Negotiated::default());
///
/// client.queue("hello")?;
/// let mut wire = Input::new();
/// while client.output().has_remaining() {
///     let chunk = client.output().chunk().to_vec();
///     client.output().advance(chunk.len());
///     wire.extend_from_slice(&chunk);
/// }
///
/// let event = server.receive(&mut wire)?;
/// assert_eq!(event, Some(Event::Message(Message::from("hello"))));
/// assert_eq!(server.receive(&mut wire)?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Protocol {
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Protocol {
    /// The client's side of a connection. The seed of its masking keys must
    /// come from the operating system's random source, fresh for each
    /// connection (RFC 6455 §10.3).
    pub fn client(config: impl Into<Arc<Config>>, negotiated: Negotiated, seed: [u8; 32]) -> Self {
        let config = config.into();
        Self {
            outgoing: Outgoing::client(config.clone(), &negotiated, seed),
            incoming: Incoming::new(Role::Client, config, negotiated),
        }
    }

    /// The server's side of a connection. A server masks nothing and needs no
    /// seed.
    pub fn server(config: impl Into<Arc<Config>>, negotiated: Negotiated) -> Self {
        let config = config.into();
        Self {
            outgoing: Outgoing::server(config.clone(), &negotiated),
            incoming: Incoming::new(Role::Server, config, negotiated),
        }
    }

    /// Parses input up to the next event; see [`Incoming::step`].
    ///
    /// # Errors
    ///
    /// What the peer did wrong; the right Close is queued.
    #[inline]
    pub fn step(&mut self, input: &mut Input) -> Result<Option<Found>, ProtocolError> {
        self.incoming.step(input, &mut self.outgoing)
    }

    /// Lends what a step found; see [`Incoming::lend`].
    #[inline]
    pub fn lend<'a>(&'a self, found: Found, input: &'a Input) -> EventRef<'a> {
        self.incoming.lend(found, input)
    }

    /// Lends what a step found if it is a message; see
    /// [`Incoming::lend_message`].
    #[inline]
    pub fn lend_message<'a>(&'a self, found: Found, input: &'a Input) -> Option<MessageRef<'a>> {
        self.incoming.lend_message(found, input)
    }

    /// Takes what a step found if it is a message, owned; see
    /// [`Incoming::take_message`].
    pub fn take_message(&mut self, found: Found, input: &mut Input) -> Option<Message> {
        self.incoming.take_message(found, input)
    }

    /// Parses input up to the next event and takes it, owned. `None`: read
    /// more.
    ///
    /// # Errors
    ///
    /// What the peer did wrong; the right Close is queued.
    pub fn receive(&mut self, input: &mut Input) -> Result<Option<Event>, ProtocolError> {
        let found = self.step(input)?;
        Ok(found.map(|found| self.incoming.take(found, input)))
    }

    /// The transport ended.
    ///
    /// # Errors
    ///
    /// [`AbnormalClosure`] when the peer's Close had not arrived.
    pub fn receive_eof(&mut self) -> Result<(), AbnormalClosure> {
        self.incoming.receive_eof(&self.outgoing)
    }

    /// Queues a message; see [`Outgoing::queue`].
    ///
    /// # Errors
    ///
    /// Gives the message back when the queue is full or closing.
    #[inline]
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        self.outgoing.queue(message)
    }

    /// Queues a part of a message; see [`Outgoing::queue_part`].
    ///
    /// # Errors
    ///
    /// Gives the part back; see [`Outgoing::queue_part`].
    pub fn queue_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.outgoing.queue_part(part)
    }

    /// Queues the last part of a message; see [`Outgoing::queue_last_part`].
    ///
    /// # Errors
    ///
    /// Gives the part back; see [`Outgoing::queue_last_part`].
    pub fn queue_last_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.outgoing.queue_last_part(part)
    }

    /// Queues a ping; see [`Outgoing::ping`].
    ///
    /// # Errors
    ///
    /// When the data is over 125 bytes, or the queue is full or closing.
    pub fn ping(&mut self, data: &[u8]) -> Result<(), ControlError> {
        self.outgoing.ping(data)
    }

    /// Queues a Close; see [`Outgoing::close`].
    ///
    /// # Errors
    ///
    /// When the reason is over 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        self.outgoing.close(code, reason)
    }

    /// What waits to be written.
    #[inline]
    pub fn output(&mut self) -> &mut WriteQueue {
        self.outgoing.output()
    }

    /// Whether anything waits to be written; see [`Outgoing::has_output`].
    #[inline]
    pub fn has_output(&self) -> bool {
        self.outgoing.has_output()
    }

    /// How far the closing handshake has come.
    pub fn closing(&self) -> Closing {
        self.outgoing.closing()
    }

    /// The peer's Close, once it has arrived with a code.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.incoming.close_frame()
    }

    /// When [`Protocol::handle_timeout`] wants to be called next, on the
    /// caller's time line; `Duration::ZERO` means now. Ask when all input is
    /// parsed and all output that can be written is.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let incoming = self.incoming.poll_timeout(&self.outgoing);
        let outgoing = self.outgoing.poll_timeout();
        incoming.into_iter().chain(outgoing).min()
    }

    /// Whether no deadline has come up since the time was last told; see
    /// [`Incoming::is_quiet`].
    pub fn is_quiet(&self) -> bool {
        self.incoming.is_quiet(&self.outgoing)
    }

    /// Tells the time, on the caller's time line, which starts anywhere and
    /// never goes back.
    ///
    /// # Errors
    ///
    /// The deadline that expired; see [`Incoming::handle_timeout`] and
    /// [`Outgoing::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Expired> {
        self.incoming.handle_timeout(now, &mut self.outgoing)?;
        self.outgoing.handle_timeout(now)
    }

    /// The two halves, side by side.
    #[inline]
    pub fn halves(&mut self) -> (&mut Incoming, &mut Outgoing) {
        (&mut self.incoming, &mut self.outgoing)
    }

    /// The two halves, each on its own.
    pub fn into_halves(self) -> (Incoming, Outgoing) {
        (self.incoming, self.outgoing)
    }

    /// The receiving half.
    #[inline]
    pub fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// The sending half.
    #[inline]
    pub fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }
}
