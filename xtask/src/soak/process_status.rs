//! What the system tells about a process.

use std::fs;
use std::time::Duration;

/// A look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessStatus {
    /// Bytes in memory.
    pub(crate) resident: u64,
    /// The most there ever were.
    pub(crate) peak: u64,
    /// Bytes of private memory that it may write to, whether or not they were ever touched.
    pub(crate) data: u64,
    /// Open file descriptors.
    pub(crate) descriptors: u64,
    /// Processor time.
    pub(crate) cpu: Duration,
}

impl ProcessStatus {
    /// Looks at a process; `None` where there is none, or no `/proc`.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
        Some(Self {
            resident: bytes(&status, "VmRSS:")?,
            peak: bytes(&status, "VmHWM:")?,
            data: bytes(&status, "VmData:")?,
            descriptors: descriptors as u64,
            cpu: cpu(&stat)?,
        })
    }
}

/// A line such as `VmRSS:      1234 kB`.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// The fields 14 and 15, in ticks. The second field is a name that may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * TICK_MS))
}

/// 100 ticks a second, on every Linux that is not built by hand.
const TICK_MS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_kibibytes() {
        let status = "VmPeak:\t  900 kB\nVmHWM:\t   56 kB\nVmRSS:\t   34 kB\nThreads:\t1\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(34 << 10));
        assert_eq!(bytes(status, "VmHWM:"), Some(56 << 10));
        assert_eq!(bytes(status, "VmData:"), None);
    }

    #[test]
    fn processor_time_stands_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 99 0 0 0 12 34 0 0 20 0 3 0 5 6 7";
        assert_eq!(cpu(stat), Some(Duration::from_millis(460)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_looked_at() {
        let status = ProcessStatus::of(std::process::id()).unwrap();
        assert!(status.resident > 0 && status.resident <= status.peak);
        assert!(status.descriptors >= 3);
    }
}
