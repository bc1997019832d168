//! Mutations without coverage: what a toolchain without libFuzzer can do.

/// The input changed in one to four places, the same for the same seed; 0 changes nothing.
pub fn mutated(input: &[u8], seed: u64) -> Vec<u8> {
    let mut bytes = input.to_vec();
    if seed == 0 {
        return bytes;
    }
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(8) {
            0 => bytes.insert(at, random.next() as u8),
            1 => bytes.truncate(at),
            2 => {
                let until = at + random.below(bytes.len() - at + 1);
                bytes.drain(at..until);
            }
            3 => {
                let until = at + random.below(bytes.len() - at + 1).min(64);
                let copied = bytes[at..until].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            4 => {
                let value = INTERESTING[random.below(INTERESTING.len())];
                bytes.splice(at..at, value.iter().copied());
            }
            _ if at == bytes.len() => bytes.push(random.next() as u8),
            5 => bytes[at] ^= 1 << random.below(8),
            6 => bytes[at] = bytes[at].wrapping_add(random.below(9) as u8),
            _ => bytes[at] = random.next() as u8,
        }
    }
    bytes
}

/// Reproducible numbers: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Headers of frames, borders of lengths and characters, words of the handshake.
const INTERESTING: [&[u8]; 16] = [
    b"\x81\x80\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x89\x00",
    b"\x00\x00\x00\xff\xff",
    b"\x7e\x00\x7e",
    b"\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
    b"\xff\xff",
    b"\xed\xa0\x80",
    b"\xf4\x90",
    b"\xe2\x82",
    b"\r\n",
    b", ",
    b"; client_max_window_bits=",
    b"permessage-deflate",
    b"Upgrade",
    b"websocket",
];
