use std::io;
use std::task::Poll;

use bytes::BufMut;
use bytes::buf::Limit;
use socket_flow_frames::Spare;

use crate::driver::ending::Ending;
use crate::driver::receiving::{Phase, Receiving};
use crate::driver::sending::Sending;
use crate::driver::{Failure, Turn};
use crate::error::AbnormalClosure;

/// Where a read goes to, and what came of it.
impl Receiving {
    /// Where [`Next::Read`](super::Next::Read) reads to: the rest of a large message, or the
    /// input.
    #[inline]
    pub fn space(&mut self) -> Limit<Spare<'_>> {
        if self.incoming.is_direct(&self.input) {
            return self.incoming.direct_space();
        }
        self.input.make_room(&self.incoming.config);
        self.input.spare().limit(usize::MAX)
    }

    /// Reports a read into [`space`](Self::space), or one that was thrown away.
    /// Pending: there is nothing to read.
    pub fn read(
        &mut self,
        sending: &mut Sending,
        turn: &mut Turn,
        result: Poll<io::Result<usize>>,
    ) {
        match (&mut self.phase, Read::from(result)) {
            (_, Read::Blocked) => turn.block_reads(),
            (_, Read::Interrupted) => {}
            (Phase::Open { is_parsed }, Read::Some(count)) => {
                *is_parsed = false;
                // Bytes have arrived. What others hand in until they are answered is
                // written with the answers.
                turn.handed_in();
                if !self.input.is_empty() {
                    self.incoming.work.read(count);
                } else {
                    // It was read into its message.
                    let read = self.incoming.direct_done(count, &mut sending.outgoing);
                    if let Err(error) = read {
                        self.fail(Failure::Protocol(error));
                    }
                }
            }
            (Phase::Open { .. }, Read::End) => self.receive_eof(None, sending),
            (Phase::Open { .. }, Read::Failed(error)) => self.receive_eof(Some(error), sending),
            (Phase::Ending(ending), Read::Some(count)) => {
                self.incoming.work.read(count);
                ending.received();
            }
            (Phase::Ending(ending), Read::End) => ending.receive_eof(),
            (Phase::Ending(ending), Read::Failed(_)) => ending.break_off(),
            // Nothing is read there.
            (Phase::Held(_) | Phase::Over { .. }, _) => {}
        }
    }

    /// Makes sure of memory for what is read next; whether it is there.
    pub(super) fn reserve_read(&mut self) -> bool {
        if self.incoming.is_direct(&self.input) {
            return self.incoming.make_room(0, &self.input);
        }
        let Some(budget) = self.incoming.config().memory() else {
            return true;
        };
        let Some(own) = self.input.needed_within(budget) else {
            // It may have found a buffer instead.
            self.incoming.stop_waiting();
            return true;
        };
        let is_reserved = self.incoming.reserve_input(own.capacity());
        if is_reserved {
            self.input.use_own(own);
        }
        is_reserved
    }

    /// The transport ended, or failed, before the closing handshake was
    /// complete.
    #[cold]
    fn receive_eof(&mut self, error: Option<io::Error>, sending: &mut Sending) {
        // The reason to give is why writing failed, if it did: what a read
        // reports afterwards is only its consequence.
        let failure = sending.write_failure().or(error.map(Failure::Io));
        let failure = failure.unwrap_or(Failure::Abnormal(AbnormalClosure));
        let _ = self.incoming.receive_eof(&sending.outgoing);
        sending.abandon(|| failure.copy());
        self.end(Ending::broken(failure, self.close_timeout()));
    }
}

/// What a read found.
#[derive(Debug)]
pub(super) enum Read {
    Some(usize),
    End,
    /// Nothing: the next read would wait.
    Blocked,
    /// Nothing: it is to be tried again.
    Interrupted,
    Failed(io::Error),
}

impl From<Poll<io::Result<usize>>> for Read {
    fn from(read: Poll<io::Result<usize>>) -> Self {
        let error = match read {
            Poll::Pending => return Self::Blocked,
            Poll::Ready(Ok(0)) => return Self::End,
            Poll::Ready(Ok(count)) => return Self::Some(count),
            Poll::Ready(Err(error)) => error,
        };
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Interrupted,
            // A socket that does not wait says so.
            io::ErrorKind::WouldBlock => Self::Blocked,
            // TLS that ends without its `close_notify`: whether something is
            // missing is what the peer's Close tells.
            io::ErrorKind::UnexpectedEof => Self::End,
            _ => Self::Failed(error),
        }
    }
}
