use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use socket_flow_protocol::{NEVER, Role};

use crate::random::Random;
use crate::simulation::link::SharedLink;

/// A clock that stands still while any task can do something; clones are one.
#[derive(Clone, Debug)]
pub(super) struct Clock(Rc<Times>);

#[derive(Debug)]
struct Times {
    now: Cell<Duration>,
    /// What the task that is polled waits for.
    due: Cell<Duration>,
    /// Whether it was woken by somebody, not by time alone.
    is_woken: Cell<bool>,
}

impl Clock {
    pub(super) fn new(start: Duration) -> Self {
        Self(Rc::new(Times {
            now: Cell::new(start),
            due: Cell::new(NEVER),
            is_woken: Cell::new(true),
        }))
    }

    pub(super) fn now(&self) -> Duration {
        self.0.now.get()
    }

    /// Whether this moment has passed; if not, the task is woken then.
    pub(super) fn has_passed(&self, at: Duration) -> bool {
        let has_passed = at <= self.now();
        if !has_passed {
            self.0.due.set(self.0.due.get().min(at));
        }
        has_passed
    }

    /// Whether somebody has woken the task that is polled, and not time alone.
    pub(super) fn is_woken(&self) -> bool {
        self.0.is_woken.get()
    }

    pub(super) async fn sleep_until(&self, at: Duration) {
        poll_fn(|_| match self.has_passed(at) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

/// Somebody who acts on their own, and is polled only once woken.
pub(super) struct Task {
    role: Role,
    name: &'static str,
    future: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Woken>,
    /// When it is woken in any case.
    due: Duration,
}

#[derive(Debug)]
struct Woken(AtomicBool);

impl Task {
    pub(super) fn new<T: 'static>(
        role: Role,
        name: &'static str,
        future: impl Future<Output = T> + 'static,
    ) -> Self {
        Self {
            role,
            name,
            future: Box::pin(future.map(drop)),
            woken: Arc::new(Woken(AtomicBool::new(true))),
            due: NEVER,
        }
    }

    fn is_woken(&self, now: Duration) -> bool {
        self.due <= now || self.woken.0.load(Ordering::Relaxed)
    }

    fn poll(&mut self, clock: &Clock) -> Poll<()> {
        let is_woken = self.woken.0.swap(false, Ordering::Relaxed);
        clock.0.is_woken.set(is_woken);
        clock.0.due.set(NEVER);
        let waker = Waker::from(self.woken.clone());
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        self.due = clock.0.due.get();
        polled
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}'s {}", self.role, self.name)
    }
}

/// Runs tasks to their ends, in an order that is drawn. Nobody is polled just
/// to look.
pub(super) fn run(
    clock: &Clock,
    mut tasks: Vec<Task>,
    links: &[SharedLink; 2],
    random: &mut Random,
) {
    // Far more than any run takes: most need less than a thousand.
    for _ in 0..1_000_000 {
        let now = clock.now();
        links.iter().for_each(|link| link.borrow_mut().wake());
        let woken = (0..tasks.len()).filter(|index| tasks[*index].is_woken(now));
        let woken: Vec<_> = woken.collect();
        if !woken.is_empty() {
            let index = random.pick(&woken);
            if tasks[index].poll(clock).is_ready() {
                tasks.swap_remove(index);
            }
        } else if tasks.is_empty() {
            return;
        } else {
            let tasks_due = tasks.iter().map(|task| task.due);
            let links_due = links.iter().filter_map(|link| link.borrow().due());
            let next = tasks_due.chain(links_due).min().unwrap_or(NEVER);
            assert!(next < NEVER, "nobody will ever wake any of {tasks:?}");
            clock.0.now.set(next);
        }
    }
    panic!("no end to {tasks:?}");
}
