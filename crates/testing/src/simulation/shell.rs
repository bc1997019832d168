use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Buf;
use bytes::buf::BufMut;
use socket_flow_connection::{Outlet, Sender};
use socket_flow_protocol::driver::{Accepts, Failure, Goal, Next, Receiving, Sending, Turn, drive};
use socket_flow_protocol::{
    CloseCode, Config, EventRef, Found, Input, Message, Negotiated, Protocol, Role,
};

use crate::seeds::{Random, pick};
use crate::simulation::clock::{COPIED, Clock, FRAME, LONGEST_TURN, LOOK, MESSAGE, READ};
use crate::simulation::halves::Halves;
use crate::simulation::inbox::{Inbox, Pings, Streams};
use crate::simulation::link::SharedLink;
use crate::simulation::taking::{Seen, compressed, handed_in};
use crate::simulation::times::Times;

/// A shell of the driver, over links: what the driver says is done, in pieces
/// of any size, and what comes of it is judged.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) role: Role,
    pub(super) clock: Clock,
    pub(super) random: Random,
    receiving: Receiving,
    pub(super) sending: Sending,
    /// Where others hand messages in, if they do.
    pub(super) senders: Option<(Sender, Outlet)>,
    inbound: SharedLink,
    outbound: SharedLink,
    /// Whether messages may be compressed.
    pub(super) is_compressed: bool,
    /// Whether its halves are in tasks of their own.
    pub(super) is_split: bool,
    /// Whether a message waits until the write queue has room for its reply.
    pub(super) holds: bool,
    /// Whether messages are for a handler, which takes each from here.
    pub(super) serves: bool,
    pub(super) kept: Option<Message>,
    /// Whether what was handed in leaves before a message is handed out: its
    /// handler answers through a sender.
    pub(super) drains: bool,
    /// Until when nothing is received.
    pub(super) paused_until: Duration,
    halves: Arc<Halves>,
    /// What is sent here.
    pub(super) streams: Streams,
    pub(super) inbox: Inbox,
    /// Whether the closing handshake began here, with nothing handed in that
    /// its Close had to overtake.
    pub(super) closes_after_all: bool,
    times: Times,
    /// How many of the bytes that were written a flush has followed.
    flushed: usize,
    /// Whether senders had their share since a call that sends was last ready: it
    /// need not wait for more of theirs.
    had_share: bool,
    /// How many turns there were since a message was handed out.
    pub(super) turns: usize,
    /// The work of what is compressed by turns, as far as no turn has done it.
    pub(super) owed: usize,
    /// What a handler answers, compressed, instead of an echo: so many bytes.
    pub(super) answers: usize,
    /// How it ended, once the application was told.
    pub(super) end: Option<&'static str>,
}

impl Shell {
    pub(super) fn new(
        role: Role,
        config: Config,
        negotiated: &Negotiated,
        mut random: Random,
        [inbound, outbound]: [SharedLink; 2],
        [streams, theirs]: [Streams; 2],
        clock: &Clock,
    ) -> Self {
        let times = Times::new(clock, config.clone());
        let seed = [(); 32].map(|()| random.u8(..));
        let protocol = match role {
            Role::Client => Protocol::client(config, negotiated.clone(), seed),
            Role::Server => Protocol::server(config, negotiated.clone()),
        };
        let (receiving, sending) = drive(protocol, Input::new());
        let accepts = random.bool();
        let mut shell = Self {
            role,
            clock: clock.clone(),
            receiving,
            sending,
            senders: None,
            inbound,
            outbound,
            is_compressed: negotiated.deflate().is_some(),
            is_split: random.bool(),
            holds: false,
            serves: false,
            kept: None,
            drains: false,
            paused_until: Duration::ZERO,
            halves: Arc::default(),
            streams,
            inbox: Inbox {
                streams: theirs,
                pings: Pings::default(),
            },
            closes_after_all: false,
            times,
            flushed: 0,
            had_share: false,
            turns: 0,
            owed: 0,
            answers: 0,
            end: None,
            random,
        };
        if accepts {
            shell.sender();
        }
        shell
    }

