//! A hub with nothing set: 100 ms for a turn, 5 s for room or for a queue's worth of bytes, 1 MiB more
//! than fits the queue. Beside each slow member is one that reads, and hears each message at once.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use socket_flow::{Delivery, Error, Hub, Sender, Server, ServerHandle, SlowPolicy};
use tokio::task::JoinHandle;

use crate::limits::slow::{Client, Clock, HALF, LATE};
use crate::limits::{Ws, flood};
use crate::support::REQUEST;
use crate::support::patience::tasks;

/// Those that wait for a turn alone.
const POLICIES: [SlowPolicy; 3] = [
    SlowPolicy::DropNewest,
    SlowPolicy::DropOldest,
    SlowPolicy::Close,
];

/// Pongs are made of these bytes alone, each with a payload of ten and a key.
const PONGS: &[u8] = b"\x8a";

/// What a message takes in a queue.
const COST: usize = 1_024;

/// A message that takes so much: a queue holds 64 of them.
fn message() -> Vec<u8> {
    vec![b'x'; COST - 64]
}

/// The same on the wire, from a server.
fn frame() -> Vec<u8> {
    [&b"\x82\x7e\x03\xc0"[..], &message()].concat()
}

/// A room of two members: one that reads, and one whose queue is full.
struct Room<'a> {
    clock: &'a Clock,
    hub: Hub,
    /// Tasks there are without the slow member.
    idle: usize,
    _server: ServerHandle,
    reads: Client,
    slow: Client,
    /// The slow member's.
    sender: Sender,
}

impl<'a> Room<'a> {
    /// The slow member is served so; `/slow` is its path.
    async fn new<F>(
        clock: &'a Clock,
        policy: SlowPolicy,
        slow: impl Fn(Ws) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let hub = Hub::new(policy);
        let senders = Arc::new(Mutex::new(Vec::new()));
        let (room, told) = (hub.clone(), Arc::clone(&senders));
        let handler = move |mut ws: Ws, request: Request<()>| {
            room.join("t", &ws.sender());
            told.lock().unwrap().push(ws.sender());
            let slow = slow.clone();
            async move {
                match request.uri().path() {
                    "/slow" => slow(ws).await,
                    _ => receives(ws).await,
                }
            }
        };
        let server = Server::bind("127.0.0.1:0").serve_with(handler).await;
        let server = server.unwrap();
        let reads = Client::open(&server, clock).await;
        let idle = tasks();
        let mut slow = Client::connect(&server, clock).await;
        slow.send(REQUEST.replace("/chat", "/slow"));
        // The kernel makes more room for a while.
        for _ in 0..100 {
            clock.settle().await;
        }
        let sender = senders.lock().unwrap()[1].clone();
        let mut room = Self {
            clock,
            hub,
            idle,
            _server: server,
            reads,
            slow,
            sender,
        };
        for _ in 0..64 {
            assert_eq!(room.publish_at_once().await.delivered, 2);
        }
        assert_eq!(room.sender.room(), 0);
        room
    }

    /// Publishes what nobody is waited for.
    async fn publish_at_once(&mut self) -> Delivery {
        let publishing = self.publish().await;
        finished(publishing).await
    }

    /// Publishes, which the member that reads does not wait for.
    async fn publish(&mut self) -> JoinHandle<Delivery> {
        let hub = self.hub.clone();
        let publishing = tokio::spawn(async move { hub.publish("t", message()).await });
        let mut heard = Vec::new();
        for _ in 0..TURNS {
            self.clock.settle().await;
            heard.extend(self.reads.received());
            if heard.len() >= frame().len() {
                break;
            }
        }
        assert!(heard == frame(), "{} bytes", heard.len());
        publishing
    }

    /// The slow member takes a byte.
    async fn trickles(&mut self, by: Duration) {
        self.slow.takes_a_byte();
        self.clock.advance(by).await;
    }
}

/// On a clock that stands still, nothing is waited for.
async fn finished(publishing: JoinHandle<Delivery>) -> Delivery {
    assert!(publishing.is_finished(), "it waits");
    publishing.await.unwrap()
}

