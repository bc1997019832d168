//! Whatever a shell meets, the driver comes to an end: of each turn, and of the
//! connection.

use std::io::{self, ErrorKind};
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use socket_flow_protocol::driver::{Failure, Goal, Next, Receiving, Sending, Turn, drive};
use socket_flow_protocol::{CloseCode, Config, Event, Input, NEVER, Negotiated, Role, SendError};
use socket_flow_testing::wire;

use crate::support::{Others, frame, off, protocol, seconds};

/// A transport, a clock and callers that do what the choices say, and when
/// those run out all that they can.
#[derive(Debug)]
struct Shell {
    receiving: Receiving,
    sending: Sending,
    role: Role,
    choices: Vec<u8>,
    arriving: BytesMut,
    output: Vec<u8>,
    now: Duration,
    others: Option<Others>,
    /// Each message is answered by one, and nothing else is sent.
    echo: bool,
    /// Whether the transport took nothing when it was last to write.
    is_stuck: bool,
    /// Whether it failed, or the connection was aborted.
    is_broken: bool,
    result: Option<Result<(), Failure>>,
}

/// What a turn has found out, and so must not be told again.
#[derive(Debug, Default)]
struct Told {
    now: Option<Duration>,
    blocks_writes: bool,
    blocks_reads: bool,
    tried_to_shut_down: bool,
    /// Bytes, events, and what was interrupted: all that lets a turn go on.
    progress: usize,
}

impl Shell {
    fn choose(&mut self, below: u8) -> u8 {
        self.choices.pop().map_or(0, |choice| choice % below)
    }

