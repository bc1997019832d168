//! Payloads, and the frames they travel in.

use socket_flow_frames::{FrameHeader, MaskKey, OpCode, Rsv, mask};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A message: what the figures are stated for.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) opcode: OpCode,
    pub(crate) len: usize,
    /// Text only: whether its characters take one to four bytes, or one each.
    pub(crate) multibyte: bool,
    /// Rounds of a short run, and messages of one round: what one read brings.
    pub(crate) rounds: usize,
    pub(crate) messages: usize,
}

const fn sample(
    name: &'static str,
    opcode: OpCode,
    len: usize,
    rounds: usize,
    messages: usize,
) -> Sample {
    Sample {
        name,
        opcode,
        len,
        multibyte: false,
        rounds,
        messages,
    }
}

/// The sizes of the performance goals.
pub(crate) const SAMPLES: [Sample; 6] = [
    sample("32 B", OpCode::Binary, 32, 8, 64),
    sample("125 B", OpCode::Binary, 125, 8, 64),
    sample("1 KiB text", OpCode::Text, 1 << 10, 8, 16),
    sample("16 KiB", OpCode::Binary, 16 << 10, 8, 4),
    sample("1 MiB", OpCode::Binary, 1 << 20, 4, 1),
    Sample {
        multibyte: true,
        ..sample("1 MiB text", OpCode::Text, 1 << 20, 4, 1)
    },
];

impl Sample {
    pub(crate) fn text(&self) -> String {
        text(self.len, self.multibyte)
    }

    /// The messages of one round as a client sends them, in frames of at most `fragment` bytes.
    pub(crate) fn frames(&self, fragment: usize) -> Vec<u8> {
        let payload = self.text();
        let mut bytes = Vec::new();
        for _ in 0..self.messages {
            let last = self.len.div_ceil(fragment) - 1;
            for (at, part) in payload.as_bytes().chunks(fragment).enumerate() {
                let opcode = if at == 0 {
                    self.opcode
                } else {
                    OpCode::Continuation
                };
                masked(&mut bytes, opcode, at == last, Rsv::NONE, part);
            }
        }
        bytes
    }
}

/// Text of a length; the longest character has four bytes.
pub(crate) fn text(len: usize, multibyte: bool) -> String {
    let unit = if multibyte {
        "aé語\u{1f980} "
    } else {
        "plain text "
    };
    let mut text = unit.repeat(len / unit.len());
    text.extend(std::iter::repeat_n('.', len - text.len()));
    text
}

/// Writes a frame with a masked payload.
pub(crate) fn masked(bytes: &mut Vec<u8>, opcode: OpCode, fin: bool, rsv: Rsv, payload: &[u8]) {
    let key = MaskKey::from(KEY);
    let header = FrameHeader {
        fin,
        rsv,
        opcode,
        mask: Some(key),
        len: payload.len() as u64,
    };
    bytes.extend_from_slice(&header.encode());
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    mask::apply(&mut bytes[start..], key, 0);
}
