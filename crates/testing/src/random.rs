/// Numbers that look random and are the same for the same seed.
pub use fastrand::Rng as Random;

/// One of these.
pub(crate) fn pick<T, const COUNT: usize>(random: &mut Random, choices: [T; COUNT]) -> T {
    random.choice(choices).expect("one at least")
}
