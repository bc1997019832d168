//! The processor time another process has used.

use std::fs;
use std::io;
use std::time::Duration;

/// The time all threads of a process have spent on a processor, in user space and in the kernel.
///
/// From `schedstat`, which counts nanoseconds; `stat` counts in ticks of 10 ms.
///
/// # Errors
/// The process is gone, or the system does not tell.
pub fn of(pid: u32) -> io::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = thread?.path().join("schedstat");
        let text = fs::read_to_string(path)?;
        nanos += on_processor(&text).ok_or_else(|| io::Error::other("unknown schedstat"))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The first of the three numbers in `schedstat`.
fn on_processor(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time_on_a_processor() {
        assert_eq!(on_processor("123456789 4242 17\n"), Some(123_456_789));
        assert_eq!(on_processor(""), None);
    }
}
