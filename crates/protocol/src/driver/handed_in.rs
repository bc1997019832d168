use crate::event::CloseFrame;
use crate::message::Parcel;

/// What others have handed in for a connection to send, in order.
///
/// `()` is for a connection without senders.
pub trait HandedIn {
    /// Takes the next of it. `only_close`: only a Close, and only if no message
    /// waits before it; what comes before it has to wait.
    fn next(&mut self, only_close: bool) -> Option<Handed>;

    /// No message is handed in any more. What waits is still taken over.
    fn refuse(&mut self);

    /// Nothing is taken over any more: drops what waits and lets nobody wait.
    fn close(&mut self);
}

/// Something that was handed in.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // all that may be handed in: a new kind needs every shell's care
pub enum Handed {
    /// A message to send.
    Message(Parcel),
    /// A Close to send. Nothing follows it.
    Close(CloseFrame),
}

/// What a connection takes over now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a connection takes all, some, or nothing
pub enum Accepts {
    /// Messages and a Close.
    All,
    /// Only a Close: a message is sent part by part.
    Close,
    /// Nothing: the write queue is full, or a Close is queued.
    Nothing,
}

/// What a message of so many bytes counts where it waits to be taken over, in
/// bytes: 64 more, about what it costs to keep, so that empty ones are bounded too.
///
/// A shell lets messages wait that count
/// [`Limits::high_water`](crate::Limits::high_water) together, or one larger one.
/// ```
/// assert_eq!(socket_flow_protocol::driver::cost(5), 69);
/// ```
#[inline]
#[must_use]
pub fn cost(payload: usize) -> u32 {
    u32::try_from(payload)
        .unwrap_or(u32::MAX)
        .saturating_add(OVERHEAD)
}

/// What a message counts beside its payload, see [`cost`].
pub const OVERHEAD: u32 = 64;

impl HandedIn for () {
    fn next(&mut self, _: bool) -> Option<Handed> {
        None
    }

    fn refuse(&mut self) {}

    fn close(&mut self) {}
}

impl<T: HandedIn> HandedIn for Option<T> {
    fn next(&mut self, only_close: bool) -> Option<Handed> {
        self.as_mut()?.next(only_close)
    }

    fn refuse(&mut self) {
        if let Some(handed_in) = self {
            handed_in.refuse();
        }
    }

    fn close(&mut self) {
        if let Some(handed_in) = self {
            handed_in.close();
        }
    }
}
