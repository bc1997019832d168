//! Frames by hand (RFC 6455 §5.2): as much of them as a replay needs.

/// The key that frames are given that had none.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What an end sent of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The payloads of its pongs.
    pub(crate) pongs: Vec<Vec<u8>>,
    pub(crate) end: End,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// No Close: the connection was only ended.
    Nothing,
    /// A Close, with the code in it if there is one.
    Close(Option<u16>),
    /// Neither in time.
    Stalled,
}

/// Where frames stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// In a header.
    Header,
    /// In the payload of a frame with this opcode, which is to be so long.
    Payload { opcode: u8, len: usize },
    /// Behind a frame, but within a message.
    Message,
    /// Behind a message, or without any frame.
    Whole,
}

/// The same frames from the other end: masked where they were not, and the other way round. What
/// is no frame, or not a whole one, keeps its fault.
pub(crate) fn turned(bytes: &[u8]) -> Vec<u8> {
    let mut turned = Vec::new();
    let mut frames = frames(bytes);
    for frame in &mut frames {
        turned.extend([frame.head[0], frame.head[1] ^ 0x80]);
        turned.extend_from_slice(&frame.head[2..frame.key_at]);
        if frame.key.is_none() {
            turned.extend(KEY);
        }
        turned.extend(masked(frame.payload, frame.key.unwrap_or(KEY)));
    }
    let mut rest = frames.rest.to_vec();
    if let Some(second) = rest.get_mut(1) {
        *second ^= 0x80;
    }
    turned.append(&mut rest);
    turned
}

/// Where these frames stop, whatever else is wrong with them.
pub(crate) fn stop(bytes: &[u8]) -> Stop {
    let mut within = false;
    let mut frames = frames(bytes);
    for frame in &mut frames {
        if !frame.is_whole {
            let (opcode, len) = (frame.opcode(), frame.len);
            return Stop::Payload { opcode, len };
        }
        within = frame.is_within(within);
    }
    match (frames.rest, within) {
        ([_, ..], _) => Stop::Header,
        ([], true) => Stop::Message,
        ([], false) => Stop::Whole,
    }
}

/// Whether the first Close among these frames stands between the fragments of a message.
pub(crate) fn closes_within_message(bytes: &[u8]) -> bool {
    let mut within = false;
    for frame in frames(bytes) {
        if frame.opcode() == CLOSE {
            return within;
        }
        within = frame.is_within(within);
    }
    false
}

/// Whether a control frame has a length in a longer form than it needs.
pub(crate) fn has_wide_control(bytes: &[u8]) -> bool {
    frames(bytes).any(|frame| frame.opcode() >= CLOSE && frame.longer_form().is_some())
}

/// In how many bytes a length stands that would have fitted into fewer, the first time one does.
pub(crate) fn longer_form(bytes: &[u8]) -> Option<usize> {
    let mut frames = frames(bytes);
    let whole = frames.find_map(|frame| frame.longer_form());
    whole.or_else(|| match *frames.rest {
        [_, form, high, low, ..] if form & 0x7f == 126 => {
            (u16::from_be_bytes([high, low]) <= 125).then_some(2)
        }
        [_, form, 0, 0, 0, 0, 0, 0, ..] if form & 0x7f == 127 => Some(8),
        _ => None,
    })
}

/// What these frames say, up to the first Close or to what happened behind them.
pub(crate) fn sent(bytes: &[u8], stalled: bool) -> Sent {
    let pongs = frames(bytes)
        .take_while(|frame| frame.opcode() != CLOSE)
        .filter(|frame| frame.opcode() == PONG && frame.is_whole)
        .map(|frame| frame.unmasked().collect())
        .collect();
    let end = close(bytes).unwrap_or(match stalled {
        true => End::Stalled,
        false => End::Nothing,
    });
    Sent { pongs, end }
}

/// Whether there is a Close among frames.
pub(crate) fn closes(bytes: &[u8]) -> bool {
    close(bytes).is_some()
}

/// The first Close among frames. `None` if there is no whole one.
fn close(bytes: &[u8]) -> Option<End> {
    let frame = frames(bytes).find(|frame| frame.opcode() == CLOSE && frame.is_whole)?;
    Some(End::Close(
        match frame.unmasked().collect::<Vec<u8>>()[..] {
            [high, low, ..] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        },
    ))
}

/// The opcode of a Close, and the lowest one of a control frame.
pub(crate) const CLOSE: u8 = 0x8;

const PONG: u8 = 0xa;

/// A frame whose header is there.
struct Frame<'a> {
    head: &'a [u8],
    /// Where in the head a key stands or would stand.
    key_at: usize,
    key: Option<[u8; 4]>,
    /// How long the payload is to be.
    len: usize,
    /// What is there of it.
    payload: &'a [u8],
    is_whole: bool,
}

impl Frame<'_> {
    fn opcode(&self) -> u8 {
        self.head[0] & 0x0f
    }

    fn unmasked(&self) -> impl Iterator<Item = u8> {
        masked(self.payload, self.key.unwrap_or([0; 4]))
    }

    /// In how many bytes its length stands, if fewer would have done.
    fn longer_form(&self) -> Option<usize> {
        match (self.key_at - 2, self.len) {
            (2, ..=125) => Some(2),
            (8, ..=0xffff) => Some(8),
            _ => None,
        }
    }

    /// Whether a message is unfinished behind this frame, if one was or was not before.
    fn is_within(&self, within: bool) -> bool {
        match self.opcode() {
            CLOSE.. => within,
            _ => self.head[0] & 0x80 == 0,
        }
    }
}