/// A handler that receives, and so runs its connection.
async fn receives(mut ws: Ws) -> Result<(), Error> {
    while ws.recv().await?.is_some() {}
    Ok(())
}

/// The same with more to be written than its client takes.
async fn receives_and_floods(mut ws: Ws) -> Result<(), Error> {
    ws.queue(flood())?;
    receives(ws).await
}

/// How long a closing handshake takes.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// How often the kernel may be asked for one message.
const TURNS: usize = 50;

#[tokio::test]
async fn a_member_whose_handler_sleeps_has_100_ms_for_its_turn_once() {
    let clock = Clock::stop();
    for policy in POLICIES {
        let sleeps = |ws: Ws| async move {
            let _kept = ws;
            std::future::pending().await
        };
        let mut room = Room::new(&clock, policy, sleeps).await;
        let publishing = room.publish().await;
        room.slow.send(PONGS);
        room.clock.advance(Duration::from_millis(99)).await;
        assert!(!publishing.is_finished(), "{policy:?}");
        room.clock.advance(LATE + LATE).await;
        let delivery = finished(publishing).await;
        let kept = usize::from(policy != SlowPolicy::DropNewest);
        let dropped = usize::from(policy != SlowPolicy::Close);
        assert_eq!(
            (delivery.delivered, delivery.dropped, delivery.closed),
            (1 + kept, dropped, 0),
            "{policy:?}"
        );
        // It has let its turn pass.
        assert_eq!(room.publish_at_once().await.delivered, 1 + kept);
    }
}

#[tokio::test]
async fn a_member_that_takes_single_bytes_has_5_s_to_make_room_where_that_is_waited_for() {
    let clock = Clock::stop();
    let mut room = Room::new(&clock, SlowPolicy::Wait, receives_and_floods).await;
    let publishing = room.publish().await;
    for _ in 0..9 {
        room.trickles(HALF).await;
        assert!(!publishing.is_finished());
    }
    room.trickles(HALF - LATE).await;
    assert!(!publishing.is_finished());
    room.clock.advance(LATE + LATE).await;
    let delivery = finished(publishing).await;
    assert_eq!((delivery.delivered, delivery.missed.len()), (1, 1));
    assert!(delivery.missed[0].same_connection(&room.sender));
    assert_eq!(room.publish_at_once().await.missed.len(), 1);
}

#[tokio::test]
async fn a_member_that_takes_single_bytes_is_closed_once_it_has_more_than_fits_for_5_s() {
    let clock = Clock::stop();
    let mut room = Room::new(&clock, SlowPolicy::Close, receives_and_floods).await;
    assert_eq!(room.publish_at_once().await.delivered, 2);
    for _ in 0..9 {
        room.trickles(HALF).await;
        assert!(!room.sender.is_closed());
    }
    room.trickles(HALF - LATE).await;
    assert!(!room.sender.is_closed());
    room.clock.advance(LATE + LATE).await;
    assert!(room.sender.is_closed());
    assert_eq!(room.publish_at_once().await.delivered, 1);
    assert_eq!(room.hub.members("t"), 1);
    // Its Close has its place, and what is not taken in 5 s is lost with it.
    let rest = room.slow.trickle_until_gone(PONGS, room.idle, &clock).await;
    assert!(
        (CLOSE_TIME - LATE..=CLOSE_TIME + HALF).contains(&rest),
        "{rest:?}"
    );
    assert_eq!(room.publish_at_once().await.delivered, 1);
}

#[tokio::test]
async fn a_member_that_takes_single_bytes_is_closed_once_it_has_1_mib_more_than_fits() {
    let clock = Clock::stop();
    let mut room = Room::new(&clock, SlowPolicy::Close, receives_and_floods).await;
    for _ in 0..(1 << 20) / COST {
        room.slow.takes_a_byte();
        assert_eq!(room.publish_at_once().await.delivered, 2);
    }
    assert!(!room.sender.is_closed());
    let delivery = room.publish_at_once().await;
    assert_eq!((delivery.delivered, delivery.closed), (1, 1));
    assert!(room.sender.is_closed());
    assert_eq!(room.hub.stats().closed, 1);
}
