use std::env;
use std::thread;

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

    /// Runs the test with each seed. One that fails is named together with
    /// the command that runs it again.
    pub fn each(&self, mut run: impl FnMut(u64)) {
        for seed in self.first..self.first.saturating_add(self.count) {
            let guard = Reproduce { seeds: self, seed };
            run(seed);
            drop(guard);
        }
    }
}

/// The environment variable that names the first seed.
pub const FIRST: &str = "SOCKET_FLOW_SEED";

/// The environment variable that says how many seeds there are.
pub const COUNT: &str = "SOCKET_FLOW_SEEDS";

/// Tells how to run a seed again when it is dropped by a panic.
struct Reproduce<'a> {
    seeds: &'a Seeds,
    seed: u64,
}

impl Drop for Reproduce<'_> {
    #[allow(clippy::print_stderr)] // whoever sees the panic reads it
    fn drop(&mut self) {
        if thread::panicking() {
            let Seeds { command, test, .. } = self.seeds;
            let only = if test.is_empty() { "" } else { " --only " };
            eprintln!(
                "seed {seed} failed; again: \
                 cargo xtask {command} --seed {seed} --seeds 1{only}{test}",
                seed = self.seed,
            );
        }
    }
}
