use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use socket_flow_protocol::{NEVER, Role};
use tokio_test::task::{Spawn, spawn};

use crate::report::Report;
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
    /// Its work so far, in bytes that are inflated.
    work: Cell<usize>,
    /// Its work that no turn bounds.
    beyond: Cell<usize>,
}

impl Clock {
    pub(super) fn new(start: Duration) -> Self {
        Self(Rc::new(Times {
            now: Cell::new(start),
            due: Cell::new(NEVER),
            is_woken: Cell::new(true),
            work: Cell::new(0),
            beyond: Cell::new(0),
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

    /// The task that is polled does so much work.
    pub(super) fn charge(&self, work: usize) {
        self.0.work.set(self.0.work.get() + work);
    }

    /// The same for what no turn bounds: a message of at most 64 KiB is compressed
    /// at once, by whoever queues it.
    pub(super) fn charge_beyond(&self, work: usize) {
        self.0.beyond.set(self.0.beyond.get() + work);
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
    /// Since when it can go on, in turns and in work, and how many others could.
    woken: Option<(usize, usize, usize)>,
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
            woken: None,
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

/// Runs tasks to their ends, one at a time as on one worker: as they were woken,
/// who yields after all who wait, or in an order that is drawn. Nobody is polled
/// just to look.
pub(super) fn run(
    clock: &Clock,
    mut tasks: Vec<Task>,
    links: &[SharedLink],
    random: &mut Random,
) -> Report {
    let (mut report, is_fair) = (Report::default(), random.bool());
    let (mut work, mut longest) = (0, 0);
    // Far more than any run takes: most need less than a thousand.
    for turn in 0..1_000_000 {
        links.iter().for_each(|link| link.borrow_mut().wake());
        let all = tasks.iter_mut().enumerate();
        let woken = all.filter(|(_, task)| task.due <= clock.now() || task.future.is_woken());
        let mut woken: Vec<_> = woken.collect();
        let others = woken.len().saturating_sub(1);
        for (_, task) in &mut woken {
            task.woken.get_or_insert((turn, work, others));
        }
        let woken = woken.into_iter().map(|(index, task)| (task.woken, index));
        let next = match is_fair {
            true => woken.min(),
            false => random.choice(woken),
        };
        if let Some((woken, index)) = next {
            let mut task = tasks.remove(index);
            let is_over = task.poll(clock).is_ready();
            let took = clock.0.work.take();
            let name = task.name;
            assert!(took <= LONGEST_POLL, "a turn of {took} of {name:?}");
            report.add("worst-turn", took as u64);
            let took = took + clock.0.beyond.take();
            longest = took.max(longest);
            let (_, since, others) = woken.expect("a task that can go on");
            if is_fair && name.1 != HOSTILE {
                let waited = work - since;
                assert!(waited <= others * longest, "{name:?} waits for {waited}");
                report.add("worst-wait", waited as u64);
            }
            work += took;
            task.woken = None;
            if !is_over {
                // Of those who are woken together it comes last.
                tasks.push(task);
            }
        } else if tasks.is_empty() {
            report.add("fair", is_fair.into());
            return report;
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

/// The most work of a turn: as much as to inflate 64 KiB, and one step of 80 KiB.
pub(super) const LONGEST_TURN: usize = (64 + 80) << 10;

/// The most work of a poll: a turn, and as much as a turn compresses of large
/// messages.
const LONGEST_POLL: usize = LONGEST_TURN + COMPRESSED_TURN;

/// Two pieces of 4 KiB are compressed in a turn, each byte for twelve that are
/// inflated.
pub(super) const COMPRESSED_TURN: usize = (2 * (4 << 10)) * COMPRESSED;

/// A byte that is compressed, in bytes that are inflated.
pub(super) const COMPRESSED: usize = 12;

/// The name of who acts on a hostile connection: all others are honest.
pub(super) const HOSTILE: &str = "hostile";

/// The work of a message or a control frame that is handed out, in bytes that
/// are inflated.
pub(super) const MESSAGE: usize = 512;
pub(super) const FRAME: usize = 64;

/// A read of hardly anything is so much work. To read so many bytes is as much as
/// to inflate one, and to copy so many.
pub(super) const LOOK: usize = 64;
pub(super) const READ: usize = 8;
pub(super) const COPIED: usize = 16;
