//! What the front door costs, over streams in memory: connections that are accepted, messages that
//! are published.

use std::hint::black_box;
use std::task::{Context, Waker};

use bytes::Bytes;
use futures_util::StreamExt;
use socket_flow::{AcceptError, Acceptor, Deflate, Hub, Negotiated, SlowPolicy, WebSocket};

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
