//! Everything random comes from one number, which is printed.

use std::fmt;
use std::str::FromStr;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// What a run draws its random numbers from: the same seed is the same run, as far as the network
/// allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// A seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The numbers of one connection or attack, whatever the others draw.
    pub fn numbers(self, of: u64) -> Numbers {
        let mut seed = [0; 32];
        let (left, right) = seed.split_at_mut(16);
        left[..8].copy_from_slice(&self.0.to_le_bytes());
        right[..8].copy_from_slice(&of.to_le_bytes());
        Numbers(ChaCha8Rng::from_seed(seed))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seed {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Random numbers.
#[derive(Debug)]
pub struct Numbers(ChaCha8Rng);

impl Numbers {
    /// A number below `end`, or 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end.max(1)
    }

    /// So many random bytes, which cannot be compressed.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Four random bytes.
    pub fn key(&mut self) -> [u8; 4] {
        self.0.next_u32().to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, of: u64) -> Vec<u64> {
        let mut numbers = Seed::new(seed).numbers(of);
        (0..8).map(|_| numbers.below(1 << 32)).collect()
    }

    #[test]
    fn a_seed_is_a_run() {
        assert_eq!(drawn(7, 3), drawn(7, 3));
        assert_ne!(drawn(7, 3), drawn(8, 3));
        assert_ne!(drawn(7, 3), drawn(7, 4));
        assert_ne!(
            drawn(7, 3),
            drawn(3, 7),
            "seed and connection are not one number"
        );
    }

    #[test]
    fn numbers_stay_below_their_end() {
        let mut numbers = Seed::new(1).numbers(1);
        assert!((0..1000).all(|_| numbers.below(10) < 10));
        assert_eq!(numbers.below(0), 0);
    }

    #[test]
    fn a_seed_is_read_as_it_is_printed() {
        let seed = Seed::new(u64::MAX);
        assert_eq!(seed.to_string().parse(), Ok(seed));
    }
}
