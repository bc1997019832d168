use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Poll, Waker};

use socket_flow_protocol::driver::{Handed, HandedIn};
use socket_flow_protocol::{CloseCode, CloseFrame, Parcel, Payload, SendError};
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::Instant;

use crate::sync::{AtomicBool, Mutex, MutexGuard};

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
    room: Semaphore,
    /// All of the room.
    capacity: u32,
    /// Whether the connection would find something. Invariant: changed only
    /// under the lock; read without it.
    filled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Bytes of payload in `waiting`.
    buffered: usize,
    /// The Close that follows what waits.
    close: Option<Box<CloseFrame>>,
    /// Whoever runs the connection, while it found nothing here.
    waker: Option<Waker>,
    /// Since when the connection looks no more: its Close was queued then.
    shut_at: Option<Instant>,
    /// Whether the connection has ended, its transport included.
    is_over: bool,
}

#[derive(Debug)]
struct Waiting {
    parcel: Parcel,
    /// The room it takes.
    cost: u32,
    /// Whether a newer message may take its place.
    lossy: bool,
}

impl Outbox {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = u32::try_from(capacity.min(Semaphore::MAX_PERMITS))
            .unwrap_or(u32::MAX)
            .max(1);
        Self {
            room: Semaphore::new(capacity as usize),
            capacity,
            filled: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(crate) async fn send<P: Payload>(&self, payload: P) -> Result<(), SendError<P>> {
        let cost = self.cost(&payload);
        match self.room.acquire_many(cost).await {
            Ok(room) => {
                room.forget();
                self.push(payload, cost, false)
            }
            Err(_) => Err(SendError::Closed(payload)),
        }
    }

    pub(crate) fn try_send<P: Payload>(&self, payload: P, lossy: bool) -> Result<(), SendError<P>> {
        let cost = self.cost(&payload);
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
    pub(crate) fn replace<P: Payload>(&self, payload: P) -> Result<usize, SendError<P>> {
        let payload = match self.try_send(payload, true) {
            Ok(()) => return Ok(0),
            Err(SendError::Full(payload)) => payload,
            Err(closed) => return Err(closed),
        };
        let cost = self.cost(&payload);
        let mut state = self.lock();
        if self.room.is_closed() {
            return Err(SendError::Closed(payload));
        }
        let mut freed = 0;
        let mut dropped = 0;
        for waiting in state.waiting.iter().filter(|waiting| waiting.lossy) {
            if freed >= cost {
                break;
            }
            freed += waiting.cost;
            dropped += 1;
        }
        if freed < cost {
            return Err(SendError::Full(payload));
        }
        let mut left = dropped;
        state.drop_where(|waiting| {
            let drop = waiting.lossy && left > 0;
            left -= usize::from(drop);
            drop
        });
        self.put(state, Parcel::new(payload), cost, true);
        self.room.add_permits((freed - cost) as usize);
        Ok(dropped)
    }

    /// Begins to close: behind what waits, or in its place.
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
            shut_at: Some(Instant::now()),
            is_over: state.is_over,
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
    }

    /// Since when the connection ends; `None` where it does not, or no more.
    pub(crate) fn ends_since(&self) -> Option<Instant> {
        let state = self.lock();
        state.shut_at.filter(|_| !state.is_over)
    }

    /// What was handed in next. The room it takes is added to `freed`, to be
    /// given back by [`Outbox::free`].
    pub(crate) fn next(&self, freed: &mut u32) -> Option<Handed> {
        let mut state = self.lock();
        if let Some(waiting) = state.waiting.pop_front() {
            state.buffered -= waiting.parcel.len();
            if state.waiting.is_empty() && state.close.is_none() {
                self.settle(&mut state);
            }
            *freed += waiting.cost;
            return Some(Handed::Message(waiting.parcel));
        }
        self.settle(&mut state);
        let close = state.close.take()?;
        Some(Handed::Close(*close))
    }

    /// Nothing waits: an idle connection keeps no memory for it.
    fn settle(&self, state: &mut State) {
        state.waiting = VecDeque::new();
        self.filled.store(false, Ordering::Release);
    }

    /// The Close, where nothing waits in front of it: all there is to do
    /// inside a message.
    pub(crate) fn take_close(&self) -> Option<Box<CloseFrame>> {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            return None;
        }
        let close = state.close.take()?;
        self.filled.store(false, Ordering::Release);
        Some(close)
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

    /// Waits until there is something for the connection; where it is inside
    /// a message, that is a Close alone.
    pub(crate) fn poll_filled(&self, is_inside: bool, waker: &Waker) -> Poll<()> {
        let mut state = self.lock();
        if self.is_filled() && (!is_inside || state.waiting.is_empty()) {
            return Poll::Ready(());
        }
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

    pub(crate) fn buffered(&self) -> usize {
        self.lock().buffered
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The room that is left, but for what senders who wait have been given.
    pub(crate) fn room(&self) -> usize {
        self.room.available_permits()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    /// The room that a message with a payload of this many bytes takes.
    pub(crate) fn cost_of(&self, payload: usize) -> u32 {
        u32::try_from(payload)
            .unwrap_or(u32::MAX)
            .saturating_add(OVERHEAD)
            .min(self.capacity)
    }

    fn cost(&self, payload: &impl Payload) -> u32 {
        self.cost_of(payload.bytes().len())
    }

    /// Puts a message in whose room has been taken.
    fn push<P: Payload>(&self, payload: P, cost: u32, lossy: bool) -> Result<(), SendError<P>> {
        let state = self.lock();
        // A message that came later than the decision to close would be lost.
        if self.room.is_closed() {
            return Err(SendError::Closed(payload));
        }
        self.put(state, Parcel::new(payload), cost, lossy);
        Ok(())
    }

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
        self.fill(state);
    }

    /// Wakes the connection, once for everything that is put in until it
    /// looks.
    fn fill(&self, mut state: MutexGuard<'_, State>) {
        self.filled.store(true, Ordering::Release);
        let waker = state.waker.take();
        // Waking may run the connection at once.
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection takes over at once. The room is given back when it is
/// dropped, so that those who wait for it are not woken for each message.
pub(crate) struct Taking<'a> {
    outbox: Option<&'a Outbox>,
    /// Whether the senders are refused: no further message can arrive.
    refuses: bool,
    freed: u32,
    close: Option<CloseCode>,
}

impl<'a> Taking<'a> {
    pub(crate) fn of(outbox: &'a Option<Arc<Outbox>>) -> Self {
        Self::from(outbox.as_deref())
    }

    /// The code of a Close that was taken.
    pub(crate) fn close_code(&self) -> Option<CloseCode> {
        self.close
    }
}

impl<'a> From<Option<&'a Outbox>> for Taking<'a> {
    fn from(outbox: Option<&'a Outbox>) -> Self {
        Self {
            outbox,
            refuses: false,
            freed: 0,
            close: None,
        }
    }
}

impl HandedIn for Taking<'_> {
    #[inline]
    fn next(&mut self, only_close: bool) -> Option<Handed> {
        // Without the lock a message might be missed that is being put in: it
        // is found later, but not once a Close is in front of it.
        let outbox = self.outbox?;
        if !self.refuses && !outbox.is_filled() {
            return None;
        }
        let handed = match only_close {
            true => outbox.take_close().map(|frame| Handed::Close(*frame)),
            false => outbox.next(&mut self.freed),
        };
        if let Some(Handed::Close(frame)) = &handed {
            self.close = Some(frame.code);
        }
        handed
    }

    fn refuse(&mut self) {
        self.refuses = true;
        if let Some(outbox) = self.outbox {
            outbox.refuse();
        }
    }

    fn close(&mut self) {
        if let Some(outbox) = self.outbox {
            outbox.shut();
        }
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox {
            outbox.free(self.freed);
        }
    }
}

impl State {
    fn drop_where(&mut self, mut which: impl FnMut(&Waiting) -> bool) {
        let buffered = &mut self.buffered;
        self.waiting.retain(|waiting| {
            let drop = which(waiting);
            if drop {
                *buffered -= waiting.parcel.len();
            }
            !drop
        });
    }
}

/// Room for as many messages is made at once: most wait alone.
const FEW: usize = 4;

/// What a message takes beside its payload: about what it costs to keep.
pub(crate) const OVERHEAD: u32 = 64;
