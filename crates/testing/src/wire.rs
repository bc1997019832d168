//! What an endpoint wrote, read without the library's help.

use bytes::Buf;
use socket_flow_protocol::Role;

/// A frame: its first byte and its unmasked payload.
pub type Sent = (u8, Vec<u8>);

/// Reads frames up to one that is not whole, which comes back as it is, and
/// holds them to what every endpoint owes (RFC 6455 §5): masked by clients
/// only, the shortest length, whole short control frames, nothing after a
/// Close.
///
/// # Panics
///
/// When they are not so.
pub fn frames(sender: Role, mut bytes: &[u8]) -> (Vec<Sent>, &[u8]) {
    let mut frames: Vec<Sent> = Vec::new();
    while !bytes.is_empty() {
        let is_closed = frames.last().is_some_and(|(first, _)| *first == 0x88);
        assert!(!is_closed, "bytes after a Close");
        let mut rest = bytes;
        let Some(frame) = frame(sender, &mut rest) else {
            break;
        };
        frames.push(frame);
        bytes = rest;
    }
    (frames, bytes)
}

/// Holds frames to what a whole connection owes: messages one after another,
/// each in fragments of its own (RFC 6455 §5.4), and no reserved bits but
/// those of the first frame of a compressed message (RFC 7692 §6).
///
/// # Panics
///
/// When they are not so.
pub fn check_order(frames: &[Sent], compresses: bool) {
    let mut is_inside = false;
    for (first, _) in frames {
        let (is_last, rsv, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let may_compress = compresses && matches!(opcode, 1 | 2);
        assert!(rsv == 0 || (may_compress && rsv == 0x40), "reserved bits");
        match opcode {
            0 => assert!(is_inside, "a continuation of nothing"),
            1 | 2 => assert!(!is_inside, "a message inside another"),
            8..=10 => continue,
            other => panic!("opcode {other}"),
        }
        is_inside = !is_last;
    }
}

/// One frame; `None` if it is not whole.
fn frame(sender: Role, bytes: &mut &[u8]) -> Option<Sent> {
    let (first, second) = (bytes.try_get_u8().ok()?, bytes.try_get_u8().ok()?);
    assert_eq!(second & 0x80 != 0, sender == Role::Client, "mask bit");
    let (len, longest_before) = match second & 0x7f {
        126 => (u64::from(bytes.try_get_u16().ok()?), Some(125)),
        127 => (bytes.try_get_u64().ok()?, Some(0xffff)),
        short => (u64::from(short), None),
    };
    assert!(
        longest_before.is_none_or(|longest| len > longest),
        "length not minimal"
    );
    let is_short = first & 0x80 != 0 && len <= 125;
    assert!(
        first & 0x08 == 0 || is_short,
        "a control frame, cut or too long"
    );
    let mut key = [0; 4];
    if sender == Role::Client {
        bytes.try_copy_to_slice(&mut key).ok()?;
        assert_ne!(key, [0; 4], "masking key");
    }
    let (payload, rest) = bytes.split_at_checked(len as usize)?;
    *bytes = rest;
    let unmasked = payload
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key);
    Some((first, unmasked.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sender: Role, bytes: &[u8]) -> Vec<Sent> {
        let (frames, rest) = frames(sender, bytes);
        assert!(rest.is_empty());
        check_order(&frames, false);
        frames
    }

    #[test]
    fn a_fragmented_message_with_a_ping_inside_and_a_close_is_in_order() {
        let bytes = b"\x01\x02ab\x89\x00\x80\x01c\x82\x00\x88\x02\x03\xe8";
        assert_eq!(check(Role::Server, bytes).len(), 5);
        let masked = check(Role::Client, b"\x81\x81\x37\xfa\x21\x3d\x00");
        assert_eq!(masked, [(0x81, b"7".to_vec())]);
    }

    #[test]
    fn a_frame_that_is_not_whole_comes_back() {
        let (whole, rest) = frames(Role::Server, b"\x81\x01a\x82\x7e\x01\x00bc");
        assert_eq!(whole, [(0x81, b"a".to_vec())]);
        assert_eq!(rest, b"\x82\x7e\x01\x00bc");
    }

    #[test]
    #[should_panic(expected = "after a Close")]
    fn a_frame_after_a_close_is_found() {
        check(Role::Server, b"\x88\x00\x89\x00");
    }

    #[test]
    #[should_panic(expected = "inside another")]
    fn a_message_inside_another_is_found() {
        check(Role::Server, b"\x01\x00\x81\x00");
    }

    #[test]
    #[should_panic(expected = "reserved bits")]
    fn a_compressed_continuation_is_found() {
        check_order(&[(0x41, vec![]), (0xc0, vec![])], true);
    }

    #[test]
    #[should_panic(expected = "not minimal")]
    fn a_long_length_of_a_short_payload_is_found() {
        check(Role::Server, b"\x82\x7e\x00\x7d");
    }

    #[test]
    #[should_panic(expected = "mask bit")]
    fn an_unmasked_frame_of_a_client_is_found() {
        check(Role::Client, b"\x81\x00");
    }
}
