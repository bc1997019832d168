//! What is called where there may be memory is an executor's: called or dropped, it may run anything,
//! and that may ask the same budget for memory. Under the lock of the line it would wait for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socket_flow_protocol::{Budget, Lease, Purpose, Role};

use crate::support::{Endpoint, header, off, seconds};

const MIB: usize = 1 << 20;

/// An executor's task: woken, or dropped, it takes a place in the line and leaves it.
struct Task {
    budget: Budget,
    runs: Arc<AtomicUsize>,
}

impl Task {
    fn wake(self) {
        self.asks();
    }

    fn asks(&self) {
        let mut newcomer = self.budget.newcomer();
        let mut lease = self.budget.lease(Purpose::Handshakes);
        newcomer.take(&mut lease, MIB, || {});
        drop(newcomer);
        drop(lease);
        self.runs.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.asks();
    }
}

/// A budget of which all is used, and the tasks that wait for it.
struct Tasks {
    budget: Budget,
    all: Lease,
    runs: Arc<AtomicUsize>,
}

impl Tasks {
    fn new() -> Self {
        let budget = Budget::with_patience(64 * MIB, seconds(3));
        let mut all = budget.lease(Purpose::Events);
        all.set(64 * MIB);
        Self {
            budget,
            all,
            runs: Arc::default(),
        }
    }

    fn task(&self) -> Task {
        Task {
            budget: self.budget.clone(),
            runs: Arc::clone(&self.runs),
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// A connection that waits, in the middle of a message, with a task of its own; the first one
    /// goes beyond the budget instead.
    fn message(&self) -> Endpoint {
        let config = off().budget(self.budget.clone());
        let mut endpoint = Endpoint::new(Role::Server, &config);
        endpoint.feed(&header(Role::Server, 0x82, MIB as u64));
        endpoint.feed(&vec![0; MIB / 2]);
        if endpoint.lacks_memory {
            let task = self.task();
            endpoint.receiving.when_there_is_memory(move || task.wake());
        }
        endpoint
    }
}

/// Cause: a call that another one replaced was dropped under the lock of the line.
#[test]
fn a_handshake_that_asks_again_drops_its_task_outside_of_the_line() {
    let tasks = Tasks::new();
    let mut newcomer = tasks.budget.newcomer();
    let mut lease = tasks.budget.lease(Purpose::Handshakes);
    for runs in [0, 1, 2] {
        let task = tasks.task();
        assert!(!newcomer.take(&mut lease, MIB, move || task.wake()));
        assert_eq!(tasks.runs(), runs);
    }
}

/// Cause: the call of whoever left was dropped under the lock of the line.
#[test]
fn a_handshake_that_leaves_drops_its_task_outside_of_the_line() {
    let mut tasks = Tasks::new();
    let mut newcomer = tasks.budget.newcomer();
    let mut lease = tasks.budget.lease(Purpose::Handshakes);
    let task = tasks.task();
    assert!(!newcomer.take(&mut lease, MIB, move || task.wake()));
    drop(newcomer);
    assert_eq!(tasks.runs(), 1);

    // One that finds room at once needs no task.
    tasks.all.set(0);
    let mut newcomer = tasks.budget.newcomer();
    let task = tasks.task();
    assert!(newcomer.take(&mut lease, MIB, move || task.wake()));
    assert_eq!(tasks.runs(), 2);
}

#[test]
fn a_task_that_is_called_asks_the_budget_again() {
    let mut tasks = Tasks::new();
    let _beyond = tasks.message();
    let _waiting = [tasks.message(), tasks.message()];
    let mut newcomer = tasks.budget.newcomer();
    let mut lease = tasks.budget.lease(Purpose::Handshakes);
    let task = tasks.task();
    assert!(!newcomer.take(&mut lease, MIB, move || task.wake()));
    tasks.all.set(0);
    // Each is called, and then dropped.
    assert_eq!(tasks.runs(), 6);
}

/// Cause: the call of a message that asked again was dropped under the lock of the line.
#[test]
fn a_message_that_asks_again_drops_its_task_outside_of_the_line() {
    let tasks = Tasks::new();
    let _beyond = tasks.message();
    let mut waiting = tasks.message();
    waiting.pump();
    assert_eq!(tasks.runs(), 1);
    for runs in [1, 2, 3] {
        let task = tasks.task();
        waiting.receiving.when_there_is_memory(move || task.wake());
        assert_eq!(tasks.runs(), runs);
    }
}

/// Cause: the call of a message that left the line was dropped under its lock.
#[test]
fn a_message_that_leaves_drops_its_task_outside_of_the_line() {
    let tasks = Tasks::new();
    let _beyond = tasks.message();
    drop(tasks.message());
    assert_eq!(tasks.runs(), 1);

    // Its own patience ends, and it is the largest that waits.
    let mut waiting = tasks.message();
    waiting.now += seconds(6);
    waiting.pump();
    assert_eq!(tasks.runs(), 2);
}

#[test]
fn a_message_that_is_let_go_has_its_task_called_outside_of_the_line() {
    let tasks = Tasks::new();
    let _beyond = tasks.message();
    let (mut first, mut last) = (tasks.message(), tasks.message());
    last.now += seconds(6);
    last.pump();
    // That of the last one is dropped, that of the first called and dropped.
    assert_eq!(tasks.runs(), 3);
    first.pump();
    assert!(first.receiving.failure().is_some());
}
