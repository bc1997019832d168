use std::sync::Arc;

use socket_flow_protocol::CloseCode;
use socket_flow_protocol::driver::{Handed, HandedIn};

use crate::sender::outbox::Outbox;

/// What a connection takes over at once. The room is given back when it is
/// dropped, so that those who wait for it are not woken for each message.
pub(crate) struct Taking<'a> {
    outbox: Option<&'a Outbox>,
    /// Whether the senders are refused: no further message can arrive.
    refuses: bool,
    freed: u32,
    close: Option<CloseCode>,
}

impl<'a> Taking<'a> {
    pub(crate) fn of(outbox: &'a Option<Arc<Outbox>>) -> Self {
        Self::from(outbox.as_deref())
    }

    /// The code of a Close that was taken.
    pub(crate) fn close_code(&self) -> Option<CloseCode> {
        self.close
    }
}

impl<'a> From<Option<&'a Outbox>> for Taking<'a> {
    fn from(outbox: Option<&'a Outbox>) -> Self {
        Self {
            outbox,
            refuses: false,
            freed: 0,
            close: None,
        }
    }
}

impl HandedIn for Taking<'_> {
    #[inline]
    fn next(&mut self, only_close: bool) -> Option<Handed> {
        // Without the lock a message might be missed that is being put in: it
        // is found later, but not once a Close is in front of it.
        let outbox = self.outbox?;
        if !self.refuses && !outbox.is_filled() {
            return None;
        }
        let handed = match only_close {
            true => outbox.take_close().map(|frame| Handed::Close(*frame)),
            false => outbox.pop(&mut self.freed),
        };
        if let Some(Handed::Close(frame)) = &handed {
            self.close = Some(frame.code);
        }
        handed
    }

    fn refuse(&mut self) {
        self.refuses = true;
        if let Some(outbox) = self.outbox {
            outbox.close_to_senders();
        }
    }

    fn close(&mut self) {
        if let Some(outbox) = self.outbox {
            outbox.discard();
        }
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox {
            outbox.release_permits(self.freed);
        }
    }
}
