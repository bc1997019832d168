//! How long honest clients wait, without an attack and beside one.

use std::time::Duration;

use tokio::time::{Instant, Interval, interval};

use crate::board::{Board, Latency};
use crate::signals::Phase;

/// The two latencies: the attack begins with phase 1.
#[derive(Clone, Debug)]
pub struct Waits {
    quiet: Latency,
    beside: Latency,
}

/// When a message was sent that is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    at: Instant,
    is_beside: bool,
}

/// When messages are sent: at their times, however long an answer or a write takes. One that leaves
/// late because the write before it had to wait has waited since its time.
#[derive(Debug)]
pub struct Schedule {
    ticks: Interval,
    /// When the write before was over.
    written: Instant,
}

impl Waits {
    /// The board's.
    pub fn on(board: &Board) -> Self {
        Self {
            quiet: board.latency("quiet"),
            beside: board.latency("beside"),
        }
    }

    /// Enters how long it took since a message was sent.
    pub fn record(&self, asked: Asked) {
        let latency = match asked.is_beside {
            true => &self.beside,
            false => &self.quiet,
        };
        latency.record(asked.at.elapsed());
    }
}

impl Asked {
    /// A message that left at this time.
    pub fn new(at: Instant, is_beside: bool) -> Self {
        Self { at, is_beside }
    }

    /// When it left.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Whether that was beside an attack.
    pub fn is_beside(&self) -> bool {
        self.is_beside
    }
}

impl Schedule {
    /// A message in each period.
    pub fn new(period: Duration) -> Self {
        Self {
            ticks: interval(period),
            written: Instant::now(),
        }
    }

    /// Waits until the next message is due; `None` once the last phase has begun.
    pub async fn next(&mut self, phase: &mut Phase) -> Option<Asked> {
        let due = tokio::select! {
            due = self.ticks.tick() => due,
            () = phase.ended() => return None,
        };
        // A timer that is late is no wait for the server.
        let at = match self.written <= due {
            true => Instant::now(),
            false => due,
        };
        (!phase.is_over()).then(|| Asked::new(at, phase.has_reached(1)))
    }

    /// The message has been written.
    pub fn written(&mut self) {
        self.written = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_counts_where_its_message_was_sent() {
        let board = Board::default();
        let waits = Waits::on(&board);
        waits.record(Asked::new(Instant::now(), false));
        waits.record(Asked::new(Instant::now() - Duration::from_secs(2), true));
        let line = board.line();
        assert_eq!(line["quiet_all_count"], 1);
        assert_eq!(line["beside_all_count"], 1);
        assert!(line["quiet_all_max"].as_u64() < Some(1_000_000));
        assert!(line["beside_all_max"].as_u64() >= Some(1_900_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_after_a_blocked_write_has_waited_since_its_time() {
        let (begin, mut phase) = Phase::by_hand();
        let mut schedule = Schedule::new(Duration::from_millis(5));
        let began = schedule.next(&mut phase).await.unwrap().at();
        // The write of this one takes 12 ms.
        tokio::time::advance(Duration::from_millis(12)).await;
        schedule.written();
        let mut after =
            async || (schedule.next(&mut phase).await.unwrap().at() - began).as_millis();
        assert_eq!(after().await, 5);
        assert_eq!(after().await, 10);
        assert_eq!(after().await, 15);
        begin.send_replace(1);
        assert!(schedule.next(&mut phase).await.unwrap().is_beside());
        begin.send_replace(u32::MAX);
        assert!(schedule.next(&mut phase).await.is_none());
    }
}
