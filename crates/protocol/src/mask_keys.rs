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
