use std::fmt;

use chacha20::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use socket_flow_frames::MaskKey;

/// Fresh, unpredictable masking keys (RFC 6455 §5.3 and §10.3).
///
/// A seeded CSPRNG: the same seed gives the same keys, which keeps the core
/// deterministic; the seed itself comes from the operating system.
pub(crate) struct MaskKeys {
    generator: ChaCha12Rng,
}

impl MaskKeys {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            generator: ChaCha12Rng::from_seed(seed),
        }
    }

    /// The next key. All-zero keys are skipped: they would put the payload
    /// on the wire in the clear.
    #[inline(never)] // the generator would crowd out its caller
    pub(crate) fn next_key(&mut self) -> MaskKey {
        loop {
            let key = self.generator.next_u32();
            if key != 0 {
                return MaskKey::from(key.to_le_bytes());
            }
        }
    }
}

impl fmt::Debug for MaskKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskKeys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed of whose first 64 words the one at `ZERO_AT` is zero: the only one among the first
    /// 125 million.
    const SEED: u32 = 0x0776_b115;
    const ZERO_AT: usize = 39;

    #[test]
    fn a_key_of_zeros_is_skipped() {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&SEED.to_le_bytes());
        let mut generator = ChaCha12Rng::from_seed(seed);
        let words: Vec<u32> = (0..64).map(|_| generator.next_u32()).collect();
        assert_eq!(words[ZERO_AT], 0);

        let mut keys = MaskKeys::new(seed);
        for (at, word) in words.iter().enumerate() {
            if at != ZERO_AT {
                assert_eq!(keys.next_key().to_bytes(), word.to_le_bytes(), "{at}");
            }
        }
    }
}
