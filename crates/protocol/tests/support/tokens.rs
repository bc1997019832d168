//! Reads DEFLATE (RFC 1951) without the library's help and without zlib's:
//! slow, simple, and it tells what it read.

/// What a compressed message was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Every (length, distance), in order.
    pub(crate) matches: Vec<(usize, usize)>,
    pub(crate) literals: usize,
    /// Bytes of stored blocks.
    pub(crate) stored: usize,
    /// Blocks of each type: stored, fixed, dynamic.
    pub(crate) blocks: [usize; 3],
    /// Blocks that said they were the last one.
    pub(crate) last_blocks: usize,
    /// The message.
    pub(crate) output: Vec<u8>,
}

impl Tokens {
    /// The farthest a match reaches back; 0 without any.
    pub(crate) fn farthest(&self) -> usize {
        let distances = self.matches.iter().map(|(_, distance)| *distance);
        distances.max().unwrap_or(0)
    }
}

/// A match that reaches before the beginning of its window.
pub(crate) const TOO_FAR: Fault = "a distance before the beginning";

/// Walks the messages of one direction of a connection.
#[derive(Debug)]
pub(crate) struct Walker {
    keeps_context: bool,
    /// What matches may refer to.
    window: Vec<u8>,
}

/// Why it is no compressed message.
pub(crate) type Fault = &'static str;

impl Walker {
    pub(crate) fn new(keeps_context: bool) -> Self {
        Self {
            keeps_context,
            window: Vec::new(),
        }
    }

    /// Lists a message's tokens; the payload is as it was sent, without its
    /// tail (RFC 7692 §7.2.1), which must complete an empty block.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Tokens, Fault> {
        let mut data = payload.to_vec();
        data.extend_from_slice(&[0x00, 0x00, 0xff, 0xff]);
        let mut tokens = Tokens::default();
        let mut bits = Bits { data: &data, at: 0 };
        let ended = loop {
            let last = bits.take(1)? == 1;
            let kind = bits.take(2)?;
            let start = self.window.len();
            match kind {
                0 => self.stored(&mut bits, &mut tokens)?,
                1 => self.codes(&mut bits, &mut tokens, &fixed())?,
                2 => {
                    let codes = dynamic(&mut bits)?;
                    self.codes(&mut bits, &mut tokens, &codes)?;
                }
                _ => return Err("a block of type 3"),
            }
            tokens.blocks[kind] += 1;
            let block = &self.window[start..];
            let is_empty = block.is_empty();
            tokens.output.extend_from_slice(block);
            if last {
                // The window starts anew, but for this message.
                tokens.last_blocks += 1;
                bits.align();
                self.window = tokens.output.clone();
            }
            if bits.at == 8 * data.len() {
                if kind != 0 || !is_empty {
                    return Err("a tail that is data");
                }
                break last;
            }
            if last && bits.at == 8 * payload.len() {
                break true;
            }
        };
        if ended || !self.keeps_context {
            self.window.clear();
        }
        Ok(tokens)
    }

    fn stored(&mut self, bits: &mut Bits<'_>, tokens: &mut Tokens) -> Result<(), Fault> {
        bits.align();
        let len = bits.take(16)?;
        if bits.take(16)? != len ^ 0xffff {
            return Err("a stored length that is not its own complement");
        }
        for _ in 0..len {
            let byte = bits.take(8)? as u8;
            self.window.push(byte);
        }
        tokens.stored += len;
        Ok(())
    }

    fn codes(
        &mut self,
        bits: &mut Bits<'_>,
        tokens: &mut Tokens,
        codes: &Codes,
    ) -> Result<(), Fault> {
        loop {
            let symbol = codes.literals.read(bits)?;
            match symbol {
                0..=255 => {
                    self.window.push(symbol as u8);
                    tokens.literals += 1;
                }
                256 => return Ok(()),
                257..=285 => {
                    let (base, extra) = LENGTHS[symbol - 257];
                    let len = base + bits.take(extra)?;
                    let (base, extra) = *DISTANCES
                        .get(codes.distances.read(bits)?)
                        .ok_or("a distance code of 30 or 31")?;
                    let distance = base + bits.take(extra)?;
                    let from = self.window.len().checked_sub(distance);
                    let from = from.ok_or(TOO_FAR)?;
                    for at in from..from + len {
                        self.window.push(self.window[at]);
                    }
                    tokens.matches.push((len, distance));
                }
                _ => return Err("a length code of 286 or 287"),
            }
        }
    }
}

#[derive(Debug)]
struct Bits<'a> {
    data: &'a [u8],
    /// In bits.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<usize, Fault> {
        let mut value = 0;
        for place in 0..count {
            let byte = self.data.get(self.at / 8).ok_or("a message cut off")?;
            value |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(value)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

/// A canonical Huffman code (RFC 1951 §3.2.2).
#[derive(Debug)]
struct Code {
    /// How many codes have each length.
    counts: [usize; 16],
    /// The symbols, by length, then by value.
    symbols: Vec<usize>,
}

impl Code {
    fn new(lens: &[usize]) -> Result<Self, Fault> {
        let mut counts = [0; 16];
        for len in lens {
            counts[*len] += 1;
        }
        counts[0] = 0;
        let mut left = 1;
        for count in &counts[1..] {
            left = 2 * left - *count as isize;
            if left < 0 {
                return Err("a code with too many codes");
            }
        }
        // A single code may have one bit, or there may be none at all.
        if left > 0 && counts[1..].iter().sum::<usize>() > counts[1] {
            return Err("a code with too few codes");
        }
        let mut symbols: Vec<_> = (0..lens.len()).filter(|at| lens[*at] > 0).collect();
        symbols.sort_by_key(|symbol| lens[*symbol]);
        Ok(Self { counts, symbols })
    }

    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, Fault> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err("a code that stands for nothing")
    }
}

#[derive(Debug)]
struct Codes {
    literals: Code,
    distances: Code,
}

fn fixed() -> Codes {
    let lens: Vec<_> = (0..288)
        .map(|symbol| match symbol {
            0..=143 => 8,
            144..=255 => 9,
            256..=279 => 7,
            _ => 8,
        })
        .collect();
    Codes {
        literals: Code::new(&lens).unwrap(),
        distances: Code::new(&[5; 32]).unwrap(),
    }
}

fn dynamic(bits: &mut Bits<'_>) -> Result<Codes, Fault> {
    let literals = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let lens = bits.take(4)? + 4;
    if literals > 286 || distances > 30 {
        return Err("too many codes");
    }
    let mut order = [0; 19];
    for place in &ORDER[..lens] {
        order[*place] = bits.take(3)?;
    }
    let code = Code::new(&order)?;
    if code.symbols.len() == 1 {
        return Err("a code with too few codes");
    }
    let mut all = Vec::new();
    while all.len() < literals + distances {
        let (len, times) = match code.read(bits)? {
            16 => {
                let len = *all.last().ok_or("a repeat of nothing")?;
                (len, 3 + bits.take(2)?)
            }
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            len => (len, 1),
        };
        all.extend(std::iter::repeat_n(len, times));
    }
    if all.len() > literals + distances {
        return Err("a repeat beyond the end");
    }
    if all[256] == 0 {
        return Err("a block without an end");
    }
    Ok(Codes {
        literals: Code::new(&all[..literals])?,
        distances: Code::new(&all[literals..])?,
    })
}

/// RFC 1951 §3.2.5: base and extra bits of the codes 257 to 285.
const LENGTHS: [(usize, usize); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Likewise of the distance codes.
const DISTANCES: [(usize, usize); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

/// RFC 1951 §3.2.7: the order of the code length codes.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
