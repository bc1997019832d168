//! How long the calls of a reconnecting client wait, and those of its senders.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use socket_flow::connection::Expired;
use socket_flow::{
    Backoff, ClientBuilder, Config, ConnectError, ConnectStage, DisconnectCause, Error, Message,
    NEVER, SendError, Sender,
};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use crate::reconnect::tools::{Client, Network, disconnected};

const HOUR: Duration = Duration::from_secs(3_600);

/// The stall time, which is looked at in quarters.
fn stall() -> RangeInclusive<Duration> {
    Duration::from_secs(30)..=Duration::from_millis(37_500)
}

/// A message that fills a queue of 1,000 bytes.
fn large() -> Vec<u8> {
    vec![7; 1_000]
}

/// Fills the queue, and then waits in vain.
async fn stalls(sender: &Sender) {
    let _ = sender.try_send(large());
    let start = Instant::now();
    assert_eq!(sender.send("x").await, Err(SendError::Stalled("x")));
    assert!(stall().contains(&start.elapsed()), "{:?}", start.elapsed());
}

/// Sends until nothing more is taken.
async fn fill(client: &mut Client) {
    let while_taken = Duration::from_millis(1);
    while timeout(while_taken, client.send(large())).await.is_ok() {}
}

/// Runs a client to its end, in a task of its own.
fn run(mut client: Client) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { while client.next().await.is_some() {} })
}

/// Cause: the task that runs the client waited for room that only its next call would have made,
/// for ever.
#[tokio::test(start_paused = true)]
async fn a_send_of_a_client_that_nobody_runs_fails_within_the_stall_time() {
    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client.queue_capacity(1_000);
    let sender = client.sender();
    // Before its first attempt.
    stalls(&sender).await;
    // Between two.
    network.refusals.store(1, Ordering::SeqCst);
    disconnected(&mut client).await;
    drop(network.dialled().await);
    stalls(&sender).await;
    // While one is made, by one who polls once and goes away.
    assert!(client.next().now_or_never().is_none());
    stalls(&sender).await;
    // Its time was over meanwhile.
    disconnected(&mut client).await;
    drop(network.dialled().await);
    // Beside a connection, in the task that runs it.
    let mut server = network.open(&mut client).await;
    stalls(&sender).await;
    // What waited is not lost, and the client goes on.
    sender.try_send("last").unwrap_err();
    let receiving = async {
        assert_eq!(server.recv().await.unwrap(), Some(Message::from(large())));
        sender.send("last").await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(Message::from("last")));
    };
    tokio::select! {
        () = receiving => {}
        event = client.next() => panic!("{event:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_waits_as_long_as_attempts_go_on_however_long_their_delays() {
    let backoff = Backoff::default().first_delay(HOUR).max_delay(HOUR);
    let (client, mut network) = Network::new(backoff);
    let client = client.queue_capacity(1_000);
    network.refusals.store(3, Ordering::SeqCst);
    let sender = client.sender();
    sender.try_send(large()).unwrap();
    let running = run(client);
    let start = Instant::now();
    let accepting = async {
        for _ in 0..3 {
            drop(network.dialled().await);
        }
        network.accept().await
    };
    let (sent, mut server) = tokio::join!(sender.send("x"), accepting);
    sent.unwrap();
    assert_eq!(start.elapsed(), 3 * HOUR);
    assert_eq!(server.recv().await.unwrap(), Some(Message::from(large())));
    assert_eq!(server.recv().await.unwrap(), Some(Message::from("x")));
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_send_fails_with_the_last_attempt() {
    let (client, network) = Network::new(Backoff::default().first_delay(HOUR).attempts(2));
    let client = client.queue_capacity(1_000);
    network.refusals.store(2, Ordering::SeqCst);
    let sender = client.sender();
    sender.try_send(large()).unwrap();
    let running = run(client);
    let start = Instant::now();
    assert_eq!(sender.send("x").await, Err(SendError::Closed("x")));
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    running.await.unwrap();
}

/// Cause: a client whose connection takes nothing over asks for no message, which looked as if nobody
/// ran it.
#[tokio::test(start_paused = true)]
async fn a_send_beside_a_peer_that_takes_single_bytes_waits_for_the_next_connection() {
    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client.queue_capacity(1_000);
    let slow = network.open(&mut client).await;
    let sender = client.sender();
    let running = run(client);
    while let Ok(sent) = timeout(Duration::from_millis(1), sender.send(large())).await {
        sent.unwrap();
    }
    let start = Instant::now();
    let again = async {
        let mut stream = slow.into_parts().io;
        for _ in 0..10 {
            sleep(Duration::from_secs(20)).await;
            stream.read_u8().await.unwrap();
        }
        network.accept().await
    };
    let (sent, mut server) = tokio::join!(sender.send("x"), again);
    sent.unwrap();
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(230), "{waited:?}");
    while server.recv().await.unwrap().unwrap().as_text() != Some("x") {}
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_flush_of_a_client_that_nobody_runs_fails_within_the_stall_time() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let sender = client.sender();
    let mut server = network.open(&mut client).await;
    sender.try_send("x").unwrap();
    let start = Instant::now();
    let flushed = sender.flush().await;
    assert!(
        matches!(flushed, Err(Error::Send(SendError::Stalled(())))),
        "{flushed:?}"
    );
    assert!(stall().contains(&start.elapsed()), "{:?}", start.elapsed());
    let running = run(client);
    sender.flush().await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::from("x")));
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_as_long_as_attempts_go_on() {
    let backoff = Backoff::default().first_delay(HOUR).max_delay(HOUR);
    let (client, mut network) = Network::new(backoff);
    network.refusals.store(2, Ordering::SeqCst);
    let sender = client.sender();
    sender.try_send("x").unwrap();
    let running = run(client);
    let start = Instant::now();
    let accepting = async {
        for _ in 0..2 {
            drop(network.dialled().await);
        }
        network.accept().await
    };
    let (flushed, mut server) = tokio::join!(sender.flush(), accepting);
    flushed.unwrap();
    assert_eq!(start.elapsed(), 2 * HOUR);
    assert_eq!(server.recv().await.unwrap(), Some(Message::from("x")));
    running.abort();
}

