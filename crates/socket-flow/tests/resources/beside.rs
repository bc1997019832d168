//! The honest connection beside each test: it is served as before, and waits for no more than a
//! turn of the test's task a step.
//!
//! Without one are `silence`, and the tests of `lying` and `waking` whose clock is paused: somebody
//! who is always busy would stop it. So are `close_race` and the other test of `waking`: on two
//! threads one of them may rest for long, whoever is to blame. `small_stack` has a runtime for each
//! call, and `memory` counts blocks and the buffers of its thread, and attacks nobody.

use std::cell::RefCell;

use socket_flow::Config;

use crate::peer::server_on_pipe;
use crate::support::bystander::{Books, Bystander, Delivery, Limits, serves};
use crate::support::side::Side;

thread_local! {
    static BOOKS: RefCell<Books> = RefCell::default();
}

/// Runs a test whose peers, connections and applications are in one task.
pub(crate) async fn beside<T>(test: impl Future<Output = T>) -> T {
    let books = Books::default();
    BOOKS.set(books.clone());
    let (ws, peer) = server_on_pipe(1 << 10, Config::new()).await;
    tokio::spawn(serves(ws));
    let bystander = Bystander::start(Side::Server, peer.io, &books, Delivery::AtOnce).await;
    let output = books.open(Limits::PLAIN).of(test).await;
    bystander.goes_on().await;
    output
}

/// The turns of the test's task so far.
pub(crate) fn turns() -> usize {
    BOOKS.with_borrow(|books| books.turns()[0])
}

/// Tasks that live on this runtime beside the bystander's.
#[cfg(target_os = "linux")]
pub(crate) fn tasks() -> usize {
    crate::support::patience::tasks() - 2
}
