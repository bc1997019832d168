//! Whoever reads gets everything, however much is published at once.

use std::time::Duration;

use socket_flow::{ClientStream, CloseCode, Server, ServerEvent, ServerHandle, SlowPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::hog::Hog;
use crate::hub::tools::{bounded, on_every_runtime};

const POLICIES: [SlowPolicy; 4] = [
    SlowPolicy::Wait,
    SlowPolicy::DropNewest,
    SlowPolicy::DropOldest,
    SlowPolicy::Close,
];

/// Whether the members' server has memory, or a budget that others use up.
#[derive(Clone, Copy, Debug)]
enum Memory {
    Enough,
    Short,
}

fn every() -> impl Iterator<Item = (SlowPolicy, Memory)> {
    let with = |policy| [(policy, Memory::Enough), (policy, Memory::Short)];
    POLICIES.into_iter().flat_map(with)
}

// The loop of the documentation.
include!("../../../loops/room.rs");

/// A server whose handler is the one in the documentation of [`Hub`]; its messages
/// may be compressed.
async fn room(policy: SlowPolicy, memory: Memory) -> (Hub, Serving, String) {
    let hub = Hub::new(policy);
    let mut server = Server::bind("127.0.0.1:0");
    let hog = matches!(memory, Memory::Short).then(Hog::new);
    if let Some(hog) = &hog {
        server = server.budget(hog.budget.clone());
    }
    #[cfg(feature = "deflate")]
    let server = server.deflate(all_compressed());
    let server = server
        .serve_with({
            let hub = hub.clone();
            move |mut ws, _| {
                let hub = hub.clone();
                async move { chat(&hub, "room", &mut ws).await }
            }
        })
        .await
        .unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let serving = Serving {
        server,
        _using: hog,
    };
    (hub, serving, url)
}

struct Serving {
    server: ServerHandle,
    /// What its memory is used for besides.
    _using: Option<Hog>,
}

/// Short messages too.
#[cfg(feature = "deflate")]
fn all_compressed() -> socket_flow::Deflate {
    socket_flow::Deflate::balanced().threshold(0)
}

async fn members(hub: &Hub, url: &str, count: usize) -> Vec<WebSocket<ClientStream>> {
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(socket_flow::connect(url).await.unwrap().0);
    }
    joined(hub, count).await;
    members
}

