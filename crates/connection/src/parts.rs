use std::fmt;

use bytes::BytesMut;
use socket_flow_protocol::WriteQueue;

/// What a connection is made of, to hand its stream on.
#[non_exhaustive]
pub struct Parts<S> {
    /// The stream.
    pub io: S,
    /// Received bytes that were not parsed.
    pub read: BytesMut,
    /// Queued bytes that were not written. They may begin inside a frame.
    pub write: WriteQueue,
}

impl<S: fmt::Debug> fmt::Debug for Parts<S> {
    /// Shows no byte that was received or queued: payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("io", &self.io)
            .field("read_len", &self.read.len())
            .field("write", &self.write)
            .finish()
    }
}
