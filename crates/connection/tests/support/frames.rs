//! Frames as bytes: a builder and a parser that share no code with the
//! library.

use socket_flow_connection::Role;

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// The mask of RFC 6455 §5.7.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as `sender` would send it.
pub(crate) fn frame(sender: Role, fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    let mask = u8::from(sender == Role::Client) << 7;
    match payload.len() {
        len @ ..=125 => bytes.push(mask | len as u8),
        len @ ..=0xffff => {
            bytes.push(mask | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(mask | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    if sender == Role::Client {
        bytes.extend(KEY);
        bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(a, b)| a ^ b));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// A whole message or control frame.
pub(crate) fn whole(sender: Role, opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(sender, true, opcode, payload)
}

/// A Close with a code.
pub(crate) fn close(sender: Role, code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.as_bytes());
    whole(sender, CLOSE, &payload)
}

/// One frame off the wire, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a Close; 1005 where it has none.
    pub(crate) fn close_code(&self) -> u16 {
        assert_eq!(self.opcode, CLOSE, "not a Close");
        match self.payload[..] {
            [high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 1005,
        }
    }
}

/// The whole frames at the start of `wire`, and what is left behind them.
pub(crate) fn split_frames(mut wire: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((frame, rest)) = next_frame(wire) {
        frames.push(frame);
        wire = rest;
    }
    (frames, wire)
}

/// `wire`, which must end with a whole frame.
pub(crate) fn parse(wire: &[u8]) -> Vec<Frame> {
    let (frames, rest) = split_frames(wire);
    assert!(rest.is_empty(), "{} bytes of half a frame", rest.len());
    frames
}

fn next_frame(wire: &[u8]) -> Option<(Frame, &[u8])> {
    let [first, second, rest @ ..] = wire else {
        return None;
    };
    assert_eq!(first & 0x70, 0, "reserved bits");
    let (len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (u16::from_be_bytes(*len).into(), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*len) as usize, rest)
        }
        len => (len as usize, rest),
    };
    let masked = second & 0x80 != 0;
    let (key, rest) = match masked {
        true => {
            let (key, rest) = rest.split_first_chunk::<4>()?;
            (*key, rest)
        }
        false => ([0; 4], rest),
    };
    let (payload, rest) = rest.split_at_checked(len)?;
    let frame = Frame {
        fin: first & 0x80 != 0,
        opcode: first & 0x0f,
        masked,
        payload: payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect(),
    };
    Some((frame, rest))
}