    /// A turn of the connection, or of a call that only sends.
    fn turn(&mut self, goal: Option<Goal>) {
        let holds = self.echo || self.choose(2) == 1;
        let mut turn = Turn::holding(holds);
        let mut told = Told::default();
        for step in 0.. {
            assert!(step <= 20 + 3 * told.progress, "a busy loop: {told:?}");
            let next = match goal {
                Some(goal) => self.sending.next(goal, &turn),
                None => self.receiving.next(&mut self.sending, &turn),
            };
            assert!(goal.is_none() || !matches!(next, Next::Read | Next::Discard | Next::Found(_)));
            match next {
                Next::Read | Next::Discard => self.read(&next, &mut turn, &mut told),
                Next::Write => self.write(&mut turn, &mut told),
                Next::ShutDown => {
                    assert!(!told.tried_to_shut_down);
                    told.tried_to_shut_down = true;
                    turn.shut_down(self.choose(3) != 1);
                }
                Next::TakeOver => {
                    told.progress += 1;
                    turn.taken_over(self.sending.take_over(&mut self.others));
                }
                Next::Found(found) => {
                    told.progress += 1;
                    let event = self.receiving.take(found);
                    if let (Event::Message(message), true) = (event, self.echo) {
                        let queued = self.sending.queue(message);
                        assert!(matches!(queued, Ok(()) | Err(SendError::Closed(_))));
                    }
                }
                Next::Wait(Some(at)) if at <= self.now => {
                    assert!(told.now.is_none(), "the time, told twice");
                    told.now = Some(self.now);
                    turn.set_now(self.now);
                }
                Next::Wait(at) => return self.wait(at),
                Next::Yield => return,
                Next::Over(result) => {
                    if goal.is_none() {
                        self.over(result);
                    }
                    return;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn read(&mut self, next: &Next, turn: &mut Turn, told: &mut Told) {
        assert!(!told.blocks_reads);
        let is_asked_for_more = self.arriving.is_empty() && !self.choices.is_empty();
        let read = match self.choose(8) {
            1 | 2 => Poll::Pending,
            3 => self.fails(told, &[ErrorKind::Interrupted, ErrorKind::WouldBlock]),
            4 if self.choose(8) == 1 => self.fails(
                told,
                &[ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof],
            ),
            _ if is_asked_for_more => Poll::Pending,
            kind => {
                let most = if kind == 5 { 1 } else { 4096 };
                let mut count = most.min(self.arriving.len());
                if matches!(next, Next::Read) {
                    let mut space = self.receiving.space();
                    count = count.min(space.chunk_mut().len());
                    space.put_slice(&self.arriving[..count]);
                }
                self.arriving.advance(count);
                Poll::Ready(Ok(count))
            }
        };
        if let Poll::Ready(Ok(count)) = &read {
            told.progress += count;
        }
        let would_block = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
        told.blocks_reads = match &read {
            Poll::Pending => true,
            Poll::Ready(read) => read.as_ref().is_err_and(would_block),
        };
        self.receiving.read(&mut self.sending, turn, read);
    }

    fn write(&mut self, turn: &mut Turn, told: &mut Told) {
        assert!(!told.blocks_writes);
        let count = self.sending.queued().chunk().len();
        let written = match self.choose(8) {
            1 | 2 => Poll::Pending,
            3 => self.fails(told, &[ErrorKind::Interrupted, ErrorKind::WouldBlock]),
            4 if self.choose(8) == 1 => {
                self.is_broken = true;
                self.fails(told, &[ErrorKind::BrokenPipe, ErrorKind::ConnectionReset])
            }
            kind => {
                let count = if kind == 5 { count.min(1) } else { count };
                let queued = self.sending.queued();
                self.output.extend_from_slice(&queued.chunk()[..count]);
                told.progress += 1 + count;
                Poll::Ready(Ok(count))
            }
        };
        let done = match self.sending.wants_flush() {
            true => self.sending.flushed(written.map_ok(|_| ())),
            false => self.sending.wrote(written),
        };
        told.blocks_writes = done.is_pending();
        self.is_stuck = done.is_pending();
        if done.is_pending() {
            turn.block_writes();
        }
    }

    /// One of these, or the other.
    fn fails<T>(&mut self, told: &mut Told, kinds: &[ErrorKind; 2]) -> Poll<io::Result<T>> {
        told.progress += 1;
        let kind = kinds[usize::from(self.choose(2))];
        Poll::Ready(Err(kind.into()))
    }

    /// The time comes, or something happens before.
    fn wait(&mut self, at: Option<Duration>) {
        let early = self.choose(3) == 1;
        match at {
            Some(at) if !early => self.now = at,
            Some(at) => self.now += (at - self.now) / 2,
            None => {}
        }
    }

    fn over(&mut self, result: Result<(), Failure>) {
        match &self.result {
            None => self.result = Some(result),
            Some(Ok(())) => assert!(result.is_ok()),
            Some(Err(_)) => assert!(matches!(result, Err(Failure::Abnormal(_)))),
        }
    }

    /// What an application does between turns.
    fn call(&mut self) {
        let choice = self.choose(32);
        if self.echo {
            return;
        }
        match choice {
            1..=4 => _ = self.sending.queue(&[7; 40][..choice.into()]),
            5 => _ = self.sending.outgoing_mut().ping(b"ours"),
            6 => _ = self.sending.outgoing_mut().queue_part("part"),
            7 => _ = self.sending.outgoing_mut().queue_last_part("last"),
            8 => {
                let others = &mut self.others;
                _ = self.sending.start_close(CloseCode::NORMAL, "bye", others);
            }
            9..=12 => self.turn(Some(Goal::Flushed)),
            13 => self.turn(Some(Goal::Room)),
            14 => self.turn(Some(Goal::Closed)),
            15 => {
                self.sending.expect_handed_in();
                let others = self.others.take().unwrap_or_default();
                self.others = Some(others.message("handed in"));
            }
            16 if self.choose(8) == 1 => {
                let error = ErrorKind::Other.into();
                self.is_broken = true;
                self.receiving.abort(error, &mut self.sending);
            }
            _ => {}
        }
    }
}

/// Frames a peer may send, and bytes that are none.
fn arriving(role: Role, pieces: &[(u8, u8, Vec<u8>)]) -> BytesMut {
    let bytes = pieces.iter().flat_map(|(kind, first, payload)| match kind {
        0..=3 => frame(role, 0x81, &[b'a'; 300][..payload.len()]),
        4 | 5 => frame(role, 0x82, payload),
        6 | 7 => frame(role, 0x89, payload),
        8 => frame(role, 0x88, b"\x03\xe8"),
        9 => frame(role, 0x02, payload),
        10 => frame(role, 0x80, payload),
        11 => frame(role, 0x82, &[7; 70_000]),
        _ => [&[*first], &payload[..]].concat(),
    });
    bytes.collect::<Vec<_>>().as_slice().into()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_turn_comes_to_an_end_and_the_connection_after_the_peers(
        role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        high_water in prop_oneof![Just(1_usize), Just(100), Just(64 << 10)],
        deadlines in any::<bool>(),
        echo in any::<bool>(),
        pieces in vec((0..13_u8, any::<u8>(), vec(any::<u8>(), 0..125)), 0..30),
        choices in vec(any::<u8>(), 0..400),
    ) {
        let config = match deadlines {
            true => Config::new().idle_timeout(seconds(300)),
            false => off(),
        };
        let protocol = protocol(role, &config.high_water(high_water), Negotiated::default());
        let (receiving, sending) = drive(protocol, Input::new());
        let mut shell = Shell {
            receiving,
            sending,
            role,
            choices,
            arriving: arriving(role, &pieces),
            output: Vec::new(),
            now: seconds(1000),
            others: None,
            echo,
            is_stuck: false,
            is_broken: false,
            result: None,
        };
        while !shell.choices.is_empty() && shell.result.is_none() {
            shell.call();
            shell.turn(None);
        }
        // Then the transport does its best, and the peer ends.
        let turns = 10 + shell.arriving.len() / (60 << 10);
        for _ in 0..turns {
            shell.turn(None);
        }
        prop_assert!(shell.result.is_some(), "it never ends");
        prop_assert!(shell.receiving.is_over());
        prop_assert!(!shell.sending.has_output());
        prop_assert!(shell.others.is_none_or(|others| others.is_closed), "others wait");

        // Whole frames, but where it had to stop, and nothing after a Close.
        let (_, rest) = wire::frames(shell.role, &shell.output);
        if matches!(shell.result, Some(Ok(()))) && !shell.is_stuck && !shell.is_broken {
            prop_assert!(rest.is_empty(), "half a frame");
        }
        prop_assert!(shell.now < NEVER);
    }
}
