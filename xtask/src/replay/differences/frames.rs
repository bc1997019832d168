//! Differences in what becomes of frames.

use crate::replay::corpus::Stage;
use crate::replay::differences::{Difference, Pair};
use crate::replay::frames::{self, End, Stop};

/// A difference of frames, whoever reads them.
const fn difference(what: &'static str, applies: fn(&Pair<'_>) -> bool) -> Difference {
    Difference {
        what,
        stage: Stage::Frames,
        side: None,
        applies,
    }
}

/// Of servers and clients alike.
pub(super) const FRAMES: &[Difference] = &[
    difference(
        "a length in two bytes that would have fitted into seven bits is refused (RFC 6455 §5.2)",
        |pair| {
            pair.because(&["payload length not minimally encoded"])
                && frames::longer_form(&pair.case.bytes) == Some(2)
                && pair.more_elsewhere()
        },
    ),
    difference(
        "a length in eight bytes that would have fitted into fewer is refused (RFC 6455 §5.2)",
        |pair| {
            pair.because(&["payload length not minimally encoded"])
                && frames::longer_form(&pair.case.bytes) == Some(8)
                && pair.more_elsewhere()
        },
    ),
    difference(
        "of a control frame any longer form of its length is too long (RFC 6455 §5.5)",
        |pair| {
            pair.because(&["frame longer than 125 bytes"])
                && frames::has_wide_control(&pair.case.bytes)
                && pair.more_elsewhere()
        },
    ),
    difference(
        "a Close may stand between the fragments of a message, and is answered as anywhere else \
         (RFC 6455 §5.4)",
        |pair| {
            matches!(pair.ours.end(), Some(End::Close(_)))
                && pair.ours.error.is_empty()
                && pair.theirs.end() == Some(End::Close(Some(1002)))
                && pair.same_before()
                && frames::closes_within_message(&pair.case.bytes)
        },
    ),
    difference(
        "text is refused with 1007 at the first byte that breaks it, in a frame or a fragment that \
         goes on, and before anything behind it is judged or answered (RFC 6455 §8.1)",
        |pair| {
            // Control frames may follow until the message ends.
            pair.because(&["text message is not valid utf-8"])
                && pair.ours.messages == pair.theirs.messages
                && pair.more_elsewhere()
                && match pair.theirs.end() {
                    Some(End::Nothing) => frames::stop(&pair.case.bytes) != Stop::Whole,
                    Some(End::Close(_)) => true,
                    _ => false,
                }
        },
    ),
    difference(
        "a frame is refused at the byte of its header that proves the fault, before the rest of it \
         is there",
        |pair| {
            pair.ours.end() == Some(End::Close(Some(1002)))
                && pair.theirs.end() == Some(End::Nothing)
                && pair.same_before()
                && matches!(
                    frames::stop(&pair.case.bytes),
                    Stop::Header | Stop::Payload { .. }
                )
        },
    ),
    difference(
        "whether a frame may stand where it does, and is not too long, is judged once its header \
         is whole, and a Close of one byte once that is there",
        |pair| {
            pair.ours.end() == Some(End::Nothing)
                && matches!(pair.theirs.end(), Some(End::Close(Some(1002 | 1009))))
                && pair.same_before()
                && match frames::stop(&pair.case.bytes) {
                    Stop::Header => true,
                    Stop::Payload { opcode, len } => (opcode, len) == (frames::CLOSE, 1),
                    Stop::Message | Stop::Whole => false,
                }
        },
    ),
    difference(
        "a length with its highest bit set is an error (RFC 6455 §5.2), not too long: 1002, not 1009",
        |pair| {
            pair.because(&["payload length with the most significant bit set"])
                && pair.same_before()
                && pair.closed(1002, 1009)
        },
    ),
    difference(
        "a frame that is an error for anything else, too, is not refused for its length: 1002, not \
         1009",
        |pair| {
            let reasons = [
                "invalid frame header",
                "unexpected continuation frame",
                "expected a continuation frame",
            ];
            pair.because(&reasons) && pair.same_before() && pair.closed(1002, 1009)
        },
    ),
    difference(
        "of a Close with a code that must not be sent and a reason that is not UTF-8, the code is \
         judged first: 1002, not 1007",
        |pair| {
            pair.because(&["close frame with the invalid code"])
                && pair.same_before()
                && pair.closed(1002, 1007)
        },
    ),
];
