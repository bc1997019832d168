use std::fmt;
use std::mem;

use bytes::BufMut;
use socket_flow_frames::ReceiveBuf;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::pool::Pool;
use super::{InflateFailure, Output, STEP, TAIL, scratch};
use crate::growth::grow;

/// Decompresses the messages of one connection, as their bytes arrive.
///
/// Always with the largest window, whatever was agreed: a peer can only use
/// less.
pub(crate) struct Decompress {
    keep_context: bool,
    /// Whether the current message has had any payload.
    begun: bool,
    stream: Stream,
}

impl Decompress {
    pub(crate) fn new(keep_context: bool) -> Self {
        Self {
            keep_context,
            begun: false,
            stream: Stream::default(),
        }
    }

    /// How much memory it keeps from message to message, in bytes.
    pub(crate) fn keeps(&self) -> usize {
        if self.keep_context { CONTEXT_LEN } else { 0 }
    }

    /// How much memory it has, or will have for a message, that is not kept, in
    /// bytes.
    pub(crate) fn borrows(&self, for_message: bool) -> usize {
        let borrows = !self.keep_context && (for_message || self.stream.context.is_some());
        if borrows { CONTEXT_LEN } else { 0 }
    }

    /// Decompresses some of a message's payload. What came before a failure is
    /// in the message.
    ///
    /// Returns how much of the payload it took: not all of it where the work
    /// of a turn is used up, or all that may be made at once is made.
    pub(crate) fn payload(
        &mut self,
        payload: &[u8],
        output: &mut Output<'_>,
    ) -> Result<usize, InflateFailure> {
        if payload.is_empty() {
            return Ok(0);
        }
        self.begun = true;
        scratch::with(|buf| self.stream.inflate(payload, &mut Target { output, buf }))
    }

    /// Ends a message with the last of its payload: puts back the tail that
    /// its sender removed (RFC 7692 §7.2.2).
    ///
    /// A message without any payload is empty. That is not what §7.2.3.6 asks
    /// for, but senders do it, and the tail alone would not be a block.
    ///
    /// Returns how much of the payload it took. Where that is not all of it,
    /// this is to be called again with the rest; see [`Decompress::payload`].
    ///
    /// It is inlined where a message ends: apart it would cost 30 instructions.
    #[inline(always)]
    pub(crate) fn finish(
        &mut self,
        payload: &[u8],
        output: &mut Output<'_>,
    ) -> Result<usize, InflateFailure> {
        if !mem::take(&mut self.begun) && payload.is_empty() {
            return Ok(0);
        }
        let (front, back) = payload.split_at(payload.len().saturating_sub(BACK));
        if !front.is_empty() {
            let taken = self.payload(front, output)?;
            self.begun = false;
            if output.is_used_up() {
                return Ok(taken);
            }
        }
        let rest = scratch::with(|buf| {
            let (input, buf) = buf.split_at_mut(BACK + BEHIND.len());
            let mut slots = &mut input[..];
            // There is room for both: `back` is at most BACK long.
            slots.put_slice(back);
            slots.put_slice(&BEHIND);
            let input = input.get(..back.len() + BEHIND.len()).unwrap_or_default();
            self.stream.complete(input, &mut Target { output, buf })
        })?;
        if rest > 0 {
            return Ok(payload.len() - rest);
        }
        if self.stream.ended || !self.keep_context {
            // After a last block the sender starts with an empty window, as
            // it does where it keeps no context.
            self.start_anew();
        }
        Ok(payload.len())
    }

    /// Decompresses the whole payload of a message, where no context is kept and none of
    /// it has been taken: as [`finish`](Self::finish), or, where that takes only some of
    /// it, not at all. The context is the thread's either way.
    #[cold]
    #[inline(never)]
    pub(crate) fn at_once(
        &mut self,
        payload: &[u8],
        output: &mut Output<'_>,
    ) -> Result<bool, InflateFailure> {
        let restarts = self.stream.restarts;
        // What is left of the turn says nothing about how large it is.
        let work = mem::take(output.work);
        let finished = self.finish(payload, output);
        *output.work = work;
        output.work.inflated(payload.len(), output.message.len());
        let is_whole = finished? == payload.len();
        if !is_whole {
            self.begun = false;
            self.start_anew();
            self.stream.restarts = restarts;
            output.message.clear();
        }
        Ok(is_whole)
    }

