//! The two sides under attack: the library's own client and server over loopback, each with an
//! application that echoes, and what that application saw. A server serves an honest client too, and
//! an application has an honest connection beside the attacked one.

use socket_flow::{
    ClientBuilder, CloseFrame, Config, ConnectError, Error, Message, Server, ServerBuilder,
    ServerHandle, WebSocket,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::bystander::{Beside, Books, Bystander, Delivery, Limits, Turns, serves};
pub(crate) use crate::support::side::{SIDES, Side};
use crate::support::{REQUEST, switching_protocols};
use crate::wire::{Wire, bounded};

/// What the application behind the attacked side saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) messages: Vec<Message>,
    /// The peer's Close, or why there was no closing handshake.
    pub(crate) end: Result<Option<CloseFrame>, Error>,
}

/// An open connection to the attacked side, beside a bystander.
pub(crate) struct Attack {
    pub(crate) side: Side,
    pub(crate) wire: Wire,
    pub(crate) bystander: Bystander,
    seen: mpsc::UnboundedReceiver<Seen>,
    _server: Option<ServerHandle>,
}

impl Attack {
    pub(crate) async fn on(side: Side) -> Self {
        Self::with(side, Config::new()).await
    }

    pub(crate) async fn with(side: Side, config: Config) -> Self {
        let server = |builder: ServerBuilder| builder.config(config.clone());
        let client = |builder: ClientBuilder| builder.config(config.clone());
        Self::open(side, "", server, client).await
    }

    /// The extension is agreed on, in its simplest form.
    #[cfg(feature = "deflate")]
    pub(crate) async fn compressed(side: Side) -> Self {
        use socket_flow::Deflate;
        let line = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let server = |builder: ServerBuilder| builder.deflate(Deflate::balanced());
        let client = |builder: ClientBuilder| builder.deflate(Deflate::balanced());
        Self::open(side, line, server, client).await
    }

    pub(crate) async fn open(
        side: Side,
        line: &str,
        server: impl FnOnce(ServerBuilder) -> ServerBuilder,
        client: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let books = Books::default();
        let limits = match line {
            "" => Limits::PLAIN,
            _ => Limits::INFLATED,
        };
        match side {
            Side::Server => {
                let Beside { bystander, victim } =
                    serve(server(Server::bind("127.0.0.1:0")), &books, limits, sender).await;
                let mut wire = Wire::connect(victim.local_addr().unwrap()).await;
                wire.send(with(line)).await;
                let answer = wire.head().await;
                assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
                assert!(answer.contains(line), "{answer}");
                Self {
                    side,
                    wire,
                    bystander,
                    seen,
                    _server: Some(victim),
                }
            }
            Side::Client => {
                let bystander = honest_client(&books).await;
                let turns = books.open(limits);
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("ws://{}/", listener.local_addr().unwrap());
                let connecting = client(ClientBuilder::new(url)).connect();
                tokio::spawn(async move {
                    let (ws, _) = connecting.await.unwrap();
                    sender.send(turns.of(echo(ws, &turns)).await).unwrap();
                });
                let mut wire = Wire::new(listener.accept().await.unwrap().0);
                let request = wire.head().await;
                wire.send(switching_protocols(&request) + line + "\r\n")
                    .await;
                Self {
                    side,
                    wire,
                    bystander,
                    seen,
                    _server: None,
                }
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes).await;
    }

    /// A frame of the attacker's, sent.
    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        let bytes = self.side.whole(first, payload);
        self.send(bytes).await;
    }

    /// Says something and hears it: whatever came before has done no harm.
    pub(crate) async fn is_alive(&mut self) {
        self.frame(0x81, b"alive?").await;
        let frame = self.wire.frame().await.unwrap();
        assert_eq!((frame.first, &*frame.payload), (0x81, &b"alive?"[..]));
        self.is_masked_rightly(frame.mask);
    }

    /// The Close in answer to what was sent, alone and followed by an orderly end, while our own
    /// direction is still open; then what the application saw.
    pub(crate) async fn refusal(mut self, code: u16) -> Seen {
        let frames = self.wire.frames().await;
        let [close] = &*frames else {
            panic!("{:?}: not one frame: {frames:?}", self.side);
        };
        assert_eq!(close.close_code(), code, "{:?}", self.side);
        self.is_masked_rightly(close.mask);
        let seen = self.end().await;
        match &seen.end {
            Err(Error::Protocol(error)) => assert_eq!(error.close_code().as_u16(), code),
            other => panic!("{other:?}"),
        }
        seen
    }

    /// Closes the socket; what the application saw. The bystander is served as before.
    pub(crate) async fn end(self) -> Seen {
        let Self {
            wire,
            bystander,
            mut seen,
            ..
        } = self;
        drop(wire);
        let seen = bounded(seen.recv()).await.unwrap();
        bystander.goes_on().await;
        seen
    }

    fn is_masked_rightly(&self, mask: Option<[u8; 4]>) {
        assert_eq!(mask.is_some(), self.side == Side::Client);
    }
}

/// Sends this in the middle of a conversation to a fresh victim: it is refused with this code, at
/// once, and nothing of it reaches the application.
pub(crate) async fn is_refused(side: Side, bytes: &[u8], code: u16) {
    let mut attack = Attack::on(side).await;
    attack.is_alive().await;
    attack.send(bytes).await;
    let seen = attack.refusal(code).await;
    let before = [Message::from("alive?")];
    assert_eq!(seen.messages, before, "{side:?} {}", bytes.escape_ascii());
}

