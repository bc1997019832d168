use socket_flow_frames::OpCode;

use crate::closing::Closing;
use crate::config::Config;
use crate::frame_queue::LINK_MIN;

/// What may be queued: any message, parts of one (RFC 6455 §5.4), or nothing after our
/// Close.
///
/// ```text
///               queue_part      queue_part
///   Messages ──────────────▶ Parts ──┐
///     │   ▲                  │ │ ▲───┘
///     │   └──────────────────┘ │
///     │     queue_last_part    │
///     │ our Close              │ our Close
///     └───────▶ Closed ◀───────┘
///                 │ the peer's Close
///                 ▼
///               Done
/// ```
///
/// Both fields are set together, by the functions below alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    /// Messages shorter than this need no other decision than whether there is room.
    /// Invariant: 0 unless the state is `Messages`.
    plain_below: u16,
    state: State,
}

/// Ordered so that each question is one comparison.
#[derive(Clone, Copy, Debug)]
enum State {
    // A message is sent part by part: what its first part said.
    Text,
    CompressedText,
    Binary,
    CompressedBinary,
    Messages,
    Closed,
    Done,
}

impl Stage {
    /// Between two messages. Where messages may be compressed, each one is looked at;
    /// else it is those that are neither linked nor sent in several frames.
    pub(super) fn messages(config: &Config, compresses: bool) -> Self {
        let below = config.limits().fragment.saturating_add(1).min(LINK_MIN);
        Self {
            plain_below: if compresses { 0 } else { below as u16 },
            state: State::Messages,
        }
    }

    /// Inside a message of this opcode, compressed or not.
    pub(super) fn parts(opcode: OpCode, is_compressed: bool) -> Self {
        Self {
            plain_below: 0,
            state: match (opcode, is_compressed) {
                (OpCode::Text, false) => State::Text,
                (OpCode::Text, true) => State::CompressedText,
                (_, false) => State::Binary,
                (_, true) => State::CompressedBinary,
            },
        }
    }

    /// Our Close is queued.
    pub(super) fn close(&mut self) {
        if !self.is_closed() {
            *self = Self {
                plain_below: 0,
                state: State::Closed,
            };
        }
    }

    /// Both Closes have been seen.
    pub(super) fn done(&mut self) {
        *self = Self {
            plain_below: 0,
            state: State::Done,
        };
    }

    /// Shorter messages need no other decision than whether there is room.
    #[inline(always)]
    pub(super) fn plain_below(self) -> usize {
        self.plain_below.into()
    }

    /// The opcode of the message that is sent part by part, and whether it is
    /// compressed, while one is.
    #[inline]
    pub(super) fn unfinished(self) -> Option<(OpCode, bool)> {
        match self.state {
            State::Text => Some((OpCode::Text, false)),
            State::CompressedText => Some((OpCode::Text, true)),
            State::Binary => Some((OpCode::Binary, false)),
            State::CompressedBinary => Some((OpCode::Binary, true)),
            State::Messages | State::Closed | State::Done => None,
        }
    }

    /// Whether any message may be queued.
    #[inline]
    pub(super) fn is_open(self) -> bool {
        matches!(self.state, State::Messages)
    }

    /// Whether our Close is queued.
    #[inline]
    pub(super) fn is_closed(self) -> bool {
        matches!(self.state, State::Closed | State::Done)
    }

    #[inline]
    pub(super) fn closing(self) -> Closing {
        match self.state {
            State::Closed => Closing::Sent,
            State::Done => Closing::Done,
            _ => Closing::Open,
        }
    }
}
