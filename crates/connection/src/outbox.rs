use std::collections::VecDeque;
use std::mem;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use socket_flow_protocol::driver::{Accepts, Handed};
use socket_flow_protocol::{CloseCode, CloseFrame, Parcel, Payload, SendError, Utf8Bytes};
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::Instant;

use crate::crowd::{Crowd, Late};
use crate::heir::Estate;
use crate::sync::{AtomicBool, Caller, Mutex, MutexGuard};

/// What the [`Sender`](crate::Sender)s of a connection have handed in and the
/// connection has not taken yet.
///
/// Room in it is counted in bytes: a payload and [`OVERHEAD`] for each
/// message, so that empty messages are bounded too. One message larger than
/// everything fits an empty outbox.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The room that is left, for which senders queue up in order. Closed
    /// once no message is taken any more.
    pub(crate) room: Semaphore,
    /// All of the room.
    capacity: u32,
    /// How long a sender waits while nothing is taken over, in milliseconds:
    /// timers know nothing finer, and each connection has an outbox.
    /// `u32::MAX`: without limit.
    stall: u32,
    /// Whether the connection would find something. Invariant: changed only
    /// under the lock; read without it.
    filled: AtomicBool,
    /// Whether someone waits until what was handed in is sent. Invariant: as
    /// `filled`.
    pub(crate) flushing: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) waiting: VecDeque<Waiting>,
    /// Bytes of payload in `waiting`.
    pub(crate) buffered: usize,
    /// The Close that follows what waits.
    close: Option<Box<CloseFrame>>,
    /// Whoever runs the connection, while it found nothing to take over.
    waker: Option<Waker>,
    /// What only a full queue needs.
    pub(crate) crowd: Option<Box<Crowd>>,
    /// How many messages were taken over; it wraps around.
    pub(crate) taken: u32,
    pub(crate) late: Late,
    /// Who last handed something in and would have waited for room.
    sender: Option<Caller>,
    /// Whether the connection has no use for messages now: it is woken for a
    /// Close alone.
    awaits_close: bool,
    /// Since when the connection looks no more: its Close was queued then. In a
    /// box, for it is there when hardly anything else is.
    shut_at: Option<Box<Instant>>,
    /// Whether the connection has ended, its transport included.
    is_over: bool,
    /// Whether nobody runs the connection any more: it has ended, or was dropped.
    pub(crate) is_left: bool,
    /// Whether an [`Heir`](crate::heir::Heir) waits for what the connection leaves.
    is_awaited: bool,
    /// What a connection that is dropped says in place of 1001.
    drop_code: Option<CloseCode>,
    /// What the connection left, until its heir takes it.
    estate: Option<Box<Estate>>,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) parcel: Parcel,
    /// What it counts for.
    pub(crate) cost: u32,
    /// Whether a newer message may take its place.
    pub(crate) lossy: bool,
}

