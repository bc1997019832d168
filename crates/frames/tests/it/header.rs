//! Frame headers, RFC 6455 section 5.2: what is read, what is refused, and at which byte.

use proptest::prelude::*;
use socket_flow_frames::{
    CloseCode, FrameHeader, HeaderError, MAX_HEADER_LEN, MaskKey, OpCode, Role, Rsv,
};

const OPCODES: [OpCode; 6] = [
    OpCode::Continuation,
    OpCode::Text,
    OpCode::Binary,
    OpCode::Close,
    OpCode::Ping,
    OpCode::Pong,
];

const ALL_RSV: [Rsv; 3] = [Rsv::RSV1, Rsv::RSV2, Rsv::RSV3];

fn rsv_from(bits: u8) -> Rsv {
    ALL_RSV
        .into_iter()
        .filter(|rsv| bits & rsv.bits() != 0)
        .fold(Rsv::NONE, Rsv::union)
}

fn header(opcode: OpCode, mask: Option<[u8; 4]>, len: u64) -> FrameHeader {
    FrameHeader {
        fin: true,
        rsv: Rsv::NONE,
        opcode,
        mask: mask.map(MaskKey::from),
        len,
    }
}

/// The error and the number of bytes at which it is reported; no prefix before may be refused or complete.
fn refused(bytes: &[u8], receiver: Role) -> (HeaderError, usize) {
    for end in 0..=bytes.len() {
        match FrameHeader::decode_for(&bytes[..end], receiver, Rsv::NONE) {
            Ok(None) => {}
            Ok(Some(found)) => panic!("{found:?} after {end} bytes"),
            Err(error) => {
                for longer in end..=bytes.len() {
                    let again = FrameHeader::decode_for(&bytes[..longer], receiver, Rsv::NONE);
                    assert_eq!(again, Err(error), "after {longer} bytes");
                }
                return (error, end);
            }
        }
    }
    panic!("accepted so far: {bytes:x?}");
}

