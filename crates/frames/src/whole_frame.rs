use core::ops::Range;

use crate::{MaskKey, OpCode, Role};

/// A whole, unfragmented data frame at the start of a buffer, without reserved bits and with less than 64 KiB
/// of payload: what nearly every frame is when small messages arrive many at a time.
///
/// It is the short cut before [`FrameHeader::decode_for`](crate::FrameHeader::decode_for), at a fraction of
/// its cost, and decides nothing: whatever it does not recognise, valid or not, is left to that.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{OpCode, Role, WholeFrame};
///
/// let bytes = b"\x81\x05Hello\x82\x05He";
/// let frame = WholeFrame::decode(bytes, Role::Client).expect("the first frame is whole");
/// assert_eq!(frame.opcode, OpCode::Text);
/// assert_eq!(&bytes[frame.payload.clone()], b"Hello");
/// // The second one is not.
/// assert_eq!(WholeFrame::decode(&bytes[frame.payload.end..], Role::Client), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WholeFrame {
    /// [`OpCode::Text`] or [`OpCode::Binary`].
    pub opcode: OpCode,
    /// The key the payload is masked with: always where the receiver is a server, never where it is a client.
    pub mask: Option<MaskKey>,
    /// Where in the buffer the payload lies; the next frame begins at its end.
    pub payload: Range<usize>,
}

impl WholeFrame {
    /// Recognises a whole frame at the start of `src` that an endpoint of role `receiver` may receive.
    ///
    /// `None` for everything else: a frame that has not arrived completely, one that is fragmented, large,
    /// bears reserved bits or is a control frame, one that is not valid, and one with which `src` ends before
    /// its sixth byte.
    #[inline(always)]
    #[must_use]
    pub fn decode(src: &[u8], receiver: Role) -> Option<Self> {
        // As long as the shortest masked header: a shorter frame without a mask can wait for the full decoder.
        let &[first, second, a, b, c, d] = src.first_chunk()?;
        let opcode = match first {
            FIN_TEXT => OpCode::Text,
            FIN_BINARY => OpCode::Binary,
            _ => return None,
        };
        let masked = receiver.peer().masks();
        // With the mask bit as it has to be, the rest is the length.
        let short = second ^ if masked { MASK } else { 0 };
        let (len, mask, at) = if short < LEN_16 {
            let len = usize::from(short);
            match masked {
                true => (len, Some(MaskKey([a, b, c, d])), 6),
                false => (len, None, 2),
            }
        } else {
            let len = u16::from_be_bytes([a, b]);
            if short != LEN_16 || len < u16::from(LEN_16) {
                return None;
            }
            let len = usize::from(len);
            match masked {
                true => (len, Some(MaskKey(*src.get(4..)?.first_chunk()?)), 8),
                false => (len, None, 4),
            }
        };
        (at + len <= src.len()).then_some(Self {
            opcode,
            mask,
            payload: at..at + len,
        })
    }
}

const FIN_TEXT: u8 = 0x81;
const FIN_BINARY: u8 = 0x82;
const MASK: u8 = 0x80;
/// The 7-bit length that announces a 16-bit one.
const LEN_16: u8 = 126;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::WholeFrame;
    use crate::{FrameHeader, OpCode, Role, Rsv};

    /// What the full decoder says of the same bytes, if it is what a whole frame is.
    fn in_full(src: &[u8], receiver: Role) -> Option<WholeFrame> {
        let (header, at) = FrameHeader::decode_for(src, receiver, Rsv::NONE).ok()??;
        let len = usize::try_from(header.len).ok()?;
        let is_data = matches!(header.opcode, OpCode::Text | OpCode::Binary);
        (header.fin && is_data && len <= 0xFFFF && len <= src.len() - at && src.len() >= 6)
            .then_some(WholeFrame {
                opcode: header.opcode,
                mask: header.mask,
                payload: at..at + len,
            })
    }

    #[test]
    fn every_pair_of_first_bytes_is_judged_as_by_the_full_decoder() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for (high, low) in [(0, 0), (0, 125), (0, 126), (0, 200), (1, 0), (2, 0)] {
                    let mut bytes = std::vec![first, second, high, low];
                    bytes.resize(300, 7);
                    for receiver in [Role::Client, Role::Server] {
                        assert_eq!(
                            WholeFrame::decode(&bytes, receiver),
                            in_full(&bytes, receiver),
                            "{first:#x} {second:#x} {high} {low}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_frame_that_lacks_its_last_byte_is_not_whole() {
        for len in [0, 1, 125, 126, 127, 300, 0xFFFF, 0x1_0000] {
            for (receiver, mask) in [(Role::Client, None), (Role::Server, Some([1, 2, 3, 4]))] {
                let header = FrameHeader {
                    fin: true,
                    rsv: Rsv::NONE,
                    opcode: OpCode::Binary,
                    mask: mask.map(Into::into),
                    len: len as u64,
                };
                let mut bytes = Vec::from(&*header.encode());
                bytes.resize(bytes.len() + len, 0);
                let whole = WholeFrame::decode(&bytes, receiver);
                assert_eq!(whole, in_full(&bytes, receiver), "{len}");
                assert_eq!(whole.is_some(), len <= 0xFFFF && bytes.len() >= 6);
                for cut in (0..20).chain([bytes.len() - 1]) {
                    if cut < bytes.len() {
                        assert_eq!(WholeFrame::decode(&bytes[..cut], receiver), None);
                    }
                }
            }
        }
    }
}
