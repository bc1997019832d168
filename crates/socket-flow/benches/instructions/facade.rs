//! What the front door costs, over streams in memory: connections that are accepted and made,
//! messages that are published.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::StreamExt;
use socket_flow::handshake::key::accept_key;
use socket_flow::{
    AcceptError, Acceptor, ClientBuilder, Deflate, Hub, Negotiated, SlowPolicy, WebSocket,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::handshake::REQUEST;
use crate::pipe::{Pipe, clock, finish, open_with};
use crate::{Cell, Memory};

type Accepted = Pipe<4>;
type AcceptedWithHeader = Pipe<5>;
type Member = Pipe<6>;

/// Whom a message is published to.
const MEMBERS: usize = 100;

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        accept("facade/accept", |acceptor, pipe: &mut Accepted| {
            finish(acceptor.accept(pipe))
        }),
        accept(
            "facade/accept with a header",
            |acceptor, pipe: &mut AcceptedWithHeader| {
                finish(async move {
                    let pending = acceptor.read(pipe).await?;
                    pending.header("server", "chat").accept().await
                })
            },
        ),
        connect(),
        publish("32 B", 32, Memory::Unbounded),
        publish("1 KiB", 1 << 10, Memory::Unbounded),
        publish("32 B", 32, Memory::Budgeted),
        publish("1 KiB", 1 << 10, Memory::Budgeted),
    ]
}

/// A message is a connection, from the request to the 101; ending it is not counted with it.
fn accept<const N: usize>(
    name: &str,
    open: for<'a> fn(&Acceptor, &'a mut Pipe<N>) -> Result<WebSocket<&'a mut Pipe<N>>, AcceptError>,
) -> Cell {
    Cell::new(name, 20, 1, move |rounds| {
        let runtime = clock();
        let _clock = runtime.enter();
        let acceptor = Acceptor::new()
            .subprotocols(["chat.v1"])
            .deflate(Deflate::balanced());
        let mut pipe = Pipe::new(REQUEST.to_vec());
        for _ in 0..rounds {
            pipe.rewind();
            let ws = open(&acceptor, &mut pipe).expect("a handshake");
            assert_eq!(ws.negotiated().subprotocol(), Some("chat.v1"));
            assert!(ws.negotiated().deflate().is_some());
            black_box(ws.into_parts());
        }
        assert!(pipe.written > rounds * b"HTTP/1.1 101 Switching Protocols\r\n".len());
    })
}

/// A message is a client's opening, from the URL to the open connection.
fn connect() -> Cell {
    Cell::new("facade/connect", 20, 1, |rounds| {
        let runtime = clock();
        let _clock = runtime.enter();
        let mut server = Server::default();
        for _ in 0..rounds {
            let opening = ClientBuilder::new(black_box("ws://example.com/chat"))
                .subprotocols(["chat.v1"])
                .deflate(Deflate::balanced())
                .connect_on(&mut server);
            let (ws, response) = finish(opening).expect("a handshake");
            assert_eq!(ws.negotiated().subprotocol(), Some("chat.v1"));
            assert!(ws.negotiated().deflate().is_some());
            black_box((ws.into_parts(), response));
        }
        assert_eq!(server.answers, rounds);
    })
}

/// A message is one publish: handed to each member, and written by each member's connection.
fn publish(name: &str, len: usize, memory: Memory) -> Cell {
    Cell::new(
        memory.name(format!("facade/publish {name} to {MEMBERS} members")),
        10,
        1,
        move |rounds| {
            let runtime = clock();
            let _clock = runtime.enter();
            let hub = Hub::new(SlowPolicy::Close);
            let config = memory.config();
            // Connections whose peers send nothing.
            let mut members: Vec<WebSocket<Member>> = (0..MEMBERS)
                .map(|_| open_with(Vec::new(), Negotiated::default(), config.clone()))
                .collect();
            for member in &mut members {
                assert!(hub.join("room", &member.sender()));
            }
            let message = Bytes::from(vec![b'x'; len]);
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..rounds {
                let delivery = finish(hub.publish("room", message.clone()));
                assert_eq!(delivery.delivered, MEMBERS);
                // As the task of each does, which waits for what it receives next.
                for member in &mut members {
                    assert!(member.poll_next_unpin(&mut context).is_pending());
                }
            }
            let header = if len < 126 { 2 } else { 4 };
            for member in &members {
                assert_eq!(member.get_ref().written, rounds * (header + len));
            }
        },
    )
}

/// Answers each request, as soon as it is written. That is counted with the client, and costs a
/// digest and a copy of the answer.
#[derive(Default)]
struct Server {
    answer: Vec<u8>,
    answers: usize,
}

impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answer.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(&self.answer);
        self.answer.clear();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        request: &[u8],
    ) -> Poll<io::Result<usize>> {
        const KEY: &[u8] = b"\r\nSec-WebSocket-Key: ";
        let at = request
            .windows(KEY.len())
            .position(|bytes| bytes == KEY)
            .expect("a key")
            + KEY.len();
        let key = std::str::from_utf8(&request[at..at + 24]).expect("base64");
        self.answer.extend_from_slice(ANSWER);
        self.answer
            .extend_from_slice(accept_key(key).as_str().as_bytes());
        self.answer.extend_from_slice(b"\r\n\r\n");
        self.answers += 1;
        Poll::Ready(Ok(request.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a server sends that stands behind a proxy.
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Server: nginx/1.22.1\r\n\
    Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Connection: upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Protocol: chat.v1\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Accept: ";
