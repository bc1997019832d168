//! What happens, as rows over time.

use std::fmt;
use std::time::Duration;

/// A moment of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Since the scenario began.
    pub(crate) at: Duration,
    /// What goes on.
    pub(crate) phase: String,
    /// Bytes of the server in memory.
    pub(crate) resident: u64,
    /// The server's file descriptors.
    pub(crate) descriptors: u64,
    /// The server's tasks.
    pub(crate) tasks: u64,
    /// The server's open connections.
    pub(crate) connections: u64,
    /// Messages the server has received or pushed.
    pub(crate) messages: u64,
    /// Messages that are lost, repeated or torn, on either side.
    pub(crate) lost: u64,
    /// How long clients waited lately, in microseconds, and how long the slowest hundredth.
    pub(crate) latency: Option<(u64, u64)>,
}

/// The line above the rows.
pub(crate) const HEADER: &str = "    time  phase                     RSS MiB     fds   tasks    \
                                 open     messages  lost      p50 ms      p99 ms";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6.1} s  {:<24} {:>8.1} {:>7} {:>7} {:>7} {:>12} {:>5}",
            self.at.as_secs_f64(),
            self.phase,
            self.resident as f64 / f64::from(1 << 20),
            self.descriptors,
            self.tasks,
            self.connections,
            self.messages,
            self.lost,
        )?;
        match self.latency {
            Some((half, most)) => {
                let ms = |micros: u64| micros as f64 / 1e3;
                write!(f, " {:>11.2} {:>11.2}", ms(half), ms(most))
            }
            None => write!(f, " {:>11} {:>11}", "-", "-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_names() {
        let row = Row {
            at: Duration::from_millis(1_500),
            phase: "open".into(),
            resident: 3 << 19,
            descriptors: 12,
            tasks: 5,
            connections: 4,
            messages: 1_000,
            lost: 0,
            latency: Some((150, 2_340)),
        };
        let line = row.to_string();
        assert_eq!(
            line,
            "   1.5 s  open                          1.5      12       5       4         1000     \
             0        0.15        2.34"
        );
        for (name, value) in [
            ("RSS MiB", "1.5 "),
            ("messages", "1000"),
            ("p99 ms", "2.34"),
        ] {
            let end = |text: &str, of: &str| text.rfind(of).unwrap() + of.trim_end().len();
            assert_eq!(end(HEADER, name), end(&line, value), "{name}");
        }
        let without = Row {
            latency: None,
            ..row
        };
        assert!(without.to_string().ends_with(" -           -"));
    }
}
