mod quick;
mod waiting;

use std::future::poll_fn;
use std::io;
use std::task::{Poll, Waker, ready};
use std::time::Duration;

use socket_flow_protocol::{
    CloseFrame, Event, EventRef, Found, Incoming, Input, Message, MessageRef, Negotiated, Role,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::ending::Ending;
use crate::error::{ABNORMAL, Error, NO_STATUS};
use crate::read_buf;
use crate::source::{Joined, Source};
use crate::timer::Timer;
use crate::writer::Writer;

/// The receiving half of a connection, next to its [`Writer`].
///
/// It lends messages out of its buffer: no allocation, no copy. It is given
/// the writer, because it flushes before it waits and queues pongs; a message
/// borrows the reader only, so that the writer, or any other connection's,
/// can be fed while it lives.
///
/// ```no_run
/// # async fn example(mut ws: socket_flow_connection::WebSocket<tokio::net::TcpStream>)
/// # -> Result<(), socket_flow_connection::Error> {
/// let (reader, writer) = ws.halves();
/// while let Some(message) = reader.recv(writer).await? {
///     writer.queue(message)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader {
    pub(crate) input: Input,
    pub(crate) incoming: Incoming,
    phase: Phase,
    timer: Timer,
}

impl Reader {
    pub(crate) fn new(input: Input, incoming: Incoming) -> Self {
        Self {
            input,
            incoming,
            phase: Phase::Open,
            timer: Timer::default(),
        }
    }

