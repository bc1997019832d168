//! Durations, counted in buckets that are 3 % wide.

use std::time::Duration;

/// Buckets for each power of two, as a power of two.
const FINE: u32 = 5;

/// How often which duration occurred.
#[derive(Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            counts: vec![0; 64 << FINE],
            total: 0,
        }
    }

    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    /// The duration below which the given part of all lies, or `None` of nothing.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let rank = (self.total as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map(|bucket| Duration::from_nanos(middle(bucket)))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Small values have a bucket each; from there on the leading bits decide.
fn bucket(nanos: u64) -> usize {
    let bits = u64::BITS - nanos.leading_zeros();
    let shift = bits.saturating_sub(FINE + 1);
    ((shift as usize) << FINE) + (nanos >> shift) as usize
}

fn middle(bucket: usize) -> u64 {
    let shift = (bucket >> FINE).saturating_sub(1);
    let lowest = ((bucket - (shift << FINE)) as u64) << shift;
    lowest + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_for_its_values_within_two_percent() {
        for nanos in [0, 1, 31, 32, 63, 64, 65, 1000, 123_456, 98_765_432_100] {
            let told = middle(bucket(nanos));
            let error = told.abs_diff(nanos) as f64;
            assert!(error <= nanos as f64 * 0.02 + 0.5, "{nanos} as {told}");
        }
    }

    #[test]
    fn buckets_grow_with_their_values() {
        let mut last = 0;
        for nanos in 0..100_000 {
            let next = bucket(nanos);
            assert!(next == last || next == last + 1, "{nanos}");
            last = next;
        }
    }

    #[test]
    fn quantiles_are_found_from_the_smallest_on() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), None);
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        let near = |part, micros: f64| {
            let found = histogram.quantile(part).unwrap().as_secs_f64() * 1e6;
            assert!((found / micros - 1.0).abs() < 0.03, "{part}: {found}");
        };
        near(0.0, 1.0);
        near(0.5, 50.0);
        near(0.99, 99.0);
        near(1.0, 100.0);
    }
}
