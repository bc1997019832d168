//! The example `chat`: the tests of its modules, and conversations with its server.

#![allow(missing_docs)]

#[path = "../../examples/chat/chat.rs"]
mod chat;
#[path = "../../examples/chat/message.rs"]
mod message;
#[path = "../../examples/chat/pace.rs"]
mod pace;
#[path = "../../examples/chat/page.rs"]
mod page;
#[path = "../../examples/chat/rooms.rs"]
mod rooms;
#[path = "../../examples/chat/rules.rs"]
mod rules;
#[path = "../../examples/chat/server.rs"]
mod server;
#[path = "../support/workers.rs"]
mod workers;

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use socket_flow::{ClientBuilder, ClientStream, ConnectError, Deflate, ServerHandle, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::workers::on_one_and_two_workers;

/// More than anything here needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

async fn served() -> (ServerHandle, String) {
    let server = server::start("127.0.0.1:0".to_owned()).await.unwrap();
    let host = server.local_addr().unwrap().to_string();
    (server, host)
}

struct Page(WebSocket<ClientStream>);

impl Page {
    async fn open(host: &str) -> Self {
        let builder = ClientBuilder::new(format!("ws://{host}{}", server::PATH))
            .header("origin", format!("http://{host}"))
            .deflate(Deflate::balanced());
        Self(builder.connect().await.unwrap().0)
    }

    async fn joined(host: &str, room: &str, name: &str) -> (Self, Value) {
        let mut page = Self::open(host).await;
        page.says(json!({"type": "join", "room": room, "name": name}))
            .await;
        let joined = page.hears("joined").await;
        (page, joined)
    }

    async fn says(&mut self, request: Value) {
        self.0.send(request.to_string()).await.unwrap();
    }

    /// The next message of a type; others are passed over.
    async fn hears(&mut self, kind: &str) -> Value {
        loop {
            let message = self.0.recv().await.unwrap().unwrap();
            let reply: Value = serde_json::from_str(message.as_text().unwrap()).unwrap();
            if reply["type"] == kind {
                return reply;
            }
        }
    }
}

#[tokio::test]
async fn those_in_a_room_hear_each_other_and_nobody_else() {
    bounded(async {
        let (_server, host) = served().await;
        let (mut ann, joined) = Page::joined(&host, "lobby", "Ann").await;
        assert_eq!(
            joined["people"],
            json!([{"id": joined["you"], "name": "Ann"}])
        );
        assert!(ann.0.negotiated().deflate().is_some());
        let (mut bob, _) = Page::joined(&host, "Lobby", "Bob").await;
        assert_eq!(ann.hears("entered").await["name"], "Bob");
        let (mut eve, _) = Page::joined(&host, "attic", "Eve").await;

        let hello = json!({"type": "say", "key": "k1", "text": "<b>hello</b>"});
        ann.says(hello.clone()).await;
        ann.says(hello).await;
        ann.says(json!({"type": "say", "key": "k2", "text": "again"}))
            .await;
        for page in [&mut ann, &mut bob] {
            let said = page.hears("said").await;
            assert_eq!(
                (&said["name"], &said["text"]),
                (&json!("Ann"), &json!("<b>hello</b>"))
            );
            assert_eq!(page.hears("said").await["text"], "again");
        }
        eve.says(json!({"type": "say", "key": "k3", "text": "alone"}))
            .await;
        assert_eq!(eve.hears("said").await["text"], "alone");

        let (_cid, joined) = Page::joined(&host, "lobby", "Cid").await;
        let texts: Vec<_> = joined["said"]
            .as_array()
            .unwrap()
            .iter()
            .map(|said| &said["text"])
            .collect();
        assert_eq!(texts, ["<b>hello</b>", "again"]);
    })
    .await;
}

#[tokio::test]
async fn who_leaves_or_is_gone_is_told_to_the_room() {
    bounded(async {
        let (_server, host) = served().await;
        let (mut ann, _) = Page::joined(&host, "lobby", "Ann").await;
        let (mut bob, _) = Page::joined(&host, "lobby", "Bob").await;
        bob.says(json!({"type": "join", "room": "attic", "name": "Bob"}))
            .await;
        assert_eq!(ann.hears("left").await["name"], "Bob");
        assert_eq!(bob.hears("joined").await["room"], "attic");
        let (eve, _) = Page::joined(&host, "lobby", "Eve").await;
        assert_eq!(ann.hears("entered").await["name"], "Eve");
        drop(eve);
        assert_eq!(ann.hears("left").await["name"], "Eve");
        drop(bob);
        loop {
            let rooms = ann.hears("rooms").await;
            if rooms["rooms"] == json!([{"name": "lobby", "people": 1}]) {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_breaks_the_rules_is_refused_and_the_connection_stays() {
    bounded(async {
        let (_server, host) = served().await;
        let mut page = Page::open(&host).await;
        page.says(json!({"type": "say", "key": "k", "text": "hi"}))
            .await;
        assert_eq!(
            page.hears("refused").await,
            json!({"type": "refused", "key": "k", "why": "you are in no room"})
        );
        for request in [
            json!({"type": "fly"}),
            json!({"type": "join", "room": "a/b", "name": "Ann"}),
            json!({"type": "join", "room": "lobby", "name": ""}),
        ] {
            page.says(request).await;
            assert!(page.hears("refused").await["why"].is_string());
        }
        for number in 0..50 {
            page.says(json!({"type": "say", "key": format!("k{number}"), "text": "hi"}))
                .await;
        }
        let too_fast = json!("too fast, wait a moment");
        while page.hears("refused").await["why"] != too_fast {}
        page.0.send("x".repeat(20_000)).await.unwrap();
        while page.0.recv().await.unwrap().is_some() {}
        let code = page.0.close_frame().unwrap().code.as_u16();
        assert_eq!(code, 1009);
    })
    .await;
}

/// Forty pages say nineteen messages of 4 KB each at once: three times what a page's queue holds,
/// its backlog included.
#[test]
fn pages_that_all_speak_at_once_hear_everyone() {
    const PAGES: usize = 40;
    const EACH: usize = 19;
    on_one_and_two_workers(|| async {
        let (_server, host) = served().await;
        let mut pages = Vec::new();
        for number in 0..PAGES {
            let (page, _) = Page::joined(&host, "lobby", &number.to_string()).await;
            pages.push(page);
        }
        let talks = pages.into_iter().enumerate().map(|(page, mut said)| {
            tokio::spawn(async move {
                for number in 0..EACH {
                    let text = format!("{number}\n{}", "\u{1f4ac}".repeat(990));
                    let key = format!("p{page}k{number}");
                    let request = json!({"type": "say", "key": key, "text": text});
                    said.0.ready().await.unwrap();
                    said.0.queue(request.to_string()).unwrap();
                }
                let mut next = vec![0; PAGES];
                for _ in 0..PAGES * EACH {
                    let heard = said.hears("said").await;
                    let name: usize = heard["name"].as_str().unwrap().parse().unwrap();
                    let text = heard["text"].as_str().unwrap();
                    let number = text.lines().next().unwrap().parse();
                    assert_eq!(number, Ok(next[name]));
                    next[name] += 1;
                }
                assert_eq!(next, [EACH; PAGES]);
                said
            })
        });
        for talk in talks.collect::<Vec<_>>() {
            talk.await.unwrap();
        }
    });
}

#[tokio::test]
async fn every_message_of_a_burst_is_answered() {
    bounded(async {
        let (_server, host) = served().await;
        let (mut reader, mut writer) = Page::open(&host).await.0.into_split();
        let sending = tokio::spawn(async move {
            for _ in 0..3000 {
                writer.ready().await.unwrap();
                writer.queue("{}").unwrap();
            }
            writer.flush().await.unwrap();
            writer
        });
        let mut refused = 0;
        while refused < 3000 {
            let message = reader.recv().await.unwrap().unwrap();
            let is_refusal = message.as_text().unwrap().contains("that is no request");
            refused += usize::from(is_refusal);
        }
        drop(sending.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn pings_come_back() {
    bounded(async {
        let (_server, host) = served().await;
        let mut page = Page::open(&host).await;
        page.says(json!({"type": "ping", "at": 12.5})).await;
        assert_eq!(page.hears("pong").await["at"], 12.5);
    })
    .await;
}

#[tokio::test]
async fn pages_of_another_origin_are_refused() {
    bounded(async {
        let (_server, host) = served().await;
        let refused = ClientBuilder::new(format!("ws://{host}{}", server::PATH))
            .header("origin", "http://evil.example")
            .connect()
            .await;
        let Err(ConnectError::Rejected(rejected)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(rejected.status(), 403);
    })
    .await;
}

#[tokio::test]
async fn the_page_is_served_on_the_same_port() {
    bounded(async {
        let (_server, host) = served().await;
        let mut tcp = TcpStream::connect(&host).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(": default-src 'none';"));
        assert!(answer.ends_with("</html>\n"));
    })
    .await;
}

#[tokio::test]
async fn everyone_sees_1001_when_the_server_ends() {
    bounded(async {
        let (server, host) = served().await;
        let (mut ann, _) = Page::joined(&host, "lobby", "Ann").await;
        let mut bob = Page::open(&host).await;
        let ending = tokio::spawn(async move { server.shutdown(PATIENCE).await });
        for page in [&mut ann, &mut bob] {
            while page.0.recv().await.unwrap().is_some() {}
            assert_eq!(page.0.close_frame().unwrap().code.as_u16(), 1001);
        }
        assert_eq!(ending.await.unwrap().dropped, 0);
    })
    .await;
}
