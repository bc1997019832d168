//! What a program has counted so far, as lines of JSON.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value};

/// Longer waits count as this long.
const LONGEST: Duration = Duration::from_secs(600);

/// The counters and latencies of a program.
#[derive(Debug, Default)]
pub struct Board {
    /// How often it is printed.
    period: Duration,
    counters: Mutex<Vec<(&'static str, Counter)>>,
    latencies: Mutex<Vec<(&'static str, Latency)>>,
}

/// A number that only grows, or a gauge.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

/// How long something took, each time: since the last line, and ever.
#[derive(Clone, Debug)]
pub struct Latency(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    recent: Histogram<u64>,
    all: Histogram<u64>,
}

/// Counts one more while it lives.
#[derive(Debug)]
pub struct Held(Counter);

impl Board {
    /// An empty one, which is printed so often.
    pub fn new(period: Duration) -> Arc<Self> {
        Arc::new(Self {
            period,
            ..Self::default()
        })
    }

    /// The counter of this name.
    pub fn counter(&self, name: &'static str) -> Counter {
        entry(&mut lock(&self.counters), name, Counter::default)
    }

    /// The latencies of this name.
    pub fn latency(&self, name: &'static str) -> Latency {
        entry(&mut lock(&self.latencies), name, Latency::new)
    }

    /// Prints a line for as long as it is polled. `refresh` is called before each, for gauges that
    /// are asked for.
    #[allow(clippy::print_stdout)] // a program's output
    pub async fn report(&self, mut refresh: impl FnMut()) {
        loop {
            tokio::time::sleep(self.period).await;
            refresh();
            println!("{}", self.line());
        }
    }

    /// Prints the last line, which says so.
    #[allow(clippy::print_stdout)] // a program's output
    pub fn finish(&self) {
        self.counter("done").add(1);
        println!("{}", self.line());
    }

    pub(crate) fn line(&self) -> Value {
        let mut line = Map::new();
        for (name, counter) in lock(&self.counters).iter() {
            line.insert((*name).to_owned(), counter.get().into());
        }
        for (name, latency) in lock(&self.latencies).iter() {
            latency.describe(name, &mut line);
        }
        line.into()
    }
}

impl Counter {
    /// Counts.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Sets a gauge.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Raises it to at least this.
    pub fn raise(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    /// Counts one more until the value is dropped.
    pub fn hold(&self) -> Held {
        self.add(1);
        Held(self.clone())
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Latency {
    fn new() -> Self {
        // Two digits that count, up to the longest: the bounds are constants that fit.
        let histogram = || Histogram::new_with_max(LONGEST.as_micros() as u64, 2).expect("bounds");
        Self(Arc::new(Mutex::new(Times {
            recent: histogram(),
            all: histogram(),
        })))
    }

    /// Enters how long it took once.
    pub fn record(&self, took: Duration) {
        let micros = took.min(LONGEST).as_micros() as u64;
        let mut times = lock(&self.0);
        times.recent.saturating_record(micros);
        times.all.saturating_record(micros);
    }

    fn describe(&self, name: &str, line: &mut Map<String, Value>) {
        let mut times = lock(&self.0);
        for (which, histogram) in [("recent", &times.recent), ("all", &times.all)] {
            for (quantile, at) in [("min", 0.0), ("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
                let key = format!("{name}_{which}_{quantile}");
                line.insert(key, histogram.value_at_quantile(at).into());
            }
            line.insert(format!("{name}_{which}_count"), histogram.len().into());
        }
        times.recent.reset();
    }
}

fn entry<T: Clone>(
    entries: &mut Vec<(&'static str, T)>,
    name: &'static str,
    make: impl FnOnce() -> T,
) -> T {
    if let Some((_, known)) = entries.iter().find(|(known, _)| *known == name) {
        return known.clone();
    }
    let made = make();
    entries.push((name, made.clone()));
    made
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What stands in it are numbers: they are as good as they were.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_one_name_are_one() {
        let board = Board::default();
        board.counter("sent").add(2);
        board.counter("sent").add(3);
        let held = board.counter("open").hold();
        assert_eq!(board.line().to_string(), r#"{"open":1,"sent":5}"#);
        drop(held);
        assert_eq!(board.line().to_string(), r#"{"open":0,"sent":5}"#);
    }

    #[test]
    fn latencies_are_told_since_the_last_line_and_ever() {
        let board = Board::default();
        let latency = board.latency("echo");
        for micros in 1..=100 {
            latency.record(Duration::from_micros(micros));
        }
        let line = board.line();
        assert_eq!(line["echo_recent_p50"], 50);
        assert_eq!(line["echo_all_p99"], 99);
        assert_eq!(line["echo_all_max"], 100);
        latency.record(Duration::from_secs(10_000));
        let line = board.line();
        assert_eq!(line["echo_recent_count"], 1);
        assert_eq!(line["echo_all_count"], 101);
        assert_eq!(line["echo_all_min"], 1);
    }
}
