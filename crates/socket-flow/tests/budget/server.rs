//! A server with a budget: settings that cannot be, events that wait, and what is told.

use std::io;

use futures_util::SinkExt;
use socket_flow::{Budget, BudgetError, ClientBuilder, Config, Message, Server, ServerEvent};

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
        let (handle, mut events) = server.serve().await.unwrap();
        assert_eq!(budget.usage().set_aside, expected);
        let url = format!("ws://{}", handle.local_addr().unwrap());
        let (ws, _) = socket_flow::connect(&url).await.unwrap();
        // Its request is charged until then.
        let open = events.next().await.unwrap();
        let usage = budget.usage();
        assert_eq!(usage.connections, Budget::SHARE);
        assert_eq!(usage.set_aside, expected - Budget::SHARE);
        assert_eq!(usage.used, expected + usage.buffers);
        drop((ws, open, events));
        handle.closed().await;
        assert_eq!(budget.usage().set_aside, 0);
    }
}

/// Cause: a server whose shares did not fit beside those of another one with the same budget began all
/// the same, and its connections went beyond the budget.
#[tokio::test]
async fn a_server_whose_shares_do_not_fit_beside_others_is_refused_with_the_numbers() {
    let budget = Budget::new(32 << 20);
    let server = |connections: usize| {
        let server = Server::bind("127.0.0.1:0").budget(budget.clone());
        server.max_connections(connections)
    };
    // Half of the budget is 8,192 shares.
    let (first, _first_events) = server(5_000).serve().await.unwrap();
    let error = server(3_193).serve().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let expected = BudgetError::BesideOthers {
        budget: 32 << 20,
        set_aside: 5_000 * Budget::SHARE,
        connections: 3_193,
        share: Budget::SHARE,
    };
    assert_eq!(cause(&error), Some(&expected));
    let text = "half of a budget of 33554432 bytes, of which others have set 10240000 bytes aside, \
        leaves less than 2048 bytes for each of 3193 connections";
    assert_eq!(error.to_string(), text);
    // What was refused keeps nothing.
    assert_eq!(budget.usage().set_aside, 5_000 * Budget::SHARE);
    let second = server(3_192).serve().await.unwrap();
    assert_eq!(budget.usage().set_aside, 16 << 20);
    drop((first, second));
}

/// Cause: a server had its shares aside for a moment after it was over, and the next one found no room.
#[tokio::test]
async fn a_server_that_is_over_has_nothing_aside_and_the_next_one_begins() {
    let budget = Budget::new(32 << 20);
    for _ in 0..20 {
        let server = Server::bind("127.0.0.1:0").budget(budget.clone());
        let (handle, events) = server.max_connections(8_000).serve().await.unwrap();
        drop(events);
        handle.closed().await;
        assert_eq!(budget.usage().set_aside, 0);
    }
}

/// Two servers without a limit, in the clear and with TLS as a rule, have a quarter each.
#[tokio::test]
async fn two_servers_without_a_limit_share_a_budget_and_a_third_does_not_fit() {
    let budget = Budget::new(32 << 20);
    let server = || Server::bind("127.0.0.1:0").budget(budget.clone());
    let _two = (
        server().serve().await.unwrap(),
        server().serve().await.unwrap(),
    );
    let error = server().serve().await.unwrap_err();
    let expected = BudgetError::BesideOthers {
        budget: 32 << 20,
        set_aside: 16 << 20,
        connections: 4_096,
        share: Budget::SHARE,
    };
    assert_eq!(cause(&error), Some(&expected));
}

/// Cause: the request of an `Open` event was charged to nobody once its connection was open.
#[tokio::test]
async fn the_request_of_an_open_event_is_charged_until_that_is_read() {
    let budget = Budget::new(64 << 20);
    let server = Server::bind("127.0.0.1:0").budget(budget.clone());
    let (handle, mut events) = server.serve().await.unwrap();
    let url = format!("ws://{}", handle.local_addr().unwrap());
    let cookie = "a".repeat(6_000);
    let client = ClientBuilder::new(&url).header("cookie", cookie.as_str());
    let (mut ws, _) = client.connect().await.unwrap();
    // The connection goes on meanwhile.
    ws.send("hello").await.unwrap();
    while budget.usage().events == 0 {
        tokio::task::yield_now().await;
    }
    let usage = budget.usage();
    assert!((6_000..16_000).contains(&usage.events), "{usage:?}");
    assert_eq!(usage.handshakes, 0);
    let open = events.next().await.unwrap();
    let ServerEvent::Open { request, .. } = open else {
        panic!("{open:?}");
    };
    assert_eq!(request.headers()["cookie"], cookie);
    let message = events.next().await.unwrap();
    assert!(matches!(message, ServerEvent::Message { .. }));
    assert_eq!(budget.usage().events, 0);
}

/// The request is the handler's.
#[tokio::test]
async fn the_request_that_a_handler_is_given_is_not_charged() {
    let budget = Budget::new(64 << 20);
    let told = budget.clone();
    let server = Server::bind("127.0.0.1:0").budget(budget.clone());
    let handle = server.serve_with(move |mut ws, _| {
        let usage = told.usage();
        async move {
            ws.send(format!("{} {}", usage.events, usage.handshakes))
                .await
        }
    });
    let handle = handle.await.unwrap();
    let url = format!("ws://{}", handle.local_addr().unwrap());
    let cookie = "a".repeat(6_000);
    let client = ClientBuilder::new(&url).header("cookie", cookie.as_str());
    let (mut ws, _) = client.connect().await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("0 0")));
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
        // Their requests are charged beside the messages.
        assert!(held <= (3 << 20) + 5 * 2_000, "{held} bytes");
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
