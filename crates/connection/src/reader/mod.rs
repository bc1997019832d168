mod shell;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket_flow_protocol::driver::{Next, Receiving, Turn};
use socket_flow_protocol::{CloseFrame, EventRef, Found, MessageRef, Negotiated};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{Error, NO_STATUS};
use crate::give_way::give_way;
use crate::timer::Timer;
use crate::writer::Writer;

pub(crate) use shell::{Joined, Shell, Source, Wants};

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
        self.poll_found(&mut Shell::joined(writer, wants, true, cx.waker()))
    }

    /// The next message at once, if it is a small one that has arrived and
    /// nothing has to be written or taken over first. `None`: poll for it.
    #[inline(always)]
    pub(crate) fn quick<W: AsyncWrite + Unpin>(&mut self, writer: &Writer<W>) -> Option<Found> {
        if writer.sending.is_watched() && writer.has_handed_in() {
            return None;
        }
        self.receiving.quick(&writer.sending)
    }

    /// What is wanted next.
    ///
    /// A small message that comes alone, or is first to be handed out after a read,
    /// goes the one round that takes, without asking the driver for each step: what
    /// is queued is written, and there is one read. It does what
    /// [`Receiving::next`] would say, and leaves everything else to that.
    ///
    /// It is inlined where it is called, for it runs twice for each message
    /// that comes alone.
    #[inline(always)]
    pub(crate) fn poll_found<R, W>(
        &mut self,
        shell: &mut Shell<'_, R, W>,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        let mut are_reads_blocked = false;
        // A blocked write needs a deadline, and holds messages back.
        if self.receiving.is_idle(&shell.writer.sending)
            && shell.writer.poll_output(shell.write_waker).is_ready()
        {
            match shell.poll_read(&mut self.receiving.room()) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    if let Some(found) = self.receiving.quick_after_read(count) {
                        return Poll::Ready(Ok(Some(found)));
                    }
                }
                Poll::Pending => {
                    let is_armed = self.receiving.rest(&shell.writer.sending)
                        && self.timer.is_waiting(shell.read_waker);
                    if is_armed && shell.writer.poll_outbox(shell.read_waker).is_pending() {
                        return Poll::Pending;
                    }
                    are_reads_blocked = true;
                }
                read => {
                    let sending = &mut shell.writer.sending;
                    self.receiving.read(sending, &mut Turn::new(), read);
                }
            }
        }
        self.poll_next(shell, are_reads_blocked)
    }

    /// Runs the connection and keeps the first message for later. Ready: the
    /// connection begins to end, or a Close is queued and everything is written.
    pub(crate) fn poll_drive<R, W>(&mut self, shell: &mut Shell<'_, R, W>) -> Poll<()>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        // A message that was wanted would be lost here.
        shell.wants = Wants::Nothing;
        self.poll_next(shell, false).map(|_| ())
    }

    /// Does what the driver says until it hands out what is wanted, or waits.
    #[inline(never)]
    fn poll_next<R, W>(
        &mut self,
        shell: &mut Shell<'_, R, W>,
        are_reads_blocked: bool,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        let mut turn = match shell.wants {
            Wants::Nothing => Turn::withholding(),
            Wants::Message | Wants::Event => {
                // First what senders have handed in.
                if shell.writer.has_handed_in() && !shell.writer.take_over() {
                    if let Some(found) = self.receiving.quick(&shell.writer.sending) {
                        return Poll::Ready(Ok(Some(found)));
                    }
                }
                Turn::holding(shell.holds)
            }
        };
        if shell.writer.answers_through_senders() {
            turn.drain_others();
        }
        if are_reads_blocked {
            turn.block_reads();
        }
        // The closing sequence ends with a step in the same turn: what is over at
        // once was told before.
        let mut was_over = true;
        loop {
            match self.receiving.next(&mut shell.writer.sending, &turn) {
                Next::Found(found) => {
                    if found.is_message() {
                        return Poll::Ready(Ok(Some(found)));
                    }
                    if found.is_close() {
                        let frame = self.close_frame();
                        let code = frame.map_or(NO_STATUS, |frame| frame.code.as_u16());
                        shell.writer.event("close received", code);
                    }
                    if shell.wants == Wants::Event {
                        return Poll::Ready(Ok(Some(found)));
                    }
                }
                Next::Read => {
                    let read = shell.poll_read(&mut self.receiving.space());
                    let sending = &mut shell.writer.sending;
                    self.receiving.read(sending, &mut turn, read);
                }
                Next::Discard => {
                    let read = poll_discard(shell);
                    let sending = &mut shell.writer.sending;
                    self.receiving.read(sending, &mut turn, read);
                }
                Next::Memory(at) => {
                    let waker = shell.read_waker.clone();
                    self.receiving.when_there_is_memory(|| waker.wake());
                    ready!(self.poll_wait(shell, at, &mut turn));
                }
                Next::Wait(at) => {
                    // The time that is asked for must be told. Otherwise the timer may be armed
                    // for the next deadline, or an earlier one that is no more: a connection
                    // that waits for every message need not ask for them every time.
                    let is_armed = at != Some(Duration::ZERO)
                        && self.timer.is_waiting(shell.read_waker)
                        && self.receiving.is_quiet(&shell.writer.sending);
                    let at = at.filter(|_| !is_armed);
                    ready!(self.poll_wait(shell, at, &mut turn));
                }
                Next::Yield => {
                    if let Some(error) = self.transport_failure(shell) {
                        let read = Poll::Ready(Err(error));
                        let sending = &mut shell.writer.sending;
                        self.receiving.read(sending, &mut turn, read);
                        continue;
                    }
                    shell.writer.tell_flushes(shell.write_waker);
                    return give_way(shell.read_waker);
                }
                Next::Over(Ok(())) => {
                    shell.writer.tell_flushes(shell.write_waker);
                    if self.receiving.is_over() {
                        shell.writer.end_outbox();
                    }
                    return Poll::Ready(Ok(None));
                }
                Next::Over(Err(failure)) => {
                    shell.writer.tell_flushes(shell.write_waker);
                    shell.writer.end_outbox();
                    let error = Error::from(failure);
                    if !was_over {
                        shell.writer.tell(&error);
                    }
                    return Poll::Ready(Err(error));
                }
                next => ready!(shell.writer.poll_step(&next, &mut turn, shell.write_waker)),
            }
            was_over = false;
        }
    }

    /// Waits until `at`, or for what senders hand in. Ready: ask the driver again.
    #[inline]
    fn poll_wait<R, W: AsyncWrite + Unpin>(
        &mut self,
        shell: &mut Shell<'_, R, W>,
        at: Option<Duration>,
        turn: &mut Turn,
    ) -> Poll<()> {
        let Shell {
            writer, read_waker, ..
        } = shell;
        if !self.timer.has_passed(writer.epoch, at, turn, read_waker) {
            ready!(writer.poll_outbox(read_waker));
            turn.handed_in();
        }
        Poll::Ready(())
    }

    /// Why the transport failed, where the driver wants to know and it did.
    #[inline(never)]
    fn transport_failure<R, W>(&mut self, shell: &mut Shell<'_, R, W>) -> Option<io::Error>
    where
        W: AsyncWrite + Unpin,
    {
        self.receiving
            .doubts_transport()
            .then(|| shell.writer.failure(shell.write_waker))?
    }
}

/// Reads and throws away, in a frame of its own: its stack is not that of every
/// call.
#[cold]
#[inline(never)]
fn poll_discard<R, W>(shell: &mut Shell<'_, R, W>) -> Poll<io::Result<usize>>
where
    R: Source<W>,
    W: AsyncWrite + Unpin,
{
    let mut scratch = [0; 4096];
    shell.poll_read(&mut &mut scratch[..])
}
