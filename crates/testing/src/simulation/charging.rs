//! What the work of a shell costs its worker.

use std::mem;

use socket_flow_protocol::{Compression, Message};

use crate::simulation::clock::{COMPRESSED_TURN, LONGEST_TURN};
use crate::simulation::shell::Shell;
use crate::simulation::taking::{AT_ONCE, compressed};

impl Shell {
    /// A message was queued, or a part of one, by the application.
    pub(super) fn charge_queued(&mut self, len: usize, compression: Compression) {
        let work = compressed(self.is_compressed, len, compression);
        match len > AT_ONCE {
            true => self.owed += work,
            false => self.clock.charge_beyond(work),
        }
    }

    /// A turn has compressed its share of large messages.
    pub(super) fn charge_turn(&mut self) {
        let work = self.owed.min(COMPRESSED_TURN);
        self.clock.charge(work);
        self.owed -= work;
        if !self.sending.is_compressing() {
            let owed = mem::take(&mut self.owed);
            // Without memory to compress it, it leaves as it is.
            let may_be_plain = self.sending.outgoing().config().memory().is_some();
            assert!(
                owed == 0 || may_be_plain,
                "compressed in too few turns: {owed} left"
            );
        }
    }

    /// The message for the handler was inflated, if it came compressed, in this
    /// turn and those before it.
    pub(super) fn charge_inflated(&mut self) {
        let message = self.kept.as_ref().filter(|_| self.is_compressed);
        let inflated = message.map_or(0, Message::len);
        let before = mem::take(&mut self.turns).saturating_sub(1) * LONGEST_TURN;
        self.clock.charge(inflated.saturating_sub(before));
    }
}
