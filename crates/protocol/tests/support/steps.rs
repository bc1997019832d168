//! A shell in slow motion: a test says what the driver must say next, and what
//! comes of it.

use std::collections::VecDeque;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BufMut};
use socket_flow_protocol::driver::{Goal, Handed, HandedIn, Next, Receiving, Sending, Turn, drive};
use socket_flow_protocol::{
    CloseCode, CloseFrame, Config, Event, Input, Negotiated, Parcel, Protocol, Role,
};

use super::{Sent, parse, protocol};

/// Each method is one step: the driver must say so.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) receiving: Receiving,
    pub(crate) sending: Sending,
    pub(crate) turn: Turn,
    role: Role,
    goal: Option<Goal>,
    holds: bool,
}

macro_rules! says {
    ($steps:expr, $($next:tt)+) => {
        match $steps.next() {
            $($next)+ => {}
            other => panic!("it says {other:?}"),
        }
    };
}

impl Steps {
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        Self::with_input(role, config, Input::new())
    }

    pub(crate) fn negotiated(role: Role, config: &Config, negotiated: Negotiated) -> Self {
        Self::driving(role, protocol(role, config, negotiated), Input::new())
    }

    /// With what was read after the opening handshake.
    pub(crate) fn with_input(role: Role, config: &Config, input: Input) -> Self {
        Self::driving(role, protocol(role, config, Negotiated::default()), input)
    }

    fn driving(role: Role, protocol: Protocol, input: Input) -> Self {
        let (receiving, sending) = drive(protocol, input);
        Self {
            receiving,
            sending,
            turn: Turn::new(),
            role,
            goal: None,
            holds: false,
        }
    }

    /// Ends the turn and begins another.
    pub(crate) fn turn(&mut self) -> &mut Self {
        self.turn = Turn::holding(self.holds);
        self
    }

    /// From the next turn, now, messages are held back, or not.
    pub(crate) fn holds(&mut self, holds: bool) -> &mut Self {
        self.holds = holds;
        self.turn()
    }

    /// A call that only sends, in a turn of its own.
    pub(crate) fn sends(&mut self, goal: Goal) -> &mut Self {
        self.goal = Some(goal);
        self.turn()
    }

    /// Receives again, in a turn of its own.
    pub(crate) fn receives(&mut self) -> &mut Self {
        self.goal = None;
        self.turn()
    }

    /// The application queues a Close with 1000.
    pub(crate) fn closes(&mut self) -> &mut Self {
        let close = self.sending.start_close(CloseCode::NORMAL, "", &mut ());
        assert_eq!(close, Ok(()));
        self
    }

    #[track_caller]
    pub(crate) fn reads(&mut self, bytes: &[u8]) -> &mut Self {
        says!(self, Next::Read);
        let mut space = self.receiving.space();
        assert!(space.chunk_mut().len() >= bytes.len());
        space.put_slice(bytes);
        self.read(Poll::Ready(Ok(bytes.len())))
    }

    /// It reads as often as it takes, each time as much as there is space for.
    #[track_caller]
    pub(crate) fn reads_all(&mut self, mut bytes: &[u8]) -> &mut Self {
        while !bytes.is_empty() {
            let space = self.receiving.space().chunk_mut().len();
            let (piece, rest) = bytes.split_at(space.min(bytes.len()));
            self.reads(piece);
            bytes = rest;
        }
        self
    }

    #[track_caller]
    pub(crate) fn reads_nothing(&mut self) -> &mut Self {
        says!(self, Next::Read);
        self.read(Poll::Pending)
    }

    #[track_caller]
    pub(crate) fn reads_the_end(&mut self) -> &mut Self {
        says!(self, Next::Read);
        self.read(Poll::Ready(Ok(0)))
    }

    #[track_caller]
    pub(crate) fn read_fails(&mut self, kind: io::ErrorKind) -> &mut Self {
        says!(self, Next::Read);
        self.read(Poll::Ready(Err(kind.into())))
    }

    /// The shell has found out that the transport failed.
    pub(crate) fn read_has_failed(&mut self, kind: io::ErrorKind) -> &mut Self {
        self.read(Poll::Ready(Err(kind.into())))
    }

    #[track_caller]
    pub(crate) fn discards(&mut self, count: usize) -> &mut Self {
        assert!(count > 0);
        says!(self, Next::Discard);
        self.read(Poll::Ready(Ok(count)))
    }

    #[track_caller]
    pub(crate) fn discards_nothing(&mut self) -> &mut Self {
        says!(self, Next::Discard);
        self.read(Poll::Pending)
    }

    #[track_caller]
    pub(crate) fn discards_the_end(&mut self) -> &mut Self {
        says!(self, Next::Discard);
        self.read(Poll::Ready(Ok(0)))
    }

    #[track_caller]
    pub(crate) fn discard_fails(&mut self, kind: io::ErrorKind) -> &mut Self {
        says!(self, Next::Discard);
        self.read(Poll::Ready(Err(kind.into())))
    }

    /// Everything queued is written: these frames.
    #[track_caller]
    pub(crate) fn writes(&mut self, frames: &[(u8, &[u8])]) -> &mut Self {
        says!(self, Next::Write);
        let queued = self.sending.queued();
        let bytes = queued.chunk().to_vec();
        assert_eq!(bytes.len(), queued.len());
        let sent = parse(self.role, &bytes);
        let sent: Vec<_> = sent
            .iter()
            .map(|(first, data)| (*first, &data[..]))
            .collect();
        assert_eq!(sent, frames);
        assert!(self.sending.wrote(Poll::Ready(Ok(bytes.len()))).is_ready());
        self
    }

    /// Everything queued is written, whatever it is and whatever was written of
    /// it before.
    #[track_caller]
    pub(crate) fn writes_the_rest(&mut self) -> &mut Self {
        says!(self, Next::Write);
        let rest = self.sending.queued().len();
        assert!(rest > 0 && self.sending.wrote(Poll::Ready(Ok(rest))).is_ready());
        self
    }

    /// Everything queued is written, in as many pieces as it takes, and flushed:
    /// these frames.
    #[track_caller]
    pub(crate) fn writes_out(&mut self) -> Vec<Sent> {
        let mut bytes = Vec::new();
        says!(self, Next::Write);
        while !self.sending.queued().is_empty() {
            let chunk = self.sending.queued().chunk().to_vec();
            assert!(self.sending.wrote(Poll::Ready(Ok(chunk.len()))).is_ready());
            bytes.extend(chunk);
        }
        self.flushes();
        parse(self.role, &bytes)
    }

    /// What was queued is compressed by turns, to the end or until there is
    /// something to write, and there is nothing to read: how many turns that
    /// took.
    #[track_caller]
    pub(crate) fn compresses(&mut self) -> usize {
        let mut turns = 0;
        while self.sending.outgoing().has_output() && !self.sending.has_output() {
            match self.next() {
                Next::Read => _ = self.read(Poll::Pending),
                Next::Yield => {
                    turns += 1;
                    self.turn();
                }
                other => panic!("it says {other:?}"),
            }
        }
        turns
    }

    #[track_caller]
    pub(crate) fn writes_some(&mut self, count: usize) -> &mut Self {
        says!(self, Next::Write);
        assert!(self.sending.queued().len() > count);
        assert!(self.sending.wrote(Poll::Ready(Ok(count))).is_ready());
        self
    }

    #[track_caller]
    pub(crate) fn write_blocks(&mut self) -> &mut Self {
        says!(self, Next::Write);
        assert!(!self.sending.queued().is_empty());
        assert!(self.sending.wrote(Poll::Pending).is_pending());
        self.turn.block_writes();
        self
    }

    #[track_caller]
    pub(crate) fn write_fails(&mut self, kind: io::ErrorKind) -> &mut Self {
        says!(self, Next::Write);
        assert!(!self.sending.queued().is_empty());
        assert!(self.sending.wrote(Poll::Ready(Err(kind.into()))).is_ready());
        self
    }

    #[track_caller]
    pub(crate) fn flushes(&mut self) -> &mut Self {
        says!(self, Next::Write);
        assert!(self.sending.wants_flush() && self.sending.queued().is_empty());
        assert!(self.sending.flushed(Poll::Ready(Ok(()))).is_ready());
        self
    }

    #[track_caller]
    pub(crate) fn flush_blocks(&mut self) -> &mut Self {
        says!(self, Next::Write);
        assert!(self.sending.wants_flush() && self.sending.queued().is_empty());
        assert!(self.sending.flushed(Poll::Pending).is_pending());
        self.turn.block_writes();
        self
    }

    #[track_caller]
    pub(crate) fn flush_fails(&mut self, kind: io::ErrorKind) -> &mut Self {
        says!(self, Next::Write);
        assert!(self.sending.wants_flush() && self.sending.queued().is_empty());
        assert!(
            self.sending
                .flushed(Poll::Ready(Err(kind.into())))
                .is_ready()
        );
        self
    }

    #[track_caller]
    pub(crate) fn shuts_down(&mut self) -> &mut Self {
        says!(self, Next::ShutDown);
        self.turn.shut_down(true);
        self
    }

    #[track_caller]
    pub(crate) fn shutting_down_blocks(&mut self) -> &mut Self {
        says!(self, Next::ShutDown);
        self.turn.shut_down(false);
        self
    }

    /// Takes over what others have handed in; whether there is more.
    #[track_caller]
    pub(crate) fn takes_over(&mut self, others: &mut Others, is_more: bool) -> &mut Self {
        says!(self, Next::TakeOver);
        assert_eq!(self.sending.take_over(others), is_more);
        self.turn.taken_over(is_more);
        self
    }

    /// It asks for the time and is told it.
    #[track_caller]
    pub(crate) fn asks_the_time(&mut self, now: Duration) -> &mut Self {
        says!(self, Next::Wait(Some(Duration::ZERO)));
        self.turn.set_now(now);
        self
    }

    /// It waits until then, and that has come.
    #[track_caller]
    pub(crate) fn waits_until(&mut self, at: Duration) -> &mut Self {
        says!(self, Next::Wait(Some(asked)) if asked == at);
        self.turn.set_now(at);
        self
    }

    /// It waits; something happens before that time, or without one.
    #[track_caller]
    pub(crate) fn waits(&mut self, at: Option<Duration>) -> &mut Self {
        says!(self, Next::Wait(asked) if asked == at);
        self.turn()
    }

    #[track_caller]
    pub(crate) fn yields(&mut self) -> &mut Self {
        says!(self, Next::Yield);
        self
    }

    /// It yields as often as it takes to deal with what was read.
    #[track_caller]
    pub(crate) fn yields_until_it_reads(&mut self) -> &mut Self {
        loop {
            match self.next() {
                Next::Yield => _ = self.turn(),
                Next::Read => return self,
                other => panic!("it says {other:?}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn finds(&mut self, event: &Event) -> &mut Self {
        match self.next() {
            Next::Found(found) => assert_eq!(self.receiving.take(found), *event),
            other => panic!("it says {other:?}"),
        }
        self
    }

    #[track_caller]
    pub(crate) fn is_over(&mut self) -> &mut Self {
        says!(self, Next::Over(Ok(())));
        self
    }

    /// How often in a row it finds this, at most this often.
    #[track_caller]
    pub(crate) fn finds_up_to(&mut self, most: usize, event: &Event) -> usize {
        for found in 0..most {
            match self.next() {
                Next::Found(found) => assert_eq!(self.receiving.take(found), *event),
                Next::Yield => return found,
                other => panic!("it says {other:?}"),
            }
        }
        most
    }

    /// It is over by this failure, as `Debug` shows it.
    #[track_caller]
    pub(crate) fn has_failed(&mut self, failure: &str) -> &mut Self {
        match self.next() {
            Next::Over(Err(error)) => assert_eq!(format!("{error:?}"), failure),
            other => panic!("it says {other:?}"),
        }
        self
    }

    /// What it says next.
    pub(crate) fn next(&mut self) -> Next {
        match self.goal {
            Some(goal) => self.sending.next(goal, &self.turn),
            None => self.receiving.next(&mut self.sending, &self.turn),
        }
    }

    fn read(&mut self, read: Poll<io::Result<usize>>) -> &mut Self {
        self.receiving.read(&mut self.sending, &mut self.turn, read);
        self
    }
}

/// Others that hand messages and a Close in.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub(crate) waiting: VecDeque<Handed>,
    pub(crate) is_refused: bool,
    pub(crate) is_closed: bool,
}

impl Others {
    pub(crate) fn message(mut self, text: &str) -> Self {
        self.waiting.push_back(Handed::Message(Parcel::new(text)));
        self
    }

    pub(crate) fn close(mut self, frame: CloseFrame) -> Self {
        self.waiting.push_back(Handed::Close(frame));
        self
    }
}

impl HandedIn for Others {
    fn next(&mut self, only_close: bool) -> Option<Handed> {
        match self.waiting.front()? {
            Handed::Message(_) if only_close => None,
            _ => self.waiting.pop_front(),
        }
    }

    fn refuse(&mut self) {
        self.is_refused = true;
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.waiting.clear();
    }
}
