//! How much of what others hand in is taken over, and when.

use crate::driver::Turn;
use crate::driver::handed_in::{Accepts, Handed, HandedIn, cost};
use crate::driver::sending::Sending;

/// Those who hand messages in: what they had of this turn.
#[derive(Debug)]
pub(super) struct Others {
    /// Whether the last room in the queue was theirs: they and the answers to
    /// messages that are held back have it in turns.
    were_last: bool,
    share: Share,
}

/// What is taken over while others never pause.
#[derive(Debug)]
enum Share {
    /// They have not had it.
    Runs {
        /// How many messages, or KiB, are left to take over in this turn.
        left: i16,
        /// What was taken over since they had nothing more or had to wait, in
        /// [`SHARE`]ths of what they can hand in at once; counted where they have
        /// more.
        taken: u16,
    },
    /// They had it. Once it is renewed, so much is left of the turn.
    Had { left: i16 },
}

impl Default for Others {
    fn default() -> Self {
        Self {
            were_last: false,
            share: Share::Runs {
                left: TURN,
                taken: 0,
            },
        }
    }
}

impl Others {
    /// Whether they have not had their share.
    #[inline]
    pub(super) fn may_hand_in(&self) -> bool {
        matches!(self.share, Share::Runs { .. })
    }

    /// Whether this turn takes nothing more over, whatever share they had.
    #[inline]
    pub(super) fn had_turn(&self) -> bool {
        matches!(self.share, Share::Runs { left: 0, .. })
    }

    /// The connection gave other tasks their turn.
    pub(super) fn renew_turn(&mut self) {
        match &mut self.share {
            Share::Runs { left, .. } | Share::Had { left } => *left = TURN,
        }
    }

    /// How many messages, or KiB, may be taken over now.
    fn left(&self) -> i16 {
        match self.share {
            Share::Runs { left, .. } => left,
            Share::Had { .. } => 0,
        }
    }

    /// They wait no longer for something else to be done.
    pub(super) fn renew_share(&mut self) {
        if let Share::Had { left } = self.share {
            self.share = Share::Runs { left, taken: 0 };
        }
    }

    /// They have nothing more: what they handed in is counted by what came before
    /// it, a message or a read.
    fn pause(&mut self) {
        match &mut self.share {
            Share::Runs { taken, .. } => *taken = 0,
            Share::Had { .. } => self.share = Share::Runs { left: 0, taken: 0 },
        }
    }

    /// They may have more, and so much is left of the turn, but for bytes. `queued`
    /// bytes are in the write queue, and others can hand in `all` at once.
    #[cold]
    fn stop(&mut self, still_left: i16, queued: usize, all: usize) {
        let Share::Runs { left, taken } = &mut self.share else {
            return;
        };
        let count = usize::try_from(*left - still_left).unwrap_or(0);
        if count == 0 {
            return;
        }
        // What was queued before is work as well, but no share of theirs: the first
        // time it may be all there is.
        let spent = i16::try_from(queued >> 10).unwrap_or(TURN).min(TURN);
        *left = still_left.saturating_sub(spent).max(0);
        let theirs = if *taken > 0 { queued } else { 0 };
        let cost = theirs.saturating_add(count * cost(0) as usize);
        let share = cost.saturating_mul(SHARE.into()) / all.max(1);
        *taken += share.clamp(1, SHARE.into()) as u16;
        if *taken >= SHARE {
            let left = *left;
            self.share = Share::Had { left };
        }
    }
}

impl Sending {
    /// Others may hand messages in from now on: the driver says
    /// [`Next::TakeOver`](super::Next::TakeOver).
    pub fn expect_handed_in(&mut self) {
        self.others.get_or_insert_default();
        self.outgoing.watched = true;
    }

    /// Whether as much was taken over as others can hand in at once, or 32,768
    /// messages, and they have more. All that they had handed in before is in the
    /// write queue: the driver hands the next message out, or reads, before it takes
    /// over more.
    #[inline]
    pub fn had_share(&self) -> bool {
        self.others
            .as_ref()
            .is_some_and(|others| !others.may_hand_in())
    }

