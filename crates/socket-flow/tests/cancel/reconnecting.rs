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

#[test]
fn a_message_to_send_given_up_at_any_poll_is_sent_once_or_not_at_all() {
    at_every_poll("Reconnecting::{send, ready}", async |budget| {
        let (dials, mut dialled) = mpsc::unbounded_channel();
        let client = ClientBuilder::new("ws://pipe/").reconnect_on(
            Backoff::default().jitter(false),
            move || {
                let (near, far) = pipe();
                let sent = dials.send(far);
                async { sent.map(|()| near).map_err(io::Error::other) }
            },
        );
        // A message at a time: the second of a pair waits for the first.
        let mut client = client.queue_capacity(1);
        let serving = tokio::spawn(async move {
            let mut received = Received::new(ledger());
            let stream = dialled.recv().await.unwrap();
            let mut ws = socket_flow::accept(stream).await.unwrap();
            while let Some(message) = ws.recv().await.unwrap() {
                received.receive(message.as_ref());
                ws.queue(message).unwrap();
            }
            received.complete(MESSAGES)
        });
        let mut received = Received::new(ledger());
        for pair in 0..MESSAGES / 2 {
            for number in [2 * pair, 2 * pair + 1] {
                let message = ledger().message(number);
                let sending = budget.insist(async || client.send(message.clone()).await);
                sending.await.unwrap();
            }
            budget.insist(async || client.ready().await).await.unwrap();
            let mut echoes = 0;
            while echoes < 2 {
                let event = budget.insist(async || client.next().await).await;
                if let Some(ReconnectEvent::Message(message)) = event {
                    received.receive(message.as_ref());
                    echoes += 1;
                }
            }
        }
        let mut tally = received.complete(MESSAGES);
        client.sender().close(CloseCode::NORMAL, "").unwrap();
        while client.next().await.is_some() {}
        tally += serving.await.unwrap();
        tally
    });
}
