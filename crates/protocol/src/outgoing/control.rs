//! Pings, pongs and the Close: frames that go out between those of messages.

use std::fmt;

use socket_flow_frames::{CloseCode, ClosePayload, MAX_CONTROL_PAYLOAD, OpCode};

use crate::error::{ControlError, ProtocolError};
use crate::outgoing::Outgoing;
use crate::outgoing::rare::Rare;

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
        if self.closing.is_sent() {
            return Err(ControlError::Closed);
        }
        if self.is_at_high_water() {
            return Err(ControlError::Full);
        }
        self.frames.whole(OpCode::Ping, data);
        if data.is_empty() {
            self.rare.add(Rare::APPLICATION);
        }
        Ok(())
    }

    /// Queues the ping of the keepalive; whether there was room.
    pub(crate) fn keepalive(&mut self) -> bool {
        let mut rare = self.rare;
        let is_queued = self.ping(&[]).is_ok();
        if is_queued {
            rare.add(Rare::KEEPALIVE);
            self.rare = rare;
        }
        is_queued
    }

    /// Whether a pong answers a ping of the keepalive, and is nobody else's. An
    /// application that pings without data is given as many pongs as it asked
    /// for, also by a peer that answers only the newest ping (RFC 6455 §5.5.3).
    pub(crate) fn receive_pong(&mut self, data: &[u8]) -> bool {
        data.is_empty() && !self.rare.take(Rare::APPLICATION) && self.rare.take(Rare::KEEPALIVE)
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
        if self.closing.is_sent() {
            return;
        }
        // The older ping first: a peer expects its answers in order.
        self.settle_pong();
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
        self.closing = self.closing.receive();
        let reply = code.map_or(ClosePayload::EMPTY, ClosePayload::from);
        self.queue_close(&reply);
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
        if self.closing.is_sent() {
            return;
        }
        if let Some(pong) = self.take_pong() {
            self.frames.whole(OpCode::Pong, pong.data());
        }
        self.append_close(payload);
        self.send_close();
    }

    /// From here on no message is queued any more.
    pub(crate) fn send_close(&mut self) {
        self.closing = self.closing.send();
        self.settle_plain();
    }

    fn has_room_for_pong(&mut self) -> bool {
        // A sender that never lets the queue run empty must not use up the
        // pongs of the whole connection.
        if self.frames.queue.taken() >= self.pongs_end {
            self.pongs = 0;
        }
        usize::from(self.pongs) < self.config().limits().pongs.clamp(1, 255)
            && !self.is_at_high_water()
    }

    fn append_pong(&mut self, data: &[u8]) {
        self.frames.whole(OpCode::Pong, data);
        self.pongs = self.pongs.saturating_add(1);
        self.pongs_end = self.queued_to();
    }

    /// Encodes the kept pong once there is room for it.
    #[inline]
    pub(super) fn settle_pong(&mut self) {
        if self.extras.is_some() {
            self.append_kept_pong();
        }
    }

    #[cold]
    fn append_kept_pong(&mut self) {
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
