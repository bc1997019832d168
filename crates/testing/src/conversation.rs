//! What two connections say to each other, with a ledger for each direction.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use socket_flow_connection::{CloseCode, Error, Message, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Barrier;

use crate::ledger::{Ledger, Received, halves};
use crate::report::Report;
use crate::seeds::Random;

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
        self.turned().up()
    }

    /// The same with the sides changed.
    fn turned(self) -> Self {
        let seed = !self.seed;
        Self { seed, ..self }
    }
}

/// The client sends and counts echoes, in one task; the server answers with
/// the lending read and `queue`. Ends with a clean close.
pub async fn echo<A: Transport, B: Transport>(
    client: WebSocket<A>,
    server: WebSocket<B>,
    talk: Talk,
) -> Report {
    let (report, echoed) = both(hear_echoes(client, talk), echo_back(server)).await;
    echoed.expect("a clean end");
    report
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
pub async fn hear_echoes<S: Transport>(mut client: WebSocket<S>, talk: Talk) -> Report {
    let ledger = talk.up();
    let mut random = Random::with_seed(talk.seed);
    let mut echoes = Received::new(ledger);
    let mut sent = 0;
    // Who sends without receiving must not have more on its way than the peer
    // may queue.
    let mut on_the_way = 0;
    while echoes.count() < talk.messages {
        while sent < talk.messages && on_the_way < 50_000 {
            let message = ledger.message(sent);
            on_the_way += message.len();
            if random.usize(..3) == 0 {
                client.send(message).await.expect("a send");
            } else {
                client.ready().await.expect("room");
                client.queue(message).expect("room");
            }
            sent += 1;
        }
        let message = client.recv().await.expect("an echo").expect("an echo");
        on_the_way -= message.len();
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
) -> Report {
    let all_sent = Arc::new(Barrier::new(2));
    let client = in_halves(client, talk, all_sent.clone());
    let server = in_halves(server, talk.turned(), all_sent);
    let (mut report, theirs) = both(client, server).await;
    report += theirs;
    report
}

/// One side of [`both_ways`].
async fn in_halves<S: Transport>(ws: WebSocket<S>, talk: Talk, all_sent: Arc<Barrier>) -> Report {
    let (mut reader, mut writer) = ws.into_split();
    let sending = tokio::spawn(async move {
        let (ledger, mut random) = (talk.up(), Random::with_seed(talk.seed));
        for number in 0..talk.messages {
            if random.usize(..4) == 0 {
                writer.ping(b"now and then").await.expect("a ping");
            }
            let sent = writer.send(ledger.message(number)).await;
            sent.expect("a send");
        }
        // Whoever closes first would cut off what the other still has to send.
        all_sent.wait().await;
        writer.close(CloseCode::NORMAL, "").await
    });
    let mut received = Received::new(talk.down());
    while let Some(message) = reader.recv_ref().await.expect("a message or the end") {
        received.receive(message);
    }
    sending.await.expect("no panic").expect("a close");
    received.complete(talk.messages)
}

/// The client is a `Stream` and a `Sink` in two tasks, the server takes turns;
/// some of its messages leave part by part. Ends with a clean close.
pub async fn stream_and_sink<A: Transport, B: Transport>(
    client: WebSocket<A>,
    mut server: WebSocket<B>,
    talk: Talk,
) -> Report {
    let (mut sink, mut stream) = StreamExt::split(client);
    let (up, down, messages) = (talk.up(), talk.down(), talk.messages);
    let sending = async move {
        for number in 0..messages {
            let message = up.message(number);
            match number % 3 {
                0 => sink.feed(message).await.expect("a feed"),
                _ => sink.send(message).await.expect("a send"),
            }
        }
        sink.flush().await.expect("a flush");
        sink
    };
    let receiving = async move {
        let mut received = Received::new(down);
        while received.count() < messages {
            let message = stream.next().await.expect("a message");
            received.receive(message.expect("a message").as_ref());
        }
        (received.complete(messages), stream)
    };
    let serving = tokio::spawn(async move {
        let mut received = Received::new(up);
        while let Some(message) = server.recv().await.expect("a message or the end") {
            let number = received.count();
            received.receive(message.as_ref());
            in_parts(&mut server, down.message(number), number).await;
        }
        received.complete(messages)
    });
    let (mut sink, (mut report, mut stream)) = both(sending, receiving).await;
    sink.close().await.expect("a close");
    assert!(stream.next().await.is_none(), "a message after the last");
    report += serving.await.expect("no panic");
    report
}

/// Sends every other message in three parts, which are text where the message
/// is.
async fn in_parts<S: Transport>(ws: &mut WebSocket<S>, message: Message, number: u64) {
    if number % 2 == 0 {
        ws.ready().await.expect("room");
        ws.queue(message).expect("room");
        return;
    }
    let (first, rest) = halves(&message);
    let empty = match message {
        Message::Text(_) => Message::from(""),
        Message::Binary(_) => Message::from(&[][..]),
    };
    let mut writer = ws.message_writer();
    for part in [first, empty] {
        writer.write(part).await.expect("a part");
    }
    writer.finish(rest).await.expect("the last part");
}

/// Both send and receive on transports that may break: whatever happens, what
/// arrives is what was sent, in order, and whoever does not get a complete
/// closing handshake is told. Returns the report, and how many ends were
/// clean.
pub async fn until_told<A: Transport, B: Transport>(
    client: WebSocket<A>,
    server: WebSocket<B>,
    talk: Talk,
) -> (Report, u64) {
    let (client, server) = (told(client, talk), told(server, talk.turned()));
    let (client, server) = both(client, server).await;
    let mut report = Report::default();
    for (side, peer) in [(&client, &server), (&server, &client)] {
        report += match side.clean {
            // The peer's Close has arrived, and so has all that was before.
            true => side.received.complete(peer.sent),
            false => side.received.so_far(),
        };
    }
    (report, u64::from(client.clean) + u64::from(server.clean))
}

/// How one side of [`until_told`] ended.
#[derive(Debug)]
struct Side {
    /// Messages whose sending returned `Ok`.
    sent: u64,
    received: Received,
    /// Whether it was told that the closing handshake is complete.
    clean: bool,
}

async fn told<S: Transport>(mut ws: WebSocket<S>, talk: Talk) -> Side {
    let (ours, mut random) = (talk.up(), Random::with_seed(talk.seed));
    let (mut sent, mut received) = (0, Received::new(talk.down()));
    let clean = loop {
        // What is refused is not sent: the queue is full or, once the peer
        // has closed, shut for good.
        let turn = (sent + random.u64(1..=4)).min(talk.messages);
        while sent < turn && ws.queue(ours.message(sent)).is_ok() {
            sent += 1;
        }
        if sent == talk.messages {
            let closing = ws.start_close(CloseCode::NORMAL, "");
            closing.expect("a short reason");
        }
        match ws.recv().await {
            Ok(Some(message)) => received.receive(message.as_ref()),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    Side {
        sent,
        received,
        clean,
    }
}

/// Runs both in tasks of their own. Every deadline of a connection together does
/// not put their ends off for this long.
async fn both<T: Send + 'static, U: Send + 'static>(
    one: impl Future<Output = T> + Send + 'static,
    other: impl Future<Output = U> + Send + 'static,
) -> (T, U) {
    let both = async { tokio::try_join!(tokio::spawn(one), tokio::spawn(other)) };
    let ended = tokio::time::timeout(Duration::from_secs(3600), both).await;
    ended
        .expect("an end that nobody is told")
        .expect("no panic")
}
