//! Members whose tasks are the test's own to run.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::BytesMut;
use socket_flow::protocol::{Negotiated, Role};
use socket_flow::{Config, Message, NEVER, Sender, WebSocket};
use tokio::io::DuplexStream;

/// What a message takes in a sender's queue beside its payload.
pub(crate) const OVERHEAD: usize = 64;

/// A connection to a member: nothing of it runs but when the test says so.
pub(crate) struct Member {
    pub(crate) server: WebSocket<DuplexStream>,
    pub(crate) client: WebSocket<DuplexStream>,
    pub(crate) sender: Sender,
}

impl Member {
    /// A member whose queue has room for this many bytes, over a pipe of its
    /// own with this much.
    pub(crate) fn new(room: usize, pipe: usize) -> Self {
        let config = Config::default()
            .high_water(room)
            .ping_interval(NEVER)
            .stall_timeout(NEVER);
        let (near, far) = tokio::io::duplex(pipe);
        let open = |io, role| {
            let negotiated = Negotiated::default();
            WebSocket::from_parts(io, BytesMut::new(), role, negotiated, config.clone())
        };
        let mut server = open(near, Role::Server);
        let sender = server.sender();
        Self {
            server,
            client: open(far, Role::Client),
            sender,
        }
    }

    /// Lets the server's side run until it has nothing to do.
    pub(crate) fn run(&mut self) {
        poll(self.server.recv());
    }

    /// Lets both sides run; the texts that arrive, until there are no more.
    pub(crate) fn receive(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            self.run();
            match poll(self.client.recv()) {
                Some(Ok(Some(message))) => texts.push(text(&message)),
                _ => return texts,
            }
        }
    }
}

pub(crate) fn text(message: &Message) -> String {
    message.as_text().unwrap().to_owned()
}

/// Runs a test as servers run: in one thread, beside one worker, beside two.
pub(crate) fn on_every_runtime(test: impl AsyncFn()) {
    use tokio::runtime::Builder;

    let mut runtimes = vec![Builder::new_current_thread()];
    for workers in [1, 2] {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers);
        runtimes.push(builder);
    }
    for builder in &mut runtimes {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(bounded(test()));
    }
}

/// Longer than any test takes on a busy machine.
pub(crate) async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), future)
        .await
        .expect("the test hangs")
}

/// Polls a future once.
pub(crate) fn poll<F: Future>(future: F) -> Option<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
