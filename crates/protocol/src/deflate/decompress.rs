use std::fmt;
use std::mem;

use bytes::{Bytes, BytesMut};
use socket_flow_frames::ReceiveBuf;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::pool::Pool;
use super::{InflateFailure, TAIL, scratch};

/// Decompresses the messages of one connection, as their bytes arrive.
///
/// Always with the largest window, whatever was agreed: a peer can only use
/// less.
pub(crate) struct Decompress {
    keep_context: bool,
    /// Made on first use; `None` between messages where no context is kept.
    context: Option<Inflate>,
    /// Whether the message under way has had any payload.
    begun: bool,
    /// A block said it was the last one (BFINAL, RFC 1951 §3.2.3): before
    /// anything follows, the context must start anew.
    ended: bool,
}

impl Decompress {
    pub(crate) fn new(keep_context: bool) -> Self {
        Self {
            keep_context,
            context: None,
            begun: false,
            ended: false,
        }
    }

    /// Decompresses some of a message's payload onto its end. The message
    /// never gets longer than `limit` bytes, and never holds memory for more.
    /// What came before a failure is in it.
    pub(crate) fn payload(
        &mut self,
        payload: &[u8],
        message: &mut ReceiveBuf,
        limit: usize,
    ) -> Result<(), InflateFailure> {
        self.begun = true;
        let context = self.context.get_or_insert_with(new_context);
        let ended = &mut self.ended;
        scratch::with(|buf| {
            // A compressor may have left it larger than the cache holds.
            let buf = buf.get_mut(..scratch::SCRATCH).unwrap_or_default();
            inflate(context, ended, payload, message, limit, buf)
        })
    }

    /// Ends a message: puts back the tail that its sender removed
    /// (RFC 7692 §7.2.2).
    ///
    /// A message without any payload is empty. That is not what §7.2.3.6 asks
    /// for, but senders do it, and the tail alone would not be a block.
    pub(crate) fn finish(&mut self) -> Result<(), InflateFailure> {
        // Behind a last block there is nothing the tail could complete.
        if mem::take(&mut self.begun) && !self.ended {
            let context = self.context.get_or_insert_with(new_context);
            complete(context)?;
        }
        if self.ended || !self.keep_context {
            // Behind a last block the sender starts with an empty window, as
            // it does where it keeps no context.
            self.ended = false;
            if let Some(mut context) = self.context.take() {
                context.reset(false);
                if self.keep_context {
                    self.context = Some(context);
                } else {
                    let _ = POOL.try_with(|pool| pool.give((), context));
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Decompress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompress")
            .field("keep_context", &self.keep_context)
            .field("holds_context", &self.context.is_some())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static POOL: Pool<(), Inflate> = const { Pool::new() };
}

fn new_context() -> Inflate {
    let idle = POOL.try_with(|pool| pool.take(&())).ok().flatten();
    idle.unwrap_or_else(|| Inflate::new(false, WINDOW_BITS))
}

/// Each turn takes input or makes output; a turn that does neither ends it.
fn inflate(
    context: &mut Inflate,
    ended: &mut bool,
    mut payload: &[u8],
    message: &mut ReceiveBuf,
    limit: usize,
    buf: &mut [u8],
) -> Result<(), InflateFailure> {
    loop {
        if *ended && !payload.is_empty() {
            restart(context, message)?;
            *ended = false;
        }
        let (before_in, before_out) = (context.total_in(), context.total_out());
        let result = context.decompress(payload, buf, InflateFlush::SyncFlush);
        let taken = (context.total_in() - before_in) as usize;
        let made = (context.total_out() - before_out) as usize;
        payload = payload.get(taken..).unwrap_or_default();
        let piece = buf.get(..made).unwrap_or_default();
        let room = limit.saturating_sub(message.len());
        // First what was made, then what went wrong behind it: so a message
        // fails alike however its bytes are cut.
        append(message, piece.get(..room).unwrap_or(piece), limit);
        if made > room {
            return Err(InflateFailure::TooBig);
        }
        let status = result.map_err(|_| InflateFailure::Invalid)?;
        *ended = status == Status::StreamEnd;
        // A full buffer may hide more output.
        if payload.is_empty() && (*ended || made < buf.len()) {
            return Ok(());
        }
        if taken == 0 && made == 0 && !*ended {
            return Err(InflateFailure::Invalid);
        }
    }
}

/// Goes on behind a last block, inside a message: its earlier bytes are still
/// in the window.
fn restart(context: &mut Inflate, message: &ReceiveBuf) -> Result<(), InflateFailure> {
    context.reset(false);
    let window = message.len().saturating_sub(1 << WINDOW_BITS);
    let window = message.get(window..).unwrap_or_default();
    if !window.is_empty() {
        context
            .set_dictionary(window)
            .map_err(|_| InflateFailure::Invalid)?;
    }
    Ok(())
}

/// Feeds the tail, which completes an empty block, or the message is cut off.
///
/// With `Block` the codec stops behind that block, in front of one more byte;
/// in any other state it does something else.
fn complete(context: &mut Inflate) -> Result<(), InflateFailure> {
    let [a, b, c, d] = TAIL;
    // Whatever makes output is no empty block.
    let mut buf = [0; 64];
    let (before_in, before_out) = (context.total_in(), context.total_out());
    context
        .decompress(&[a, b, c, d, 0], &mut buf, InflateFlush::Block)
        .map_err(|_| InflateFailure::Invalid)?;
    let taken = context.total_in() - before_in;
    if taken == TAIL.len() as u64 && context.total_out() == before_out {
        Ok(())
    } else {
        Err(InflateFailure::Invalid)
    }
}

/// Appends what is known to fit the limit.
fn append(message: &mut ReceiveBuf, piece: &[u8], limit: usize) {
    if message.spare_capacity() < piece.len() {
        grow(message, piece.len(), limit);
    }
    message.extend_from_slice(piece);
}

/// Makes room for `additional` bytes: by doubling, but never beyond the limit.
fn grow(message: &mut ReceiveBuf, additional: usize, limit: usize) {
    let len = message.len();
    let wanted = len.max(FIRST_STEP).max(additional).saturating_add(len);
    if wanted < limit && message.capacity() <= limit / 2 {
        message.reserve(wanted - len);
        return;
    }
    // `reserve` may double although less was asked for.
    let mut exact = Vec::from(mem::take(message).into_inner());
    exact.reserve_exact(wanted.min(limit).saturating_sub(len));
    let exact = Bytes::from(exact).try_into_mut();
    *message = exact.unwrap_or_else(BytesMut::from).into();
}

/// The largest window, 32 KiB.
const WINDOW_BITS: u8 = 15;

/// The least a message grows by, in bytes.
const FIRST_STEP: usize = 1 << 10;
