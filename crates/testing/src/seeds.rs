use std::env;
use std::num::NonZero;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

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
    /// `count` seeds, unless [`FIRST`] and [`COUNT`] say otherwise. `command`
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
    /// command that runs it again.
    pub fn each(&self, run: impl Fn(u64) -> Report + Sync) -> Report {
        let next = AtomicU64::new(self.first);
        let work = || {
            let mut sum = Report::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.first.saturating_add(self.count) {
                    return sum;
                }
                let seeds = self;
                let guard = Reproduce {
                    seeds,
                    seed,
                    next: &next,
                };
                sum += &run(seed);
                drop(guard);
            }
        };
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let mut report = Report::default();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                report += &thread
                    .join()
                    .unwrap_or_else(|panic| panic::resume_unwind(panic));
            }
        });
        report.add("seeds", self.count);
        report.print(self.command);
        report
    }
}

/// The environment variable that names the first seed.
pub const FIRST: &str = "SOCKET_FLOW_SEED";

/// The environment variable that says how many seeds there are.
pub const COUNT: &str = "SOCKET_FLOW_SEEDS";

/// Tells how to run a seed again when it is dropped by a panic, and lets no
/// other begin.
struct Reproduce<'a> {
    seeds: &'a Seeds,
    seed: u64,
    next: &'a AtomicU64,
}

impl Drop for Reproduce<'_> {
    #[allow(clippy::print_stderr)] // whoever sees the panic reads it
    fn drop(&mut self) {
        if thread::panicking() {
            let (Seeds { command, test, .. }, seed) = (self.seeds, self.seed);
            let only = if test.is_empty() { "" } else { " --only " };
            eprintln!(
                "seed {seed} failed; again: cargo xtask {command} --seed {seed} --seeds 1{only}{test}"
            );
            self.next.store(u64::MAX / 2, Ordering::Relaxed);
        }
    }
}
