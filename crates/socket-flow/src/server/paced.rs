use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep_until};

/// How slowly a client may take an answer: what an answer in plain HTTP is bounded by, whatever its
/// length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long it may take no byte.
    pub(crate) stall: Duration,
    /// The least it must take on average over each [`WINDOW`], in bytes a second.
    pub(crate) rate: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(WINDOW),
            rate: RATE,
        }
    }
}

/// A stream that is written at a pace. A write or a flush that falls behind it fails with
/// [`io::ErrorKind::TimedOut`].
#[derive(Debug)]
pub(crate) struct Paced<'a, S> {
    io: &'a mut S,
    progress: Progress,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<'a, S> Paced<'a, S> {
    pub(crate) fn new(io: &'a mut S, pace: Pace) -> Self {
        Self {
            io,
            progress: Progress::new(pace, Instant::now()),
            timer: None,
        }
    }

    /// When the last byte was taken.
    pub(crate) fn last(&self) -> Instant {
        self.progress.last
    }

    /// Judges an outcome: what was taken counts, and waiting has an end.
    fn poll_pace<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        taken: impl FnOnce(&T) -> usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(result) = polled {
            if let Ok(value) = &result {
                let now = Instant::now();
                self.progress.took(taken(value), now);
                if self.progress.is_under_rate() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
            return Poll::Ready(result);
        }
        loop {
            let Some(at) = self.progress.deadline() else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if timer.deadline() != at {
                timer.as_mut().reset(at);
            }
            ready!(timer.as_mut().poll(cx));
            self.progress.advance(at);
            if self.progress.is_stalled(at) || self.progress.is_under_rate() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.io).poll_write(cx, buf);
        self.poll_pace(written, |count| *count, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut *self.io).poll_flush(cx);
        self.poll_pace(flushed, |()| 0, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }
}

/// How much was taken in each second of the last [`WINDOW`].
#[derive(Debug)]
struct Progress {
    pace: Pace,
    start: Instant,
    last: Instant,
    /// What was taken in the current second, and in up to `WINDOW` seconds before it, which come
    /// first.
    taken: VecDeque<u64>,
    /// The current second since `start`.
    second: u64,
}

impl Progress {
    fn new(pace: Pace, start: Instant) -> Self {
        Self {
            pace,
            start,
            last: start,
            taken: VecDeque::from([0]),
            second: 0,
        }
    }

    fn took(&mut self, count: usize, now: Instant) {
        self.advance(now);
        self.last = now;
        if let Some(current) = self.taken.back_mut() {
            *current += count as u64;
        }
    }

    /// Forgets what was taken too long ago to count.
    fn advance(&mut self, now: Instant) {
        let second = (now - self.start).as_secs();
        for _ in 0..(second - self.second).min(WINDOW + 1) {
            self.taken.push_back(0);
            if self.taken.len() as u64 > WINDOW + 1 {
                self.taken.pop_front();
            }
        }
        self.second = second;
    }

    /// Whether nothing was taken for too long.
    fn is_stalled(&self, now: Instant) -> bool {
        self.stalls_at().is_some_and(|at| at <= now)
    }

    /// Whether less was taken than must be in the `WINDOW` seconds before the current one.
    fn is_under_rate(&self) -> bool {
        let before: u64 = self.taken.iter().rev().skip(1).sum();
        self.second >= WINDOW && before < u64::from(self.pace.rate) * WINDOW
    }

    /// When to look next.
    fn deadline(&self) -> Option<Instant> {
        let next = (self.pace.rate > 0)
            .then(|| self.start + Duration::from_secs((self.second + 1).max(WINDOW)));
        match (self.stalls_at(), next) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    fn stalls_at(&self) -> Option<Instant> {
        self.last.checked_add(self.pace.stall)
    }
}

/// How long a client of a [`Server`](crate::Server) may take nothing, if nothing else is said: as long
/// as the end of a connection may take. A server has the kernel tell how fast its client reads. Any
/// other stream may take a megabyte at once, and the next only when much of that is read: that is as
/// much as the rate says.
pub(crate) const SERVER_STALL: Duration = Duration::from_secs(5);

/// 8 kbit/s: slower than any link that a page is read over.
const RATE: u32 = 1024;

/// Over how many seconds the rate is taken: a link may rest in between.
const WINDOW: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// Takes `bytes` every `every` milliseconds; when that is too slow, in milliseconds.
    fn too_slow(pace: Pace, every: u64, bytes: usize) -> Option<u64> {
        let start = Instant::now();
        let mut progress = Progress::new(pace, start);
        let (mut now, mut next) = (0, every);
        while now < 200_000 {
            let look = progress
                .deadline()
                .map(|at| (at - start).as_millis() as u64);
            now = next.min(look.unwrap_or(next));
            progress.advance(at(start, now));
            if now == next {
                progress.took(bytes, at(start, now));
                next += every;
            }
            if progress.is_stalled(at(start, now)) || progress.is_under_rate() {
                return Some(now);
            }
        }
        None
    }

    #[test]
    fn a_client_is_too_slow_that_takes_nothing_for_5_s_or_under_1_kib_a_second_over_30_s() {
        let pace = Pace {
            stall: SERVER_STALL,
            ..Pace::default()
        };
        for (every, bytes, expected) in [
            (4_999, 30_000, None),
            (5_001, 1 << 30, Some(5_000)),
            // Twenty-nine times in the first 30 s, thirty times in any later.
            (1_000, 1_060, None),
            (1_000, 1_059, Some(30_000)),
            (1, 1, Some(30_000)),
            (4_000, 1, Some(30_000)),
            (250, 259, None),
        ] {
            assert_eq!(too_slow(pace, every, bytes), expected, "{every} {bytes}");
        }
        // Of another stream than a server's the rate is what counts.
        for (every, bytes, expected) in [
            (5_001, 30_000, None),
            (29_000, 1 << 20, None),
            (30_001, 1 << 30, Some(30_000)),
            (1_000, 1_059, Some(30_000)),
        ] {
            let too_slow = too_slow(Pace::default(), every, bytes);
            assert_eq!(too_slow, expected, "{every} {bytes}");
        }
        let patient = Pace {
            stall: crate::NEVER,
            rate: 0,
        };
        assert_eq!(too_slow(patient, 100_000, 1), None);
        let slow = Pace { rate: 0, ..pace };
        assert_eq!(too_slow(slow, 4_000, 1), None);
        let late = Pace {
            stall: crate::NEVER,
            ..pace
        };
        // A client that takes much at once may rest, for as long as that counts.
        assert_eq!(too_slow(late, 50_000, 1 << 20), Some(30_000));
        let fast = Pace {
            rate: u32::MAX,
            ..pace
        };
        assert_eq!(too_slow(fast, 100, 1 << 20), Some(30_000));
    }

    #[test]
    fn what_was_taken_counts_for_30_s_and_no_longer() {
        let start = Instant::now();
        let pace = Pace {
            stall: crate::NEVER,
            rate: 1024,
        };
        let mut progress = Progress::new(pace, start);
        progress.took(1 << 20, at(start, 500));
        for second in 30..=31 {
            progress.advance(at(start, second * 1000));
            assert_eq!(progress.is_under_rate(), second == 31, "{second}");
        }
        // A long silence forgets everything.
        progress.took(1 << 20, at(start, 100_000));
        progress.advance(at(start, 1_000_000));
        assert_eq!(progress.taken, [0; 31]);
    }
}
