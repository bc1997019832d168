//! Bits and opcodes that nobody has defined, also where an extension has defined one of them.

use crate::victim::{SIDES, is_refused};

/// Reserved bits that no extension was agreed on for (RFC 6455 §5.2).
#[tokio::test]
async fn reserved_bits_without_an_extension_are_refused_with_1002() {
    for side in SIDES {
        for bits in (0x10..=0x70).step_by(0x10) {
            for first in [0x81, 0x82, 0x01, 0x88, 0x89, 0x8a] {
                is_refused(side, &side.frame(first | bits, &[0], b""), 1002).await;
            }
        }
    }
}

/// Opcodes that are reserved, alone and inside of a message (RFC 6455 §5.2).
#[tokio::test]
async fn reserved_opcodes_are_refused_with_1002() {
    for side in SIDES {
        for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
            for first in [opcode, opcode | 0x80] {
                // The first byte shows it.
                is_refused(side, &[first], 1002).await;
                let mut wire = side.frame(0x01, &[3], b"Hel");
                wire.push(first);
                is_refused(side, &wire, 1002).await;
            }
        }
    }
}

#[cfg(feature = "deflate")]
mod with_the_extension_on {
    use super::*;
    use crate::victim::Attack;

    /// Bytes that break the RFCs although compression was agreed on.
    async fn fails(side: crate::victim::Side, bytes: &[u8]) {
        let mut attack = Attack::compressed(side).await;
        attack.is_alive().await;
        attack.send(bytes).await;
        assert_eq!(attack.refusal(1002).await.messages.len(), 1);
    }

    /// RSV1 means compression on the first frame of a message and nothing elsewhere
    /// (RFC 7692 §6).
    #[tokio::test]
    async fn rsv1_on_control_frames_and_continuations_is_refused_with_1002() {
        for side in SIDES {
            for first in [0xc8, 0xc9, 0xca] {
                fails(side, &side.frame(first, &[0], b"")).await;
            }
            for first in [0x40, 0xc0] {
                for start in [0x01, 0x41] {
                    let mut wire = side.frame(start, &[1], b"\xf2");
                    wire.extend(side.frame(first, &[0], b""));
                    fails(side, &wire).await;
                }
            }
        }
    }

    /// The other two bits stay reserved (RFC 6455 §5.2, RFC 7692 §6).
    #[tokio::test]
    async fn rsv2_and_rsv3_are_refused_with_1002() {
        for side in SIDES {
            for bits in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
                fails(side, &[0x81 | bits]).await;
                fails(side, &[0x89 | bits]).await;
            }
        }
    }

    /// Reserved opcodes are not made legal by the bit (RFC 6455 §5.2).
    #[tokio::test]
    async fn reserved_opcodes_with_rsv1_are_refused_with_1002() {
        for side in SIDES {
            for opcode in [0xc3, 0xc7, 0xcb, 0xcf] {
                fails(side, &[opcode]).await;
            }
        }
    }
}
