mod crowd;
mod estate;
mod flushes;
mod memory;
mod putting;
mod queue;
mod stall;
mod taking;
mod waiting;

use std::mem;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use socket_flow_protocol::driver::{Accepts, Handed, cost};
use socket_flow_protocol::{Budget, CloseCode, CloseFrame, Utf8Bytes};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::sender::outbox::crowd::Crowd;
use crate::sender::outbox::memory::{QueueMemory, own, pressed_below};
use crate::sender::outbox::queue::Queue;
use crate::sync::{AtomicBool, Caller, Mutex, MutexGuard};

pub(crate) use crowd::Late;
pub(crate) use estate::{Estate, panic_code};
pub(crate) use flushes::is_reached;
pub(crate) use taking::Taking;

/// What the [`Sender`](crate::Sender)s of a connection have handed in and the
/// connection has not taken yet.
///
/// Room in it is counted in bytes, as [`cost`] has it. One message larger than
/// everything fits an empty outbox.
///
/// How it ends, and what is true from then on:
///
/// | by | `room` | messages | Close |
/// |---|---|---|---|
/// | [`ask_to_close`](Self::ask_to_close) of a sender | closed | wait, or are dropped | waits after them |
/// | [`close_to_senders`](Self::close_to_senders) | closed | wait to be taken over | as it was |
/// | [`discard`](Self::discard): our Close is queued | closed | none | none, and none is taken |
/// | [`leave`](Self::leave), [`end`](Self::end) | as it was | as they were | as it was; who flushes is told |
///
/// A message is put in under the lock and only while `room` is open, so that none
/// comes after the decision to close. `filled` is true while something waits that the
/// connection takes.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The room that is left, for which senders queue up in order. Closed
    /// once no message is taken any more.
    pub(crate) room: Semaphore,
    /// All of the room.
    pub(crate) capacity: u32,
    /// The room that is there without borrowing from a budget: all of it where
    /// there is none.
    pub(crate) own: u32,
    /// How long a sender waits while nothing is taken over, in milliseconds:
    /// timers know nothing finer, and each connection has an outbox.
    /// `u32::MAX`: without limit.
    stall: u32,
    /// Whether it belongs to an [`Outlet`](crate::Outlet): then a sender waits as
    /// long as the owner runs it, also while nothing is taken over.
    pub(crate) is_of_outlet: bool,
    /// Whether the connection would find something. Invariant: changed only
    /// under the lock; read without it.
    filled: AtomicBool,
    /// Whether someone waits until what was handed in is sent. Invariant: as
    /// `filled`.
    pub(crate) flushing: AtomicBool,
    /// Whether memory is borrowed, or waited for. Invariant: as `filled`.
    pub(crate) is_borrowing: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) waiting: Queue,
    /// The Close that follows what waits.
    close: Option<Box<CloseFrame>>,
    /// Whoever runs the connection, while it found nothing to take over.
    pub(crate) waker: Option<Waker>,
    /// What only a full queue needs.
    pub(crate) crowd: Option<Box<Crowd>>,
    /// What is borrowed from a budget, where there is one and messages are taken.
    pub(crate) memory: Option<Box<QueueMemory>>,
    /// Where less room is left, half of all that there can be is taken.
    pub(crate) pressed_below: u32,
    pub(crate) late: Late,
    /// Who last handed something in and would have waited for room.
    pub(crate) sender: Option<Caller>,
    /// Whether the connection has no use for messages now: it is woken for a
    /// Close alone.
    pub(crate) awaits_close: bool,
    /// Since when the connection looks no more: its Close was queued then. In a
    /// box, for it is there when hardly anything else is.
    pub(crate) shut_at: Option<Box<Instant>>,
    pub(crate) run: Run,
    /// Whether something was dropped that was handed in and not taken over.
    pub(crate) lost: bool,
    /// Whether an [`Heir`](crate::writer::Heir) waits for what the connection leaves.
    pub(crate) is_awaited: bool,
    /// What a connection that is dropped says in place of 1001.
    pub(crate) drop_code: Option<CloseCode>,
    /// What the connection left, until its heir takes it.
    pub(crate) estate: Option<Box<Estate>>,
}

/// Whether the connection is polled. Once it has ended: whether all that it took over
/// was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Run {
    #[default]
    Runs,
    /// It was dropped; its transport may still be ended by others.
    Left,
    /// It has ended, its transport included.
    Ended { sent: bool },
}

