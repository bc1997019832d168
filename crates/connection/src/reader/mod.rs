mod quick;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket_flow_protocol::driver::{Next, Receiving, Turn};
use socket_flow_protocol::{CloseFrame, EventRef, Found, MessageRef, Negotiated};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{Error, NO_STATUS};
use crate::give_way::give_way;
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
#[doc = include_str!("../../loops/lent.rs")]
/// ```
#[derive(Debug)]
pub struct Reader {
    pub(crate) receiving: Receiving,
    timer: Timer,
}

impl Reader {
    pub(crate) fn new(receiving: Receiving) -> Self {
        Self {
            receiving,
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
        if let Some(found) = self.quick(writer) {
            return Ok(self.receiving.lend_message(found));
        }
        let found = poll_fn(|cx| self.poll_beside(Wants::Message, writer, cx)).await?;
        Ok(found.and_then(|found| self.receiving.lend_message(found)))
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
        let found = poll_fn(|cx| self.poll_beside(Wants::Event, writer, cx)).await?;
        Ok(found.map(|found| self.receiving.lend(found)))
    }

    /// The peer's Close, once it has arrived with a code.
    #[inline]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.receiving.incoming().close_frame()
    }

    /// What the opening handshake agreed on.
    #[inline]
    pub fn negotiated(&self) -> &Negotiated {
        self.receiving.incoming().negotiated()
    }

    /// Polls for what is found next, beside the writer.
    ///
    /// It is not inlined, so that the future that calls it needs no place in
    /// memory where messages are quick.
    #[inline(never)]
    fn poll_beside<S>(
        &mut self,
        wants: Wants,
        writer: &mut Writer<S>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.poll_found(wants, &mut Joined::new(true, cx.waker()), writer)
    }

    /// Whether the timer is armed for the next deadline, or an earlier one that
    /// is no more: a connection that waits for every message need not ask for
    /// them every time.
    #[inline(always)]
    fn is_armed<W: AsyncWrite + Unpin>(&self, writer: &Writer<W>, waker: &Waker) -> bool {
        self.timer.is_waiting(waker) && self.receiving.is_quiet(&writer.sending)
    }

    /// Runs the connection and keeps the first message for later. Ready: the
    /// connection begins to end, or a Close is queued and everything is written.
    pub(crate) fn poll_drive<R, W>(&mut self, source: &mut R, writer: &mut Writer<W>) -> Poll<()>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        let call = Call {
            wants: Wants::Nothing,
            are_reads_blocked: false,
        };
        self.poll_next(call, source, writer).map(|_| ())
    }

    /// Does what the driver says until it hands out what is wanted, or waits.
    #[inline(never)]
    fn poll_next<R, W>(
        &mut self,
        call: Call,
        source: &mut R,
        writer: &mut Writer<W>,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        let mut turn = match call.wants {
            Wants::Nothing => Turn::withholding(),
            Wants::Message | Wants::Event => match self.quick_after_taking_over(writer) {
                Some(found) => return Poll::Ready(Ok(Some(found))),
                None => Turn::holding(source.holds()),
            },
        };
        if writer.answers_through_senders() {
            turn.drain_others();
        }
        if call.are_reads_blocked {
            turn.block_reads();
        }
        // The closing sequence ends with a step in the same turn: what is over at
        // once was told before.
        let mut was_over = true;
        loop {
            match self.receiving.next(&mut writer.sending, &turn) {
                Next::Found(found) => {
                    if found.is_message() {
                        return Poll::Ready(Ok(Some(found)));
                    }
                    if found.is_close() {
                        let frame = self.close_frame();
                        let code = frame.map_or(NO_STATUS, |frame| frame.code.as_u16());
                        writer.event("close received", code);
                    }
                    if call.wants == Wants::Event {
                        return Poll::Ready(Ok(Some(found)));
                    }
                }
                Next::Read => {
                    let read = source.poll_read(writer, &mut self.receiving.space());
                    self.receiving.read(&mut writer.sending, &mut turn, read);
                }
                Next::Discard => {
                    let read = poll_discard(source, writer);
                    self.receiving.read(&mut writer.sending, &mut turn, read);
                }
                Next::Memory(at) => {
                    let waker = source.read_waker().clone();
                    self.receiving.when_there_is_memory(|| waker.wake());
                    if !self
                        .timer
                        .has_passed(writer.epoch, at, &mut turn, source.read_waker())
                    {
                        ready!(writer.poll_outbox(source.read_waker()));
                        turn.handed_in();
                    }
                }
                Next::Wait(at) => {
                    let epoch = writer.epoch;
                    // The time that is asked for must be told.
                    let is_asked = at == Some(Duration::ZERO);
                    if !is_asked && self.is_armed(writer, source.read_waker())
                        || !self
                            .timer
                            .has_passed(epoch, at, &mut turn, source.read_waker())
                    {
                        ready!(writer.poll_outbox(source.read_waker()));
                        turn.handed_in();
                    }
                }
                Next::Yield => {
                    if let Some(error) = self.transport_failure(source, writer) {
                        let read = Poll::Ready(Err(error));
                        self.receiving.read(&mut writer.sending, &mut turn, read);
                        continue;
                    }
                    writer.tell_flushes(source.write_waker());
                    return give_way(source.read_waker());
                }
                Next::Over(Ok(())) => {
                    writer.tell_flushes(source.write_waker());
                    if self.receiving.is_over() {
                        writer.end_outbox();
                    }
                    return Poll::Ready(Ok(None));
                }
                Next::Over(Err(failure)) => {
                    writer.tell_flushes(source.write_waker());
                    writer.end_outbox();
                    let error = Error::from(failure);
                    if !was_over {
                        writer.tell(&error);
                    }
                    return Poll::Ready(Err(error));
                }
                next => ready!(writer.poll_step(&next, &mut turn, source.write_waker())),
            }
            was_over = false;
        }
    }

    /// Why the transport failed, where the driver wants to know and it did.
    #[inline(never)]
    fn transport_failure<R, W>(&mut self, source: &R, writer: &mut Writer<W>) -> Option<io::Error>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        self.receiving
            .doubts_transport()
            .then(|| writer.failure(source.write_waker()))?
    }
}

/// Reads and throws away, in a frame of its own: its stack is not that of every
/// call.
#[cold]
#[inline(never)]
fn poll_discard<R, W>(source: &mut R, writer: &mut Writer<W>) -> Poll<io::Result<usize>>
where
    R: Source<W>,
    W: AsyncWrite + Unpin,
{
    let mut scratch = [0; 4096];
    source.poll_read(writer, &mut &mut scratch[..])
}

/// How [`Reader::poll_next`] is called: small enough for a register.
#[derive(Clone, Copy, Debug)]
struct Call {
    wants: Wants,
    /// Whether the transport was found to have nothing.
    are_reads_blocked: bool,
}

/// What a call is to be handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Data messages.
    Message,
    /// Control frames as well.
    Event,
    /// Nothing: a message is kept for later.
    Nothing,
}
