use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::{BufMut, Bytes};

use crate::report::Report;
use crate::seeds::{Random, pick};
use crate::simulation::clock::Clock;
use crate::simulation::plan::Mood;

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
    /// The most microseconds that a piece takes to arrive.
    pub(super) delay: u64,
    /// When nothing arrives, in order.
    stalls: VecDeque<(Duration, Duration)>,
    /// After how many bytes what becomes of it.
    fate: Option<(usize, State)>,
    /// Whether the sender's side ends in order after its Close, which is no
    /// fault: the sender goes on reading the other direction.
    pub(super) ends_with_close: bool,
    /// What is in flight, and when it arrives; the end is an empty piece.
    pieces: VecDeque<(Duration, Bytes)>,
    in_flight: usize,
    /// All that was ever taken from the sender.
    pub(super) taken: Vec<u8>,
    state: State,
    reader: Option<Waker>,
    writer: Option<Waker>,
    pub(super) report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Bytes are taken and never arrive.
    Partitioned,
    /// The sender's side is closed, or the receiver gone: what is sent vanishes,
    /// and the receiver reads up to here.
    Unread,
    /// The sender has ended it in order.
    Ended,
    /// Both sides fail, and what was in flight is gone.
    Reset,
}

impl Link {
    /// A link without a fault where the mood is calm.
    pub(super) fn new(
        random: &mut Random,
        clock: &Clock,
        capacity: usize,
        mood: Mood,
    ) -> SharedLink {
        let (mut stalls, mut fate, mut until) = (VecDeque::new(), None, clock.now());
        for _ in 0..random.usize(..3) {
            let from = until + Duration::from_micros(random.u64(..20_000_000));
            until = from + Duration::from_micros(random.u64(..60_000_000));
            stalls.push_back((from, until));
        }
        if random.bool() {
            let most = pick(random, [10, 300, 30_000]);
            let fates = [State::Unread, State::Reset, State::Partitioned];
            fate = Some((random.usize(..most), pick(random, fates)));
        }
        let mut longest = 300_000;
        if mood != Mood::Rough {
            (longest, stalls, fate) = (2_000, VecDeque::new(), None);
        }
        Rc::new(RefCell::new(Self {
            clock: clock.clone(),
            capacity,
            delay: pick(random, [0, 500, longest]),
            stalls,
            fate,
            ends_with_close: random.usize(..4) == 0,
            pieces: VecDeque::new(),
            in_flight: 0,
            taken: Vec::new(),
            state: State::Open,
            reader: None,
            writer: None,
            report: Report::default(),
            random: random.fork(),
        }))
    }

    /// Takes some of these bytes.
    pub(super) fn write(&mut self, bytes: &[u8], waker: &Waker) -> Poll<io::Result<usize>> {
        self.meet_fate();
        let most = match self.state {
            State::Reset | State::Ended => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            State::Unread => bytes.len(),
            State::Open | State::Partitioned => bytes.len().min(self.capacity - self.in_flight),
        };
        if most == 0 {
            self.writer = Some(waker.clone());
            return Poll::Pending;
        }
        let mut count = self.some(most);
        if let Some((after, _)) = self.fate {
            // To the byte: at least one, as the fate is still to come.
            count = count.min(after - self.taken.len());
        }
        self.taken.extend_from_slice(&bytes[..count]);
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
        let piece = self.pieces.front().map_or(0, |(_, bytes)| bytes.len());
        let count = self.some(piece.min(space.remaining_mut()));
        // The end stays where it is.
        if let Some((_, bytes)) = self.pieces.front_mut().filter(|_| count > 0) {
            space.put(bytes.split_to(count));
            if bytes.is_empty() {
                self.pieces.pop_front();
            }
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
            let at = self.arrival();
            self.pieces.push_back((at, Bytes::new()));
            self.state = State::Ended;
        }
    }

    /// The receiver is gone. Tells whether it leaves bytes unread, which
    /// resets both directions.
    pub(super) fn abandon(&mut self) -> bool {
        let front = self.pieces.front();
        let unread = self.is_readable() && front.is_some_and(|(_, bytes)| !bytes.is_empty());
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
        let can_write = match self.state {
            State::Open | State::Partitioned => self.in_flight < self.capacity,
            _ => true,
        };
        let can_read = self.is_readable();
        let reader = self.reader.take_if(|_| can_read);
        let writer = self.writer.take_if(|_| can_write);
        [reader, writer].into_iter().flatten().for_each(Waker::wake);
    }

    /// When whoever reads can go on.
    pub(super) fn due(&self) -> Option<Duration> {
        self.reader.as_ref().and(self.next_at())
    }

    /// When the next piece or the end arrives.
    fn next_at(&self) -> Option<Duration> {
        self.pieces.front().map(|(at, _)| *at)
    }

    fn is_readable(&self) -> bool {
        self.state == State::Reset || self.next_at().is_some_and(|at| at <= self.clock.now())
    }

    /// All of it, or less.
    fn some(&mut self, count: usize) -> usize {
        match self.random.usize(..3) {
            0 if count > 0 => self.random.usize(1..=count),
            _ => count,
        }
    }

    fn meet_fate(&mut self) {
        let taken = self.taken.len();
        let fate = self.fate.take_if(|(after, _)| taken >= *after);
        match fate.filter(|_| self.state == State::Open) {
            None => {}
            Some((_, State::Reset)) => {
                self.report.add("resets", 1);
                self.reset();
            }
            Some((_, State::Unread)) => {
                self.report.add("half-closes", 1);
                self.shut_down();
                self.state = State::Unread;
            }
            // What is in flight does not arrive either.
            Some((_, state)) => {
                self.report.add("partitions", 1);
                self.state = state;
                let now = self.clock.now();
                self.pieces.retain(|(at, _)| *at <= now);
            }
        }
    }

    /// When a piece that leaves now arrives: never before the one ahead.
    fn arrival(&mut self) -> Duration {
        let delay = Duration::from_micros(self.random.u64(..=self.delay));
        let now = self.clock.now();
        let ahead = self.pieces.back().map_or(now, |(at, _)| *at);
        let at = ahead.max(now + delay);
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