impl Outbox {
    /// An outbox for so many bytes. Senders wait without limit where `stall`
    /// is [`NEVER`](crate::NEVER).
    pub(crate) fn new(capacity: usize, stall: Duration, budget: Option<&Budget>) -> Self {
        let capacity = u32::try_from(capacity.min(Semaphore::MAX_PERMITS))
            .unwrap_or(u32::MAX)
            .max(1);
        let stall = stall.as_nanos().div_ceil(1_000_000);
        let own = own(capacity, budget);
        let state = State {
            memory: budget.map(|budget| Box::new(QueueMemory::new(budget))),
            pressed_below: pressed_below(own, capacity),
            ..State::default()
        };
        Self {
            room: Semaphore::new(own as usize),
            capacity,
            own,
            stall: u32::try_from(stall).unwrap_or(u32::MAX),
            is_of_outlet: false,
            filled: AtomicBool::new(false),
            flushing: AtomicBool::new(false),
            is_borrowing: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// Begins to close: after what waits, or in its place.
    pub(crate) fn ask_to_close(&self, frame: CloseFrame, at_once: bool) {
        self.room.close();
        let mut state = self.lock();
        if at_once {
            state.lost |= !state.waiting.is_empty();
            state.waiting.clear();
        }
        if state.shut_at.is_some() {
            return;
        }
        state.close.get_or_insert_with(|| Box::new(frame));
        self.announce(state);
        if at_once {
            // What was dropped is charged no more.
            self.release_permits(0);
        }
    }

    /// Takes no more messages; those that wait stay.
    pub(crate) fn close_to_senders(&self) {
        self.room.close();
    }

    /// The connection takes nothing more: drops what waits.
    pub(crate) fn discard(&self) {
        self.room.close();
        let mut state = self.lock();
        if state.shut_at.is_some() {
            return;
        }
        let discarded = State {
            shut_at: Some(Box::new(Instant::now())),
            run: state.run,
            lost: state.lost || !state.waiting.is_empty(),
            is_awaited: state.is_awaited,
            drop_code: state.drop_code,
            crowd: state.flushes(),
            ..State::default()
        };
        let left = mem::replace(&mut *state, discarded);
        self.filled.store(false, Ordering::Release);
        self.is_borrowing.store(false, Ordering::Relaxed);
        drop(state);
        // Outside the lock: a waker may own whoever comes here again.
        drop(left);
    }

    /// The connection has ended, its transport included, and has sent all that it
    /// took over, or not.
    pub(crate) fn end(&self, is_sent: bool) {
        let mut state = self.lock();
        state.run = match state.run {
            Run::Runs => Run::Ended { sent: is_sent },
            Run::Left => Run::Ended { sent: false },
            ended @ Run::Ended { .. } => ended,
        };
        self.drop_flushes(state);
    }

    /// Nobody runs the connection any more: whoever still waits for it is told.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        if state.run == Run::Runs {
            state.run = Run::Left;
        }
        self.drop_flushes(state);
    }

    /// Nothing more is sent: dropping the flushes says so to those who wait.
    fn drop_flushes(&self, mut state: MutexGuard<'_, State>) {
        let crowd = state.crowd.as_mut();
        let flushes = crowd.map(|crowd| mem::take(&mut crowd.flushes));
        state.caught_up();
        self.flushing.store(false, Ordering::Release);
        drop(state);
        // Outside the lock: a waker may run whoever waits at once.
        drop(flushes);
    }

    /// Takes what was handed in next. The room of a message is added to `freed`, to be
    /// given back by [`Outbox::release_permits`].
    pub(crate) fn pop(&self, freed: &mut u32) -> Option<Handed> {
        let mut state = self.lock();
        if let Some((parcel, cost)) = state.waiting.pop() {
            state.late = Late::No;
            *freed += match &mut state.crowd {
                Some(crowd) => crowd.took(cost, self.capacity),
                None => cost,
            };
            if state.waiting.is_empty() {
                let is_drained = state.close.is_none();
                self.ran_dry(&mut state, is_drained);
            }
            return Some(Handed::Message(parcel));
        }
        self.ran_dry(&mut state, true);
        let close = state.close.take()?;
        Some(Handed::Close(*close))
    }

    /// No message waits, and no Close where it `is_drained`.
    fn ran_dry(&self, state: &mut State, is_drained: bool) {
        state.caught_up();
        if is_drained {
            self.filled.store(false, Ordering::Release);
        }
    }

