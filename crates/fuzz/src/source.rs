//! An input, read as decisions.

/// Reads decisions off the front of an input. Past its end every number is 0 and every run of
/// bytes empty, so that any input is a whole case and a shorter one a simpler case.
#[derive(Debug)]
pub(crate) struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    pub(crate) fn word(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A run of bytes behind its length, one byte.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte());
        self.take(len)
    }

    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// Places to cut at: a count, then two bytes for each; in order.
    pub(crate) fn cuts(&mut self) -> Cuts {
        let count = self.below(9);
        Cuts((0..count).map(|_| self.word()).collect())
    }

    /// A payload: short and literal most of the time, else one of the lengths at which another
    /// path begins, filled from a short run.
    pub(crate) fn payload(&mut self) -> Vec<u8> {
        let kind = self.byte();
        if kind < 240 {
            return self.take(usize::from(kind)).to_vec();
        }
        let len = LENGTHS[usize::from(kind - 240)];
        let pattern = self.bytes();
        let pattern = if pattern.is_empty() { b"x" } else { pattern };
        pattern.iter().copied().cycle().take(len).collect()
    }

    /// The same as text: what is not UTF-8 is replaced.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.payload()).into_owned()
    }
}

/// Places to cut an input at, for any length of it.
#[derive(Debug)]
pub(crate) struct Cuts(Vec<usize>);

impl Cuts {
    /// The places in an input of `len` bytes, in order.
    pub(crate) fn within(&self, len: usize) -> Vec<usize> {
        let mut places: Vec<_> = self.0.iter().map(|place| place % (len + 1)).collect();
        places.sort_unstable();
        places
    }

    /// The pieces between the cuts.
    pub(crate) fn pieces<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut start = 0;
        let ends = self.within(bytes.len()).into_iter().chain([bytes.len()]);
        ends.map(|end| &bytes[std::mem::replace(&mut start, end)..end])
            .collect()
    }
}

/// Around the forms of a frame's length, of memory and of copying.
const LENGTHS: [usize; 16] = [
    125, 126, 127, 255, 256, 1000, 2047, 2048, 4096, 4097, 16_383, 16_384, 16_385, 65_535, 65_536,
    70_000,
];
