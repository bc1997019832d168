use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::{BufMut, Bytes};

use crate::random::Random;
use crate::report::Report;
use crate::simulation::clock::Clock;

/// A link as both of its ends have it.
pub(super) type SharedLink = Rc<RefCell<Link>>;

/// One direction of a transport: bytes in order, late, in pieces of any size,
/// or no more at all.
#[derive(Debug)]
pub(super) struct Link {
    clock: Clock,
    random: Random,
    /// How many bytes may be in flight.
    capacity: usize,
    /// The most that a piece takes to arrive.
    delay: Duration,
    /// When nothing arrives, in order.
    pub(super) stalls: VecDeque<(Duration, Duration)>,
    /// After how many bytes what happens.
    pub(super) fate: Option<(u64, Fate)>,
    /// Whether the sender's side ends in order after its Close, which is no
    /// fault: the sender goes on reading the other direction.
    pub(super) ends_with_close: bool,
    /// What is in flight, and when it arrives.
    pieces: VecDeque<(Duration, Bytes)>,
    in_flight: usize,
    /// Bytes taken from the sender.
    taken: u64,
    state: State,
    /// When the receiver finds the end.
    end_at: Option<Duration>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    report: Report,
}

/// What ends a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The sender's side is closed: the receiver reads up to here and then
    /// the end; what else is sent vanishes.
    HalfClose,
    /// Both sides fail from now on, and what was in flight is gone.
    Reset,
    /// Bytes are taken and never arrive.
    Partition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Bytes are taken and never arrive.
    Partitioned,
    /// What is sent vanishes.
    Unread,
    /// The sender has ended it in order.
    Ended,
    Reset,
}

impl Link {
    pub(super) fn new(clock: Clock, seed: u64, capacity: usize, delay: Duration) -> Self {
        Self {
            clock,
            random: Random::new(seed),
            capacity,
            delay,
            stalls: VecDeque::new(),
            fate: None,
            ends_with_close: false,
            pieces: VecDeque::new(),
            in_flight: 0,
            taken: 0,
            state: State::Open,
            end_at: None,
            reader: None,
            writer: None,
            report: Report::default(),
        }
    }

    pub(super) fn share(self) -> SharedLink {
        Rc::new(RefCell::new(self))
    }

    /// Takes some of these bytes.
    pub(super) fn write(&mut self, bytes: &[u8], waker: &Waker) -> Poll<io::Result<usize>> {
        self.meet_fate();
        let mut count = match self.state {
            State::Reset | State::Ended => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            State::Unread => bytes.len(),
            State::Open | State::Partitioned => bytes.len().min(self.capacity - self.in_flight),
        };
        if count == 0 {
            self.writer = Some(waker.clone());
            return Poll::Pending;
        }
        if self.random.one_in(3) {
            count = self.random.between(1, count);
        }
        if let Some((after, _)) = self.fate {
            // To the byte: at least one, as the fate is still to come.
            count = count.min((after - self.taken) as usize);
        }
        self.taken += count as u64;
        if self.state != State::Unread {
            self.in_flight += count;
        }
        if self.state == State::Open {
            let piece = Bytes::copy_from_slice(&bytes[..count]);
            let at = self.arrival();
            self.pieces.push_back((at, piece));
        }
        Poll::Ready(Ok(count))
    }

    /// Fills some of `space` with what has arrived.
    pub(super) fn read(
        &mut self,
        mut space: impl BufMut,
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        if !self.is_readable() {
            self.reader = Some(waker.clone());
            return Poll::Pending;
        }
        if self.state == State::Reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let Some((_, arrived)) = self.pieces.front_mut() else {
            return Poll::Ready(Ok(0));
        };
        let mut count = arrived.len().min(space.remaining_mut());
        if self.random.one_in(3) {
            count = self.random.between(1, count);
        }
        space.put(arrived.split_to(count));
        if arrived.is_empty() {
            self.pieces.pop_front();
        }
        self.in_flight -= count;
        Poll::Ready(Ok(count))
    }

    /// The sender's Close was its last byte.
    pub(super) fn closed(&mut self) {
        if self.ends_with_close && self.state == State::Open {
            self.report.add("ended-sides", 1);
            self.shut_down();
        }
    }

    /// The sender ends its direction in order.
    pub(super) fn shut_down(&mut self) {
        if self.state == State::Open {
            self.end_at = Some(self.arrival());
            self.state = State::Ended;
        }
    }

    /// The receiver is gone. Tells whether it leaves bytes unread, which
    /// resets both directions.
    pub(super) fn abandon(&mut self) -> bool {
        let unread = !self.pieces.is_empty() && self.is_readable();
        if unread {
            self.reset();
        } else if self.state == State::Open {
            self.state = State::Unread;
        }
        unread
    }

    pub(super) fn reset(&mut self) {
        self.state = State::Reset;
        self.pieces.clear();
        self.in_flight = 0;
    }

    /// Wakes whoever can go on.
    pub(super) fn wake(&mut self) {
        if self.is_readable() {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
        let is_blocked = matches!(self.state, State::Open | State::Partitioned)
            && self.in_flight == self.capacity;
        if !is_blocked {
            self.writer.take().into_iter().for_each(Waker::wake);
        }
    }

    /// When whoever reads can go on.
    pub(super) fn due(&self) -> Option<Duration> {
        self.reader.as_ref().and(self.next_at())
    }

    pub(super) fn count_into(&self, report: &mut Report) {
        report.add("bytes", self.taken);
        *report += &self.report;
    }

    /// When the next piece or the end arrives.
    fn next_at(&self) -> Option<Duration> {
        self.pieces.front().map(|(at, _)| *at).or(self.end_at)
    }

    fn is_readable(&self) -> bool {
        self.state == State::Reset || self.next_at().is_some_and(|at| at <= self.clock.now())
    }

    fn meet_fate(&mut self) {
        let taken = self.taken;
        let fate = self.fate.take_if(|(after, _)| taken >= *after);
        match fate.filter(|_| self.state == State::Open) {
            None => {}
            Some((_, Fate::Reset)) => {
                self.report.add("resets", 1);
                self.reset();
            }
            Some((_, Fate::HalfClose)) => {
                self.report.add("half-closes", 1);
                self.shut_down();
                self.state = State::Unread;
            }
            // What is in flight does not arrive either.
            Some((_, Fate::Partition)) => {
                self.report.add("partitions", 1);
                self.state = State::Partitioned;
                let now = self.clock.now();
                self.pieces.retain(|(at, _)| *at <= now);
            }
        }
    }

    /// When a piece that leaves now arrives: never before the one ahead.
    fn arrival(&mut self) -> Duration {
        let delay = self.random.below(self.delay.as_micros() as usize + 1);
        let now = self.clock.now();
        let ahead = self.pieces.back().map_or(now, |(at, _)| *at);
        let at = ahead.max(now + Duration::from_micros(delay as u64));
        while self.stalls.front().is_some_and(|(_, until)| *until <= at) {
            self.stalls.pop_front();
        }
        match self.stalls.front() {
            Some((from, until)) if *from <= at => {
                self.report.add("stalls", 1);
                *until
            }
            _ => at,
        }
    }
}
