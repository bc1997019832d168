use socket_flow_protocol::Role;

/// Reads what an endpoint writes, without the library's help, and holds it to
/// what every endpoint owes (RFC 6455 §5): masked by clients only, the
/// shortest length, whole short control frames, fragments in order, nothing
/// behind a Close.
#[derive(Debug)]
pub(super) struct Wire {
    masks: bool,
    compresses: bool,
    header: Vec<u8>,
    /// What is left of the payload of the frame under way.
    payload: u64,
    /// Whether a fragmented message is under way.
    fragmented: bool,
    closed: bool,
}

impl Wire {
    pub(super) fn new(sender: Role, compresses: bool) -> Self {
        Self {
            masks: sender == Role::Client,
            compresses,
            header: Vec::new(),
            payload: 0,
            fragmented: false,
            closed: false,
        }
    }

    /// Whether a Close has begun.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn check(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            if self.payload > 0 {
                let count = self.payload.min(bytes.len() as u64);
                self.payload -= count;
                bytes = &bytes[count as usize..];
                continue;
            }
            assert!(
                !self.closed || !self.header.is_empty(),
                "a frame behind a Close"
            );
            self.header.push(byte);
            bytes = &bytes[1..];
            if let Some(payload) = self.whole_header() {
                self.payload = payload;
                self.closed |= self.header[0] & 0x0f == 0x8;
                self.header.clear();
            }
        }
    }

    /// The length of the payload, once the header is whole.
    fn whole_header(&mut self) -> Option<u64> {
        let &[first, second, ..] = self.header.as_slice() else {
            return None;
        };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        assert_eq!(second & 0x80 != 0, self.masks, "mask bit");
        let key = if self.masks { 4 } else { 0 };
        if self.header.len() < 2 + extended + key {
            return None;
        }
        let length = &self.header[2..2 + extended];
        let len = length
            .iter()
            .fold(0, |len, &byte| len << 8 | u64::from(byte));
        let len = match extended {
            2 => {
                assert!(len > 125, "length not minimal");
                len
            }
            8 => {
                assert!(len > 0xffff, "length not minimal");
                len
            }
            _ => u64::from(second & 0x7f),
        };
        self.check_kind(first, len);
        Some(len)
    }

    fn check_kind(&mut self, first: u8, len: u64) {
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        assert_eq!(first & 0x30, 0, "reserved bits");
        let compressed = first & 0x40 != 0;
        assert!(
            !compressed || (self.compresses && matches!(opcode, 1 | 2)),
            "a compressed frame that must not be"
        );
        match opcode {
            0 => {
                assert!(self.fragmented, "a continuation of nothing");
                self.fragmented = !fin;
            }
            1 | 2 => {
                assert!(!self.fragmented, "a message inside another");
                self.fragmented = !fin;
            }
            8..=10 => assert!(fin && len <= 125, "a control frame, cut or too long"),
            other => panic!("opcode {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sender: Role, wire: &[u8]) {
        let mut whole = Wire::new(sender, false);
        whole.check(wire);
        let mut bytewise = Wire::new(sender, false);
        wire.iter().for_each(|byte| bytewise.check(&[*byte]));
        assert_eq!(whole.is_closed(), bytewise.is_closed());
    }

    #[test]
    fn a_fragmented_message_with_a_ping_inside_and_a_close_is_in_order() {
        check(
            Role::Server,
            b"\x01\x02ab\x89\x00\x80\x01c\x82\x00\x88\x02\x03\xe8",
        );
        check(Role::Client, b"\x81\x81\x37\xfa\x21\x3d\x00");
    }

    #[test]
    #[should_panic(expected = "behind a Close")]
    fn a_frame_behind_a_close_is_found() {
        check(Role::Server, b"\x88\x00\x89\x00");
    }

    #[test]
    #[should_panic(expected = "inside another")]
    fn a_message_inside_another_is_found() {
        check(Role::Server, b"\x01\x00\x81\x00");
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
