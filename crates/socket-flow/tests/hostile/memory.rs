//! Attacks in memory, where each step of everybody is counted: connections of the library's on
//! [metered](Metered) streams, opened by an application that owns its tasks.

use socket_flow::{Acceptor, ClientBuilder, Config, Error, WebSocket};
use tokio::io::DuplexStream;
use tokio::task::JoinSet;

use crate::bystander::{Books, Bystander, Delivery, Limits, Turns, serves};
use crate::metered::Metered;
use crate::support::switching_protocols;
use crate::victim::{Side, with};
use crate::wire::Wire;

/// What is agreed on where a flood is compressed.
pub(crate) const EXTENSION: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// An open connection of this side on a metered stream, and its peer. It holds more than a turn
/// reads.
pub(crate) async fn open(
    side: Side,
    is_compressed: bool,
    config: Config,
    turns: Turns,
) -> (WebSocket<Metered<DuplexStream>>, Wire<DuplexStream>) {
    let (near, far) = tokio::io::duplex(1 << 20);
    let near = Metered::new(near, turns);
    let mut wire = Wire::over(far);
    let line = if is_compressed { EXTENSION } else { "" };
    match side {
        Side::Server => {
            let acceptor = Acceptor::new().config(config);
            #[cfg(feature = "deflate")]
            let acceptor = acceptor.deflate(socket_flow::Deflate::balanced());
            wire.send(with(line)).await;
            let ws = acceptor.accept(near).await.unwrap();
            assert!(wire.head().await.contains(line));
            (ws, wire)
        }
        Side::Client => {
            let builder = ClientBuilder::new("ws://a/").config(config);
            #[cfg(feature = "deflate")]
            let builder = builder.deflate(socket_flow::Deflate::balanced());
            let answering = async {
                let request = wire.head().await;
                wire.send(switching_protocols(&request) + line + "\r\n")
                    .await;
            };
            let (opened, ()) = tokio::join!(builder.connect_on(near), answering);
            (opened.unwrap().0, wire)
        }
    }
}

/// What some peers send at once to connections of one side.
pub(crate) struct Flood {
    pub(crate) side: Side,
    pub(crate) peers: usize,
    pub(crate) is_compressed: bool,
    /// What a turn may do.
    pub(crate) limits: Limits,
    /// All that each peer sends, before a text that says so.
    pub(crate) bytes: Vec<u8>,
    /// The turns that this takes at least.
    pub(crate) turns: usize,
}

impl Flood {
    /// Applications echo what is short, and lose nothing; the bystander waits for a turn of each
    /// attacked connection a step.
    pub(crate) async fn runs(self) {
        let books = Books::default();
        let bystander = bystander(self.side, &books).await;
        let mut peers = JoinSet::new();
        let mut applications = JoinSet::new();
        let end = self.side.whole(0x81, b"over");
        let bytes = [&*self.bytes, &end].concat();
        for _ in 0..self.peers {
            let turns = books.open(self.limits);
            let config = Config::new();
            let (ws, mut wire) = open(self.side, self.is_compressed, config, turns.clone()).await;
            applications.spawn(async move { turns.of(answers(ws, &turns)).await });
            let bytes = bytes.clone();
            peers.spawn(async move {
                wire.flood(&bytes, (0x81, b"over")).await;
            });
        }
        peers.join_all().await;
        bystander.goes_on().await;
        drop(bystander);
        for turns in books.turns() {
            assert!(turns >= self.turns, "{turns} turns");
        }
        // Each peer hung up without a Close.
        for end in applications.join_all().await {
            assert!(matches!(end, Err(Error::Closed { code: 1006 })), "{end:?}");
        }
    }
}

/// An honest connection of this side, whose round trips are each judged.
pub(crate) async fn bystander(side: Side, books: &Books) -> Bystander {
    // Its own turns are in books that nobody reads.
    let turns = Books::default().open(Limits::PLAIN);
    let (ws, wire) = open(side, false, Config::new(), turns).await;
    tokio::spawn(serves(ws));
    Bystander::start(side, wire.into_io(), books, Delivery::AtOnce).await
}

/// Echoes what is short to the end.
pub(crate) async fn answers(
    mut ws: WebSocket<Metered<DuplexStream>>,
    turns: &Turns,
) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        turns.message(message.as_bytes().len());
        if message.as_bytes().len() < 100 {
            ws.queue(message)?;
        }
    }
    Ok(())
}