    /// The Close, where nothing waits before it: all there is to do inside a
    /// message.
    pub(crate) fn take_close(&self) -> Option<Box<CloseFrame>> {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            return None;
        }
        let close = state.close.take()?;
        self.filled.store(false, Ordering::Release);
        Some(close)
    }

    /// Whether a Close waits, whatever is before it.
    pub(crate) fn has_close(&self) -> bool {
        self.lock().close.is_some()
    }

    /// Gives the room back of what has left the queue.
    pub(crate) fn release_permits(&self, room: u32) {
        // Who borrows since what left was taken has seen that it is gone.
        if self.is_borrowing.load(Ordering::Relaxed) {
            self.release_borrowed(room);
        } else {
            self.add_permits(room);
        }
    }

    pub(crate) fn add_permits(&self, room: u32) {
        if room > 0 {
            self.room.add_permits(room as usize);
        }
    }

    /// Whether the connection would find something, without the lock.
    #[inline]
    pub(crate) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    /// Waits until there is something for a connection that accepts this.
    /// Where it accepts nothing, its write queue being full, that is a Close
    /// all the same: what is before it leaves with it.
    pub(crate) fn poll_filled(&self, accepts: Accepts, waker: &Waker) -> Poll<()> {
        let mut state = self.lock();
        if self.is_of_outlet {
            state.is_run();
        }
        let crowd = state.crowd.as_mut();
        if crowd.is_some_and(|crowd| crowd.poll_too_slow(waker)) {
            self.end_slow(&mut state);
        }
        let is_filled = match accepts {
            Accepts::All => self.is_filled(),
            Accepts::Close => state.close.is_some() && state.waiting.is_empty(),
            Accepts::Nothing => state.close.is_some(),
        };
        if is_filled {
            return Poll::Ready(());
        }
        // An idle connection keeps no memory for it.
        state.waiting.release();
        state.awaits_close = accepts == Accepts::Nothing;
        match &mut state.waker {
            Some(old) => old.clone_from(waker),
            None => state.waker = Some(waker.clone()),
        }
        Poll::Pending
    }

    /// Waits until no message is taken any more.
    pub(crate) fn poll_closed(&self, waker: &Waker) -> Poll<()> {
        let mut state = self.lock();
        // Also one that takes no more messages may have others wait for a flush.
        state.is_run();
        if self.is_closed() {
            return Poll::Ready(());
        }
        state.waker = Some(waker.clone());
        Poll::Pending
    }

    pub(crate) fn buffered_amount(&self) -> usize {
        self.lock().waiting.bytes()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The room that is left, but for what senders who wait have been given.
    pub(crate) fn room(&self) -> usize {
        self.room.available_permits() + self.room_to_borrow()
    }

    /// Whether someone waits until what was handed in is sent, without the lock.
    #[inline]
    pub(crate) fn is_flushing(&self) -> bool {
        self.flushing.load(Ordering::Acquire)
    }

    /// How long a sender waits while nothing is taken over.
    pub(crate) fn stall(&self) -> Option<Duration> {
        let is_limited = self.stall != u32::MAX;
        is_limited.then(|| Duration::from_millis(self.stall.into()))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    /// The room that a message with a payload of this many bytes takes.
    #[inline]
    pub(crate) fn room_for(&self, payload: usize) -> u32 {
        cost(payload).min(self.capacity)
    }

    /// Begins to close a connection that is too slow, after what waits.
    pub(crate) fn end_slow(&self, state: &mut State) {
        self.room.close();
        state.close.get_or_insert_with(|| {
            Box::new(CloseFrame {
                code: CloseCode::TRY_AGAIN_LATER,
                reason: Utf8Bytes::from("too slow"),
            })
        });
        self.filled.store(true, Ordering::Release);
    }

    /// Wakes the connection, once for everything that is put in until it
    /// looks.
    #[inline]
    pub(crate) fn announce(&self, mut state: MutexGuard<'_, State>) {
        self.filled.store(true, Ordering::Release);
        if state.awaits_close && state.close.is_none() {
            return;
        }
        let waker = state.waker.take();
        // Waking may run the connection at once.
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many messages were handed in; it wraps around.
    pub(crate) fn handed_in(&self) -> u32 {
        // Fewer wait than there are bytes of room, or of backlog.
        self.waiting.taken.wrapping_add(self.waiting.len())
    }

    /// Whether the connection has ended, its transport included.
    fn has_ended(&self) -> bool {
        matches!(self.run, Run::Ended { .. })
    }

    /// No message waits: the crowd is freed unless something in it is still needed.
    fn caught_up(&mut self) {
        if self.crowd.as_mut().is_some_and(|crowd| crowd.caught_up()) {
            self.crowd = None;
        }
    }

    /// The oldest lossy messages, so many, will not be taken over.
    fn are_dropped(&mut self, oldest: u32) {
        let crowd = self.crowd.as_mut();
        if let Some(crowd) = crowd.filter(|crowd| !crowd.flushes.is_empty()) {
            let waiting = &self.waiting;
            crowd.flushes.are_fewer(waiting.taken, |first| {
                waiting.count_lossy(first).min(oldest)
            });
        }
    }
}
