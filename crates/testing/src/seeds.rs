use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Numbers that look random and are the same for the same seed.
pub use fastrand::Rng as Random;
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::report::Report;

/// The seeds a test runs with: a few by itself, more when a command of
/// `cargo xtask` asks for them through the environment.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    command: &'static str,
    test: &'static str,
    first: u64,
    count: u64,
}

impl Seeds {
    /// `count` seeds, unless the environment says otherwise. `command`
    /// is the subcommand of `cargo xtask` that runs the test of this name, or
    /// all there is where the name is empty.
    pub fn of(command: &'static str, test: &'static str, count: u64) -> Self {
        let number = |name| env::var(name).ok()?.parse().ok();
        Self {
            command,
            test,
            first: number(FIRST).unwrap_or(1),
            count: number(COUNT).unwrap_or(count),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Runs the test with each seed, on all processors; adds up what each
    /// reports, and prints it. One that fails is named together with the
    /// command that runs it again, and no other begins.
    pub fn each(&self, run: impl Fn(u64) -> Report + Sync) -> Report {
        // A pool of its own prints what this test prints, where that is captured.
        let pool = ThreadPoolBuilder::new().build().expect("threads");
        let seeds = self.first..self.first.saturating_add(self.count);
        let outcomes = seeds.into_par_iter().map(|seed| {
            let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
            outcome.inspect_err(|_| self.tell(seed))
        });
        let sum = |mut sum: Report, one| {
            sum += one;
            Ok(sum)
        };
        let outcome = pool.install(|| outcomes.try_reduce(Report::default, sum));
        let mut report = outcome.unwrap_or_else(|panic| resume_unwind(panic));
        report.add("seeds", self.count);
        report.print(self.command);
        report
    }

    /// Tells how to run a seed again.
    #[allow(clippy::print_stderr)] // whoever sees the panic reads it
    fn tell(&self, seed: u64) {
        let Self { command, test, .. } = self;
        let only = if test.is_empty() { "" } else { " --only " };
        eprintln!(
            "seed {seed} failed; again: cargo xtask {command} --seed {seed} --seeds 1{only}{test}"
        );
    }
}

/// One of these.
pub(crate) fn pick<T, const COUNT: usize>(random: &mut Random, choices: [T; COUNT]) -> T {
    random.choice(choices).expect("one at least")
}

/// The environment variable that names the first seed.
const FIRST: &str = "SOCKET_FLOW_SEED";

/// The environment variable that says how many seeds there are.
const COUNT: &str = "SOCKET_FLOW_SEEDS";