impl Outbox {
    /// An outbox for so many bytes. Senders wait without limit where `stall`
    /// is [`NEVER`](crate::NEVER).
    pub(crate) fn new(capacity: usize, stall: Duration) -> Self {
        let capacity = u32::try_from(capacity.min(Semaphore::MAX_PERMITS))
            .unwrap_or(u32::MAX)
            .max(1);
        let stall = stall.as_nanos().div_ceil(1_000_000);
        Self {
            room: Semaphore::new(capacity as usize),
            capacity,
            stall: u32::try_from(stall).unwrap_or(u32::MAX),
            filled: AtomicBool::new(false),
            flushing: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn try_send<P: Payload>(&self, payload: P, lossy: bool) -> Result<(), SendError<P>> {
        let cost = self.room_for(payload.bytes().len());
        match self.room.try_acquire_many(cost) {
            Ok(room) => {
                room.forget();
                self.push(payload, cost, lossy)
            }
            Err(TryAcquireError::NoPermits) => Err(SendError::Full(payload)),
            Err(TryAcquireError::Closed) => Err(SendError::Closed(payload)),
        }
    }

    /// Puts a message in, if need be in place of the oldest ones that were
    /// put in like this; how many those were.
    #[inline]
    pub(crate) fn replace<P: Payload>(&self, payload: P) -> Result<usize, SendError<P>> {
        let payload = match self.try_send(payload, true) {
            Ok(()) => return Ok(0),
            Err(SendError::Full(payload)) => payload,
            Err(closed) => return Err(closed),
        };
        let cost = self.room_for(payload.bytes().len());
        let mut state = self.lock();
        if self.room.is_closed() {
            return Err(SendError::Closed(payload));
        }
        let Some(oldest) = state.oldest(cost) else {
            return Err(SendError::Full(payload));
        };
        let left = oldest.room - cost;
        let left = match &mut state.crowd {
            Some(crowd) => crowd.pay(left),
            None => left,
        };
        state.are_dropped(oldest.count);
        if oldest.are_first {
            state.take_first_place(oldest.count, payload, cost);
            self.fill(state);
        } else {
            let mut to_drop = oldest.count;
            state.drop_where(|waiting| {
                let drop = waiting.lossy && to_drop > 0;
                to_drop -= usize::from(drop);
                drop
            });
            self.put(state, Parcel::new(payload), cost, true);
        }
        self.free(left);
        Ok(oldest.count)
    }

    /// Puts a message in although there is no room for it, unless the queue
    /// were `backlog` bytes too long then, or less than a queue's worth has
    /// left `within` this time: then the connection begins to close, after
    /// what waits, and the message comes back as from a full queue.
    pub(crate) fn exceed<P: Payload>(
        &self,
        payload: P,
        backlog: usize,
        within: Duration,
    ) -> Result<(), SendError<P>> {
        let cost = cost(payload.bytes().len());
        let mut state = self.lock();
        if self.room.is_closed() {
            return Err(SendError::Closed(payload));
        }
        let crowd = state.crowd.get_or_insert_default();
        let owed = crowd.owed.checked_add(cost);
        let owed = owed.filter(|owed| *owed as usize <= backlog);
        let Some(owed) = owed.filter(|_| !crowd.is_too_slow()) else {
            self.end_slow(&mut state);
            self.fill(state);
            return Err(SendError::Full(payload));
        };
        crowd.owed = owed;
        if crowd.is_behind(within) {
            // Whoever runs the connection has a time to keep from now on.
            state.awaits_close = false;
        }
        self.put(state, Parcel::new(payload), cost, false);
        Ok(())
    }

    /// Begins to close: after what waits, or in its place.
    pub(crate) fn close(&self, frame: CloseFrame, at_once: bool) {
        self.room.close();
        let mut state = self.lock();
        if at_once {
            state.drop_where(|_| true);
        }
        if state.shut_at.is_none() {
            state.close.get_or_insert_with(|| Box::new(frame));
            self.fill(state);
        }
    }

    /// Takes no more messages; those that wait stay.
    pub(crate) fn refuse(&self) {
        self.room.close();
    }

    /// The connection takes nothing more.
    pub(crate) fn shut(&self) {
        self.room.close();
        let mut state = self.lock();
        if state.shut_at.is_some() {
            return;
        }
        let shut = State {
            shut_at: Some(Box::new(Instant::now())),
            is_over: state.is_over,
            is_left: state.is_left,
            is_awaited: state.is_awaited,
            drop_code: state.drop_code,
            crowd: state.flushes(),
            ..State::default()
        };
        let left = mem::replace(&mut *state, shut);
        self.filled.store(false, Ordering::Release);
        drop(state);
        // Outside the lock: a waker may own whoever comes here again.
        drop(left);
    }

    /// The connection has ended, its transport included.
    pub(crate) fn end(&self) {
        self.lock().is_over = true;
        self.leave();
    }

    /// Nobody runs the connection any more: whoever still waits for it is told.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        state.is_left = true;
        let crowd = state.crowd.as_mut();
        let flushes = crowd.map(|crowd| mem::take(&mut crowd.flushes));
        state.caught_up();
        self.flushing.store(false, Ordering::Release);
        drop(state);
        // Outside the lock: a waker may run whoever waits at once.
        drop(flushes);
    }

    pub(crate) fn await_estate(&self) {
        self.lock().is_awaited = true;
    }

    /// A connection that is dropped from now on leaves nothing, and says the first
    /// code that was told. Tells whether it left something before.
    pub(crate) fn stop_awaiting(&self, code: CloseCode) -> bool {
        let mut state = self.lock();
        state.is_awaited = false;
        state.drop_code.get_or_insert(code);
        state.estate.is_some()
    }

    /// What a connection that is dropped says.
    pub(crate) fn drop_code(&self) -> Option<CloseCode> {
        self.lock().drop_code
    }

    /// The connection is dropped: takes what it leaves, where that is waited for
    /// and the connection has not ended. Whether it did.
    pub(crate) fn inherit(&self, estate: impl FnOnce() -> Estate) -> bool {
        let mut state = self.lock();
        let inherits = state.is_awaited && !state.is_over;
        if inherits {
            state.estate = Some(Box::new(estate()));
        }
        inherits
    }

    pub(crate) fn take_estate(&self) -> Option<Box<Estate>> {
        self.lock().estate.take()
    }

    /// Since when the connection ends; `None` where it does not, or no more.
    pub(crate) fn ends_since(&self) -> Option<Instant> {
        let state = self.lock();
        state.shut_at.as_deref().copied().filter(|_| !state.is_over)
    }

    /// What was handed in next. The room it takes is added to `freed`, to be
    /// given back by [`Outbox::free`].
    pub(crate) fn next(&self, freed: &mut u32) -> Option<Handed> {
        let mut state = self.lock();
        if let Some(waiting) = state.waiting.pop_front() {
            state.buffered -= waiting.parcel.len();
            state.taken = state.taken.wrapping_add(1);
            state.late = Late::No;
            *freed += match &mut state.crowd {
                Some(crowd) => crowd.took(waiting.cost, self.capacity),
                None => waiting.cost,
            };
            if state.waiting.is_empty() {
                let is_settled = state.close.is_none();
                self.settle(&mut state, is_settled);
            }
            return Some(Handed::Message(waiting.parcel));
        }
        self.settle(&mut state, true);
        let close = state.close.take()?;
        Some(Handed::Close(*close))
    }

    /// No message waits.
    fn settle(&self, state: &mut State, is_empty: bool) {
        state.caught_up();
        if is_empty {
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

    pub(crate) fn free(&self, room: u32) {
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
        if state.waiting.is_empty() {
            // An idle connection keeps no memory for it.
            state.waiting = VecDeque::new();
        }
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
        if self.is_closed() {
            return Poll::Ready(());
        }
        state.waker = Some(waker.clone());
        Poll::Pending
    }

    pub(crate) fn buffered_amount(&self) -> usize {
        self.lock().buffered
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The room that is left, but for what senders who wait have been given.
    pub(crate) fn room(&self) -> usize {
        self.room.available_permits()
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

    /// Puts a message in whose room has been taken.
    pub(crate) fn push<P: Payload>(
        &self,
        payload: P,
        cost: u32,
        lossy: bool,
    ) -> Result<(), SendError<P>> {
        let state = self.lock();
        // A message that came later than the decision to close would be lost.
        if self.room.is_closed() {
            return Err(SendError::Closed(payload));
        }
        self.put(state, Parcel::new(payload), cost, lossy);
        Ok(())
    }

    #[inline]
    fn put(&self, mut state: MutexGuard<'_, State>, parcel: Parcel, cost: u32, lossy: bool) {
        state.buffered += parcel.len();
        if state.waiting.capacity() == 0 {
            state.waiting = VecDeque::with_capacity(FEW);
        }
        state.waiting.push_back(Waiting {
            parcel,
            cost,
            lossy,
        });
        if self.room.available_permits() < self.capacity as usize / 2 {
            let crowd = state.crowd.get_or_insert_default();
            crowd.pressed_since.get_or_insert_with(Instant::now);
        }
        self.fill(state);
    }

    /// Something is left behind, for want of room in the write queue, by whoever
    /// runs the connection.
    pub(crate) fn is_left_by(&self, owner: Option<Caller>) {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            let sender = state.sender;
            let crowd = state.crowd.get_or_insert_default();
            crowd.is_left_by(owner);
            crowd.is_fed_by(sender);
        }
    }

    /// Something is handed in by someone who waits for room.
    pub(crate) fn is_fed(&self) {
        let mut state = self.lock();
        state.sender = Caller::current();
        let sender = state.sender;
        if let Some(crowd) = &mut state.crowd {
            crowd.is_fed_by(sender);
        }
    }

    /// Whether some of what waits comes from whoever runs the connection.
    pub(crate) fn is_fed_by_owner(&self) -> bool {
        let state = self.lock();
        state
            .crowd
            .as_ref()
            .is_some_and(|crowd| crowd.is_fed_by_owner)
    }

    /// Begins to close a connection that is too slow, after what waits.
    fn end_slow(&self, state: &mut State) {
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
    pub(crate) fn fill(&self, mut state: MutexGuard<'_, State>) {
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
        self.taken.wrapping_add(self.waiting.len() as u32)
    }

    /// No message waits: the crowd goes where nobody needs it any more.
    fn caught_up(&mut self) {
        if self.crowd.as_mut().is_some_and(|crowd| crowd.caught_up()) {
            self.crowd = None;
        }
    }

    /// What is left of the crowd once nothing more is taken over: those who wait
    /// until what was taken over is sent.
    fn flushes(&mut self) -> Option<Box<Crowd>> {
        let flushes = self.crowd.as_mut()?.flushes.taken_over(self.taken);
        (!flushes.is_empty()).then(|| Box::new(Crowd::from(flushes)))
    }

    /// The oldest lossy messages, so many, will not be taken over.
    fn are_dropped(&mut self, oldest: usize) {
        if let Some(crowd) = self
            .crowd
            .as_mut()
            .filter(|crowd| !crowd.flushes.is_empty())
        {
            let waiting = &self.waiting;
            crowd.flushes.are_fewer(self.taken, |first| {
                let lossy = waiting.iter().take(first).filter(|waiting| waiting.lossy);
                lossy.count().min(oldest)
            });
        }
    }
}

/// What a message with so many bytes of payload counts for.
#[inline]
fn cost(payload: usize) -> u32 {
    u32::try_from(payload)
        .unwrap_or(u32::MAX)
        .saturating_add(OVERHEAD)
}

/// Room for as many messages is made at once: most wait alone.
const FEW: usize = 4;

/// What a message takes beside its payload: about what it costs to keep.
pub(crate) const OVERHEAD: u32 = 64;
