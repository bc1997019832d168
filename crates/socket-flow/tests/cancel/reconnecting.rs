//! A client that connects again: the attempt, the delay and the connection
//! live in it, and not in the future.

use std::io;

use socket_flow::{Backoff, ClientBuilder, CloseCode, ReconnectEvent};
use socket_flow_testing::Received;
use socket_flow_testing::cancel::at_every_poll;
use tokio::sync::mpsc;

use crate::{MESSAGES, ledger, pipe};

#[test]
fn a_wait_for_the_next_event_given_up_at_any_poll_loses_nothing() {
    at_every_poll("Reconnecting::next", async |budget| {
        let (dials, mut dialled) = mpsc::unbounded_channel();
        let mut client = ClientBuilder::new("ws://pipe/").reconnect_on(
            Backoff::default().jitter(false),
            move || {
                let (near, far) = pipe();
                let sent = dials.send(far);
                async { sent.map(|()| near).map_err(io::Error::other) }
            },
        );
        // Two connections, each with a part of the messages.
        let serving = tokio::spawn(async move {
            let mut received = Received::new(ledger());
            for _ in 0..2 {
                let stream = dialled.recv().await.unwrap();
                let mut ws = socket_flow::accept(stream).await.unwrap();
                for _ in 0..MESSAGES / 2 {
                    let message = ws.recv().await.unwrap().unwrap();
                    received.receive(message.as_ref());
                    ws.send(message).await.unwrap();
                }
                ws.close(CloseCode::GOING_AWAY, "restart").await.unwrap();
            }
            received.complete(MESSAGES)
        });
        let sender = client.sender();
        let mut received = Received::new(ledger());
        let mut sent = 0;
        let mut connections = 0;
        loop {
            match budget.insist(async || client.next().await).await.unwrap() {
                ReconnectEvent::Connected(_) => {
                    connections += 1;
                    for _ in 0..MESSAGES / 2 {
                        sender.try_send(ledger().message(sent)).unwrap();
                        sent += 1;
                    }
                }
                ReconnectEvent::Message(message) => received.receive(message.as_ref()),
                ReconnectEvent::Disconnected { .. } if connections == 2 => break,
                _ => {}
            }
        }
        let mut tally = received.complete(MESSAGES);
        tally += serving.await.unwrap();
        tally
    });
}