async fn joined(hub: &Hub, count: usize) {
    while hub.members("room") < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Tasks that read so many messages each, and count them.
fn listening(members: Vec<WebSocket<ClientStream>>, count: usize) -> Vec<JoinHandle<usize>> {
    let listen = |mut ws: WebSocket<ClientStream>| async move {
        let mut heard = 0;
        while heard < count {
            match bounded(ws.recv()).await {
                Ok(Some(_)) => heard += 1,
                end => panic!("{end:?} after {heard}, {:?}", ws.close_frame()),
            }
        }
        let _ = ws.close(CloseCode::NORMAL, "").await;
        heard
    };
    let tasks = members.into_iter().map(|ws| tokio::spawn(listen(ws)));
    tasks.collect()
}

/// A client by literal bytes, once its handshake is done.
async fn raw(url: &str) -> TcpStream {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    socket
}

/// 2,000 times "x", masked with zeros.
fn burst() -> Vec<u8> {
    b"\x81\x81\0\0\0\0x".repeat(2_000)
}

#[test]
fn a_burst_of_one_member_reaches_all_of_them() {
    on_every_runtime(async || {
        for (policy, memory) in every() {
            let (hub, _server, url) = room(policy, memory).await;
            let listening = listening(members(&hub, &url, 4).await, 2_000);
            let mut socket = raw(&url).await;
            joined(&hub, 5).await;
            socket.write_all(&burst()).await.unwrap();
            let mut echo = vec![0; 2_000 * 3];
            socket.read_exact(&mut echo).await.unwrap();
            assert!(echo == b"\x81\x01x".repeat(2_000), "{policy:?}, {memory:?}");
            for member in listening {
                assert_eq!(member.await.unwrap(), 2_000, "{policy:?}, {memory:?}");
            }
        }
    });
}

#[cfg(feature = "deflate")]
#[test]
fn a_compressed_burst_of_one_member_reaches_all_of_them() {
    on_every_runtime(async || {
        for (policy, memory) in every() {
            let (hub, _server, url) = room(policy, memory).await;
            let mut members = Vec::new();
            for _ in 0..5 {
                let client = socket_flow::ClientBuilder::new(&url).deflate(all_compressed());
                // The server may have no memory to agree to compression.
                let client = client.config(socket_flow::Config::new().high_water(1 << 20));
                members.push(client.connect().await.unwrap().0);
            }
            joined(&hub, 5).await;
            // All of them in one write.
            for _ in 0..2_000 {
                members[0].queue("a message that is compressed").unwrap();
            }
            members[0].flush().await.unwrap();
            for member in listening(members, 2_000) {
                assert_eq!(member.await.unwrap(), 2_000, "{policy:?}, {memory:?}");
            }
        }
    });
}

#[test]
fn a_member_alone_in_its_room_hears_its_own_burst_and_is_gone_once_it_closes() {
    on_every_runtime(async || {
        let (hub, server, url) = room(SlowPolicy::Wait, Memory::Enough).await;
        let mut socket = raw(&url).await;
        joined(&hub, 1).await;
        socket.write_all(&burst()).await.unwrap();
        let mut echo = vec![0; 2_000 * 3];
        socket.read_exact(&mut echo).await.unwrap();
        assert!(echo == b"\x81\x01x".repeat(2_000));
        socket.write_all(&burst()).await.unwrap();
        drop(socket);
        while server.server.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_hundred_messages_of_one_task_reach_twenty_members_that_read() {
    on_every_runtime(async || {
        for (policy, memory) in every() {
            let (hub, _server, url) = room(policy, memory).await;
            let listening = listening(members(&hub, &url, 20).await, 100);
            for _ in 0..100 {
                let delivery = hub.publish("room", vec![7; 1_024]).await;
                assert_eq!(
                    (delivery.delivered, delivery.dropped),
                    (20, 0),
                    "{policy:?}, {memory:?}"
                );
            }
            for member in listening {
                assert_eq!(member.await.unwrap(), 100, "{policy:?}, {memory:?}");
            }
        }
    });
}

#[test]
fn two_clients_that_say_a_thousand_lines_at_once_hear_all_of_them() {
    on_every_runtime(async || {
        for (policy, memory) in every() {
            let (hub, _server, url) = room(policy, memory).await;
            let talking: Vec<_> = members(&hub, &url, 2)
                .await
                .into_iter()
                .map(|ws| {
                    let (mut reader, mut writer) = ws.into_split();
                    let saying = tokio::spawn(async move {
                        for line in 0..1_000 {
                            writer.send(format!("line {line:06}")).await.unwrap();
                        }
                        writer
                    });
                    tokio::spawn(async move {
                        for heard in 0..2_000 {
                            let message = bounded(reader.recv()).await.unwrap();
                            assert!(message.is_some(), "{heard} of 2,000");
                        }
                        saying.await.unwrap()
                    })
                })
                .collect();
            for talking in talking {
                talking.await.unwrap();
            }
        }
    });
}

#[test]
fn two_members_that_publish_a_hundred_kilobytes_each_hear_all_of_it() {
    on_every_runtime(async || {
        let (hub, _server, url) = room(SlowPolicy::Wait, Memory::Enough).await;
        let talking: Vec<_> = members(&hub, &url, 2)
            .await
            .into_iter()
            .map(|ws| {
                let (mut reader, mut writer) = ws.into_split();
                let saying = tokio::spawn(async move {
                    for _ in 0..100 {
                        writer.send(vec![7; 1_000]).await.unwrap();
                    }
                    writer
                });
                tokio::spawn(async move {
                    for heard in 0..200 {
                        let message = bounded(reader.recv()).await.unwrap();
                        assert!(message.is_some(), "{heard} of 200");
                    }
                    saying.await.unwrap()
                })
            })
            .collect();
        for talking in talking {
            talking.await.unwrap();
        }
        assert_eq!(hub.stats().missed, 0);
    });
}

#[test]
fn what_the_reader_of_events_publishes_reaches_all_clients() {
    on_every_runtime(async || {
        for policy in POLICIES {
            let hub = Hub::new(policy);
            let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
            let publishing = tokio::spawn({
                let hub = hub.clone();
                async move {
                    while let Some(event) = events.next().await {
                        match event {
                            ServerEvent::Open { sender, .. } => {
                                hub.join("room", &sender);
                            }
                            ServerEvent::Message { message, .. } => {
                                hub.publish("room", message).await;
                            }
                            _ => {}
                        }
                    }
                }
            });
            let url = format!("ws://{}/", server.local_addr().unwrap());
            let mut members = members(&hub, &url, 5).await;
            let (mut reader, mut writer) = members.pop().unwrap().into_split();
            let listening = listening(members, 500);
            let saying = tokio::spawn(async move {
                for _ in 0..500 {
                    writer.send(vec![7; 1_000]).await.unwrap();
                }
                writer
            });
            for heard in 0..500 {
                let message = bounded(reader.recv()).await.unwrap();
                assert!(message.is_some(), "{policy:?}: {heard} of 500");
            }
            for member in listening {
                assert_eq!(member.await.unwrap(), 500, "{policy:?}");
            }
            saying.await.unwrap();
            publishing.abort();
        }
    });
}
