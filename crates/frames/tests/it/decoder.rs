//! The streaming decoder: cut anywhere, the outcome is that of the whole.

use proptest::prelude::*;
use socket_flow_frames::{
    FrameDecoder, FrameHeader, HeaderError, MaskKey, OpCode, Role, Rsv, mask,
};

/// Feeds `pieces` to `decoder` and gathers whole frames.
fn feed<'a>(
    decoder: &mut FrameDecoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<(FrameHeader, Vec<u8>)>, HeaderError> {
    let mut frames = Vec::new();
    let mut under_way: Option<(FrameHeader, Vec<u8>)> = None;
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = &mut piece[..];
        while !rest.is_empty() {
            let progress = decoder.decode(rest)?;
            assert!(progress.consumed > 0 && progress.payload.end <= progress.consumed);
            if let Some(header) = progress.header {
                assert!(under_way.is_none());
                under_way = Some((header, Vec::new()));
            }
            if let Some((_, payload)) = &mut under_way {
                payload.extend_from_slice(&rest[progress.payload.clone()]);
            } else {
                assert!(progress.payload.is_empty());
            }
            let missing = under_way
                .as_ref()
                .map_or(0, |(header, payload)| header.len - payload.len() as u64);
            assert_eq!(decoder.remaining(), missing);
            if progress.frame_end {
                assert!(decoder.is_between_frames() && decoder.header().is_none());
                frames.extend(under_way.take());
            } else {
                assert!(!decoder.is_between_frames());
                assert_eq!(
                    decoder.header(),
                    under_way.as_ref().map(|(header, _)| *header)
                );
            }
            rest = &mut rest[progress.consumed..];
        }
    }
    assert_eq!(
        decoder.is_between_frames(),
        under_way.is_none() && decoder.is_between_frames()
    );
    Ok(frames)
}

/// A frame on the wire.
fn wire(header: FrameHeader, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header.encode().to_vec();
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(key) = header.mask {
        mask::apply(&mut bytes[start..], key, 0);
    }
    bytes
}

/// RFC 6455 §6.2.
#[test]
fn two_frames_in_one_buffer_are_reported_one_by_one() {
    let mut bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x80\x01\x02\x03\x04";
    let mut decoder = FrameDecoder::new(Role::Server, Rsv::NONE);

    let first = decoder.decode(&mut bytes).unwrap();
    assert_eq!(
        (first.consumed, first.payload, first.frame_end),
        (11, 6..11, true)
    );
    assert_eq!(first.header.unwrap().opcode, OpCode::Text);
    assert_eq!(&bytes[6..11], b"Hello");

    let second = decoder.decode(&mut bytes[11..]).unwrap();
    assert_eq!(
        (second.consumed, second.payload, second.frame_end),
        (6, 6..6, true)
    );
    assert_eq!(second.header.unwrap().opcode, OpCode::Ping);
}

#[test]
fn an_empty_buffer_changes_nothing() {
    let mut decoder = FrameDecoder::new(Role::Client, Rsv::NONE);
    for piece in [&b""[..], b"\x82", b"", b"\x02a", b"", b"b"] {
        let mut piece = piece.to_vec();
        let progress = decoder.decode(&mut piece).unwrap();
        assert_eq!(progress.consumed, piece.len());
    }
    assert!(decoder.is_between_frames());
}

#[test]
fn an_error_is_reported_at_its_byte_and_again_ever_after() {
    let mut decoder = FrameDecoder::new(Role::Server, Rsv::NONE);
    assert!(decoder.decode(&mut [0x81]).unwrap().header.is_none());
    for mut piece in [vec![0x05], vec![], b"\x81\x80\x01\x02\x03\x04".to_vec()] {
        assert_eq!(decoder.decode(&mut piece), Err(HeaderError::MissingMask));
    }
    assert!(!decoder.is_between_frames());
}

#[test]
fn a_huge_declared_length_is_only_counted() {
    let mut bytes = *b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffabc";
    let mut decoder = FrameDecoder::new(Role::Client, Rsv::NONE);
    let progress = decoder.decode(&mut bytes).unwrap();
    assert_eq!((progress.payload, progress.frame_end), (10..13, false));
    assert_eq!(decoder.remaining(), i64::MAX as u64 - 3);
}

fn any_frame() -> impl Strategy<Value = (FrameHeader, Vec<u8>)> {
    let opcode = prop::sample::select(
        &[
            OpCode::Continuation,
            OpCode::Text,
            OpCode::Binary,
            OpCode::Ping,
        ][..],
    );
    let len = prop_oneof![4 => 0..20usize, 2 => 120..130usize, 1 => 65530..65540usize];
    (opcode, any::<bool>(), any::<[u8; 4]>(), len).prop_flat_map(|(opcode, fin, key, len)| {
        let (fin, len) = if opcode.is_control() {
            (true, len.min(125))
        } else {
            (fin, len)
        };
        let header = FrameHeader {
            fin,
            rsv: if opcode == OpCode::Text {
                Rsv::RSV1
            } else {
                Rsv::NONE
            },
            opcode,
            mask: Some(MaskKey::from(key)),
            len: len as u64,
        };
        any::<u8>().prop_map(move |seed| {
            (
                header,
                (0..len)
                    .map(|at| (at as u8).wrapping_mul(31) ^ seed)
                    .collect(),
            )
        })
    })
}

proptest! {
    #[test]
    fn cut_anywhere_the_frames_are_those_of_the_whole(
        frames in proptest::collection::vec(any_frame(), 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(header, payload)| wire(*header, payload)).collect();
        let mut whole = FrameDecoder::new(Role::Server, Rsv::RSV1);
        prop_assert_eq!(&feed(&mut whole, [&bytes[..]]).unwrap(), &frames);

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        let mut cut = FrameDecoder::new(Role::Server, Rsv::RSV1);
        prop_assert_eq!(&feed(&mut cut, pieces).unwrap(), &frames);
    }

    /// RFC 6455 §6.2.
    #[test]
    fn byte_by_byte_the_frames_are_those_of_the_whole(frame in any_frame()) {
        let bytes = wire(frame.0, &frame.1);
        let mut decoder = FrameDecoder::new(Role::Server, Rsv::RSV1);
        prop_assert_eq!(feed(&mut decoder, bytes.chunks(1)).unwrap(), vec![frame]);
    }

    #[test]
    fn any_bytes_have_the_same_outcome_whole_and_byte_by_byte(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut whole = FrameDecoder::new(Role::Client, Rsv::NONE);
        let mut cut = FrameDecoder::new(Role::Client, Rsv::NONE);
        prop_assert_eq!(feed(&mut whole, [&bytes[..]]), feed(&mut cut, bytes.chunks(1)));
    }
}