    /// Moves what others have handed in into the write queue, until it is
    /// full or the turn's work is used up; whether that is why it stopped.
    #[inline(never)]
    pub fn take_over(&mut self, handed_in: &mut impl HandedIn) -> bool {
        // Inside a message nothing but a Close may stand.
        let only_close = !self.outgoing.is_open();
        if only_close && self.outgoing.is_closed() {
            handed_in.close();
            return false;
        }
        let (outgoing, mut nobody) = (&mut self.outgoing, Others::default());
        let others = self.others.as_mut().unwrap_or(&mut nobody);
        let mut left = others.left();
        let close = loop {
            if !only_close && (outgoing.is_full() || outgoing.is_used_up()) {
                break None;
            }
            // One at a time, so that nobody waits for a lock while a message is
            // compressed.
            match handed_in.next(only_close) {
                Some(Handed::Message(message)) => {
                    // It is neither full nor closed, and between messages.
                    let _ = outgoing.queue(message);
                    others.were_last = true;
                    left = left.wrapping_sub(1);
                    if left <= 0 {
                        break None;
                    }
                }
                Some(Handed::Close(frame)) => break Some(frame),
                None => {
                    others.pause();
                    return false;
                }
            }
        };
        if let Some(frame) = close {
            // Its reason was found to be short enough.
            let _ = self.start_close(frame.code, &frame.reason, handed_in);
            return false;
        }
        let queue = &outgoing.frames.queue;
        others.stop(left, queue.len(), queue.config().limits().high_water);
        true
    }

    /// What is taken over now.
    #[inline]
    pub fn accepts(&self) -> Accepts {
        if self.outgoing.is_closed() {
            Accepts::Nothing
        } else if self.outgoing.is_unfinished() {
            Accepts::Close
        } else if self.outgoing.is_full() {
            Accepts::Nothing
        } else {
            Accepts::All
        }
    }

    /// Whether what others have handed in is to be taken over first.
    #[inline]
    pub(super) fn takes_over(&self, turn: &Turn) -> bool {
        self.others.is_some() && turn.asks_others()
    }

    /// Whether others have more, and there is room for it again.
    #[inline]
    pub(super) fn takes_more(&self, turn: &Turn) -> bool {
        turn.others_have_more() && !(self.outgoing.is_full() || self.is_used_up())
    }

    /// Whether others are to have the room there is before a message that is
    /// held back is handed out.
    pub(super) fn others_are_next(&self, turn: &Turn) -> bool {
        let were_last = self.others.as_ref().is_some_and(|others| others.were_last);
        (!were_last || turn.drains_others()) && (self.takes_over(turn) || self.takes_more(turn))
    }

    /// A message that was held back is handed out: its answer has the room.
    pub(super) fn answer_is_next(&mut self) {
        if let Some(others) = &mut self.others {
            others.were_last = false;
        }
    }

    /// Others wait no longer for something else to be done.
    #[inline]
    pub(super) fn renew_share(&mut self) {
        if let Some(others) = &mut self.others {
            others.renew_share();
        }
    }

    /// Whether others are to be told that nothing is sent any more.
    pub(super) fn tells_others(&mut self) -> bool {
        self.others.take().is_some()
    }

    /// Takes over all there is, in front of a Close of ours. Nothing more is
    /// handed in meanwhile, so it is bounded by what may be handed in at once.
    pub(super) fn take_last(&mut self, handed_in: &mut impl HandedIn) {
        handed_in.refuse();
        // Inside a message nothing but a Close may stand.
        while !self.outgoing.is_unfinished() {
            match handed_in.next(false) {
                Some(Handed::Message(message)) => {
                    let _ = self.outgoing.queue_promised(message);
                }
                Some(Handed::Close(frame)) => {
                    // It came first. Its reason was found to be short enough.
                    let _ = self.outgoing.close(frame.code, &frame.reason);
                    return;
                }
                None => return,
            }
        }
    }
}

/// The messages, or KiB, that are taken over in a turn.
const TURN: i16 = 512;

/// All that others can hand in at once.
const SHARE: u16 = 1 << 15;