    /// The window is empty, and the context is given back unless it is kept.
    fn start_anew(&mut self) {
        let stream = &mut self.stream;
        stream.ended = false;
        let context = stream.context.get_or_insert_with(new_context);
        stream.restarts.pay(context);
        context.reset(false);
        if !self.keep_context {
            let context = stream.context.take();
            context.map(|context| POOL.try_with(|pool| pool.give((), context)));
        }
    }
}

impl fmt::Debug for Decompress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompress")
            .field("keep_context", &self.keep_context)
            .field("holds_context", &self.stream.context.is_some())
            .field("ended", &self.stream.ended)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static POOL: Pool<(), Box<Inflate>> = const { Pool::new() };
}

fn new_context() -> Box<Inflate> {
    let idle = POOL.try_with(|pool| pool.take(&())).ok().flatten();
    idle.unwrap_or_else(|| Box::new(Inflate::new(false, WINDOW_BITS)))
}

/// Goes on after last blocks inside a message: its earlier bytes are still in
/// the window. That copies up to 32 KiB for two bytes, so there is an account.
#[derive(Clone, Copy, Debug, Default)]
struct Restarts {
    /// Bytes copied that what has arrived has not paid for. Invariant: at
    /// most [`CREDIT`].
    debt: usize,
}

impl Restarts {
    fn restart(
        &mut self,
        context: &mut Inflate,
        message: &ReceiveBuf,
    ) -> Result<(), InflateFailure> {
        self.pay(context);
        context.reset(false);
        let window = message.len().saturating_sub(1 << WINDOW_BITS);
        let window = message.get(window..).unwrap_or_default();
        if window.is_empty() {
            return Ok(());
        }
        let debt = self.debt + window.len();
        if debt > CREDIT {
            return Err(InflateFailure::TooManyRestarts);
        }
        self.debt = debt;
        context
            .set_dictionary(window)
            .map(|_| ())
            .map_err(|_| InflateFailure::Invalid)
    }

    /// What a context has taken since it was last reset pays for restarts.
    #[inline]
    fn pay(&mut self, context: &Inflate) {
        if self.debt == 0 {
            return;
        }
        let taken = usize::try_from(context.total_in()).unwrap_or(usize::MAX);
        self.debt = self.debt.saturating_sub(taken.saturating_mul(RATIO));
    }
}

/// The compressed data of a connection's messages.
#[derive(Default)]
struct Stream {
    /// Made on first use; `None` between messages where no context is kept.
    context: Option<Box<Inflate>>,
    /// A block said it was the last one (BFINAL, RFC 1951 §3.2.3): before
    /// anything follows, the context must start anew.
    ended: bool,
    restarts: Restarts,
}

impl Stream {
    /// Each step takes input or makes output; one that does neither ends it.
    ///
    /// Returns how much it took. It stops only where payload is left: what may hide
    /// in the codec after all of it was taken is little.
    fn inflate(
        &mut self,
        payload: &[u8],
        to: &mut Target<'_, '_>,
    ) -> Result<usize, InflateFailure> {
        let context = self.context.get_or_insert_with(new_context);
        let mut rest = payload;
        loop {
            // Only where payload is left after a last block: otherwise it was
            // returned below.
            if self.ended {
                self.restarts.restart(context, to.output.message)?;
                self.ended = false;
            }
            let input = rest.get(..PIECE).unwrap_or(rest);
            let step = to.step(context, input, InflateFlush::SyncFlush)?;
            rest = rest.get(step.taken..).unwrap_or_default();
            self.ended = step.ended;
            // A full buffer may hide more output.
            let is_dry = rest.is_empty() && (step.ended || !step.filled);
            if is_dry || (to.output.is_used_up() && !rest.is_empty()) {
                return Ok(payload.len() - rest.len());
            }
            if step.is_idle() {
                return Err(InflateFailure::Invalid);
            }
        }
    }

    /// Decompresses the end of a message: some payload, and [`BEHIND`] it. Returns
    /// how much of that payload is left for another turn.
    ///
    /// The tail must complete an empty block, or the message is cut off. With
    /// `Block` the codec stops after each block; so it is in order where it stops
    /// right after the tail, having made nothing since the block before.
    fn complete(
        &mut self,
        mut input: &[u8],
        to: &mut Target<'_, '_>,
    ) -> Result<usize, InflateFailure> {
        let context = self.context.get_or_insert_with(new_context);
        loop {
            if self.ended {
                if input.len() == BEHIND.len() {
                    // After a last block there is nothing the tail could complete.
                    return Ok(0);
                }
                self.restarts.restart(context, to.output.message)?;
            }
            let piece = input.get(..PIECE).unwrap_or(input);
            let step = to.step(context, piece, InflateFlush::Block)?;
            input = input.get(step.taken..).unwrap_or_default();
            self.ended = step.ended;
            match input.len().checked_sub(GUARD) {
                Some(0) if step.made == 0 => return Ok(0),
                Some(1..) if !step.is_idle() => {}
                _ => return Err(InflateFailure::Invalid),
            }
            if self.ended && input.len() < BEHIND.len() {
                return Err(InflateFailure::Invalid);
            }
            let rest = input.len().saturating_sub(BEHIND.len());
            if rest > 0 && to.output.is_used_up() {
                return Ok(rest);
            }
        }
    }
}

