//! Ours, lent and owned: the connection of the facade over the stream.

use bytes::BytesMut;
use socket_flow::connection::{Negotiated, Role};
use socket_flow::{Config, MessageRef, WebSocket};

use crate::Job;
use crate::stream::{Memory, Sample, finish};

fn open(sample: &Sample, role: Role) -> WebSocket<Memory> {
    WebSocket::from_parts(
        sample.stream(),
        BytesMut::new(),
        role,
        Negotiated::default(),
        Config::new(),
    )
}

pub(crate) fn receive_lent(sample: &Sample) -> Job {
    let mut ws = open(sample, Role::Server);
    Box::new(move |count, expected| {
        finish(async {
            let (reader, writer) = ws.halves();
            for _ in 0..count {
                let message = reader.recv(writer).await.expect("a connection in order");
                Sample::check(message.expect("a message").as_bytes(), expected);
            }
        });
    })
}

pub(crate) fn receive_owned(sample: &Sample) -> Job {
    let mut ws = open(sample, Role::Server);
    Box::new(move |count, expected| {
        finish(async {
            for _ in 0..count {
                let message = ws.recv().await.expect("a connection in order");
                Sample::check(message.expect("a message").as_bytes(), expected);
            }
        });
    })
}

pub(crate) fn send_lent_server(sample: &Sample) -> Job {
    send_lent(sample, Role::Server)
}

pub(crate) fn send_lent_client(sample: &Sample) -> Job {
    send_lent(sample, Role::Client)
}

fn send_lent(sample: &Sample, role: Role) -> Job {
    let mut ws = open(sample, role);
    let payload = sample.payload.clone();
    Box::new(move |count, _| {
        finish(async {
            for _ in 0..count {
                if ws.queue(MessageRef::from(&payload[..])).is_err() {
                    ws.send(MessageRef::from(&payload[..]))
                        .await
                        .expect("a connection in order");
                }
            }
            ws.flush().await.expect("a connection in order");
        });
    })
}

pub(crate) fn send_owned_server(sample: &Sample) -> Job {
    send_owned(sample, Role::Server)
}

pub(crate) fn send_owned_client(sample: &Sample) -> Job {
    send_owned(sample, Role::Client)
}

fn send_owned(sample: &Sample, role: Role) -> Job {
    let mut ws = open(sample, role);
    let payload = sample.payload.clone();
    Box::new(move |count, _| {
        finish(async {
            for _ in 0..count {
                if ws.queue(payload.clone()).is_err() {
                    ws.send(payload.clone())
                        .await
                        .expect("a connection in order");
                }
            }
            ws.flush().await.expect("a connection in order");
        });
    })
}
