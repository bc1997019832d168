mod claim;
mod lease;
mod leaving;
mod line;
mod newcomer;
mod places;
mod usage;
mod wait;

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::buffer_count;

pub(crate) use claim::{Claim, PROGRESS, look_after};
pub use lease::Lease;
use line::Line;
pub use newcomer::Newcomer;
use usage::Counters;
pub use usage::{Purpose, Usage};
pub(crate) use wait::Call;

/// How much memory connections may hold together: a number of bytes that
/// everything is charged to which grows with what a peer sends, or does not read.
///
/// It is shared: clones draw from the same bytes. Give it to
/// [`Config::budget`](crate::Config::budget), and every connection made with that
/// configuration draws from it: what was read and is not parsed, messages that are
/// put together, the contexts of compression, what waits to be written.
///
/// Each connection is charged [`Budget::SHARE`] when it opens, and within that it
/// neither counts nor waits: small messages go on also where all of the rest is
/// used up. Beyond it, in this order:
///
/// 1. Eight times what a message then holds, at most an eighth of the budget, is left
///    for smaller ones: so those that hold much, and for long, leave room for those
///    that need little, for a moment.
/// 2. A connection reads no more than it needs for the current message, and
///    queues no more than one message, or 1 KiB of small ones.
/// 3. A message that needs more memory waits for it, for at most
///    [`patience`](Budget::patience); of those who wait the smallest goes on first. Nothing
///    is read for it meanwhile. A message, or a queue, that has its memory and hardly
///    moves for that time is let go.
/// 4. The largest message that waits is let go: its connection is closed with 1013
///    (Try Again Later). For one of at most 16 KiB that happens after a fiftieth of
///    the patience, 100 ms at least, to those that hold four times as much.
///
/// The head of a handshake that is larger than usual waits after all messages, in the
/// order of their coming, for as long ([`Newcomer`]); then its client is refused.
///
/// The oldest message that waits may go beyond the budget, to its own limit, one
/// at a time. Therefore no set of half messages waits for itself: whatever the
/// others hold, that one gets all it needs; it ends, or is let go, and both give
/// back what it held; then the next one is the oldest. Once it is whole it is charged for
/// as long as its connection has it, which is until that receives again. If its
/// application takes longer, the oldest goes beyond the budget that has waited for the
/// patience since, or, where that is [`NEVER`](crate::NEVER), for 5 s to 10 s.
///
/// It is no hard bound of the process. Charged also where there is no room are the
/// shares of more connections than are [set aside](Budget::set_aside) for, contexts that
/// are kept, the oldest message that waits, and what the application queues itself: a
/// queue without a message takes one, as always. Not charged are what the allocator
/// adds, what the task of a connection and its handler hold beside the share, what the
/// application keeps of a message, what TLS takes beside the fixed share that a server
/// charges for it, and what kernels keep for sockets.
///
/// ```
/// use socket_flow_protocol::{Budget, Config};
///
/// let budget = Budget::new(64 << 20);
/// let config = Config::new().budget(budget.clone());
/// assert_eq!(budget.usage().used, 0);
/// assert_eq!(config.memory().unwrap().limit(), 64 << 20);
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    limit: usize,
    patience: Duration,
    /// All that is charged but the shares of connections.
    used: AtomicUsize,
    /// What is kept free for shares, in bytes, those of open connections included.
    set_aside: AtomicUsize,
    counters: Counters,
    /// How many wait in the line. Invariant: changed only under its lock; read
    /// without it.
    waiting: AtomicUsize,
    /// What the smallest of them will have, in bytes; `usize::MAX` where there is none.
    /// Likewise.
    smallest: AtomicUsize,
    /// How many wait after them, likewise.
    newcomers: AtomicUsize,
    line: Mutex<Line>,
}

impl Budget {
    /// What each connection is charged when it opens, in bytes: 2 KiB. A message
    /// that fits half of it is received, and one is sent, without any other
    /// memory of the budget.
    pub const SHARE: usize = 2 << 10;

