use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use crate::sync::Mutex;

/// Reader and writer of one connection in two tasks, as those who wait for
/// the write side.
///
/// A transport remembers one waker per direction. Both write, so the
/// transport is given this one, which wakes whoever of them waits: no waker
/// overwrites another.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

impl Wakers {
    pub(crate) fn set_reader(&self, waker: &Waker) {
        set(&self.reader, waker);
    }

    pub(crate) fn set_writer(&self, waker: &Waker) {
        set(&self.writer, waker);
    }

    pub(crate) fn wake_reader(&self) {
        wake(&self.reader);
    }

    pub(crate) fn wake_writer(&self) {
        wake(&self.writer);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_reader();
        self.wake_writer();
    }
}

fn set(slot: &Mutex<Option<Waker>>, waker: &Waker) {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *slot {
        Some(old) => old.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}

fn wake(slot: &Mutex<Option<Waker>>) {
    let waker = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Outside the lock: waking may run the other half's poll at once.
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn waking_the_transport_wakes_both_halves_once() {
        let wakers = Arc::new(Wakers::default());
        let (first, second) = (Arc::<Count>::default(), Arc::<Count>::default());
        wakers.set_reader(&first.clone().into());
        wakers.set_writer(&second.clone().into());
        let transport = Waker::from(wakers.clone());
        transport.wake_by_ref();
        transport.wake_by_ref();
        assert_eq!(first.0.load(Ordering::SeqCst), 1);
        assert_eq!(second.0.load(Ordering::SeqCst), 1);
    }
}
