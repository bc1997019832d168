//! Lengths that are declared and not meant: too large for arithmetic, longer than their encoding,
//! longer than a control frame may be.

use socket_flow::{Config, Error, Message};

use crate::victim::{Attack, SIDES, is_refused};

/// The eight bytes behind a 127, as a length field.
pub(crate) fn long(len: u64) -> Vec<u8> {
    [&[127][..], &len.to_be_bytes()].concat()
}

/// A 64-bit length that overflows a sum or a signed number (RFC 6455 §5.2; CVE-2020-27813,
/// CVE-2020-13935, CVE-2026-1528, CVE-2026-54466).
#[tokio::test]
async fn a_length_with_its_top_bit_set_is_refused_with_1002() {
    for side in SIDES {
        for len in [1 << 63, (1 << 63) | 5, u64::MAX - 1, u64::MAX] {
            is_refused(side, &side.frame(0x82, &long(len), b""), 1002).await;
        }
    }
}

/// The largest length the RFC allows, declared by 14 bytes (RFC 6455 §5.2, §10.4;
/// CVE-2020-27813, CVE-2026-1528).
#[tokio::test]
async fn a_length_of_63_bits_is_refused_with_1009_before_any_payload() {
    for side in SIDES {
        for len in [(1 << 63) - 1, 1 << 32, (1 << 32) + 5, (16 << 20) + 1] {
            is_refused(side, &side.frame(0x82, &long(len), b""), 1009).await;
        }
    }
}

/// The sum of what is there and what is declared, in 64 bits and in 32 (RFC 6455 §10.4;
/// CVE-2020-27813).
#[tokio::test]
async fn a_continuation_whose_length_overflows_the_sum_is_refused_with_1009() {
    for side in SIDES {
        for len in [(1 << 63) - 1, u64::from(u32::MAX), u64::from(u32::MAX) - 4] {
            let mut wire = side.frame(0x02, &[5], b"Hello");
            wire.extend(side.frame(0x80, &long(len), b""));
            is_refused(side, &wire, 1009).await;
        }
    }
}

/// Without a limit the length is believed, and nothing is added up or allocated for it
/// (RFC 6455 §5.2; CVE-2020-27813).
#[tokio::test]
async fn a_length_of_63_bits_is_waited_for_where_there_is_no_limit() {
    for side in SIDES {
        let mut attack = Attack::with(side, Config::new().max_message(usize::MAX)).await;
        attack.send(side.frame(0x02, &[5], b"Hello")).await;
        let len = long((1 << 63) - 1);
        attack.send(side.frame(0x80, &len, b" and much more")).await;
        attack.wire.shut_down().await;
        assert_eq!(attack.wire.frames().await, []);
        let seen = attack.end().await;
        assert!(matches!(seen.end, Err(Error::Closed { code: 1006 })));
        assert_eq!(seen.messages, []);
    }
}

/// A length in more bytes than it needs: two readers of one frame, two lengths (RFC 6455 §5.2).
#[tokio::test]
async fn a_length_that_is_not_minimal_is_refused_with_1002() {
    for side in SIDES {
        for first in [0x81, 0x82, 0x01, 0x88, 0x89, 0x8a] {
            for length in [
                &[126, 0, 0][..],
                &[126, 0, 2],
                &[126, 0, 125],
                &[127, 0, 0, 0, 0, 0, 0, 0, 0],
                &[127, 0, 0, 0, 0, 0, 0, 0, 125],
                &[127, 0, 0, 0, 0, 0, 0, 0, 126],
                &[127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            ] {
                is_refused(side, &side.frame(first, length, b""), 1002).await;
            }
        }
    }
}

/// The shortest lengths of each form are no attack (RFC 6455 §5.2).
#[tokio::test]
async fn the_smallest_lengths_of_each_form_are_welcome() {
    for side in SIDES {
        let mut attack = Attack::on(side).await;
        let payload = vec![7; 0x1_0000];
        attack.send(side.frame(0x82, &[0], b"")).await;
        attack.send(side.frame(0x82, &[125], &payload[..125])).await;
        let length = [126, 0, 126];
        attack
            .send(side.frame(0x82, &length, &payload[..126]))
            .await;
        attack
            .send(side.frame(0x82, &long(0x1_0000), &payload))
            .await;
        for len in [0, 125, 126, 0x1_0000] {
            let frame = attack.wire.frame().await.unwrap();
            assert_eq!(
                (frame.first, frame.payload),
                (0x82, payload[..len].to_vec())
            );
        }
        attack.is_alive().await;
    }
}

/// Control frames over 125 bytes, all three of them (RFC 6455 §5.5).
#[tokio::test]
async fn control_frames_over_125_bytes_are_refused_with_1002() {
    for side in SIDES {
        for first in [0x88, 0x89, 0x8a] {
            for length in [&[126, 0, 126][..], &[127, 0, 0, 0, 0, 0, 1, 0, 0]] {
                is_refused(side, &side.frame(first, length, b""), 1002).await;
            }
            let mut payload = vec![b'x'; 126];
            payload[..2].copy_from_slice(&1000_u16.to_be_bytes());
            is_refused(side, &side.whole(first, &payload), 1002).await;
        }
    }
}

/// Control frames cannot be fragmented (RFC 6455 §5.5).
#[tokio::test]
async fn control_frames_in_pieces_are_refused_with_1002() {
    for side in SIDES {
        for first in [0x08, 0x09, 0x0a] {
            is_refused(side, &side.frame(first, &[2], b"\x03\xe8"), 1002).await;
        }
    }
}

/// At 125 bytes a control frame is whole and answered (RFC 6455 §5.5).
#[tokio::test]
async fn control_frames_of_125_bytes_are_answered() {
    for side in SIDES {
        let mut attack = Attack::on(side).await;
        let payload = [b'p'; 125];
        attack.frame(0x8a, &payload).await;
        attack.frame(0x89, &payload).await;
        let pong = attack.wire.frame().await.unwrap();
        assert_eq!((pong.first, &*pong.payload), (0x8a, &payload[..]));
        let close = [&1000_u16.to_be_bytes()[..], &[b'c'; 123]].concat();
        attack.frame(0x88, &close).await;
        let answer = attack.wire.frame().await.unwrap();
        assert_eq!(answer.close_code(), 1000);
        let seen = attack.end().await;
        assert_eq!(seen.messages, [] as [Message; 0]);
        let frame = seen.end.unwrap().unwrap();
        assert_eq!(frame.reason.as_str(), "c".repeat(123));
    }
}