    /// A budget of so many bytes. [`usize::MAX`] only counts.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self::with_patience(bytes, PATIENCE)
    }

    /// A budget where a message waits this long for memory instead of 5 s.
    /// [`Duration::ZERO`] lets the largest go at once;
    /// [`NEVER`](crate::NEVER) waits as long as it takes, and looks every 5 s whether it
    /// may go beyond the budget.
    #[must_use]
    pub fn with_patience(bytes: usize, patience: Duration) -> Self {
        Self(Arc::new(Inner {
            limit: bytes,
            patience,
            used: AtomicUsize::new(0),
            set_aside: AtomicUsize::new(0),
            counters: Counters::default(),
            waiting: AtomicUsize::new(0),
            smallest: AtomicUsize::new(usize::MAX),
            newcomers: AtomicUsize::new(0),
            line: Mutex::default(),
        }))
    }

    /// All of it, in bytes.
    #[inline]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// How long a message waits for memory at most.
    #[inline]
    pub fn patience(&self) -> Duration {
        self.0.patience
    }

    /// How much is used, by what, and who had to go for it.
    ///
    /// ```
    /// use socket_flow_protocol::{Budget, Config, Negotiated, Protocol};
    ///
    /// let budget = Budget::new(64 << 20);
    /// let config = Config::new().budget(budget.clone());
    /// let connection = Protocol::server(config, Negotiated::default());
    /// let usage = budget.usage();
    /// assert_eq!(usage.connections, Budget::SHARE);
    /// println!(
    ///     "{} of {} bytes: {} received, {} to be sent; {} closed, {} refused",
    ///     usage.used, usage.limit, usage.receiving, usage.sending, usage.closed, usage.refused,
    /// );
    /// ```
    pub fn usage(&self) -> Usage {
        let mut usage = self.0.counters.read();
        usage.limit = self.limit();
        usage.used = self.used();
        let open = usage.connections.saturating_add(usage.tls);
        usage.set_aside = self.shares().saturating_sub(open);
        usage.waiting = self.waiting() + self.newcomers();
        usage
    }

    /// Keeps the shares of so many connections free for as long as this lives, those
    /// that are open included. So a connection that opens where all is used does not
    /// go beyond the budget. A server does it for as many connections as it may have,
    /// where each that speaks TLS has several. At most half of the budget is set aside
    /// by all together.
    ///
    /// ```
    /// use socket_flow_protocol::{Budget, Purpose};
    ///
    /// let budget = Budget::new(1 << 20);
    /// let aside = budget.set_aside(256);
    /// let others = budget.set_aside(1);
    /// assert_eq!((aside.bytes(), others.bytes()), (512 << 10, 0));
    /// assert!(!budget.lease(Purpose::Events).try_set((512 << 10) + 1));
    /// assert_eq!(budget.usage().set_aside, 512 << 10);
    /// drop((aside, others));
    /// assert_eq!(budget.usage().used, 0);
    /// ```
    pub fn set_aside(&self, connections: usize) -> SetAside {
        let wanted = connections.saturating_mul(Self::SHARE);
        let more = |before: usize| wanted.min((self.limit() / 2).saturating_sub(before));
        let set_aside = &self.0.set_aside;
        let before = set_aside.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |before| {
            Some(before + more(before))
        });
        SetAside {
            budget: self.clone(),
            bytes: before.map_or(0, more),
        }
    }

    /// Whether so many bytes more fit now. That may change until they are charged.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= self.limit()
    }

    /// Whether hardly anything is left, or someone waits for memory.
    pub fn is_short(&self) -> bool {
        self.waiting() > 0 || !self.has_plenty(0)
    }

    /// Whether so many bytes more fit, once `coming` are back, for a part that then has
    /// `total`.
    fn has_room_with(&self, coming: usize, bytes: usize, total: usize) -> bool {
        let needed = bytes.saturating_add(self.left_by(total));
        self.used().saturating_add(needed) <= self.limit().saturating_add(coming)
    }

    /// What a part of `total` bytes leaves for smaller ones: or a few hundred that are
    /// held for long, by peers who send no more or read nothing, would keep out those
    /// that need little, and for a moment.
    fn left_by(&self, total: usize) -> usize {
        total.saturating_mul(FOR_SMALLER).min(self.limit() / 8)
    }

    /// Whether so many bytes more leave an eighth for others.
    #[inline]
    pub(crate) fn has_plenty(&self, bytes: usize) -> bool {
        self.has_room(bytes.saturating_add(self.limit() / 8))
    }

    /// A part of the budget, of no bytes yet.
    pub fn lease(&self, purpose: Purpose) -> Lease {
        Lease::new(self.clone(), purpose)
    }

    /// Whether a message or a newcomer waits for memory.
    pub fn is_waited_for(&self) -> bool {
        self.waiting() > 0 || self.newcomers() > 0
    }

    /// One that will wait after all messages.
    pub fn newcomer(&self) -> Newcomer {
        Newcomer::new(self.clone())
    }

    /// Counts a handshake that was refused for want of memory.
    pub fn count_refused(&self) {
        self.0.counters.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection without the compression, or the contexts, that were
    /// asked for.
    pub fn count_reduced(&self) {
        self.0.counters.reduced.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that was closed for want of memory.
    pub(crate) fn count_closed(&self) {
        self.0.counters.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a read may have one of the threads' buffers: half of what is not for
    /// shares is for what cannot wait.
    pub(crate) fn allows_buffer(&self, size: usize) -> bool {
        let room = self.limit().saturating_sub(self.shares());
        let used = self.0.used.load(Ordering::SeqCst);
        used.saturating_add(buffer_count::held())
            .saturating_add(size)
            <= room / 2
    }

    /// What is charged, and the threads' buffers, which are charged to every
    /// budget of the process.
    fn used(&self) -> usize {
        let used = self.0.used.load(Ordering::SeqCst);
        used.saturating_add(self.always())
    }

    /// What is used whether or not there is room.
    fn always(&self) -> usize {
        self.shares().saturating_add(buffer_count::held())
    }

    /// The shares of open connections, or what is set aside for them.
    fn shares(&self) -> usize {
        let counters = &self.0.counters;
        let open = counters.bytes(Purpose::Connections) + counters.bytes(Purpose::Tls);
        open.max(self.0.set_aside.load(Ordering::SeqCst))
    }

    fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    /// What the smallest will have of those who wait, in bytes.
    fn smallest_waiting(&self) -> usize {
        self.0.smallest.load(Ordering::SeqCst)
    }

    fn newcomers(&self) -> usize {
        self.0.newcomers.load(Ordering::SeqCst)
    }

    /// Charges so many bytes if they fit, and a part that then has `total` leaves
    /// enough for smaller ones.
    fn try_charge(&self, purpose: Purpose, bytes: usize, total: usize) -> bool {
        let taken = self.always().saturating_add(self.left_by(total));
        let room = self.limit().saturating_sub(taken);
        if purpose.is_share() {
            let fits = self.has_room(bytes);
            if fits {
                self.charge(purpose, bytes);
            }
            return fits;
        }
        let charged = self
            .0
            .used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| {
                used.checked_add(bytes).filter(|used| *used <= room)
            });
        if charged.is_ok() {
            self.0.counters.add(purpose, bytes);
        }
        charged.is_ok()
    }

    /// Charges so many bytes, whether they fit or not.
    fn charge(&self, purpose: Purpose, bytes: usize) {
        if !purpose.is_share() {
            self.0.used.fetch_add(bytes, Ordering::SeqCst);
        }
        self.0.counters.add(purpose, bytes);
    }

    fn give_back(&self, purpose: Purpose, bytes: usize) {
        self.0.counters.subtract(purpose, bytes);
        if !purpose.is_share() {
            self.0.used.fetch_sub(bytes, Ordering::SeqCst);
        }
        // After the bytes are back: whoever joined the line before sees them, or
        // is seen here.
        if self.is_waited_for() {
            self.call_first();
        }
    }

    /// Calls those who are first in the line, if they can go on.
    #[cold]
    fn call_first(&self) {
        let calls = self.in_line(|line| line.call_first(self));
        // Outside the lock: they may lead here again.
        for call in calls {
            call();
        }
    }

    /// Does this with the line, under its lock.
    fn in_line<T>(&self, work: impl FnOnce(&mut Line) -> T) -> T {
        let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut line);
        let over = mem::take(&mut line.over);
        drop(line);
        drop(over);
        result
    }
}

/// Shares that are kept free for connections to come, until it is dropped.
#[must_use]
#[derive(Debug)]
pub struct SetAside {
    budget: Budget,
    bytes: usize,
}

impl SetAside {
    /// How many bytes it is: less than was asked for where half of the budget is set
    /// aside.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        let budget = &self.budget;
        budget.0.set_aside.fetch_sub(self.bytes, Ordering::SeqCst);
        if budget.is_waited_for() {
            budget.call_first();
        }
    }
}

impl PartialEq for Budget {
    /// Whether it is the same one.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Budget {}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limit", &self.limit())
            .field("used", &self.used())
            .field("patience", &self.patience())
            .finish_non_exhaustive()
    }
}

/// So many parts like it fit what each part leaves for smaller ones.
const FOR_SMALLER: usize = 8;

/// What a connection holds of its share in each direction.
pub(crate) const OWN: usize = Budget::SHARE / 2;

/// How long a message waits for memory unless said otherwise.
const PATIENCE: Duration = Duration::from_secs(5);
