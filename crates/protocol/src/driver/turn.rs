use std::time::Duration;

/// What a shell has found out since its task was woken, or its call made.
///
/// It lives for one turn: whatever blocked may have become ready by the next.
///
/// ```
/// use std::time::Duration;
/// use socket_flow_protocol::driver::Turn;
///
/// let mut turn = Turn::new();
/// turn.set_now(Duration::from_secs(3));
/// ```
#[derive(Debug)]
pub struct Turn {
    pub(super) holds: bool,
    pub(super) drains_others: bool,
    pub(super) withholds: bool,
    /// The time, once it was told.
    pub(super) now: Option<Duration>,
    pub(super) writes_blocked: bool,
    pub(super) reads_blocked: bool,
    pub(super) shutdown: Shutdown,
    handed_in: HandedInState,
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

/// What became of shutting the write side down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shutdown {
    Untried,
    Blocked,
    Done,
}

/// Whether others are to be asked for what they have handed in.
#[derive(Clone, Copy, Debug)]
enum HandedInState {
    Unasked,
    /// They have more than the write queue had room for.
    More,
    Asked,
}

impl Turn {
    /// A turn in which messages are handed out also while the write queue is
    /// full: for a caller that does not answer each of them.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            holds: false,
            drains_others: false,
            withholds: false,
            now: None,
            writes_blocked: false,
            reads_blocked: false,
            shutdown: Shutdown::Untried,
            handed_in: HandedInState::Unasked,
        }
    }

    /// A turn in which a message is held back while the write queue is full,
    /// so that a caller that queues one reply for each message never finds it
    /// full. Wrong where another task fills the queue, and may do so for ever.
    #[inline]
    #[must_use]
    pub fn holding(holds: bool) -> Self {
        Self {
            holds,
            ..Self::new()
        }
    }

    /// Makes a message wait until all that others have handed in is in the write
    /// queue: for a caller that answers through them, and would wait for room
    /// that only its next call makes.
    #[inline]
    pub fn drain_others(&mut self) {
        self.holds = true;
        self.drains_others = true;
    }

    /// A turn in which the first message is kept for another one: for a caller
    /// that runs the connection while it can deal with none. It is over once the
    /// connection begins to end, or a Close is queued, and everything is written or
    /// never will be.
    #[inline]
    #[must_use]
    pub fn withholding() -> Self {
        Self {
            withholds: true,
            ..Self::new()
        }
    }

    /// Tells the time on the caller's time line, which begins anywhere and
    /// never goes back.
    #[inline]
    pub fn set_now(&mut self, now: Duration) {
        self.now = Some(now);
    }

    /// The transport takes no more bytes: a write or a flush would wait.
    #[inline]
    pub fn block_writes(&mut self) {
        self.writes_blocked = true;
    }

    /// The transport has no bytes: a read would wait.
    #[inline]
    pub fn block_reads(&mut self) {
        self.reads_blocked = true;
    }

    /// Whether shutting the write side down came to an end, whatever it was;
    /// otherwise it would wait.
    #[inline]
    pub fn shut_down(&mut self, is_done: bool) {
        self.shutdown = if is_done {
            Shutdown::Done
        } else {
            Shutdown::Blocked
        };
    }

    /// What [`Sending::take_over`](super::Sending::take_over) returned.
    #[inline]
    pub fn taken_over(&mut self, is_more: bool) {
        self.handed_in = if is_more {
            HandedInState::More
        } else {
            HandedInState::Asked
        };
    }

    /// Others have handed something in since they were asked.
    #[inline]
    pub fn handed_in(&mut self) {
        self.handed_in = HandedInState::Unasked;
    }

    /// Whether others are to be asked before anything is written.
    #[inline]
    pub(super) fn asks_others(&self) -> bool {
        matches!(self.handed_in, HandedInState::Unasked)
    }

    /// Whether others have more once everything is written.
    #[inline]
    pub(super) fn others_have_more(&self) -> bool {
        matches!(self.handed_in, HandedInState::More)
    }
}
