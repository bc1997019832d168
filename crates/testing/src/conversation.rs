//! What two connections say to each other, with a ledger for each direction.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use socket_flow_connection::{CloseCode, Error, Message, OwnedReader, OwnedWriter, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::ledger::{Ledger, Received, Tally};
use crate::random::Random;

/// What a connection runs on in a test.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for S {}

/// What is said.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // for tests, which fill it in
pub struct Talk {
    /// Everything follows from it.
    pub seed: u64,
    /// Messages in each direction.
    pub messages: u64,
    /// The longest message, about. Those from 64 KiB on are read and written
    /// in a way of their own.
    pub longest: usize,
}

impl Talk {
    /// What the client says.
    fn up(&self) -> Ledger {
        Ledger::new(self.seed, self.longest)
    }

    /// What the server says.
    fn down(&self) -> Ledger {
        Ledger::new(!self.seed, self.longest)
    }
}

/// The client sends and counts echoes, in one task; the server answers with
/// the lending read and `queue`. Ends with a clean close.
pub async fn echo<A: Transport, B: Transport>(
    client: WebSocket<A>,
    server: WebSocket<B>,
    talk: Talk,
) -> Tally {
    let echoing = tokio::spawn(echo_back(server));
    let tally = hear_echoes(client, talk).await;
    echoing.await.expect("no panic").expect("a clean end");
    tally
}

/// The server's side of [`echo`].
///
/// # Errors
///
/// Why the connection ended before it was closed.
pub async fn echo_back<S: Transport>(mut server: WebSocket<S>) -> Result<(), Error> {
    let (reader, writer) = server.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}

/// The client's side of [`echo`].
pub async fn hear_echoes<S: Transport>(mut client: WebSocket<S>, talk: Talk) -> Tally {
    let ledger = talk.up();
    let mut random = Random::new(talk.seed);
    let mut echoes = Received::new(ledger);
    let mut sent = 0;
    // Who sends without receiving must not have more under way than the peer
    // may queue.
    let mut under_way = 0;
    while echoes.so_far().messages < talk.messages {
        while sent < talk.messages && under_way < 50_000 {
            let message = ledger.message(sent);
            under_way += message.len();
            if random.one_in(3) {
                client.send(message).await.expect("a send");
            } else {
                client.ready().await.expect("room");
                client.queue(message).expect("room");
            }
            sent += 1;
        }
        let message = client.recv().await.expect("an echo").expect("an echo");
        under_way -= message.len();
        echoes.receive(message.as_ref());
    }
    let outcome = client.close(CloseCode::NORMAL, "done").await;
    assert!(outcome.expect("a close").clean, "closed, but not cleanly");
    echoes.complete(sent)
}

/// Both send and receive at once, each with its halves in two tasks, with
/// pings in between. Ends with a clean close.
pub async fn both_ways<A: Transport, B: Transport>(
    client: WebSocket<A>,
    server: WebSocket<B>,
    talk: Talk,
) -> Tally {
    let (client_reader, client_writer) = client.split();
    let (server_reader, server_writer) = server.split();
    let messages = talk.messages;
    let client_reader = tokio::spawn(receive_by_half(client_reader, talk.down(), messages));
    let server_reader = tokio::spawn(receive_by_half(server_reader, talk.up(), messages));
    let client_writer = tokio::spawn(send_by_half(client_writer, talk.up(), messages));
    let server_writer = tokio::spawn(send_by_half(server_writer, talk.down(), messages));
    // Whoever closes first would cut off what the other still has to send.
    let mut client_writer = client_writer.await.expect("no panic");
    let mut server_writer = server_writer.await.expect("no panic");
    let (client, server) = tokio::join!(
        client_writer.close(CloseCode::NORMAL, ""),
        server_writer.close(CloseCode::NORMAL, ""),
    );
    client.and(server).expect("a close");
    let mut tally = client_reader.await.expect("no panic");
    tally += server_reader.await.expect("no panic");
    tally
}

async fn send_by_half<S: Transport>(
    mut writer: OwnedWriter<S>,
    ledger: Ledger,
    messages: u64,
) -> OwnedWriter<S> {
    let mut random = Random::new(messages);
    for number in 0..messages {
        if random.one_in(4) {
            writer.ping(b"now and then").await.expect("a ping");
        }
        let sent = writer.send(ledger.message(number)).await;
        sent.expect("a send");
    }
    writer
}

async fn receive_by_half<S: Transport>(
    mut reader: OwnedReader<S>,
    ledger: Ledger,
    messages: u64,
) -> Tally {
    let mut received = Received::new(ledger);
    while let Some(message) = reader.recv_ref().await.expect("a message or the end") {
        received.receive(message);
    }
    received.complete(messages)
}