/// Echoes to the end; the turns are those of the task that runs it.
pub(crate) async fn echo<S>(mut ws: WebSocket<S>, turns: &Turns) -> Seen
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = Vec::new();
    let end = loop {
        match ws.recv().await {
            Ok(Some(message)) => {
                turns.message(message.as_bytes().len());
                messages.push(message.clone());
                if let Err(error) = ws.queue(message) {
                    break Err(error.into());
                }
            }
            Ok(None) => break Ok(ws.close_frame().cloned()),
            Err(error) => break Err(error),
        }
    };
    Seen { messages, end }
}

/// A server that echoes, to be shaken hands with, and its honest client.
pub(crate) async fn server(
    set: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> Beside<ServerHandle> {
    // Nobody asks what its application sees.
    let (sender, _) = mpsc::unbounded_channel();
    let builder = set(Server::bind("127.0.0.1:0"));
    serve(builder, &Books::default(), Limits::PLAIN, sender).await
}

impl Beside<ServerHandle> {
    /// Connections besides the bystander.
    pub(crate) fn connections(&self) -> usize {
        self.victim.connections() - 1
    }
}

pub(crate) async fn serve(
    builder: ServerBuilder,
    books: &Books,
    limits: Limits,
    sender: mpsc::UnboundedSender<Seen>,
) -> Beside<ServerHandle> {
    let attacked = books.clone();
    let victim = builder
        .serve_with(move |ws, request| {
            let is_honest = request.uri().path() == HONEST;
            let attacked = (!is_honest).then(|| (sender.clone(), attacked.open(limits)));
            async move {
                match attacked {
                    Some((sender, turns)) => {
                        let _ = sender.send(turns.of(echo(ws, &turns)).await);
                    }
                    None => serves(ws).await,
                }
            }
        })
        .await
        .unwrap();
    let bystander = honest(&victim, books).await;
    Beside { bystander, victim }
}

/// A client of a server that is attacked.
pub(crate) async fn honest(server: &ServerHandle, books: &Books) -> Bystander {
    let mut wire = Wire::connect(server.local_addr().unwrap()).await;
    wire.send(REQUEST.replace("/chat", HONEST)).await;
    assert_eq!(status(&wire.head().await), 101);
    Bystander::start(Side::Server, wire.into_io(), books, Delivery::BySystem).await
}

/// The server of a client beside those that are attacked.
pub(crate) async fn honest_client(books: &Books) -> Bystander {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}{HONEST}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (ws, _) = socket_flow::connect(&url).await.unwrap();
        serves(ws).await;
    });
    let mut wire = Wire::new(listener.accept().await.unwrap().0);
    let answer = switching_protocols(&wire.head().await) + "\r\n";
    wire.send(answer).await;
    Bystander::start(Side::Client, wire.into_io(), books, Delivery::BySystem).await
}

/// The path of connections that are not attacked.
pub(crate) const HONEST: &str = "/honest";

/// Sends a request, and leaves our direction open: the whole answer of a refusal. More than one
/// answer would be seen as well.
pub(crate) async fn refusal(server: &ServerHandle, request: impl AsRef<[u8]>) -> String {
    let mut wire = Wire::connect(server.local_addr().unwrap()).await;
    // A long request may be refused before all of it was written.
    let _ = wire.try_send(request).await;
    let answer = String::from_utf8(wire.rest().await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = crate::support::header(head, "content-length").unwrap();
    assert_eq!(length, body.len().to_string(), "{answer}");
    let connection = crate::support::header(head, "connection").unwrap();
    assert!(connection.starts_with("close"), "{answer}");
    answer
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    let status = answer.strip_prefix("HTTP/1.1 ").unwrap();
    status[..3].parse().unwrap()
}

/// Sends a request; the head of the answer, and the connection.
pub(crate) async fn answer(server: &ServerHandle, request: &str) -> (String, Wire) {
    let mut wire = Wire::connect(server.local_addr().unwrap()).await;
    wire.send(request).await;
    (wire.head().await, wire)
}

/// Has a client connect to a server that answers with these bytes: the result, and whatever the
/// client wrote behind its request.
pub(crate) async fn connect_to(
    set: impl FnOnce(ClientBuilder) -> ClientBuilder,
    answer: impl FnOnce(String) -> Vec<u8>,
) -> (Result<(), ConnectError>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let connecting = set(ClientBuilder::new(url)).connect();
    // A connection that did open closes again, which the other end sees as bytes.
    let client = async { connecting.await.map(drop) };
    let server = async {
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        let request = wire.head().await;
        let _ = wire.try_send(answer(switching_protocols(&request))).await;
        wire.rest_or_reset().await
    };
    bounded(async { tokio::join!(client, server) }).await
}

/// [`REQUEST`] with more header lines, each with its CR LF.
pub(crate) fn with(lines: &str) -> String {
    let (head, _) = REQUEST.split_once("\r\n\r\n").unwrap();
    format!("{head}\r\n{lines}\r\n")
}

/// [`REQUEST`] without the headers that begin with this.
pub(crate) fn without(name: &str) -> String {
    REQUEST
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with(name))
        .collect()
}
