use std::env;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// Runs a test under many schedules: half of them chosen at random, half with few preemptions in
/// unlikely places, where most real races lie.
///
/// `SHUTTLE_SCHEDULES` says how many, `SHUTTLE_SEED` which; `SHUTTLE_REPLAY` names one schedule.
pub(crate) fn explore(test: fn()) {
    // Deadlines are timers of tokio, which only want to know that there is a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    if let Ok(schedule) = env::var("SHUTTLE_REPLAY") {
        shuttle::replay(test, &schedule);
        return;
    }
    let schedules = number("SHUTTLE_SCHEDULES", 2000) as usize;
    let seed = number("SHUTTLE_SEED", 1);
    let half = schedules / 2;
    let random = RandomScheduler::new_from_seed(seed, schedules - half);
    let run = Runner::new(random, Config::new()).run(test);
    let preempting = PctScheduler::new_from_seed(seed, PREEMPTIONS, half);
    let run = run + Runner::new(preempting, Config::new()).run(test);
    #[allow(clippy::print_stdout)] // the command counts them
    {
        println!("{run} schedules, seed {seed}");
    }
}

fn number(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    }
}

/// How often the second half of the schedules takes the turn from a task that could go on.
const PREEMPTIONS: usize = 3;
