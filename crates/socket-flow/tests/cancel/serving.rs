//! Waiting for a server: giving up changes nothing.

use std::time::Duration;

use socket_flow::{Server, ServerEvent};
use socket_flow_testing::cancel::at_every_poll_of_sockets;
use socket_flow_testing::{Received, Report};

use crate::{MESSAGES, echo, ledger, talk};

const GRACE: Duration = Duration::from_secs(30);

#[test]
fn an_event_whose_wait_is_given_up_at_any_poll_is_not_lost() {
    at_every_poll_of_sockets("Events::next", async |budget| {
        let (handle, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
        let url = format!("ws://{}/", handle.local_addr().unwrap());
        let client = tokio::spawn(async move {
            let (ws, _) = socket_flow::connect(&url).await.unwrap();
            talk(ws).await.unwrap()
        });
        let mut received = Received::new(ledger());
        let mut member = None;
        loop {
            match budget.insist(async || events.next().await).await.unwrap() {
                ServerEvent::Open { sender, .. } => member = Some(sender),
                ServerEvent::Message { message, .. } => {
                    received.receive(message.as_ref());
                    member.as_ref().unwrap().try_send(message).unwrap();
                }
                ServerEvent::Close { error, .. } => {
                    assert!(error.is_none(), "{error:?}");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        let mut report = received.complete(MESSAGES);
        report += client.await.unwrap();
        report
    });
}

#[test]
fn a_shutdown_whose_wait_is_given_up_at_any_poll_goes_on() {
    at_every_poll_of_sockets("serve_with+ServerHandle::shutdown+closed", async |budget| {
        let server = budget
            .insist(async || {
                Server::bind("127.0.0.1:0")
                    .serve_with(|ws, _| echo(ws))
                    .await
            })
            .await
            .unwrap();
        let url = format!("ws://{}/", server.local_addr().unwrap());
        let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
        let mut received = Received::new(ledger());
        for number in 0..MESSAGES {
            ws.queue(ledger().message(number)).unwrap();
        }
        for _ in 0..MESSAGES {
            received.receive(ws.recv().await.unwrap().unwrap().as_ref());
        }
        let leaving = tokio::spawn(async move {
            assert_eq!(ws.recv().await.unwrap(), None);
            ws.close_frame().map(|frame| frame.code.as_u16())
        });
        // Should it be given up before its first poll, the second one asks.
        let stopped = budget.insist(async || server.shutdown(GRACE).await).await;
        assert_eq!(stopped.dropped, 0);
        let closed = budget.insist(async || server.closed().await).await;
        assert_eq!(closed, stopped);
        assert_eq!(leaving.await.unwrap(), Some(1001));
        received.complete(MESSAGES)
    });
}

#[test]
fn a_bind_given_up_at_any_poll_leaves_the_port_free() {
    at_every_poll_of_sockets("ServerBuilder::serve", async |budget| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let served = budget
            .insist(async || Server::bind(addr).serve().await)
            .await;
        let (handle, _events) = served.unwrap();
        assert_eq!(handle.local_addr().unwrap(), addr);
        Report::default()
    });
}