/// RFC 6455 §5.7.
#[test]
fn headers_of_section_5_7_are_read() {
    let cases: [(&[u8], FrameHeader); 6] = [
        (b"\x81\x05", header(OpCode::Text, None, 5)),
        (
            b"\x81\x85\x37\xfa\x21\x3d",
            header(OpCode::Text, Some([0x37, 0xfa, 0x21, 0x3d]), 5),
        ),
        (
            b"\x01\x03",
            FrameHeader {
                fin: false,
                ..header(OpCode::Text, None, 3)
            },
        ),
        (b"\x80\x02", header(OpCode::Continuation, None, 2)),
        (b"\x82\x7E\x01\x00", header(OpCode::Binary, None, 256)),
        (
            b"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00",
            header(OpCode::Binary, None, 65536),
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(
            FrameHeader::decode(bytes),
            Ok(Some((expected, bytes.len())))
        );
        assert_eq!(&*expected.encode(), bytes);
    }
}

/// RFC 6455 §5.2.
#[test]
fn lengths_at_the_borders_take_their_shortest_form() {
    let cases: [(u64, &[u8]); 8] = [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (127, b"\x82\x7e\x00\x7f"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        (1 << 32, b"\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00"),
        (i64::MAX as u64, b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ];
    for (len, bytes) in cases {
        let header = header(OpCode::Binary, None, len);
        assert_eq!(
            (&*header.encode(), header.encoded_len()),
            (bytes, bytes.len())
        );
        assert_eq!(FrameHeader::decode(bytes), Ok(Some((header, bytes.len()))));
    }
}

/// RFC 6455 §5.2.
#[test]
fn every_first_byte_is_judged_alone() {
    for first in 0..=u8::MAX {
        for allowed in (0..=0x70).step_by(0x10).map(rsv_from) {
            let opcode = OpCode::try_from(first & 0x0F);
            let reserved = rsv_from(first & 0x70).difference(allowed);
            let expected = match opcode {
                _ if !reserved.is_empty() => Err(HeaderError::ReservedBits(reserved)),
                Err(_) => Err(HeaderError::ReservedOpCode(first & 0x0F)),
                Ok(opcode) if opcode.is_control() && first & 0x80 == 0 => {
                    Err(HeaderError::FragmentedControl(opcode))
                }
                Ok(_) => Ok(None),
            };
            for receiver in [Role::Client, Role::Server] {
                assert_eq!(
                    FrameHeader::decode_for(&[first], receiver, allowed),
                    expected
                );
            }
            if allowed == rsv_from(0x70) {
                assert_eq!(FrameHeader::decode(&[first]), expected);
            }
        }
    }
}

/// RFC 6455 §10.7.
#[test]
fn every_combination_of_bits_opcode_mask_and_role_is_accepted_or_refused_by_the_letter() {
    for bits in (0..=0x70).step_by(0x10) {
        for allowed in (0..=0x70).step_by(0x10) {
            for (opcode, fin) in OPCODES.into_iter().flat_map(|it| [(it, true), (it, false)]) {
                for (receiver, masked) in [Role::Client, Role::Server]
                    .into_iter()
                    .flat_map(|it| [(it, true), (it, false)])
                {
                    let mask = masked.then_some(MaskKey::from([1, 2, 3, 4]));
                    let header = FrameHeader {
                        fin,
                        rsv: rsv_from(bits),
                        opcode,
                        mask,
                        len: 7,
                    };
                    let bytes = header.encode();
                    let legal_bits = bits & !allowed == 0;
                    let legal = legal_bits
                        && (fin || opcode.is_data())
                        && masked == (receiver == Role::Server);
                    let decoded = FrameHeader::decode_for(&bytes, receiver, rsv_from(allowed));
                    assert_eq!(decoded.is_ok(), legal, "{header:?} to {receiver:?}");
                    if legal {
                        assert_eq!(decoded, Ok(Some((header, bytes.len()))));
                    }
                }
            }
        }
    }
}

#[test]
fn mask_direction_is_judged_at_the_second_byte() {
    assert_eq!(
        refused(b"\x82\x85\x01\x02\x03\x04", Role::Client),
        (HeaderError::UnexpectedMask, 2)
    );
    assert_eq!(
        refused(b"\x82\x05", Role::Server),
        (HeaderError::MissingMask, 2)
    );
    assert_eq!(
        refused(b"\x89\x00", Role::Server),
        (HeaderError::MissingMask, 2)
    );
}

#[test]
fn long_control_frames_are_refused_at_the_second_byte() {
    for opcode in [OpCode::Close, OpCode::Ping, OpCode::Pong] {
        for short in [126, 127] {
            let bytes = [0x80 | u8::from(opcode), 0x80 | short, 0, 126];
            assert_eq!(
                refused(&bytes, Role::Server),
                (HeaderError::ControlTooLong(opcode), 2)
            );
        }
        let longest = header(opcode, Some([0; 4]), 125).encode();
        assert!(
            FrameHeader::decode_for(&longest, Role::Server, Rsv::NONE)
                .unwrap()
                .is_some()
        );
    }
}

#[test]
fn lengths_that_are_not_minimal_are_refused_where_it_shows() {
    let cases: [(&[u8], usize); 5] = [
        (b"\x82\x7e\x00\x00", 4),
        (b"\x82\x7e\x00\x7d", 4),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x05", 8),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x7e", 8),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 8),
    ];
    for (bytes, at) in cases {
        assert_eq!(
            refused(bytes, Role::Client),
            (HeaderError::NonMinimalLength, at)
        );
    }
}

/// RFC 6455 §5.2.
#[test]
fn a_length_with_the_top_bit_is_refused_at_its_first_byte() {
    let bytes = b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04";
    assert_eq!(
        refused(bytes, Role::Server),
        (HeaderError::LengthOverflow, 3)
    );
    assert_eq!(
        refused(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", Role::Client).1,
        3
    );
}

#[test]
fn the_length_is_judged_before_the_key_is_awaited() {
    assert_eq!(
        refused(b"\x82\xfe\x00\x01", Role::Server),
        (HeaderError::NonMinimalLength, 4)
    );
}

/// RFC 6455 §7.1.7.
#[test]
fn every_refusal_closes_with_1002() {
    let (error, _) = refused(b"\x83\x00", Role::Client);
    assert_eq!(error, HeaderError::ReservedOpCode(3));
    assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
    assert_eq!(error.to_string(), "reserved opcode 0x3");
}

#[test]
fn debug_output_never_shows_the_masking_key() {
    let header = header(OpCode::Text, Some([0x37, 0xfa, 0x21, 0x3d]), 5);
    for shown in [format!("{header:?}"), format!("{:?}", header.encode())] {
        assert!(!shown.contains("55") && !shown.contains("250"), "{shown}");
    }
    let shown = format!("{:?}", header.encode());
    assert_eq!(shown, "HeaderBytes { len: 6, .. }");
}

fn any_header() -> impl Strategy<Value = FrameHeader> {
    let len = prop_oneof![
        0..=125u64,
        126..=65535u64,
        65536..=i64::MAX as u64,
        Just(0u64),
        Just(126),
        Just(65536)
    ];
    let opcode = prop::sample::select(&OPCODES[..]);
    (
        any::<bool>(),
        any::<u8>(),
        opcode,
        any::<Option<[u8; 4]>>(),
        len,
    )
        .prop_map(|(fin, bits, opcode, mask, len)| {
            let (fin, len) = if opcode.is_control() {
                (true, len.min(125))
            } else {
                (fin, len)
            };
            let mask = mask.map(MaskKey::from);
            FrameHeader {
                fin,
                rsv: rsv_from(bits),
                opcode,
                mask,
                len,
            }
        })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_and_every_cut_asks_for_more(header in any_header(), behind in any::<[u8; 3]>()) {
        let bytes = header.encode();
        prop_assert_eq!(bytes.len(), header.encoded_len());
        prop_assert!(bytes.len() <= MAX_HEADER_LEN);
        for end in 0..bytes.len() {
            prop_assert_eq!(FrameHeader::decode(&bytes[..end]), Ok(None));
        }
        let mut longer = bytes.to_vec();
        longer.extend_from_slice(&behind);
        prop_assert_eq!(FrameHeader::decode(&longer), Ok(Some((header, bytes.len()))));

        let receiver = if header.mask.is_some() { Role::Server } else { Role::Client };
        prop_assert_eq!(
            FrameHeader::decode_for(&longer, receiver, header.rsv),
            Ok(Some((header, bytes.len())))
        );
    }

    /// RFC 6455 §5.2.
    #[test]
    fn whatever_is_decoded_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
        if let Ok(Some((header, len))) = FrameHeader::decode(&bytes) {
            prop_assert_eq!(&*header.encode(), &bytes[..len]);
        }
    }

    #[test]
    fn a_refused_prefix_is_never_accepted_when_longer(
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
        receiver in prop::sample::select(&[Role::Client, Role::Server][..]),
        allowed in any::<u8>(),
    ) {
        let mut last = Ok(None);
        for end in 0..=bytes.len() {
            let now = FrameHeader::decode_for(&bytes[..end], receiver, rsv_from(allowed));
            if last != Ok(None) {
                prop_assert_eq!(now, last);
            }
            last = now;
        }
    }
}
