use socket_flow_protocol::CloseFrame;

use crate::error::{ABNORMAL, NO_STATUS};

/// How a closing handshake that we began ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseOutcome {
    /// Whether both Closes were exchanged (RFC 6455 §7.1.4). Otherwise the
    /// peer did not answer in time, or its transport ended first.
    pub clean: bool,
    /// The peer's Close, if it carried a code.
    pub frame: Option<CloseFrame>,
}

impl CloseOutcome {
    /// The code as RFC 6455 §7.1.5 defines it: the peer's, 1005 where its
    /// Close carried none, 1006 where none came.
    pub fn code(&self) -> u16 {
        match &self.frame {
            Some(frame) => frame.code.as_u16(),
            None if self.clean => NO_STATUS,
            None => ABNORMAL,
        }
    }
}
