//! Two ends that both write before they read: they finish, or say that they cannot; and nobody
//! spins meanwhile.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket_flow::{
    ClientBuilder, Config, Error, Expired, Listener, OwnedReader, OwnedWriter, SendError, WebSocket,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::peer::bounded;

/// What each end sends, far beyond what sockets hold.
const BYTES: usize = 64 << 20;
const MESSAGE: usize = 64 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_and_a_server_in_halves_send_megabytes_before_either_reads_and_finish() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (client, server) = tokio::join!(ClientBuilder::new(url).connect(), async {
        socket_flow::accept(listener.accept().await.0).await
    });
    let (client_reader, client_writer) = client.unwrap().0.into_split();
    let (server_reader, server_writer) = server.unwrap().into_split();
    let polls = Arc::new(AtomicUsize::new(0));
    let writing = (
        tokio::spawn(counted(&polls, write(client_writer))),
        tokio::spawn(counted(&polls, write(server_writer))),
    );
    // Both are blocked by then; were they not, it would be no less right.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!writing.0.is_finished() && !writing.1.is_finished());
    let reading = (
        tokio::spawn(counted(&polls, read(client_reader))),
        tokio::spawn(counted(&polls, read(server_reader))),
    );
    // Kept until all are done: a connection of which both halves are dropped is closed.
    let halves = bounded(async {
        let writers = tokio::try_join!(writing.0, writing.1);
        (writers, tokio::try_join!(reading.0, reading.1))
    });
    let (writers, readers) = halves.await;
    drop((writers.unwrap(), readers.unwrap()));
    // Each poll moves something, if only a kilobyte of it.
    let polls = polls.load(Ordering::Relaxed);
    println!("{polls} polls for {} messages", 2 * BYTES / MESSAGE);
    assert!(polls < 4 * BYTES / 1024, "{polls} polls");
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(mut writer: OwnedWriter<S>) -> OwnedWriter<S> {
    for number in 0..BYTES / MESSAGE {
        writer.send(vec![number as u8; MESSAGE]).await.unwrap();
    }
    writer.send("end").await.unwrap();
    writer
}

async fn read<S: AsyncRead + AsyncWrite + Unpin>(mut reader: OwnedReader<S>) -> OwnedReader<S> {
    for number in 0..BYTES / MESSAGE {
        let message = reader.recv().await.unwrap().unwrap();
        assert_eq!(message.as_bytes().len(), MESSAGE);
        assert!(
            message
                .as_bytes()
                .iter()
                .step_by(997)
                .all(|byte| *byte == number as u8)
        );
    }
    assert_eq!(reader.recv().await.unwrap().unwrap().as_text(), Some("end"));
    reader
}

/// Counts how often a future is polled.
fn counted<F: Future>(
    polls: &Arc<AtomicUsize>,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    let polls = Arc::clone(polls);
    async move {
        let mut future = pin!(future);
        poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// In one task each, without halves, nobody is there to read: that is a mistake, and is said.
#[tokio::test(start_paused = true)]
async fn a_client_and_a_server_that_only_send_are_told_that_nobody_reads() {
    let (near, far) = tokio::io::duplex(64 << 10);
    let (client, server) = tokio::join!(
        ClientBuilder::new("ws://server.example.com/")
            .config(Config::new())
            .connect_on(near),
        socket_flow::accept(far),
    );
    let (client, server) = tokio::join!(only_sends(client.unwrap().0), only_sends(server.unwrap()));
    for (error, _ws) in [client, server] {
        assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    }
}

async fn only_sends<S>(mut ws: WebSocket<S>) -> (Error, WebSocket<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // What is queued without waiting comes back.
    while let Ok(()) = ws.queue(vec![7; MESSAGE]) {}
    match ws.queue("one more") {
        Err(SendError::Full("one more")) => {}
        other => panic!("{other:?}"),
    }
    loop {
        if let Err(error) = ws.send(vec![7; MESSAGE]).await {
            return (error, ws);
        }
    }
}
