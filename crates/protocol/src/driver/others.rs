//! What those who hand messages in had of a turn.

use crate::driver::handed_in::cost;

/// Those who hand messages in: what they had of this turn.
#[derive(Debug)]
pub(super) struct Others {
    /// Whether the last room in the queue was theirs: they and the answers to
    /// messages that are held back have it in turns.
    pub(super) were_last: bool,
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
    pub(super) fn left(&self) -> i16 {
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
    pub(super) fn pause(&mut self) {
        match &mut self.share {
            Share::Runs { taken, .. } => *taken = 0,
            Share::Had { .. } => self.share = Share::Runs { left: 0, taken: 0 },
        }
    }

    /// They may have more, and so much is left of the turn, but for bytes. `queued`
    /// bytes are in the write queue, and others can hand in `all` at once.
    #[cold]
    pub(super) fn stop(&mut self, still_left: i16, queued: usize, all: usize) {
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

/// The messages, or KiB, that are taken over in a turn.
const TURN: i16 = 512;

/// All that others can hand in at once.
const SHARE: u16 = 1 << 15;
