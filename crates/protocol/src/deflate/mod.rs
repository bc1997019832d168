//! permessage-deflate (RFC 7692).
//!
//! ```text
//!  message ──▶ Compress ──▶ payload without its tail, RSV1 on the first frame
//!                 │        (more than 64 KiB: by turns)
//!                 │
//!              one context, kept between messages or borrowed from the
//!              thread's pool, made on first use
//!                 │
//!  payload ──▶ Decompress ──▶ message, never longer than its limit
//! ```

mod settings;

#[cfg(feature = "deflate")]
mod agreed;
#[cfg(feature = "deflate")]
mod by_turns;
#[cfg(feature = "deflate")]
mod compress;
#[cfg(feature = "deflate")]
mod decompress;
#[cfg(feature = "deflate")]
mod pool;
#[cfg(feature = "deflate")]
mod scratch;
#[cfg(feature = "deflate")]
mod shared;

#[cfg(not(feature = "deflate"))]
mod absent;

use socket_flow_frames::ReceiveBuf;

use crate::work::Work;

pub use settings::Deflate;

#[cfg(feature = "deflate")]
pub(crate) use agreed::{compress, decompress, kept_memory};
#[cfg(feature = "deflate")]
pub(crate) use by_turns::ByTurns;
#[cfg(feature = "deflate")]
pub(crate) use compress::{Compress, Settings};
#[cfg(feature = "deflate")]
pub(crate) use decompress::Decompress;
#[cfg(feature = "deflate")]
pub(crate) use shared::Shared;

#[cfg(not(feature = "deflate"))]
pub(crate) use absent::{
    ByTurns, Compress, Decompress, Settings, Shared, compress, decompress, kept_memory,
};

/// A payload of at most so many bytes is compressed as it is queued, a longer
/// one by turns.
pub(crate) const AT_ONCE: usize = 64 << 10;

/// The most one call of the codec makes: a turn's work, and what keeps a message
/// of that size on the codec's quick path, which stops short of the end of its
/// output.
pub(crate) const STEP: usize = 80 << 10;

/// What ends the compressed data of every message and is not sent
/// (RFC 7692 §7.2.1).
#[cfg(feature = "deflate")]
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// What the next step of inflating may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Makes {
    /// So many bytes at most.
    Some(usize),
    /// The whole message, of so many bytes at most, or nothing.
    Whole(usize),
    /// Nothing until more of the frame is there.
    Later,
    /// Nothing: it waits for memory.
    Nothing,
}

/// Where the bytes of a compressed message go, and how many may be made.
#[cfg_attr(
    not(feature = "deflate"),
    expect(dead_code, reason = "without a codec, nothing is made")
)]
pub(crate) struct Output<'a> {
    /// It never gets longer than `limit`, and never holds memory for more.
    pub(crate) message: &'a mut ReceiveBuf,
    pub(crate) limit: usize,
    /// How many bytes may still be made now. A few more may come of the bytes that
    /// were taken.
    pub(crate) now: usize,
    /// What is left of a turn.
    pub(crate) work: &'a mut Work,
}

/// Why a message could not be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "deflate"),
    expect(dead_code, reason = "without a codec, none fails")
)]
pub(crate) enum InflateFailure {
    /// The data is not what DEFLATE (RFC 1951) allows.
    Invalid,
    /// The message is longer than its limit.
    TooBig,
    /// The data ends its stream so often that going on costs more than what
    /// arrives can pay for.
    TooManyRestarts,
}
