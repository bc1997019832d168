//! What is to be sent while there is no connection.

use std::pin::pin;
use std::sync::atomic::Ordering;

use futures_util::future::{Either, select};
use socket_flow::{Backoff, Error, Message, Retry, SendError, Sender};
use tokio::task::JoinHandle;

use crate::reconnect::tools::{Network, disconnected};

#[tokio::test(start_paused = true)]
async fn messages_wait_for_the_next_connection_in_order() {
    let (mut client, mut network) = Network::new(Backoff::default());
    network.refusals.store(1, Ordering::SeqCst);
    let sender = client.sender();
    sender.try_send("1").unwrap();
    disconnected(&mut client).await;
    drop(network.dialled().await);
    sender.try_send("2").unwrap();
    let mut server = network.open(&mut client).await;
    sender.try_send("3").unwrap();
    let receiving = async {
        for expected in ["1", "2", "3"] {
            assert_eq!(server.recv().await.unwrap(), Some(Message::from(expected)));
        }
        drop(server);
    };
    tokio::join!(disconnected(&mut client), receiving);
    assert!(!sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded() {
    let (client, _network) = Network::new(Backoff::default());
    let old = client.sender();
    let client = client.queue_capacity(1000);
    assert!(old.is_closed());
    let sender = client.sender();
    let mut count = 0;
    while sender.try_send(vec![0; 36]).is_ok() {
        count += 1;
    }
    assert_eq!(count, 10);
    drop(client);
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_at_once_is_dropped_where_that_was_chosen() {
    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client.drop_unsent(true);
    network.refusals.store(1, Ordering::SeqCst);
    let sender = client.sender();
    sender.try_send("dropped").unwrap();
    disconnected(&mut client).await;
    drop(network.dialled().await);
    sender.try_send("dropped too").unwrap();
    let mut server = network.open(&mut client).await;
    assert_eq!(sender.buffered_amount(), 0);
    sender.try_send("sent").unwrap();
    let receiving = async {
        let message = server.recv().await.unwrap();
        drop(server);
        message
    };
    let (_, message) = tokio::join!(disconnected(&mut client), receiving);
    assert_eq!(message, Some(Message::from("sent")));
}

/// A task that waits until what was handed in is sent.
async fn flushing(sender: &Sender) -> JoinHandle<Result<(), Error>> {
    let sender = sender.clone();
    let flushing = tokio::spawn(async move { sender.flush().await });
    tokio::task::yield_now().await;
    flushing
}

/// Cause: messages that were dropped counted as handed on, and a flush that waited for them was `Ok`.
#[tokio::test(start_paused = true)]
async fn a_flush_fails_where_what_it_waits_for_is_dropped() {
    let (client, mut network) = Network::new(Backoff::default());
    let mut client = client.drop_unsent(true);
    network.refusals.store(1, Ordering::SeqCst);
    let sender = client.sender();
    sender.try_send("dropped").unwrap();
    let flushing = flushing(&sender).await;
    disconnected(&mut client).await;
    drop(network.dialled().await);
    let server = network.open(&mut client).await;
    let flushed = flushing.await.unwrap();
    assert!(
        matches!(flushed, Err(Error::Send(SendError::Closed(())))),
        "{flushed:?}"
    );
    // What comes after it is another matter.
    sender.try_send("taken over").unwrap();
    let (flushing, running) = (pin!(sender.flush()), pin!(client.next()));
    let flushed = select(flushing, running).await;
    assert!(matches!(flushed, Either::Left((Ok(()), _))));
    drop(server);
}

/// Cause: nobody was told where no connection followed.
#[tokio::test(start_paused = true)]
async fn a_flush_fails_where_no_connection_follows() {
    let (client, network) = Network::new(Backoff::default());
    let mut client = client.retry_if(|_| Retry::No);
    network.refusals.store(1, Ordering::SeqCst);
    let sender = client.sender();
    sender.try_send("never sent").unwrap();
    let flushing = flushing(&sender).await;
    disconnected(&mut client).await;
    let flushed = flushing.await.unwrap();
    assert!(
        matches!(flushed, Err(Error::Send(SendError::Closed(())))),
        "{flushed:?}"
    );
    // Nor is whoever comes later, while the client is still there.
    let flushed = sender.flush().await;
    assert!(
        matches!(flushed, Err(Error::Send(SendError::Closed(())))),
        "{flushed:?}"
    );
    assert!(client.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_pushes_back_to_the_sender() {
    let (mut client, mut network) = Network::new(Backoff::default());
    let server = network.open(&mut client).await;
    let sender = client.sender();
    let mut count = 0_u32;
    loop {
        // The pipe, the write queue and the sender's queue fill up.
        let next = tokio::time::timeout(std::time::Duration::from_millis(1), client.next());
        assert!(next.await.is_err());
        if sender.try_send(vec![0; 1000]).is_err() {
            break;
        }
        count += 1;
    }
    assert!((150..250).contains(&count), "{count}");
    drop(server);
}
