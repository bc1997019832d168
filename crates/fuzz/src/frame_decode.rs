//! F1: bytes as frames, beside a reader of ten lines.

use socket_flow_frames::{CloseCode, FrameDecoder, FrameHeader, MaskKey, Role, Rsv, WholeFrame};
use socket_flow_protocol::Config;

use crate::source::Source;
use crate::support::Endpoint;

/// The decoders refuse exactly what no valid frame begins with, at that byte; they find the
/// frames that are there however the bytes are cut; an error stays; nothing is consumed that was
/// not given, and what the whole connection keeps is no more than what has arrived.
pub(crate) fn frame_decode(data: &[u8]) {
    let mut source = Source::new(data);
    let options = source.byte();
    let receiver = [Role::Client, Role::Server][usize::from(options & 1)];
    let rsv = [Rsv::NONE, Rsv::RSV1, Rsv::RSV2 | Rsv::RSV3, ALL][usize::from(options >> 1 & 3)];
    let cuts = source.cuts();
    let bytes = source.rest();

    for end in 0..=bytes.len().min(14) {
        judge_header(&bytes[..end], receiver, rsv);
    }
    let expected = reference_frames(bytes, receiver, rsv);
    for pieces in [vec![bytes], cuts.pieces(bytes), bytes.chunks(1).collect()] {
        assert_eq!(decoded(&pieces, receiver, rsv), expected);
    }

    // The connection around them: no panic, and memory in proportion to what arrived.
    let mut endpoint = Endpoint::new(receiver, &Config::new());
    for piece in cuts.pieces(bytes) {
        endpoint.feed(piece);
    }
    let kept = endpoint.receiving.into_input().capacity();
    assert!(kept <= (64 << 10) + 2 * bytes.len());
}

/// What became of a stream: the frames (first byte, whether complete, payload so far), and where
/// it was refused.
#[derive(Debug, Default, PartialEq, Eq)]
struct Frames {
    frames: Vec<(u8, bool, Vec<u8>)>,
    refused_at: Option<usize>,
}

fn judge_header(bytes: &[u8], receiver: Role, rsv: Rsv) {
    let found = FrameHeader::decode_for(bytes, receiver, rsv);
    match (&found, reference_header(bytes, receiver, rsv)) {
        (Ok(None), Reference::Incomplete) => {}
        (Err(error), Reference::Refused) => {
            assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
        }
        (Ok(Some((header, len))), Reference::Header(key, payload, end)) => {
            assert_eq!((*len, header.len), (end, payload));
            assert_eq!(header.mask.map(MaskKey::to_bytes), key);
            assert_eq!(&*header.encode(), &bytes[..end], "one encoding for a frame");
            assert_eq!(FrameHeader::decode(bytes), Ok(Some((*header, *len))));
        }
        (found, reference) => panic!("{found:?}, but {reference:?}"),
    }
    if let Some(whole) = WholeFrame::decode(bytes, receiver) {
        let Ok(Some((header, len))) = FrameHeader::decode_for(bytes, receiver, Rsv::NONE) else {
            panic!("a whole frame without a header");
        };
        assert_eq!((whole.opcode, whole.mask), (header.opcode, header.mask));
        assert_eq!(whole.payload, len..len + header.len as usize);
    }
}

fn decoded(pieces: &[&[u8]], receiver: Role, rsv: Rsv) -> Frames {
    let mut decoder = FrameDecoder::new(receiver, rsv);
    let mut frames = Frames::default();
    let mut at = 0;
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = &mut piece[..];
        while !rest.is_empty() {
            let progress = match decoder.decode(rest) {
                Ok(progress) => progress,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut [0x81, 0]), Err(error), "errors stay");
                    // Whole headers are judged at once, so only the frame is known here.
                    frames.refused_at = Some(at);
                    return frames;
                }
            };
            assert!(0 < progress.consumed && progress.consumed <= rest.len());
            if let Some(header) = progress.header {
                at += header.encode().len();
                let first = u8::from(header.opcode) | header.rsv.bits() | u8::from(header.fin) << 7;
                frames.frames.push((first, false, Vec::new()));
            }
            if let Some(frame) = frames.frames.last_mut() {
                frame.2.extend_from_slice(&rest[progress.payload.clone()]);
                frame.1 |= progress.frame_end;
            }
            at += progress.payload.len();
            rest = &mut rest[progress.consumed..];
        }
    }
    frames
}

fn reference_frames(bytes: &[u8], receiver: Role, rsv: Rsv) -> Frames {
    let mut frames = Frames::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match reference_header(rest, receiver, rsv) {
            Reference::Incomplete => break,
            Reference::Refused => {
                frames.refused_at = Some(at);
                break;
            }
            Reference::Header(key, len, end) => {
                let there = (rest.len() - end).min(usize::try_from(len).unwrap_or(usize::MAX));
                let mut payload = rest[end..end + there].to_vec();
                for (place, byte) in payload.iter_mut().enumerate() {
                    *byte ^= key.map_or(0, |key| key[place % 4]);
                }
                frames.frames.push((rest[0], there as u64 == len, payload));
                at += end + there;
            }
        }
    }
    frames
}

#[derive(Debug)]
enum Reference {
    Incomplete,
    Refused,
    /// The key, the length of the payload, and that of the header.
    Header(Option<[u8; 4]>, u64, usize),
}

/// RFC 6455 §5.2, written once more: a beginning that no valid header has is refused.
fn reference_header(bytes: &[u8], receiver: Role, rsv: Rsv) -> Reference {
    let masked = receiver == Role::Server;
    let byte = |at: usize| bytes.get(at).copied();
    let Some(first) = byte(0) else {
        return Reference::Incomplete;
    };
    let control = first & 0x08 != 0;
    let opcode_known = matches!(first & 0x0f, 0 | 1 | 2 | 8 | 9 | 10);
    if first & 0x70 & !rsv.bits() != 0 || !opcode_known || (control && first & 0x80 == 0) {
        return Reference::Refused;
    }
    let Some(second) = byte(1) else {
        return Reference::Incomplete;
    };
    if (second & 0x80 != 0) != masked || (control && second & 0x7f > 125) {
        return Reference::Refused;
    }
    let (wide, least) = match second & 0x7f {
        126 => (2, 126),
        127 => (8, 0x1_0000),
        _ => (0, 0),
    };
    // The lowest and highest length that the bytes there are allow.
    let (mut low, mut high) = (0_u64, 0_u64);
    for place in 0..wide {
        low = low << 8 | u64::from(byte(2 + place).unwrap_or(0));
        high = high << 8 | u64::from(byte(2 + place).unwrap_or(0xff));
    }
    if wide > 0 && (high < least || low >> 63 != 0) {
        return Reference::Refused;
    }
    let end = 2 + wide + if masked { 4 } else { 0 };
    if bytes.len() < end {
        return Reference::Incomplete;
    }
    let len = if wide == 0 {
        u64::from(second & 0x7f)
    } else {
        low
    };
    let key = masked.then(|| [end - 4, end - 3, end - 2, end - 1].map(|at| bytes[at]));
    Reference::Header(key, len, end)
}

const ALL: Rsv = Rsv::RSV1.union(Rsv::RSV2).union(Rsv::RSV3);
