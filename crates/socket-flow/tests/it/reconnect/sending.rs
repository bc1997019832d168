//! Sending from the loop of events.

use std::sync::atomic::Ordering;
use std::time::Duration;

use socket_flow::{
    Acceptor, Backoff, CloseCode, Config, DisconnectCause, Error, Expired, Message, ReconnectEvent,
    SendError, WebSocket,
};
use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};

use crate::reconnect::tools::{Client, Network, disconnected};

/// Room for the pipe, both write queues and the sender's queue, and more.
const MANY: usize = 2000;

/// Sends so many messages at once, then receives as many.
async fn sends_at_once(server: WebSocket<DuplexStream>) {
    let (mut reader, mut writer) = server.into_split();
    let sending = tokio::spawn(async move {
        for number in 0..MANY {
            writer.send(payload(number)).await.unwrap();
        }
        writer
    });
    for number in 0..MANY {
        let message = reader.recv().await.unwrap().unwrap();
        assert!(message.as_bytes() == payload(number), "{number}");
    }
    sending.await.unwrap();
    // What it has read of the last Close is answered.
    while reader.recv().await.unwrap().is_some() {}
}

fn payload(number: usize) -> Vec<u8> {
    let mut payload = vec![7; 1000];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    payload
}

async fn message(client: &mut Client) -> Message {
    match client.next().await {
        Some(ReconnectEvent::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_echo_by_send_answers_all_that_was_sent_at_once() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let server = network.open(&mut client).await;
    let serving = tokio::spawn(sends_at_once(server));
    for _ in 0..MANY {
        let message = message(&mut client).await;
        client.send(message).await.unwrap();
    }
    client.sender().close(CloseCode::NORMAL, "").unwrap();
    disconnected(&mut client).await;
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_echo_by_queue_and_ready_answers_all_that_was_sent_at_once() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let server = network.open(&mut client).await;
    let serving = tokio::spawn(sends_at_once(server));
    for number in 0..MANY {
        let mut reply = message(&mut client).await;
        if number % 2 == 0 {
            client.ready().await.unwrap();
            client.queue(reply).unwrap();
            continue;
        }
        while let Err(error) = client.queue(reply) {
            assert!(matches!(error, SendError::Full(_)), "{error}");
            reply = error.into_inner();
            client.ready().await.unwrap();
        }
    }
    client.sender().close(CloseCode::NORMAL, "").unwrap();
    disconnected(&mut client).await;
    serving.await.unwrap();
}

/// Queues until there is no room, in the connection neither.
async fn fill(client: &mut Client) -> usize {
    let mut count = 0;
    loop {
        match timeout(Duration::from_millis(1), client.send(payload(count))).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => return count,
        }
        count += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_given_up_sends_nothing_and_loses_nothing() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let mut server = network.open(&mut client).await;
    let count = fill(&mut client).await;
    let queued = client.queue(payload(count));
    assert!(matches!(queued, Err(SendError::Full(_))), "{queued:?}");
    let receiving = async {
        for number in 0..=count {
            let message = server.recv().await.unwrap().unwrap();
            assert!(message.as_bytes() == payload(number), "{number}");
        }
    };
    let sending = async {
        client.send(payload(count)).await.unwrap();
        client.ready().await.unwrap();
        assert!(
            timeout(Duration::from_millis(1), client.next())
                .await
                .is_err()
        );
    };
    tokio::join!(receiving, sending);
}

#[tokio::test(start_paused = true)]
async fn one_message_is_received_ahead_and_events_wait_in_order() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let mut server = network.open(&mut client).await;
    for text in ["1", "2", "3"] {
        server.send(text).await.unwrap();
    }
    loop {
        while client.queue(payload(0)).is_ok() {}
        if timeout(Duration::from_secs(1), client.ready())
            .await
            .is_err()
        {
            break;
        }
    }
    while client.queue(payload(0)).is_ok() {}
    // It is lost while the client waits, and there is another.
    drop(server);
    let (sent, server) = tokio::join!(client.send(payload(0)), network.accept());
    sent.unwrap();
    assert_eq!(message(&mut client).await, Message::from("1"));
    let (cause, retry_in) = disconnected(&mut client).await;
    assert!(matches!(cause, DisconnectCause::Failed(_)), "{cause:?}");
    assert_eq!(retry_in, Some(Duration::from_millis(500)));
    let connected = client.next().await;
    assert!(
        matches!(connected, Some(ReconnectEvent::Connected(_))),
        "{connected:?}"
    );
    drop((client, server));
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_leaves_in_front_of_what_is_sent() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let sender = client.sender();
    client.queue("1").unwrap();
    sender.try_send("2").unwrap();
    client.send("3").await.unwrap();
    let (ready, mut server) = tokio::join!(client.ready(), network.accept());
    ready.unwrap();
    client.queue("4").unwrap();
    let receiving = async {
        for expected in ["1", "2", "3", "4"] {
            assert_eq!(server.recv().await.unwrap(), Some(Message::from(expected)));
        }
    };
    tokio::select! {
        () = receiving => {}
        () = async { while client.next().await.is_some() {} } => panic!("it ended"),
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_send_waits_for_one() {
    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client.queue_capacity(1000);
    network.refusals.store(20, Ordering::SeqCst);
    client.queue(vec![0; 900]).unwrap();
    let begin = Instant::now();
    let accepting = async {
        for _ in 0..20 {
            drop(network.dialled().await);
        }
        network.accept().await
    };
    let (sent, _server) = tokio::join!(client.send("1"), accepting);
    sent.unwrap();
    assert!(begin.elapsed() > Duration::from_secs(300));
    // The first failures wait and the last one, and all is in order.
    let mut delays = Vec::new();
    loop {
        match client.next().await {
            Some(ReconnectEvent::Disconnected { retry_in, .. }) => delays.push(retry_in.unwrap()),
            Some(ReconnectEvent::Connected(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    let millis: Vec<_> = delays.iter().map(Duration::as_millis).collect();
    assert_eq!(
        millis,
        [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    );
}

#[tokio::test(start_paused = true)]
async fn connections_that_come_and_go_while_it_waits_fill_no_memory() {
    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client.queue_capacity(1000);
    let mut server = network.open(&mut client).await;
    server.send("kept").await.unwrap();
    let mut open = Some(server);
    for _ in 0..100 {
        let sending = async {
            loop {
                client.send(vec![0; 100_000]).await.unwrap();
            }
        };
        let again = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            drop(open.take());
            network.accept().await
        };
        tokio::select! {
            () = sending => {}
            server = again => open = Some(server),
        }
    }
    let mut events = 0;
    while let Ok(event) = timeout(Duration::from_millis(1), client.next()).await {
        assert!(event.is_some());
        events += 1;
    }
    assert!(events <= 12, "{events}");
}

#[tokio::test(start_paused = true)]
async fn once_no_connection_follows_messages_come_back() {
    let (client, network) = Network::new(Backoff::default().attempts(2));
    let mut client = client.queue_capacity(1000);
    network.refusals.store(2, Ordering::SeqCst);
    client.queue(vec![0; 900]).unwrap();
    let error = client.send("x").await.unwrap_err();
    assert_eq!(error, SendError::Closed("x"));
    assert_eq!(client.queue("x"), Err(SendError::Closed("x")));
    assert_eq!(client.ready().await, Err(SendError::Closed(())));
    assert!(client.sender().is_closed());
    assert_eq!(
        disconnected(&mut client).await.1,
        Some(Duration::from_millis(500))
    );
    assert_eq!(disconnected(&mut client).await.1, None);
    assert!(client.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_application_that_closes_gets_what_waits_back() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let _server = network.open(&mut client).await;
    fill(&mut client).await;
    let sender = client.sender();
    let closing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.close(CloseCode::NORMAL, "").unwrap();
    };
    let (sent, ()) = tokio::join!(client.send(payload(0)), closing);
    assert_eq!(sent, Err(SendError::Closed(payload(0))));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_no_byte_for_30_seconds_gives_way_to_the_next() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let server = network.open(&mut client).await;
    fill(&mut client).await;
    let begin = Instant::now();
    let (sent, mut next) = tokio::join!(client.send(payload(MANY)), network.accept());
    sent.unwrap();
    let waited = begin.elapsed().as_secs();
    assert!((30..=38).contains(&waited), "{waited}");
    let (cause, _) = disconnected(&mut client).await;
    let is_late = matches!(
        cause,
        DisconnectCause::Failed(Error::Timeout(Expired::Write))
    );
    assert!(is_late, "{cause:?}");
    let last = Message::from(payload(MANY));
    let receiving = async { while next.recv().await.unwrap().as_ref() != Some(&last) {} };
    tokio::select! {
        () = receiving => {}
        () = async { while client.next().await.is_some() {} } => panic!("it ended"),
    }
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_large_message_is_queued_once_all_others_are_taken_over() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let stream = async {
        let config = Config::default().max_message(1 << 24);
        let acceptor = Acceptor::new().config(config);
        acceptor.accept(network.dialled().await).await.unwrap()
    };
    let (_, mut server) = tokio::join!(client.next(), stream);
    let sending = async {
        for _ in 0..3 {
            client.ready().await.unwrap();
            client.queue(vec![7; 1 << 20]).unwrap();
            client.send(vec![7; 1 << 20]).await.unwrap();
        }
        while timeout(Duration::from_millis(1), client.next())
            .await
            .is_ok()
        {}
    };
    let receiving = async {
        for _ in 0..6 {
            assert_eq!(server.recv().await.unwrap().unwrap().len(), 1 << 20);
        }
    };
    tokio::select! {
        biased;
        () = receiving => {}
        () = async { sending.await; std::future::pending().await } => {}
    }
}