    /// A sender: others hand messages in from now on.
    pub(super) fn sender(&mut self) -> Sender {
        self.sending.expect_handed_in();
        let room = self.sending.outgoing().config().limits().high_water;
        let (sender, _) = self.senders.get_or_insert_with(|| Outlet::new(room));
        sender.clone()
    }

    /// Whether there is a Close of ours, after which nothing can be sent.
    pub(super) fn is_closing(&self) -> bool {
        self.sending.closing().is_sent()
    }

    /// How many bytes the transport took.
    pub(super) fn written(&self) -> usize {
        self.outbound.borrow().taken.len()
    }

    /// The receiving half: runs the connection until something is received, or
    /// it is over, which is `true`.
    pub(super) fn poll_receive(&mut self, waker: &Waker) -> Poll<bool> {
        self.halves.receiving.register(waker);
        if self.end.is_some() {
            return Poll::Ready(true);
        }
        if self.clock.poll_passed(self.paused_until).is_pending() && !self.is_closing() {
            return Poll::Pending;
        }
        let (was_closing, written) = (self.is_closing(), self.sending.written());
        let was_open = self.receiving.is_open();
        let mut turn = Turn::holding(self.holds);
        if self.drains {
            turn.drain_others();
        }
        let is_quick = self.random.bool() && !self.drains;
        let quick = is_quick.then(|| self.receiving.quick(&self.sending));
        let next = match quick.flatten() {
            Some(found) => Poll::Ready(Next::Found(found)),
            None => self.run(None, turn, waker),
        };
        let polled = next.map(|next| match next {
            Next::Found(found) => self.hand_out(found),
            Next::Over(result) => self.over(&result),
            other => panic!("{other:?}"),
        });
        let has_ended = self.is_closing() != was_closing || self.receiving.is_open() != was_open;
        if has_ended || self.sending.written() != written {
            // Whoever waits for room, or for a flush, must see it, or the end.
            self.halves.sending.wake();
        }
        polled.map(|()| self.end.is_some())
    }

