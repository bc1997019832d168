use std::collections::VecDeque;
use std::time::Duration;

use crate::random::Random;
use crate::simulation::Outcome;

/// One direction of a transport: bytes in order, late, in pieces of any size,
/// or no more at all.
#[derive(Clone, Debug)]
pub(super) struct Link {
    random: Random,
    /// How many bytes may be under way.
    capacity: usize,
    /// The most that a piece takes to arrive.
    delay: Duration,
    /// When nothing arrives, in order.
    stalls: VecDeque<(Duration, Duration)>,
    /// After how many bytes what happens.
    fate: Option<(u64, Fate)>,
    under_way: VecDeque<Piece>,
    in_flight: usize,
    /// Bytes taken from the sender.
    taken: u64,
    state: State,
    /// Stalls that something had to wait for.
    stalled: u64,
}

/// What ends a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The sender's side is closed: the receiver reads up to here and then
    /// the end; what else is sent vanishes.
    HalfClose,
    /// Both sides fail from now on, and what was under way is gone.
    Reset,
    /// Bytes are taken and never arrive.
    Partition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The end is under way, behind the last piece.
    Ended {
        at: Duration,
    },
    /// The receiver is gone: what is sent vanishes.
    Unread,
    Fated(Fate),
}

#[derive(Clone, Debug)]
struct Piece {
    at: Duration,
    bytes: Vec<u8>,
    read: usize,
}

/// What a read found.
pub(super) enum Read {
    Data(usize),
    Nothing,
    End,
    Failed,
}

/// What became of a write.
pub(super) enum Write {
    Took(usize),
    Blocked,
    Failed,
}

impl Link {
    pub(super) fn new(seed: u64, capacity: usize, delay: Duration) -> Self {
        Self {
            random: Random::new(seed),
            capacity,
            delay,
            stalls: VecDeque::new(),
            fate: None,
            under_way: VecDeque::new(),
            in_flight: 0,
            taken: 0,
            state: State::Open,
            stalled: 0,
        }
    }

    /// Nothing arrives between these moments.
    pub(super) fn stalling(mut self, from: Duration, until: Duration) -> Self {
        self.stalls.push_back((from, until));
        self
    }

    pub(super) fn fated(mut self, after: u64, fate: Fate) -> Self {
        self.fate = Some((after, fate));
        self
    }

    /// Takes some of these bytes.
    pub(super) fn write(&mut self, now: Duration, bytes: &[u8]) -> Write {
        if let Some((after, fate)) = self.fate {
            if self.taken >= after {
                self.fate = None;
                self.meet(now, fate);
            }
        }
        match self.state {
            State::Fated(Fate::Reset) | State::Ended { .. } => return Write::Failed,
            State::Unread | State::Fated(Fate::HalfClose) => {
                self.taken += bytes.len() as u64;
                return Write::Took(bytes.len());
            }
            State::Fated(Fate::Partition) | State::Open => {}
        }
        let mut count = bytes.len().min(self.capacity - self.in_flight);
        if count == 0 {
            return Write::Blocked;
        }
        if self.random.one_in(3) {
            count = self.random.between(1, count);
        }
        if let Some((after, _)) = self.fate {
            // To the byte: at least one, as the fate is still to come.
            count = count.min((after - self.taken) as usize);
        }
        self.taken += count as u64;
        self.in_flight += count;
        if self.state == State::Open {
            let at = self.arrival(now);
            let bytes = bytes[..count].to_vec();
            self.under_way.push_back(Piece { at, bytes, read: 0 });
        }
        Write::Took(count)
    }

    /// Fills some of `space` with what has arrived.
    pub(super) fn read(&mut self, now: Duration, mut space: impl bytes::BufMut) -> Read {
        if self.state == State::Fated(Fate::Reset) {
            return Read::Failed;
        }
        let Some(piece) = self.under_way.front_mut().filter(|piece| piece.at <= now) else {
            return match self.state {
                State::Ended { at } if self.under_way.is_empty() && at <= now => Read::End,
                State::Fated(Fate::HalfClose) if self.under_way.is_empty() => Read::End,
                _ => Read::Nothing,
            };
        };
        let arrived = &piece.bytes[piece.read..];
        let mut count = arrived.len().min(space.remaining_mut());
        if self.random.one_in(3) {
            count = self.random.between(1, count);
        }
        space.put_slice(&arrived[..count]);
        piece.read += count;
        if piece.read == piece.bytes.len() {
            self.under_way.pop_front();
        }
        self.in_flight -= count;
        Read::Data(count)
    }

    /// The sender ends its direction in order.
    pub(super) fn shut_down(&mut self, now: Duration) {
        if self.state == State::Open {
            self.state = State::Ended {
                at: self.arrival(now),
            };
        }
    }

    /// The receiver is gone. Tells whether it leaves bytes unread, which
    /// resets both directions.
    pub(super) fn abandon(&mut self, now: Duration) -> bool {
        let unread = self.under_way.iter().any(|piece| piece.at <= now);
        if unread {
            self.reset();
        } else if self.state == State::Open {
            self.state = State::Unread;
        }
        unread
    }

    pub(super) fn reset(&mut self) {
        self.state = State::Fated(Fate::Reset);
        self.under_way.clear();
        self.in_flight = 0;
    }

    /// When something arrives next.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        let end = match self.state {
            State::Ended { at } => Some(at),
            _ => None,
        };
        let piece = self.under_way.front().map(|piece| piece.at);
        piece.into_iter().chain(end).filter(|at| *at > now).min()
    }

    pub(super) fn count_into(&self, outcome: &mut Outcome) {
        outcome.count("bytes", self.taken);
        outcome.count("stalls", self.stalled);
        if let State::Fated(fate) = self.state {
            let name = match fate {
                Fate::HalfClose => "half-closes",
                Fate::Reset => "resets",
                Fate::Partition => "partitions",
            };
            outcome.count(name, 1);
        }
    }

    fn meet(&mut self, now: Duration, fate: Fate) {
        self.state = State::Fated(fate);
        match fate {
            Fate::Reset => self.reset(),
            Fate::HalfClose => {}
            // What is under way does not arrive either.
            Fate::Partition => self.under_way.retain(|piece| piece.at <= now),
        }
    }

    /// When a piece that leaves now arrives: never before the one ahead.
    fn arrival(&mut self, now: Duration) -> Duration {
        let delay = self.random.below(self.delay.as_micros() as usize + 1);
        let ahead = self.under_way.back().map_or(now, |piece| piece.at);
        let mut at = ahead.max(now + Duration::from_micros(delay as u64));
        while let Some((from, until)) = self.stalls.front() {
            if at >= *until {
                self.stalls.pop_front();
                continue;
            }
            if at >= *from {
                at = *until;
                self.stalled += 1;
            }
            break;
        }
        at
    }
}