/// The client is a `Stream` and a `Sink` in two tasks, the server takes turns;
/// some of its messages leave part by part. Ends with a clean close.
pub async fn stream_and_sink<A: Transport, B: Transport>(
    client: WebSocket<A>,
    mut server: WebSocket<B>,
    talk: Talk,
) -> Tally {
    let (mut sink, mut stream) = StreamExt::split(client);
    let (up, down, messages) = (talk.up(), talk.down(), talk.messages);
    let sending = tokio::spawn(async move {
        for number in 0..messages {
            let message = up.message(number);
            match number % 3 {
                0 => sink.feed(message).await.expect("a feed"),
                _ => sink.send(message).await.expect("a send"),
            }
        }
        sink.flush().await.expect("a flush");
        sink
    });
    let receiving = tokio::spawn(async move {
        let mut received = Received::new(down);
        while received.so_far().messages < messages {
            let message = stream.next().await.expect("a message");
            received.receive(message.expect("a message").as_ref());
        }
        (received.complete(messages), stream)
    });
    let mut received = Received::new(up);
    for number in 0..messages {
        let message = server.recv().await.expect("a message").expect("a message");
        received.receive(message.as_ref());
        in_parts(&mut server, down.message(number), number).await;
    }
    let mut tally = received.complete(messages);
    let serving =
        tokio::spawn(async move { while server.recv().await.expect("an end").is_some() {} });
    let mut sink = sending.await.expect("no panic");
    let (back, mut stream) = receiving.await.expect("no panic");
    tally += back;
    sink.close().await.expect("a close");
    assert!(stream.next().await.is_none(), "a message behind the last");
    serving.await.expect("no panic");
    tally
}

/// Sends every other message in two or three parts, which are text where the
/// message is.
async fn in_parts<S: Transport>(ws: &mut WebSocket<S>, message: Message, number: u64) {
    if number % 2 == 0 {
        ws.ready().await.expect("room");
        ws.queue(message).expect("room");
        return;
    }
    let cut = |text: &str| {
        (0..=text.len() / 2)
            .rev()
            .find(|at| text.is_char_boundary(*at))
    };
    let mut writer = ws.message_writer();
    match &message {
        Message::Text(text) => {
            let (first, last) = text.split_at(cut(text).unwrap_or_default());
            writer.write(first).await.expect("a part");
            writer.finish(last).await.expect("the last part");
        }
        Message::Binary(bytes) => {
            let (first, last) = bytes.split_at(bytes.len() / 2);
            writer.write(first).await.expect("a part");
            writer.write(&[][..]).await.expect("a part");
            writer.finish(last).await.expect("the last part");
        }
    }
}

/// Both send and receive on transports that may break: whatever happens, what
/// arrives is what was sent, in order, and whoever does not get a complete
/// closing handshake is told. Returns the tally, and how many ends were
/// clean.
pub async fn until_told<A: Transport, B: Transport>(
    client: WebSocket<A>,
    server: WebSocket<B>,
    talk: Talk,
) -> (Tally, u64) {
    let client = breaking_side(client, talk.up(), talk.down(), talk.messages);
    let server = breaking_side(server, talk.down(), talk.up(), talk.messages);
    let (client, server) = tokio::join!(told(client), told(server));
    let mut tally = Tally::default();
    for (side, peer) in [(&client, &server), (&server, &client)] {
        tally += match side.clean {
            // The peer's Close has arrived, and so has all that was before.
            true => side.received.complete(peer.sent),
            false => side.received.so_far(),
        };
    }
    (tally, u64::from(client.clean) + u64::from(server.clean))
}

/// How one side ended.
#[derive(Debug)]
struct Side {
    /// Messages whose sending returned `Ok`.
    sent: u64,
    received: Received,
    /// Whether it was told that the closing handshake is complete.
    clean: bool,
}

async fn breaking_side<S: Transport>(
    mut ws: WebSocket<S>,
    ours: Ledger,
    theirs: Ledger,
    messages: u64,
) -> Side {
    let mut random = Random::new(messages);
    let mut side = Side {
        sent: 0,
        received: Received::new(theirs),
        clean: false,
    };
    loop {
        // What is refused is not sent: the queue is full or, once the peer
        // has closed, shut for good.
        let turn = (side.sent + random.between(1, 4) as u64).min(messages);
        while side.sent < turn && ws.queue(ours.message(side.sent)).is_ok() {
            side.sent += 1;
        }
        if side.sent == messages {
            let closing = ws.start_close(CloseCode::NORMAL, "");
            closing.expect("a short reason");
        }
        match ws.recv().await {
            Ok(Some(message)) => side.received.receive(message.as_ref()),
            Ok(None) => {
                side.clean = true;
                return side;
            }
            Err(_) => return side,
        }
    }
}

/// Waits for the end of a side, which every deadline of a connection together
/// does not put off for this long.
async fn told<T: Send + 'static>(side: impl Future<Output = T> + Send + 'static) -> T {
    tokio::time::timeout(Duration::from_secs(3600), tokio::spawn(side))
        .await
        .expect("an end that nobody is told")
        .expect("no panic")
}