    /// Runs the connection while its handler deals with a message. Ready: it has
    /// begun to end.
    pub(super) fn poll_drive(&mut self, waker: &Waker) -> Poll<()> {
        self.halves.receiving.register(waker);
        loop {
            match ready!(self.run(None, Turn::withholding(), waker)) {
                Next::Found(found) => self.hand_out(found),
                Next::Over(_) => return Poll::Ready(()),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The sending half: runs until the goal is reached.
    pub(super) fn poll_goal(&mut self, goal: Goal, waker: &Waker) -> Poll<Result<(), Failure>> {
        self.halves.sending.register(waker);
        let was_closing = self.is_closing();
        let next = self.run(Some(goal), Turn::new(), waker);
        if self.is_closing() != was_closing {
            // The other half keeps the deadline of what the peer may still say.
            self.halves.receiving.wake();
        }
        let Next::Over(result) = ready!(next) else {
            panic!("{goal:?} ends otherwise");
        };
        self.times.watch(result.as_ref().err());
        match &result {
            Ok(()) if goal == Goal::Flushed => self.assert_sent(self.had_share),
            Ok(()) if goal == Goal::Closed => self.assert_sent(false),
            _ => {}
        }
        self.had_share = false;
        Poll::Ready(result)
    }

    /// A message was queued, or a part of one.
    pub(super) fn queued(&mut self) {
        self.times.message = self.clock.now();
    }

    /// Begins to close, after all that was handed in. The receiving half writes
    /// the Close.
    pub(super) fn start_close(&mut self, code: u16) {
        let code = code.try_into().expect("a code that may be sent");
        self.closes_after_all = self.sending.accepts() != Accepts::Close;
        let mut taking = Seen::of(handed_in(&mut self.senders));
        self.sending
            .start_close(code, "bye", &mut taking)
            .expect("a short reason");
        for (len, compression) in taking.end() {
            self.charge_queued(len, compression);
        }
        self.watch();
        self.halves.receiving.wake();
    }

    /// The application drops the connection before it is over.
    pub(super) fn give_up(&mut self) {
        self.end = Some("dropped-ends");
        self.halves.receiving.wake();
    }

    /// The connection is dropped, and the transport with it.
    pub(super) fn leave(&mut self) {
        if !self.is_closing() {
            self.closes_after_all = self.sending.accepts() != Accepts::Close;
        }
        self.sending
            .leave(CloseCode::GOING_AWAY, &mut handed_in(&mut self.senders));
        let gone = self.poll_goal(Goal::Gone, Waker::noop());
        assert!(gone.is_ready(), "waiting for nobody");
        match self.inbound.borrow_mut().abandon() {
            true => self.outbound.borrow_mut().reset(),
            false => self.outbound.borrow_mut().shut_down(),
        }
    }

    /// Does what the driver says until it hands something out or is over: the
    /// whole connection, or its sending half up to a goal.
    fn run(&mut self, goal: Option<Goal>, mut turn: Turn, waker: &Waker) -> Poll<Next> {
        let both = Waker::from(self.halves.clone());
        self.turns += 1;
        // Far more than any turn takes.
        for _ in 0..1_000_000 {
            let was_compressing = self.sending.is_compressing();
            let next = match goal {
                None => self.receiving.next(&mut self.sending, &turn),
                Some(goal) => self.sending.next(goal, &turn),
            };
            self.watch();
            match next {
                Next::Read | Next::Discard => {
                    let mut inbound = self.inbound.borrow_mut();
                    let read = if matches!(next, Next::Read) {
                        let mut space = self.receiving.space();
                        let room = pick(&mut self.random, [1, 17, 4_096, 65_536]);
                        space.set_limit(room.min(space.remaining_mut()));
                        inbound.read(space, waker)
                    } else {
                        inbound.read(&mut [0; 4096][..], waker)
                    };
                    if let Poll::Ready(Ok(count @ 1..)) = read {
                        self.times.read = self.clock.now();
                        self.clock.charge(LOOK + count / READ);
                    }
                    self.receiving.read(&mut self.sending, &mut turn, read);
                }
                Next::Write if self.sending.wants_flush() => {
                    let flushed = self.poll_ready(&both).map(Ok);
                    match self.sending.flushed(flushed) {
                        Poll::Ready(()) => self.flushed = self.written(),
                        Poll::Pending => turn.block_writes(),
                    }
                }
                Next::Write => self.write(&mut turn, &both),
                Next::TakeOver => turn.taken_over(self.take_over()),
                Next::ShutDown => {
                    let is_done = self.poll_ready(&both).is_ready();
                    if is_done {
                        self.outbound.borrow_mut().shut_down();
                    }
                    turn.shut_down(is_done);
                }
                Next::Wait(Some(at)) if self.clock.poll_passed(at).is_ready() => {
                    turn.set_now(self.clock.now());
                }
                Next::Memory(Some(at)) if self.clock.poll_passed(at).is_ready() => {
                    turn.set_now(self.clock.now());
                }
                Next::Memory(_) => {
                    let called = waker.clone();
                    self.receiving.when_there_is_memory(|| called.wake());
                    ready!(self.poll_handed_in(waker));
                    turn.handed_in();
                }
                Next::Wait(_) if goal.is_none_or(|goal| goal == Goal::Closed) => {
                    ready!(self.poll_handed_in(waker));
                    turn.handed_in();
                }
                Next::Wait(_) => return Poll::Pending,
                Next::Yield => {
                    if was_compressing {
                        self.charge_turn();
                    }
                    waker.wake_by_ref();
                    return Poll::Pending;
                }
                next => return Poll::Ready(next),
            }
        }
        panic!("a turn without end");
    }

    /// The transport is ready, or puts something off for no reason.
    fn poll_ready(&mut self, waker: &Waker) -> Poll<()> {
        if self.random.usize(..6) > 0 {
            return Poll::Ready(());
        }
        waker.wake_by_ref();
        Poll::Pending
    }

    fn write(&mut self, turn: &mut Turn, waker: &Waker) {
        let mut outbound = self.outbound.borrow_mut();
        let wrote = outbound.write(self.sending.queued().chunk(), waker);
        let is_written = matches!(wrote, Poll::Ready(Ok(_)));
        if let Poll::Ready(Ok(count)) = wrote {
            self.times.written = self.clock.now();
            self.clock.charge(count / COPIED);
        }
        if self.sending.wrote(wrote).is_pending() {
            turn.block_writes();
        } else if is_written && self.sending.wants_flush() && self.sending.closing().is_sent() {
            outbound.closed();
        }
    }

    fn take_over(&mut self) -> bool {
        let (was_closing, buffered) = (self.is_closing(), self.sending.outgoing().buffered());
        let mut taking = Seen::of(handed_in(&mut self.senders));
        let is_more = self.sending.take_over(&mut taking);
        let seen = taking.end();
        let mut at_once = 0;
        for (len, compression) in seen {
            assert!(at_once < LONGEST_TURN, "{at_once} compressed in a turn");
            at_once += compressed(self.is_compressed, len, compression);
            self.charge_queued(len, compression);
        }
        self.had_share |= self.sending.had_share();
        // A Close that was handed in comes after all the rest.
        self.closes_after_all |= self.is_closing() && !was_closing;
        let count = self.sending.outgoing().buffered().saturating_sub(buffered);
        if count > 0 {
            self.times.message = self.clock.now();
            self.clock.charge(count / COPIED);
        }
        is_more
    }

    /// Waits for what others hand in, unless there is no room for it.
    fn poll_handed_in(&mut self, waker: &Waker) -> Poll<()> {
        let accepts = self.sending.accepts();
        match &mut self.senders {
            Some((_, outlet)) if accepts != Accepts::Nothing => {
                let only_close = accepts == Accepts::Close;
                outlet.poll_handed_in(only_close, &mut Context::from_waker(waker))
            }
            _ => Poll::Pending,
        }
    }

    /// Lent or owned, the application sees the same.
    fn hand_out(&mut self, found: Found) {
        self.clock
            .charge(if found.is_message() { MESSAGE } else { FRAME });
        if found.is_message() {
            let is_full = self.sending.outgoing().is_full();
            assert!(!self.holds || !is_full, "no room for a reply");
            self.times.message = self.clock.now();
            if self.serves {
                self.kept = self.receiving.take_message(found);
                return self.charge_inflated();
            }
            if self.random.bool() {
                let message = self.receiving.take_message(found).expect("a message");
                return self.inbox.receive(EventRef::Message(message.as_ref()));
            }
        }
        self.inbox.receive(self.receiving.lend(found));
    }

    /// Looks at what the last step has changed.
    fn watch(&mut self) {
        if self.is_closing() {
            self.times.closing.get_or_insert(self.clock.now());
        }
        self.times.watch(self.receiving.failure());
    }

    /// Success is true: what was queued and what was handed in, as far as it may
    /// be, was taken by the link, and a flush followed.
    fn assert_sent(&mut self, had_share: bool) {
        let senders = self.senders.as_ref();
        let waiting = senders.map_or(0, |(sender, _)| sender.buffered_amount());
        let may_wait = had_share || self.sending.accepts() == Accepts::Close;
        assert!(may_wait || waiting == 0, "sent, but {waiting} bytes wait");
        assert!(!self.sending.has_output(), "sent, but some are queued");
        // What left the queue was taken, or dropped.
        let (queued, taken) = (self.sending.written(), self.written());
        assert_eq!(taken as u64, queued, "sent, but some were dropped");
        assert_eq!(self.flushed, taken, "sent, but some are not flushed");
        assert!(self.sending.loss().is_none(), "sent, but some are lost");
    }

    /// The application is told, and so is everyone who sends.
    fn over(&mut self, result: &Result<(), Failure>) {
        let senders = self.senders.as_ref();
        let is_told = senders.is_none_or(|(sender, _)| sender.is_closed());
        assert!(is_told, "senders that nobody told");
        if result.is_ok() {
            self.assert_sent(false);
        }
        self.end = Some(self.times.judge(result));
    }
}
