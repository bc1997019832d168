//! What a frame costs: header, mask, UTF-8. A message here is one call.

use std::hint::black_box;

use socket_flow_frames::{FrameHeader, MaskKey, OpCode, Role, Rsv, Utf8Validator, mask, utf8};

use crate::{Cell, wire};

/// Payloads begin behind a header, hence unaligned.
const START: usize = 6;

pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (name, len) in [("32 B", 32), ("1 KiB", 1 << 10), ("1 MiB", 1 << 20)] {
        cells.push(Cell::new(
            format!("frames/header decode {name}"),
            1000,
            1,
            move |rounds| {
                let mut bytes = header(len).encode().to_vec();
                bytes.extend_from_slice(&[0; 5]);
                for _ in 0..rounds {
                    let decoded =
                        FrameHeader::decode_for(black_box(&bytes), Role::Server, Rsv::NONE);
                    assert!(black_box(decoded).is_ok_and(|found| found.is_some()));
                }
            },
        ));
        cells.push(Cell::new(
            format!("frames/header encode {name}"),
            1000,
            1,
            move |rounds| {
                let header = header(len);
                for _ in 0..rounds {
                    black_box(black_box(header).encode());
                }
            },
        ));
    }
    for (name, len, rounds) in [
        ("32 B", 32, 1000),
        ("1 KiB", 1 << 10, 200),
        ("64 KiB", 64 << 10, 20),
    ] {
        let key = MaskKey::from([0x37, 0xfa, 0x21, 0x3d]);
        cells.push(Cell::new(
            format!("frames/mask {name}"),
            rounds,
            1,
            move |rounds| {
                let mut data = vec![b'x'; START + len];
                for _ in 0..rounds {
                    mask::apply(black_box(&mut data[START..]), black_box(key), black_box(1));
                }
            },
        ));
        cells.push(Cell::new(
            format!("frames/mask and copy {name}"),
            rounds,
            1,
            move |rounds| {
                let src = vec![b'x'; START + len];
                let mut dst = vec![0; START + len];
                for _ in 0..rounds {
                    mask::copy(
                        black_box(&mut dst[START..]),
                        black_box(&src[START..]),
                        black_box(key),
                        black_box(0),
                    );
                }
            },
        ));
    }
    for (name, multibyte) in [("ASCII", false), ("multi-byte", true)] {
        cells.push(Cell::new(
            format!("frames/UTF-8 1 KiB {name}"),
            200,
            1,
            move |rounds| {
                let text = wire::text(1 << 10, multibyte);
                for _ in 0..rounds {
                    assert!(utf8::validate(black_box(text.as_bytes())).is_ok());
                }
            },
        ));
        cells.push(Cell::new(
            format!("frames/UTF-8 1 KiB {name} in two pieces"),
            200,
            1,
            move |rounds| {
                let text = wire::text(1 << 10, multibyte);
                // Within a character, where there are such places.
                let (first, second) = text.as_bytes().split_at(509);
                for _ in 0..rounds {
                    let mut validator = Utf8Validator::new();
                    assert!(validator.push(black_box(first)).is_ok());
                    assert!(validator.push(black_box(second)).is_ok());
                    assert!(validator.finish().is_ok());
                }
            },
        ));
    }
    cells
}

fn header(len: u64) -> FrameHeader {
    FrameHeader {
        fin: true,
        rsv: Rsv::NONE,
        opcode: OpCode::Text,
        mask: Some(MaskKey::from([0x37, 0xfa, 0x21, 0x3d])),
        len,
    }
}
