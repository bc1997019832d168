use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use socket_flow_connection::{Patience, Sender};
use socket_flow_protocol::{Prepared, SendError};

/// Messages that wait for their members, all at once: each has its place among
/// those who wait for the same member, and only those that were woken are
/// polled.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waits: Vec<Option<Wait>>,
    left: usize,
    woken: Arc<Woken>,
}

/// A message that waits for a member.
struct Wait {
    member: Sender,
    /// How much the member's connection had taken over before.
    taken: u32,
    sending: Pin<Box<dyn Future<Output = Result<(), SendError<()>>> + Send>>,
    waker: Waker,
}

impl Waits {
    pub(super) fn push(
        &mut self,
        member: &Sender,
        taken: u32,
        message: &Prepared,
        patience: Patience,
        lossy: bool,
    ) {
        let at = self.waits.len();
        let woken = self.woken.clone();
        self.woken.lock().waits.push(at);
        self.waits.push(Some(Wait {
            member: member.clone(),
            taken,
            sending: Box::pin(
                member
                    .clone()
                    .send_in_turn(message.clone(), patience, lossy),
            ),
            waker: Waker::from(Arc::new(Bell { at, woken })),
        }));
        self.left += 1;
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// The next that is done, of those that were woken.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(Sender, Result<(), SendError<()>>)> {
        loop {
            let mut woken = self.woken.lock();
            let Some(at) = woken.waits.pop() else {
                woken.waker = Some(cx.waker().clone());
                return Poll::Pending;
            };
            drop(woken);
            let Some(place) = self.waits.get_mut(at) else {
                continue;
            };
            let Some(wait) = place else {
                continue;
            };
            let cx = &mut Context::from_waker(&wait.waker);
            if let Poll::Ready(sent) = wait.sending.as_mut().poll(cx) {
                let member = wait.member.clone();
                *place = None;
                self.left -= 1;
                return Poll::Ready((member, sent));
            }
        }
    }

    /// All of them have been waited for as long as that may take.
    pub(super) fn let_pass(&self, patience: Patience) {
        for wait in self.waits.iter().flatten() {
            wait.member.let_pass(wait.taken, patience);
        }
    }

    /// One of those that wait, which does so no more.
    pub(super) fn give_up(&mut self) -> Option<Sender> {
        while let Some(place) = self.waits.pop() {
            if let Some(wait) = place {
                self.left -= 1;
                return Some(wait.member);
            }
        }
        None
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("member", &self.member)
            .field("taken", &self.taken)
            .finish()
    }
}

#[derive(Debug, Default)]
struct Woken(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Those that were woken and not polled since.
    waits: Vec<usize>,
    /// Who polls them.
    waker: Option<Waker>,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes whoever polls, for one of those that wait.
struct Bell {
    at: usize,
    woken: Arc<Woken>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut woken = self.woken.lock();
        woken.waits.push(self.at);
        let waker = woken.waker.take();
        drop(woken);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
