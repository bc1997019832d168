//! Publishing: whoever had room has the message, whole.

use bytes::BytesMut;
use socket_flow::protocol::{Negotiated, Role};
use socket_flow::{CloseCode, Config, Hub, Message, Prepared, SlowPolicy, WebSocket};
use socket_flow_testing::Report;
use socket_flow_testing::cancel::at_every_poll;

use crate::{ledger, pipe};

const MEMBERS: usize = 3;
const PUBLISHED: u64 = 6;

/// Publishes to members whose pipes are slow; what is given up arrives whole
/// or not at all, and nothing else is touched.
fn publishing(name: &'static str, publish: impl AsyncFn(&Hub, Message)) {
    at_every_poll(name, async |budget| {
        let hub = Hub::new(SlowPolicy::Wait);
        let mut senders = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..MEMBERS {
            let config = Config::new().high_water(100);
            let open = |io, role| {
                let negotiated = Negotiated::default();
                WebSocket::from_parts(io, BytesMut::new(), role, negotiated, config.clone())
            };
            let (near, far) = pipe();
            let (mut server, mut client) = (open(near, Role::Server), open(far, Role::Client));
            let sender = server.sender();
            assert!(hub.join("news", &sender));
            senders.push(sender);
            tokio::spawn(async move { while server.recv().await.unwrap().is_some() {} });
            tasks.push(tokio::spawn(async move {
                let mut heard = Vec::new();
                while let Some(message) = client.recv().await.unwrap() {
                    heard.push(message);
                }
                heard
            }));
        }
        let all: Vec<_> = (0..PUBLISHED)
            .map(|number| ledger().message(number))
            .collect();
        let mut without = all.clone();
        for (number, message) in all.iter().enumerate() {
            if budget
                .attempt(publish(&hub, message.clone()))
                .await
                .is_none()
            {
                without.remove(number);
            }
        }
        for sender in &senders {
            sender.close(CloseCode::NORMAL, "").unwrap();
        }
        let mut report = Report::default();
        for task in tasks {
            let heard = task.await.unwrap();
            assert!(heard == all || heard == without, "{} messages", heard.len());
            report.add("messages", heard.len() as u64);
        }
        report
    });
}

#[test]
fn a_publication_given_up_at_any_poll_is_whole_or_not_at_all() {
    publishing("Hub::publish", async |hub: &Hub, message: Message| {
        hub.publish("news", message).await;
    });
    publishing(
        "Hub::publish_prepared",
        async |hub: &Hub, message: Message| {
            hub.publish_prepared("news", &Prepared::new(message)).await;
        },
    );
    publishing("Hub::publish_from", async |hub: &Hub, message: Message| {
        let (near, _far) = pipe();
        let (read, negotiated) = (BytesMut::new(), Negotiated::default());
        let mut ws = WebSocket::from_parts(near, read, Role::Server, negotiated, Config::new());
        hub.publish_from(&mut ws, "news", message).await;
    });
}
