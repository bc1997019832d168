use std::time::Duration;

use socket_flow_frames::{CloseCode, Role};

use crate::deadlines::after;
use crate::driver::ending::Ending;
use crate::driver::receiving::{Phase, Receiving};
use crate::driver::sending::Sending;
use crate::driver::{Failure, Next, Turn};
use crate::error::{Expired, OutOfMemory};
use crate::event::Found;

/// How a connection begins to end.
impl Receiving {
    /// The peer's Close has arrived and is answered: what is left is to end the
    /// transport, and that has a deadline.
    #[cold]
    pub(super) fn hand_out_close(&mut self, found: Found, turn: &Turn) -> Next {
        let timeout = self.close_timeout();
        // Where we began the closing handshake its time is running already.
        let running = self.incoming.close_deadline();
        let starting = || turn.now.map(|now| after(now, timeout, timeout));
        let Some(deadline) = running.or_else(starting) else {
            self.hold(found);
            return Next::TIME;
        };
        let is_server = self.incoming.role() == Role::Server;
        self.end(Ending::clean(is_server, timeout, deadline));
        Next::Found(found)
    }

    /// The connection fails; the Close that says why is queued.
    #[cold]
    pub(super) fn fail(&mut self, failure: Failure) {
        let running = self.incoming.close_deadline();
        self.end(Ending::failed(failure, self.close_timeout(), running));
    }

    #[cold]
    pub(super) fn expire(&mut self, expired: Expired, sending: &mut Sending) {
        match expired {
            Expired::Pong | Expired::Close | Expired::Write | Expired::Memory => {
                // There is no Close that would keep messages from being taken.
                sending.outgoing.send_close();
                self.end(Ending::silent(expired));
            }
            Expired::Idle | Expired::Read => self.fail(Failure::Expired(expired)),
        }
    }

    /// The message is let go.
    #[cold]
    pub(super) fn run_out_of_memory(&mut self, error: OutOfMemory, sending: &mut Sending) {
        let outgoing = &mut sending.outgoing;
        outgoing.fail_with(CloseCode::TRY_AGAIN_LATER, "out of memory");
        self.fail(Failure::Memory(error));
    }

    /// Begins the closing sequence: nothing is parsed any more.
    pub(super) fn end(&mut self, ending: Ending) {
        self.input.release();
        self.incoming.give_up(&self.input);
        self.phase = Phase::Ending(Box::new(ending));
    }

    pub(super) fn close_timeout(&self) -> Duration {
        self.incoming.config().timeouts().close
    }
}