impl Output<'_> {
    /// Whether the work of a turn is used up, or all that may be made at once is
    /// made.
    fn is_used_up(&self) -> bool {
        self.work.is_used_up() || self.now == 0
    }
}

/// An output, and what the codec writes into before it goes there.
struct Target<'a, 'b> {
    output: &'a mut Output<'b>,
    buf: &'a mut [u8],
}

impl Target<'_, '_> {
    /// Calls the codec once and appends what it made.
    #[inline(always)]
    fn step(
        &mut self,
        context: &mut Inflate,
        payload: &[u8],
        flush: InflateFlush,
    ) -> Result<Step, InflateFailure> {
        let output = &mut *self.output;
        let (before_in, before_out) = (context.total_in(), context.total_out());
        let most = output.now.clamp(LEAST_STEP, STEP);
        let buf = self.buf.get_mut(..most).unwrap_or_default();
        let result = context.decompress(payload, buf, flush);
        let taken = (context.total_in() - before_in) as usize;
        let made = (context.total_out() - before_out) as usize;
        let filled = made == buf.len();
        output.work.inflated(taken, made);
        output.now = output.now.saturating_sub(made);
        // First what was made, then what went wrong after it: so a message
        // fails alike however its bytes are cut.
        if made > 0 {
            let piece = buf.get(..made).unwrap_or_default();
            let room = output.limit.saturating_sub(output.message.len());
            let piece = piece.get(..room).unwrap_or(piece);
            append(output.message, piece, output.limit);
            if made > room {
                return Err(InflateFailure::TooBig);
            }
        }
        let status = result.map_err(|_| InflateFailure::Invalid)?;
        Ok(Step {
            taken,
            made,
            filled,
            ended: status == Status::StreamEnd,
        })
    }
}

/// What one call of the codec did.
struct Step {
    taken: usize,
    made: usize,
    /// Whether there was no room for more.
    filled: bool,
    ended: bool,
}

impl Step {
    /// Whether nothing came of it: nothing will of the next one.
    fn is_idle(&self) -> bool {
        self.taken == 0 && self.made == 0 && !self.ended
    }
}

/// Appends what is known to fit the limit.
#[inline]
fn append(message: &mut ReceiveBuf, piece: &[u8], limit: usize) {
    if message.spare_capacity() < piece.len() {
        let room = limit.saturating_sub(message.len());
        grow(message, piece.len().max(FIRST_STEP.min(room)), limit);
    }
    message.extend_from_slice(piece);
}

/// How much of a message's end is decompressed together with its tail: less
/// is done in two calls, more is copied for it.
const BACK: usize = 32 << 10;

/// The most one call of the codec takes: tables of codes that hardly anything is
/// made with cost up to a tenth of a microsecond for each byte.
const PIECE: usize = 20 << 10;

/// The least one call of the codec makes.
const LEAST_STEP: usize = 1 << 10;

/// What a context takes, its window of 32 KiB included.
const CONTEXT_LEN: usize = 48 << 10;

/// The codec's quick path wants 15 bytes of input ahead. None of these is ever
/// taken, or the message is invalid.
const GUARD: usize = 16;

/// What follows a message's payload: its tail and the guard.
const BEHIND: [u8; TAIL.len() + GUARD] = {
    let [a, b, c, d] = TAIL;
    let mut behind = [0; TAIL.len() + GUARD];
    [behind[0], behind[1], behind[2], behind[3]] = [a, b, c, d];
    behind
};

/// DEFLATE makes up to this many bytes out of one, so what arrives costs as
/// much anyhow. A sender that ends its stream once in each message, however
/// well compressed, runs into no debt.
const RATIO: usize = 1032;

/// The debt a peer may run into: 32 restarts with a full window in a row.
const CREDIT: usize = 1 << 20;

/// The largest window, 32 KiB.
const WINDOW_BITS: u8 = 15;

/// The least a message grows by, in bytes.
const FIRST_STEP: usize = 1 << 10;
