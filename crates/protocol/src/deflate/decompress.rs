use std::fmt;

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
    /// A block said it was the last one (BFINAL, RFC 1951 §3.2.3): before
    /// anything follows, the context must start anew.
    ended: bool,
}

impl Decompress {
    pub(crate) fn new(keep_context: bool) -> Self {
        Self {
            keep_context,
            context: None,
            ended: false,
        }
    }

    /// Decompresses some of a message's payload onto its end. The message
    /// never gets longer than `limit` bytes, and never holds memory for more.
    pub(crate) fn payload(
        &mut self,
        payload: &[u8],
        message: &mut ReceiveBuf,
        limit: usize,
    ) -> Result<(), InflateFailure> {
        let mut context = self.context.take().unwrap_or_else(new_context);
        let result = scratch::with(|buf| {
            inflate(&mut context, &mut self.ended, payload, message, limit, buf)
        });
        // After a failure the context is of no use, and neither is the
        // connection.
        if result.is_ok() {
            self.context = Some(context);
        }
        result
    }

    /// Ends a message: puts back the tail that its sender removed
    /// (RFC 7692 §7.2.2).
    pub(crate) fn finish(
        &mut self,
        message: &mut ReceiveBuf,
        limit: usize,
    ) -> Result<(), InflateFailure> {
        // Behind a last block there is nothing the tail could complete.
        if !self.ended {
            self.payload(&TAIL, message, limit)?;
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
        let status = context
            .decompress(payload, buf, InflateFlush::SyncFlush)
            .map_err(|_| InflateFailure::Invalid)?;
        let taken = (context.total_in() - before_in) as usize;
        let made = (context.total_out() - before_out) as usize;
        payload = payload.get(taken..).unwrap_or_default();
        let piece = buf.get(..made).unwrap_or_default();
        if piece.len() > limit.saturating_sub(message.len()) {
            return Err(InflateFailure::TooBig);
        }
        append(message, piece, limit);
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

/// Appends, growing by doubling, but never beyond the limit.
fn append(message: &mut ReceiveBuf, piece: &[u8], limit: usize) {
    if message.spare_capacity() < piece.len() {
        let room = limit.saturating_sub(message.len());
        let wanted = message.len().max(FIRST_STEP).max(piece.len());
        message.reserve(wanted.min(room).max(piece.len()));
    }
    message.extend_from_slice(piece);
}

/// The largest window, 32 KiB.
const WINDOW_BITS: u8 = 15;

/// The least a message grows by, in bytes.
const FIRST_STEP: usize = 1 << 10;
