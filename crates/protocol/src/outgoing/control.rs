//! Pings, pongs and the Close: frames that go out between those of messages.

use std::fmt;

use socket_flow_frames::{CloseCode, ClosePayload, MAX_CONTROL_PAYLOAD, OpCode};

use crate::error::{ControlError, ProtocolError};
use crate::frame_queue::FrameKind;
use crate::outgoing::Outgoing;

impl Outgoing {
    /// Queues a ping with up to 125 bytes of application data.
    ///
    /// # Errors
    ///
    /// [`ControlError::TooLong`], [`ControlError::Closed`], or
    /// [`ControlError::Full`] at the high-water mark.
    pub fn ping(&mut self, data: &[u8]) -> Result<(), ControlError> {
        if data.len() > MAX_CONTROL_PAYLOAD {
            return Err(ControlError::TooLong);
        }
        if self.stage.is_closed() {
            return Err(ControlError::Closed);
        }
        if self.frames.queue.is_full() {
            return Err(ControlError::Full);
        }
        self.append_control(OpCode::Ping, data);
        if data.is_empty() {
            self.empty_pings.count(EmptyPings::APPLICATION);
        }
        Ok(())
    }

    /// Queues the ping of the keepalive; whether there was room.
    pub(crate) fn keepalive(&mut self) -> bool {
        let mut counted = self.empty_pings;
        let is_queued = self.ping(&[]).is_ok();
        if is_queued {
            counted.count(EmptyPings::KEEPALIVE);
            self.empty_pings = counted;
        }
        is_queued
    }

    /// Whether a pong answers a ping of the keepalive, and is nobody else's. An
    /// application that pings without data is given as many pongs as it asked
    /// for, also by a peer that answers only the newest ping (RFC 6455 §5.5.3).
    pub(crate) fn receive_pong(&mut self, data: &[u8]) -> bool {
        let pings = &mut self.empty_pings;
        data.is_empty()
            && !pings.answer(EmptyPings::APPLICATION)
            && pings.answer(EmptyPings::KEEPALIVE)
    }

    /// Queues a Close (RFC 6455 §7.1.2): the closing handshake begins. Data
    /// queued before it still goes out, and what the peer sends until its own
    /// Close is still received. A second Close is not sent.
    ///
    /// # Errors
    ///
    /// [`ControlError::ReasonTooLong`] when `reason` is over 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        let payload = ClosePayload::new(code, reason)?;
        self.queue_close(&payload);
        Ok(())
    }

    /// Answers a ping, or keeps it as the newest unanswered one.
    pub(crate) fn pong(&mut self, data: &[u8]) {
        if self.stage.is_closed() {
            return;
        }
        // The older ping first: a peer expects its answers in order.
        self.append_kept_pong();
        if self.has_room_for_pong() {
            self.append_pong(data);
        } else {
            self.extras.get_or_insert_default().pong = Some(Pong::new(data));
            self.watched = true;
        }
    }

    /// Notes the peer's Close and answers it with the same code
    /// (RFC 6455 §5.5.1).
    pub(crate) fn receive_close(&mut self, code: Option<CloseCode>) {
        let reply = code.map_or(ClosePayload::EMPTY, ClosePayload::from);
        self.queue_close(&reply);
        self.stage.done();
    }

    /// Fails the connection (RFC 6455 §7.1.7): the Close that says why.
    pub(crate) fn fail(&mut self, error: &ProtocolError) {
        self.fail_with(error.close_code(), error.reason());
    }

    pub(crate) fn fail_with(&mut self, code: CloseCode, reason: &str) {
        // The reasons are ours and short; without one the code is enough.
        let payload = ClosePayload::new(code, reason).unwrap_or(ClosePayload::from(code));
        self.queue_close(&payload);
    }

    pub(crate) fn queue_close(&mut self, payload: &ClosePayload) {
        if self.stage.is_closed() {
            return;
        }
        if let Some(pong) = self.take_pong() {
            self.append_control(OpCode::Pong, pong.data());
        }
        self.append_close(payload);
        self.stage.close();
    }

    /// From here on no message is queued any more.
    pub(crate) fn send_close(&mut self) {
        self.stage.close();
    }

    pub(super) fn append_control(&mut self, opcode: OpCode, payload: &[u8]) {
        self.frames.append(FrameKind::plain(opcode), payload);
    }

    fn has_room_for_pong(&mut self) -> bool {
        // A sender that never lets the queue run empty must not use up the
        // pongs of the whole connection.
        if self.frames.queue.taken() >= self.pongs_end {
            self.pongs = 0;
        }
        usize::from(self.pongs) < self.config().limits().pongs.clamp(1, 255)
            && !self.frames.queue.is_full()
    }

    fn append_pong(&mut self, data: &[u8]) {
        self.append_control(OpCode::Pong, data);
        self.pongs = self.pongs.saturating_add(1);
        self.pongs_end = self.queued_to();
    }

    /// Encodes the kept pong once there is room for it.
    #[cold]
    pub(super) fn append_kept_pong(&mut self) {
        if self.kept_pong().is_some() && self.has_room_for_pong() {
            if let Some(pong) = self.take_pong() {
                self.append_pong(pong.data());
            }
        }
    }

    #[cold]
    fn take_pong(&mut self) -> Option<Pong> {
        self.forget(|extras| extras.pong.take())?
    }
}

/// How many pings without data were sent whose pongs may come, up to 15 of the
/// application and 15 of the keepalive: the two look alike. What cannot be counted any
/// more is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EmptyPings(u8);

impl EmptyPings {
    /// Where the counter of the application's begins, as a bit.
    const APPLICATION: u8 = 0;
    const KEEPALIVE: u8 = 4;

    fn count(&mut self, counter: u8) {
        if self.0 >> counter & 15 < 15 {
            self.0 += 1 << counter;
        }
    }

    /// A pong has come; whether a ping was counted for it.
    fn answer(&mut self, counter: u8) -> bool {
        let is_answer = self.0 >> counter & 15 > 0;
        self.0 -= u8::from(is_answer) << counter;
        is_answer
    }
}

/// The data of a pong that waits for room.
pub(super) struct Pong {
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    len: u8,
}

impl Pong {
    fn new(data: &[u8]) -> Self {
        let mut bytes = [0; MAX_CONTROL_PAYLOAD];
        let mut len = 0;
        for (slot, byte) in bytes.iter_mut().zip(data) {
            *slot = *byte;
            len += 1;
        }
        Self { bytes, len }
    }

    pub(super) fn data(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for Pong {
    /// Shows no byte of it: payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pong({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_of_empty_pings_do_not_touch_each_other() {
        let counters = [EmptyPings::APPLICATION, EmptyPings::KEEPALIVE];
        for [counter, other] in [counters, [counters[1], counters[0]]] {
            let mut pings = EmptyPings::default();
            pings.count(other);
            let before = pings;
            assert!(!pings.answer(counter));
            for _ in 0..100 {
                pings.count(counter);
            }
            let answered = (0..100).filter(|_| pings.answer(counter)).count();
            assert_eq!((answered, pings), (15, before));
            assert!(pings.answer(other) && !pings.answer(other));
        }
    }
}
