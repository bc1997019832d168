//! How much of what others hand in is taken over, and when.

use crate::driver::Turn;
use crate::driver::handed_in::{Accepts, Handed, HandedIn};
use crate::driver::others::Others;
use crate::driver::sending::Sending;

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
        let (outgoing, mut none) = (&mut self.outgoing, Others::default());
        let others = self.others.as_mut().unwrap_or(&mut none);
        let mut left = others.left();
        let close = loop {
            if !only_close && (outgoing.is_full() || outgoing.is_used_up()) {
                break None;
            }
            // One at a time, so that no sender waits for a lock while a message is
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
        (!were_last || turn.drains_others) && (self.takes_over(turn) || self.takes_more(turn))
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