/// Frames one after another, and what is left behind them.
struct Frames<'a> {
    rest: &'a [u8],
}

fn frames(bytes: &[u8]) -> Frames<'_> {
    Frames { rest: bytes }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let bytes = self.rest;
        let second = *bytes.get(1)?;
        let wide = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key_at = 2 + wide;
        let len = match wide {
            0 => u64::from(second & 0x7f),
            _ => bytes
                .get(2..key_at)?
                .iter()
                .fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let key: Option<[u8; 4]> = match second & 0x80 {
            0 => None,
            _ => Some(bytes.get(key_at..key_at + 4)?.try_into().ok()?),
        };
        let (head, rest) = bytes.split_at(key_at + key.map_or(0, |key| key.len()));
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (payload, behind) = rest.split_at(len.min(rest.len()));
        self.rest = behind;
        Some(Frame {
            head,
            key_at,
            key,
            len,
            payload,
            is_whole: payload.len() == len,
        })
    }
}

fn masked(payload: &[u8], key: [u8; 4]) -> impl Iterator<Item = u8> {
    payload
        .iter()
        .zip(key.into_iter().cycle())
        .map(|(byte, key)| byte ^ key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_masks_and_unmasks() {
        let masked = b"\x81\x81\x01\x00\x00\x00y\x89\x80abcd\x82\xfe\x00\x02\x00\x00\x00\x00hi";
        let plain = b"\x81\x01x\x89\x00\x82\x7e\x00\x02hi";
        assert_eq!(turned(masked), plain);
        assert_eq!(turned(&turned(plain)), plain);
    }

    #[test]
    fn what_is_not_whole_is_turned_as_far_as_it_is_there() {
        assert_eq!(turned(b""), b"");
        assert_eq!(turned(b"\x81"), b"\x81");
        assert_eq!(turned(b"\x81\x7e\x01"), b"\x81\xfe\x01");
        assert_eq!(
            turned(b"\x89\x00\x81\x81\x37"),
            b"\x89\x80\x37\xfa\x21\x3d\x81\x01\x37"
        );
        let endless = b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffx";
        assert_eq!(turned(&turned(endless)), endless);
    }

    #[test]
    fn frames_stop_in_a_header_a_payload_or_a_message() {
        assert_eq!(stop(b""), Stop::Whole);
        assert_eq!(stop(b"\x81\x01x\x89"), Stop::Header);
        assert_eq!(stop(b"\x81\x81\x00\x00\x00"), Stop::Header);
        assert_eq!(stop(b"\x81\x02x"), Stop::Payload { opcode: 1, len: 2 });
        assert_eq!(stop(b"\x01\x01x\x89\x00"), Stop::Message);
        assert_eq!(stop(b"\x01\x01x\x80\x00\x89\x00"), Stop::Whole);
    }

    #[test]
    fn pongs_are_told_up_to_the_close() {
        let pongs = vec![b"x".to_vec(), b"".to_vec()];
        let frames = b"\x8a\x01x\x81\x01y\x8a\x80abcd\x88\x00\x8a\x01z";
        let end = End::Close(None);
        assert_eq!(sent(frames, false), Sent { pongs, end });
        let nothing = |stalled| sent(b"\x8a\x01", stalled);
        assert_eq!(
            (nothing(true).end, nothing(false).end),
            (End::Stalled, End::Nothing)
        );
        assert!(nothing(false).pongs.is_empty());
    }

    #[test]
    fn a_close_stands_within_a_message_or_not() {
        assert!(closes_within_message(b"\x01\x01x\x89\x00\x88\x00"));
        assert!(!closes_within_message(
            b"\x01\x01x\x80\x00\x88\x00\x01\x00\x88\x00"
        ));
        assert!(!closes_within_message(b"\x01\x01x"));
    }

    #[test]
    fn a_control_frame_has_a_length_in_two_bytes_or_not() {
        assert!(has_wide_control(b"\x81\x00\x89\x7e\x00\x7d"));
        assert!(!has_wide_control(
            b"\x81\x7e\x00\x01x\x89\x01x\x89\x7e\x00\x7e"
        ));
    }

    #[test]
    fn a_length_stands_in_more_bytes_than_it_needs() {
        assert_eq!(longer_form(b"\x81\x01x\x81\x7e\x00\x7d"), Some(2));
        assert_eq!(longer_form(b"\x81\xfe\x00\x7d"), Some(2));
        assert_eq!(longer_form(b"\x81\x7f\x00\x00\x00\x00\x00\x00"), Some(8));
        assert_eq!(
            longer_form(b"\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
            Some(8)
        );
        assert_eq!(
            longer_form(b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
            None
        );
        assert_eq!(longer_form(b"\x81\x7e\x00\x7e"), None);
    }

    #[test]
    fn a_close_is_found_behind_other_frames() {
        assert_eq!(
            close(b"\x8a\x01x\x88\x02\x03\xe8"),
            Some(End::Close(Some(1000)))
        );
        assert_eq!(close(b"\x88\x80abcd"), Some(End::Close(None)));
        assert_eq!(
            close(b"\x88\x82\x01\x00\x00\x00\x02\xea"),
            Some(End::Close(Some(1002)))
        );
        assert_eq!(close(b"\x8a\x01x\x88\x02\x03"), None);
        assert_eq!(close(b""), None);
    }
}
