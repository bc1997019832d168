//! A server with a budget: settings that cannot be, events that wait, and what is told.

use std::io;

use futures_util::SinkExt;
use socket_flow::{Budget, BudgetError, Config, Message, Server, ServerEvent};

fn cause(error: &io::Error) -> Option<&BudgetError> {
    error.get_ref()?.downcast_ref()
}

#[tokio::test]
async fn a_budget_below_one_message_is_refused_with_the_numbers() {
    let server = Server::bind("127.0.0.1:0").budget(Budget::new(1 << 20));
    let error = server.serve().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let expected = BudgetError::BelowMessage {
        budget: 1 << 20,
        message: 16 << 20,
    };
    assert_eq!(cause(&error), Some(&expected));
    let text = "a budget of 1048576 bytes is less than one message of 16777216 bytes";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_budget_below_the_share_of_each_connection_is_refused_with_the_numbers() {
    let server = || Server::bind("127.0.0.1:0").budget(Budget::new(20 << 20));
    let error = server().max_connections(20_000).serve().await.unwrap_err();
    let expected = BudgetError::BelowConnections {
        budget: 20 << 20,
        connections: 20_000,
        share: Budget::SHARE,
    };
    assert_eq!(cause(&error), Some(&expected));
    assert!(server().max_connections(10_000).serve().await.is_ok());
}

#[tokio::test]
async fn a_server_sets_the_shares_of_its_connections_aside_while_it_runs() {
    for (max_connections, expected) in [
        (Some(1_000), 1_000 * Budget::SHARE),
        (Some(16_000), 16 << 20),
        (None, 8 << 20),
    ] {
        let budget = Budget::new(32 << 20);
        let mut server = Server::bind("127.0.0.1:0").budget(budget.clone());
        if let Some(count) = max_connections {
            server = server.max_connections(count);
        }
        let (handle, events) = server.serve().await.unwrap();
        assert_eq!(budget.usage().set_aside, expected);
        let url = format!("ws://{}", handle.local_addr().unwrap());
        let (ws, _) = socket_flow::connect(&url).await.unwrap();
        let usage = budget.usage();
        assert_eq!(usage.connections, Budget::SHARE);
        assert_eq!(usage.set_aside, expected - Budget::SHARE);
        assert_eq!(usage.used, expected + usage.buffers);
        drop((ws, events));
        handle.closed().await;
        while budget.usage().set_aside > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn events_that_nobody_reads_hold_no_more_than_their_memory_and_none_is_lost() {
    const MESSAGES: usize = 20;
    let budget = Budget::new(64 << 20);
    let config = Config::new().max_message(4 << 20);
    let (handle, mut events) = Server::bind("127.0.0.1:0")
        .config(config)
        .budget(budget.clone())
        .event_memory(3 << 20)
        .serve()
        .await
        .unwrap();
    let url = format!("ws://{}", handle.local_addr().unwrap());
    let mut clients = Vec::new();
    for _ in 0..5 {
        let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
        clients.push(tokio::spawn(async move {
            for _ in 0..MESSAGES / 5 {
                ws.feed(Message::from(vec![7; 1 << 20])).await.unwrap();
            }
            ws.close(socket_flow::CloseCode::NORMAL, "").await.unwrap();
        }));
    }
    let (mut messages, mut closes) = (0, 0);
    while closes < 5 {
        let held = budget.usage().events;
        assert!(held <= 3 << 20, "{held} bytes");
        match events.next().await.unwrap() {
            ServerEvent::Message { message, .. } => {
                assert_eq!(message.len(), 1 << 20);
                messages += 1;
            }
            ServerEvent::Close { .. } => closes += 1,
            _ => {}
        }
        // The application takes its time.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(messages, MESSAGES);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(budget.usage().events, 0);
    handle.shutdown(std::time::Duration::from_secs(5)).await;
}
