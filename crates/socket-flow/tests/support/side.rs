//! The two sides of a connection, and the frames of whoever attacks one.

/// Who is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) const SIDES: [Side; 2] = [Side::Client, Side::Server];

impl Side {
    /// A frame of the attacker's: `length` is the length field as an unmasked frame has it, one,
    /// three or nine bytes; towards a server the mask bit and a key are added.
    pub(crate) fn frame(self, first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Client => [&[first], length, payload].concat(),
            Self::Server => masked(first, length, payload),
        }
    }

    /// The same in the wrong direction.
    pub(crate) fn misdirected(self, first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Client => masked(first, length, payload),
            Self::Server => [&[first], length, payload].concat(),
        }
    }

    /// A frame whose length is encoded as it should be.
    pub(crate) fn whole(self, first: u8, payload: &[u8]) -> Vec<u8> {
        match payload.len() {
            len @ 0..=125 => self.frame(first, &[len as u8], payload),
            len => {
                let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
                self.frame(first, &[126, high, low], payload)
            }
        }
    }
}

fn masked(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let key = KEY.iter().cycle();
    let payload: Vec<u8> = payload
        .iter()
        .zip(key)
        .map(|(byte, key)| byte ^ key)
        .collect();
    [&[first, length[0] | 0x80], &length[1..], &KEY, &payload].concat()
}