/// How long a send of a client waits whose stall time is this, and that is polled once, as a stream.
async fn waits(stall: Duration) -> Option<Duration> {
    let refuse = || std::future::pending::<std::io::Result<DuplexStream>>();
    let mut client = ClientBuilder::new("ws://pipe/")
        .config(Config::default().stall_timeout(stall))
        .reconnect_on(Backoff::default(), refuse)
        .queue_capacity(1_000);
    let sender = client.sender();
    sender.try_send(large()).unwrap();
    assert!(StreamExt::next(&mut client).now_or_never().is_none());
    let start = Instant::now();
    let sent = timeout(100 * HOUR, sender.send("x")).await.ok()?;
    assert_eq!(sent, Err(SendError::Stalled("x")));
    Some(start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_stall_time_of_the_configuration_is_that_of_senders() {
    let four = Duration::from_secs(4);
    assert_eq!(waits(four).await, Some(four));
    assert_eq!(waits(NEVER).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_next_event_comes_at_the_latest_when_an_attempt_or_a_connection_has_had_its_time() {
    let (mut client, mut network) = Network::new(Backoff::default());
    // An attempt that is never answered.
    let start = Instant::now();
    let (cause, _) = disconnected(&mut client).await;
    assert!(
        matches!(
            cause,
            DisconnectCause::Connect(ConnectError::Timeout(ConnectStage::Handshake))
        ),
        "{cause:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    drop(network.dialled().await);
    // A connection whose server says nothing more.
    let silent = network.open(&mut client).await;
    let start = Instant::now();
    let (cause, _) = disconnected(&mut client).await;
    let is_silence = matches!(
        cause,
        DisconnectCause::Failed(Error::Timeout(Expired::Pong))
    );
    assert!(is_silence, "{cause:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(40));
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_a_connection_that_takes_all_or_for_the_last_attempt() {
    let (client, mut network) = Network::new(Backoff::default().attempts(1));
    let mut client = client.queue_capacity(1_000);
    let silent = network.open(&mut client).await;
    fill(&mut client).await;
    // It takes no byte, and none follows.
    let start = Instant::now();
    assert_eq!(client.ready().await, Err(SendError::Closed(())));
    assert!(stall().contains(&start.elapsed()), "{:?}", start.elapsed());
    let (cause, retry_in) = disconnected(&mut client).await;
    let is_stall = matches!(
        cause,
        DisconnectCause::Failed(Error::Timeout(Expired::Write))
    );
    assert!(is_stall && retry_in.is_none(), "{cause:?} {retry_in:?}");
    drop(silent);

    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client.queue_capacity(1_000);
    let silent = network.open(&mut client).await;
    fill(&mut client).await;
    let start = Instant::now();
    let (ready, server) = tokio::join!(client.ready(), network.accept());
    ready.unwrap();
    assert!(start.elapsed() >= *stall().start());
    // The next one takes a message of any size.
    client.queue(vec![7; 1 << 20]).unwrap();
    drop((silent, server));
}

/// Cause: what senders hand in was looked at only once there was nothing to receive, which may be
/// never.
#[tokio::test(start_paused = true)]
async fn a_send_leaves_beside_a_server_that_never_falls_silent() {
    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client;
    let sender = client.sender();
    let mut server = network.open(&mut client).await;
    let flood = tokio::spawn(async move {
        loop {
            server.send("more").await.unwrap();
            if let Some(Ok(Some(message))) = server.recv().now_or_never() {
                return message;
            }
        }
    });
    for event in 0..20 {
        // There is more, each time.
        client.next().await.unwrap();
        if event == 10 {
            sender.try_send("x").unwrap();
        } else {
            assert_eq!(sender.buffered_amount(), 0, "it was not taken over");
        }
        sleep(Duration::from_millis(1)).await;
    }
    tokio::select! {
        () = async { while client.next().await.is_some() {} } => panic!("it ended"),
        message = flood => assert_eq!(message.unwrap(), Message::from("x")),
    }
}
