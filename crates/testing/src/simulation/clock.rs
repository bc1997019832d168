use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use socket_flow_protocol::{NEVER, Role};
use tokio_test::task::{Spawn, spawn};

use crate::seeds::Random;
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

    /// Waits until this moment has passed.
    pub(super) fn poll_passed(&self, at: Duration) -> Poll<()> {
        if at <= self.now() {
            return Poll::Ready(());
        }
        self.0.due.set(self.0.due.get().min(at));
        Poll::Pending
    }

    /// Whether somebody has woken the task that is polled, and not time alone.
    pub(super) fn is_woken(&self) -> bool {
        self.0.is_woken.get()
    }

    pub(super) async fn sleep_until(&self, at: Duration) {
        poll_fn(|_| self.poll_passed(at)).await;
    }
}

/// Somebody who acts on their own, and is polled only once woken.
pub(super) struct Task {
    name: (Role, &'static str),
    future: Spawn<LocalBoxFuture<'static, ()>>,
    /// When it is woken in any case.
    due: Duration,
}

impl Task {
    pub(super) fn new<T: 'static>(
        name: (Role, &'static str),
        future: impl Future<Output = T> + 'static,
    ) -> Self {
        Self {
            name,
            future: spawn(future.map(drop).boxed_local()),
            due: Duration::ZERO,
        }
    }

    fn poll(&mut self, clock: &Clock) -> Poll<()> {
        clock.0.is_woken.set(self.future.is_woken());
        clock.0.due.set(NEVER);
        let polled = self.future.poll();
        self.due = clock.0.due.get();
        polled
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
        links.iter().for_each(|link| link.borrow_mut().wake());
        let all = tasks.iter().enumerate();
        let woken = all.filter(|(_, task)| task.due <= clock.now() || task.future.is_woken());
        let woken: Vec<_> = woken.map(|(index, _)| index).collect();
        if let Some(index) = random.choice(woken) {
            if tasks[index].poll(clock).is_ready() {
                tasks.swap_remove(index);
            }
        } else if tasks.is_empty() {
            return;
        } else {
            let tasks_due = tasks.iter().map(|task| task.due);
            let links_due = links.iter().filter_map(|link| link.borrow().due());
            let next = tasks_due.chain(links_due).min().unwrap_or(NEVER);
            assert!(next < NEVER, "nobody will ever wake {:?}", names(&tasks));
            clock.0.now.set(next);
        }
    }
    panic!("no end to {:?}", names(&tasks));
}

fn names(tasks: &[Task]) -> Vec<(Role, &'static str)> {
    tasks.iter().map(|task| task.name).collect()
}