    /// The next message, lent until the next call. `None` after a complete
    /// closing handshake, whatever its code; [`Reader::close_frame`] then
    /// tells code and reason.
    ///
    /// What is queued in `writer` is written once the messages that have
    /// arrived are used up.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing received lives in the future.
    #[inline]
    pub async fn recv<'a, S>(
        &'a mut self,
        writer: &mut Writer<S>,
    ) -> Result<Option<MessageRef<'a>>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let found = match self.quick(writer) {
            Some(found) => found,
            None => {
                let found = poll_fn(|cx| {
                    self.poll_message(&mut Joined { holds: true }, writer, cx.waker(), cx.waker())
                });
                match found.await? {
                    Some(found) => found,
                    None => return Ok(None),
                }
            }
        };
        Ok(self.incoming.lend_message(found, &self.input))
    }

    /// The next event, control frames included, lent until the next call.
    /// Pings and Closes have been answered. `None` after a complete closing
    /// handshake.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing received lives in the future.
    #[inline]
    pub async fn recv_event<'a, S>(
        &'a mut self,
        writer: &mut Writer<S>,
    ) -> Result<Option<EventRef<'a>>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let found = poll_fn(|cx| {
            self.poll_found(&mut Joined { holds: true }, writer, cx.waker(), cx.waker())
        })
        .await?;
        Ok(found.map(|found| self.incoming.lend(found, &self.input)))
    }

    /// The peer's Close, once it has arrived with a code.
    #[inline]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.incoming.close_frame()
    }

    /// What the opening handshake agreed on.
    #[inline]
    pub fn negotiated(&self) -> &Negotiated {
        self.incoming.negotiated()
    }

    /// Whether the connection is over and has reported how.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    /// Whether it ended with a complete closing handshake.
    pub(crate) fn is_clean(&self) -> bool {
        matches!(self.phase, Phase::Over { clean: true })
    }

    /// Whether nothing has ended or begun to end.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Held(_))
    }

    /// Whether nothing is held back, has ended, or is ending.
    #[inline]
    fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Takes what was found, owned.
    #[inline]
    pub(crate) fn take(&mut self, found: Found) -> Event {
        self.incoming.take(found, &mut self.input)
    }

    /// Takes what was found, if it is a message.
    #[inline]
    pub(crate) fn take_message(&mut self, found: Found) -> Option<Message> {
        self.incoming.take_message(found, &mut self.input)
    }

    /// The next data message.
    #[inline]
    pub(crate) fn poll_message<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        if let Some(found) = ready!(self.poll_quick(source, writer, read_waker, write_waker)) {
            return Poll::Ready(Ok(Some(found)));
        }
        loop {
            let found = ready!(self.poll_loop(source, writer, read_waker, write_waker))?;
            if found.is_none_or(|found| found.is_message()) {
                return Poll::Ready(Ok(found));
            }
        }
    }

    /// The next event.
    #[inline]
    pub(crate) fn poll_found<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        match ready!(self.poll_quick(source, writer, read_waker, write_waker)) {
            Some(found) => Poll::Ready(Ok(Some(found))),
            None => self.poll_loop(source, writer, read_waker, write_waker),
        }
    }

    /// The one loop every receiving call runs.
    ///
    /// It goes round only when something made progress: what is buffered is
    /// parsed first, then what is queued is written, then more is read; and
    /// only a read that finds nothing looks at the deadlines.
    #[inline(never)]
    fn poll_loop<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        loop {
            match &mut self.phase {
                Phase::Open => {}
                Phase::Held(found) => {
                    let found = *found;
                    if source.holds()
                        && writer.outgoing.is_full()
                        && writer.poll_write(write_waker).is_pending()
                        && writer.outgoing.is_full()
                    {
                        let expired = ready!(self.poll_blocked(writer, read_waker, write_waker));
                        self.expire(expired, writer);
                        continue;
                    }
                    self.phase = Phase::Open;
                    return Poll::Ready(Ok(Some(found)));
                }
                Phase::Ending(ending) => {
                    writer.shut_outbox();
                    read_buf::release(&mut self.input);
                    let result = ready!(ending.poll(source, writer, read_waker, write_waker));
                    self.phase = Phase::Over {
                        clean: result.is_ok(),
                    };
                    return Poll::Ready(result.map(|()| None));
                }
                Phase::Over { clean: true } => return Poll::Ready(Ok(None)),
                Phase::Over { clean: false } => {
                    return Poll::Ready(Err(Error::Closed { code: ABNORMAL }));
                }
            }

            let is_blocked = writer.outgoing.is_pressed()
                && writer.poll_write(write_waker).is_pending()
                && writer.outgoing.is_full();

            match self.incoming.step(&mut self.input, &mut writer.outgoing) {
                Ok(Some(found)) => {
                    if found.is_close() {
                        self.receive_close(writer);
                    } else if is_blocked && found.is_message() && source.holds() {
                        // Backpressure: a peer that does not read is not
                        // read from. One message is, because two peers that
                        // each wait for the other to read first would wait
                        // for ever.
                        self.phase = Phase::Held(found);
                        continue;
                    }
                    return Poll::Ready(Ok(Some(found)));
                }
                Ok(None) => {}
                Err(error) => {
                    self.fail(error.into(), writer);
                    continue;
                }
            }

            // The input has run dry: now everything queued leaves at once.
            // Where that blocks, reading goes on.
            let _ = writer.poll_output(write_waker);
            match self.poll_fill(source, writer, read_waker) {
                Poll::Ready(result) => self.note_read(result, writer),
                Poll::Pending => ready!(self.poll_idle(writer, read_waker, write_waker)),
            }
        }
    }

    /// Judges what a read came back with.
    #[inline]
    fn note_read<W>(&mut self, result: io::Result<usize>, writer: &mut Writer<W>)
    where
        W: AsyncWrite + Unpin,
    {
        match result {
            Ok(0) => self.receive_eof(None, writer),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // TLS that ends without its `close_notify`: whether something is
            // missing is what the peer's Close tells.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.receive_eof(None, writer);
            }
            Err(error) => self.receive_eof(Some(error), writer),
        }
    }

    /// Reads once: into a large message under way, or into the input.
    #[inline]
    fn poll_fill<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        waker: &Waker,
    ) -> Poll<io::Result<usize>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        if let Some(mut space) = self.incoming.direct(&self.input) {
            let count = ready!(source.poll_read(writer, waker, &mut space))?;
            if let Err(error) = self.incoming.direct_done(count, &mut writer.outgoing) {
                self.fail(error.into(), writer);
                // The failure is what counts, not a coinciding end.
                return Poll::Ready(Ok(count.max(1)));
            }
            return Poll::Ready(Ok(count));
        }
        self.poll_input(source, writer, waker)
    }

    /// Reads once into the input.
    #[inline(always)]
    fn poll_input<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        waker: &Waker,
    ) -> Poll<io::Result<usize>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        read_buf::make_room(&mut self.input);
        source.poll_read(writer, waker, &mut self.input.spare())
    }

    /// The peer's Close has arrived and is answered: what is left is to end
    /// the transport.
    fn receive_close<W: AsyncWrite + Unpin>(&mut self, writer: &mut Writer<W>) {
        let code = self
            .close_frame()
            .map_or(NO_STATUS, |frame| frame.code.as_u16());
        writer.event("close received", code);
        // Where we began the closing handshake its time is running already.
        let timeout = match self.incoming.close_deadline() {
            Some(deadline) => deadline.saturating_sub(writer.epoch.elapsed()),
            None => self.close_timeout(),
        };
        let ending = Ending::clean(self.incoming.role() == Role::Server, timeout);
        self.phase = Phase::Ending(Box::new(ending));
    }

    pub(crate) fn fail<W: AsyncWrite + Unpin>(&mut self, error: Error, writer: &Writer<W>) {
        writer.event("connection failed", error.close_code().unwrap_or(ABNORMAL));
        let ending = Ending::failed(error, self.close_timeout());
        self.phase = Phase::Ending(Box::new(ending));
    }

    /// The transport ended, or failed, before the closing handshake was
    /// complete.
    #[cold]
    fn receive_eof<W: AsyncWrite + Unpin>(
        &mut self,
        error: Option<io::Error>,
        writer: &mut Writer<W>,
    ) {
        if !self.is_open() {
            return;
        }
        // The reason to give is why writing failed, if it did: what a read
        // reports afterwards is only its consequence.
        let error = match writer.take_error().or(error) {
            Some(error) => Error::Io(error),
            None => Error::Closed { code: ABNORMAL },
        };
        let _ = self.incoming.receive_eof(&writer.outgoing);
        writer.outgoing.abandon();
        self.fail(error, writer);
    }

    fn close_timeout(&self) -> Duration {
        self.incoming.config().timeouts().close
    }
}

/// Where a connection stands.
///
/// ```text
///    Held
///   │    ▲
///   ▼    │ a message arrives, the write queue is full
///    Open ── peer's Close, failure, end of the transport ──▶ Ending ──▶ Over
/// ```
#[derive(Debug)]
enum Phase {
    Open,
    /// A message waits to be handed out until its reply has room in the write
    /// queue; nothing is parsed or read meanwhile.
    Held(Found),
    /// The closing sequence runs; its result is the last that is reported.
    Ending(Box<Ending>),
    Over {
        clean: bool,
    },
}
