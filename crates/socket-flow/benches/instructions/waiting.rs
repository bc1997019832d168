//! What waiting costs where memory is used up, and 10,000 wait for it.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use bytes::BufMut;
use socket_flow_protocol::driver::{Next, Receiving, Sending, Turn, drive};
use socket_flow_protocol::{
    Budget, Config, Input, Lease, Negotiated, Newcomer, Protocol, Purpose, Timeouts,
};

use crate::Cell;

const WAITING: usize = 10_000;

/// All of it is used by something else.
const LIMIT: usize = 1 << 30;

pub(crate) fn cells() -> Vec<Cell> {
    vec![wake(), let_go(), leave()]
}

/// A message that waits, one in the middle of the line, is run for no reason and waits again.
fn wake() -> Cell {
    Cell::new("protocol/wait again among 10,000", 100, 1, |rounds| {
        let mut line = Line::new();
        for round in 0..rounds {
            let index = WAITING / 2 + round % 100;
            line.waiting[index].run(Duration::ZERO);
        }
    })
}

/// The patience of the message that came last is over: another one is let go, as large and older.
fn let_go() -> Cell {
    Cell::new("protocol/let one of 10,000 go", 10, 1, |rounds| {
        let mut line = Line::new();
        for _ in 0..rounds {
            let mut last = line.waiting.pop_back().expect("many");
            last.run(PATIENCE);
            let mut first = line.waiting.pop_front().expect("many");
            assert!(first.run(PATIENCE));
            assert!(!last.run(PATIENCE));
            line.waiting.push_back(Waiting::new(&line.config));
            line.waiting.push_back(Waiting::new(&line.config));
        }
    })
}

/// A handshake in the middle of the line is dropped, and another one joins.
fn leave() -> Cell {
    Cell::new(
        "protocol/leave 10,000 handshakes that wait",
        100,
        1,
        |rounds| {
            let budget = Budget::new(LIMIT);
            let _all = all(&budget);
            let mut line: Vec<_> = (0..WAITING).map(|_| newcomer(&budget)).collect();
            for round in 0..rounds {
                line[(WAITING / 2 + round) % WAITING] = newcomer(&budget);
            }
            black_box(line);
        },
    )
}

fn newcomer(budget: &Budget) -> Newcomer {
    let mut newcomer = budget.newcomer();
    let mut lease = budget.lease(Purpose::Handshakes);
    assert!(!newcomer.take(&mut lease, 1 << 20, || {}));
    newcomer
}

fn all(budget: &Budget) -> Lease {
    let mut lease = budget.lease(Purpose::Events);
    lease.set(LIMIT);
    lease
}

/// Messages that wait for memory, after one that goes beyond the budget.
struct Line {
    waiting: VecDeque<Waiting>,
    config: Config,
    _beyond: Waiting,
    _all: Lease,
}

impl Line {
    fn new() -> Self {
        let budget = Budget::with_patience(LIMIT, PATIENCE);
        let mut timeouts = Timeouts::default();
        timeouts.ping_interval = Duration::MAX;
        timeouts.idle = Duration::MAX;
        let config = Config::new().with_timeouts(timeouts).budget(budget.clone());
        let all = all(&budget);
        let beyond = Waiting::new(&config);
        Self {
            waiting: (0..WAITING).map(|_| Waiting::new(&config)).collect(),
            config,
            _beyond: beyond,
            _all: all,
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(1);

/// A connection in the middle of a message of 1 MiB.
struct Waiting {
    receiving: Receiving,
    sending: Sending,
    arrives: usize,
}

impl Waiting {
    fn new(config: &Config) -> Self {
        let protocol = Protocol::server(config.clone(), Negotiated::default());
        let mut input = Input::new();
        input.extend_from_slice(b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0");
        let (receiving, sending) = drive(protocol, input);
        let mut waiting = Self {
            receiving,
            sending,
            arrives: 4 << 10,
        };
        waiting.run(Duration::ZERO);
        waiting
    }

    /// Runs it until it waits; whether it ended.
    fn run(&mut self, now: Duration) -> bool {
        let mut turn = Turn::new();
        loop {
            match self.receiving.next(&mut self.sending, &turn) {
                Next::Read => {
                    let mut space = self.receiving.space();
                    let count = self.arrives.min(space.remaining_mut());
                    space.put_bytes(0, count);
                    self.arrives -= count;
                    let read = match count {
                        0 => std::task::Poll::Pending,
                        _ => std::task::Poll::Ready(Ok(count)),
                    };
                    self.receiving.read(&mut self.sending, &mut turn, read);
                }
                Next::Wait(Some(at)) | Next::Memory(Some(at)) if at <= now => turn.set_now(now),
                Next::Memory(_) => {
                    self.receiving.when_there_is_memory(|| {});
                    return false;
                }
                Next::Wait(_) => return false,
                // It was let go, and says so.
                _ => return true,
            }
        }
    }
}
