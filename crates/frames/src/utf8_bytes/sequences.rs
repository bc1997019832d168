//! Whatever is done to a buffer, in whatever order, text that comes out of it is UTF-8.

use std::{string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::ReceiveBuf;
use crate::{OpCode, Role, WholeFrame, mask};

#[derive(Clone, Debug)]
enum Operation {
    WholeFrame(usize, Role),
    Append(Vec<u8>),
    Check(usize, usize, bool),
    Unmask(usize, usize, usize, [u8; 4], bool),
    Overwrite(usize, usize, u8),
    Advance(usize),
    Truncate(usize),
    SplitTo(usize),
    Reserve(usize),
    ReserveExact(usize),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    let piece = prop_oneof![
        4 => "[a-cé語\u{1f980}]{0,6}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
        1 => "[é語\u{1f980}]".prop_map(|text| text.as_bytes()[..1].to_vec()),
    ];
    let at = 0..40usize;
    let frame = (piece.clone(), any::<[u8; 4]>(), 0..2u8, any::<bool>()).prop_map(
        |(mut payload, key, opcode, masked)| {
            let len = payload.len() as u8;
            let mut frame = vec![0x81 + opcode, len];
            if masked {
                frame[1] |= 0x80;
                frame.extend_from_slice(&key);
                mask::apply(&mut payload, key.into(), 0);
            }
            frame.append(&mut payload);
            frame
        },
    );
    // Of a key that changes nothing much is still text.
    let key = prop_oneof![Just([0; 4]), any::<[u8; 4]>()];
    let piece_len = 0..20usize;
    let role = prop_oneof![Just(Role::Client), Just(Role::Server)];
    prop_oneof![
        2 => frame.prop_map(Operation::Append),
        4 => (at.clone(), role).prop_map(|(start, role)| Operation::WholeFrame(start, role)),
        4 => piece.prop_map(Operation::Append),
        4 => (at.clone(), at.clone(), any::<bool>()).prop_map(|(from, to, complete)| Operation::Check(from, to, complete)),
        2 => (0..4usize, at.clone(), any::<bool>()).prop_map(|(from, to, complete)| Operation::Check(from, to, complete)),
        3 => (at.clone(), 0..20usize, piece_len, key, any::<bool>()).prop_map(|(start, done, len, key, complete)| {
            Operation::Unmask(start, start + done, start + done + len, key, complete)
        }),
        1 => (at.clone(), at.clone(), any::<u8>()).prop_map(|(from, to, byte)| Operation::Overwrite(from, to, byte)),
        1 => (0..6usize).prop_map(Operation::Advance),
        1 => at.clone().prop_map(Operation::Truncate),
        1 => (0..8usize).prop_map(Operation::SplitTo),
        1 => (0..200usize).prop_map(Operation::Reserve),
        1 => (0..200usize).prop_map(Operation::ReserveExact),
        1 => Just(Operation::Clear),
    ]
}

fn every_text_is_valid(buf: &ReceiveBuf) -> Result<(), TestCaseError> {
    for start in 0..=buf.len() {
        for end in start..=buf.len() {
            let expected = core::str::from_utf8(&buf[start..end]).ok();
            prop_assert_eq!(buf.text(start..end).ok(), expected);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_sequence_of_operations_makes_invalid_text(operations in proptest::collection::vec(operation(), 1..30)) {
        let mut buf = ReceiveBuf::new();
        let mut model: Vec<u8> = Vec::new();
        for operation in operations {
            match operation {
                Operation::WholeFrame(start, role) => {
                    let unread = model.get_mut(start..).unwrap_or_default();
                    let mut expected = WholeFrame::decode(unread, role);
                    if let Some(frame) = &expected {
                        let payload = &mut unread[frame.payload.clone()];
                        let mut unmasked = payload.to_vec();
                        if let Some(key) = frame.mask {
                            mask::apply(&mut unmasked, key, 0);
                        }
                        let is_text = core::str::from_utf8(&unmasked).is_ok();
                        if frame.opcode == OpCode::Text && !is_text {
                            expected = None;
                        } else {
                            payload.copy_from_slice(&unmasked);
                        }
                    }
                    prop_assert_eq!(buf.whole_frame(start, role, usize::MAX), expected);
                }
                Operation::Append(bytes) => {
                    buf.extend_from_slice(&bytes);
                    model.extend_from_slice(&bytes);
                }
                Operation::Check(from, to, complete) => {
                    let to_model = to.min(model.len());
                    let bytes = &model[from.min(to_model)..to_model];
                    let expected = match core::str::from_utf8(bytes) {
                        Ok(_) => true,
                        Err(error) => !complete && error.error_len().is_none(),
                    };
                    prop_assert_eq!(buf.check_utf8(from..to, complete).is_ok(), expected);
                }
                Operation::Unmask(start, from, to, key, complete) => {
                    let result = buf.unmask_text(start, from..to, key.into(), 3, complete);
                    let end = to.min(model.len());
                    mask::apply(&mut model[from.min(end)..end], key.into(), 3);
                    let bytes = &model[start.min(end)..end];
                    let expected = match core::str::from_utf8(bytes) {
                        Ok(_) => true,
                        Err(error) => !complete && error.error_len().is_none(),
                    };
                    prop_assert_eq!(result.is_ok(), expected);
                }
                Operation::Overwrite(from, to, byte) => {
                    buf.slice_mut(from..to).fill(byte);
                    let to = to.min(model.len());
                    model[from.min(to)..to].fill(byte);
                }
                Operation::Advance(count) => {
                    buf.advance(count);
                    model.drain(..count.min(model.len()));
                }
                Operation::Truncate(len) => {
                    buf.truncate(len);
                    model.truncate(len);
                }
                Operation::SplitTo(count) => {
                    let front = buf.split_to(count);
                    let front_model: Vec<u8> = model.drain(..count.min(model.len())).collect();
                    prop_assert_eq!(front.as_slice(), &front_model[..]);
                    every_text_is_valid(&front)?;
                    prop_assert_eq!(front.freeze_text().is_ok(), core::str::from_utf8(&front_model).is_ok());
                }
                Operation::Reserve(additional) => buf.reserve(additional),
                Operation::ReserveExact(additional) => buf.reserve_exact(additional),
                Operation::Clear => {
                    buf.clear();
                    model.clear();
                }
            }
            prop_assert_eq!(buf.as_slice(), &model[..]);
            every_text_is_valid(&buf)?;
        }
        let valid = core::str::from_utf8(&model).is_ok();
        prop_assert_eq!(buf.freeze_text().is_ok(), valid);
    }
}
