//! Members that are closed for being slow, and those that are not.

use std::time::Duration;

use bytes::BytesMut;
use socket_flow::protocol::{Negotiated, Role};
use socket_flow::{CloseCode, Config, Error, Hub, NEVER, Sender, SlowPolicy, WebSocket};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::hub::tools::{OVERHEAD, text};

/// Room for ten messages of 36 bytes.
const ROOM: usize = 10 * (OVERHEAD + 36);

/// By default.
const SLOW: Duration = Duration::from_secs(5);

/// The finest that timers know.
const TICK: Duration = Duration::from_millis(1);

/// A member whose connection a task of its own runs, over a pipe of 100 bytes
/// whose other end is the test's.
struct Running {
    hub: Hub,
    sender: Sender,
    far: DuplexStream,
    serving: JoinHandle<Result<(), Error>>,
    published: usize,
}

impl Running {
    fn new(backlog: usize) -> Self {
        let builder = Hub::builder().policy(SlowPolicy::Close).backlog(backlog);
        let hub = builder.build().unwrap();
        let config = Config::new().high_water(ROOM).ping_interval(NEVER);
        let (near, far) = tokio::io::duplex(100);
        let (read, negotiated) = (BytesMut::new(), Negotiated::default());
        let mut ws = WebSocket::from_parts(near, read, Role::Server, negotiated, config);
        let sender = ws.sender();
        hub.join("a", &sender);
        let serving = tokio::spawn(async move {
            while ws.recv().await?.is_some() {}
            Ok(())
        });
        Self {
            hub,
            sender,
            far,
            serving,
            published: 0,
        }
    }

    /// Publishes one message, of 38 bytes on the wire; whether the member is
    /// closed instead of being handed it.
    async fn publish(&mut self) -> bool {
        let message = format!("{:036}", self.published);
        let delivery = self.hub.publish("a", message).await;
        let is_closed = delivery.closed == 1;
        assert_eq!(delivery.delivered, usize::from(!is_closed));
        self.published += usize::from(!is_closed);
        is_closed
    }

    /// Publishes until messages wait that do not fit the queue.
    async fn exceed(&mut self) {
        while self.sender.buffered_amount() <= ROOM / 100 * 36 {
            assert!(!self.publish().await);
        }
    }

    /// Reads what there is: every message in order, then the Close.
    async fn read_to_the_close(self) {
        let config = Config::new().ping_interval(NEVER);
        let (read, negotiated) = (BytesMut::new(), Negotiated::default());
        let mut client = WebSocket::from_parts(self.far, read, Role::Client, negotiated, config);
        for number in 0..self.published {
            let message = client.recv().await.unwrap().unwrap();
            assert_eq!(text(&message), format!("{number:036}"));
        }
        assert_eq!(client.recv().await.unwrap(), None);
        let frame = client.close_frame().unwrap();
        assert_eq!(
            (frame.code, &*frame.reason),
            (CloseCode::TRY_AGAIN_LATER, "too slow")
        );
        self.serving.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_stops_reading_is_closed_after_what_it_was_handed() {
    let mut member = Running::new(1 << 20);
    member.exceed().await;
    sleep(SLOW - TICK).await;
    assert!(!member.sender.is_closed());
    sleep(2 * TICK).await;
    assert!(member.sender.is_closed());
    member.read_to_the_close().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_backlog_is_full_is_closed_after_what_it_was_handed() {
    let mut member = Running::new(5 * (OVERHEAD + 36));
    let start = Instant::now();
    member.exceed().await;
    for _ in 1..5 {
        assert!(!member.publish().await);
    }
    assert!(member.publish().await);
    assert!(member.sender.is_closed());
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(member.hub.members("a"), 0);
    assert_eq!(member.hub.stats().closed, 1);
    member.read_to_the_close().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_lost_with_a_member_that_reads_nothing_until_its_close_times_out() {
    let mut member = Running::new(0);
    while !member.publish().await {}
    let start = Instant::now();
    let ended = member.serving.await.unwrap();
    assert!(matches!(ended, Err(Error::Timeout(_))), "{ended:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(member.sender.buffered_amount(), 0);
}

#[tokio::test(start_paused = true)]
async fn single_bytes_do_not_start_the_time_anew() {
    let mut member = Running::new(1 << 20);
    member.exceed().await;
    let tenth = Duration::from_millis(100);
    for _ in 1..50 {
        member.far.read_u8().await.unwrap();
        sleep(tenth).await;
        assert!(!member.sender.is_closed());
    }
    sleep(tenth + TICK).await;
    assert!(member.sender.is_closed());
    // Nor does a trickle put the end off.
    for _ in 1..50 {
        member.far.read_u8().await.unwrap();
        sleep(tenth).await;
        assert!(!member.serving.is_finished());
    }
    sleep(tenth + TICK).await;
    assert!(member.serving.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_queues_worth_of_progress_starts_the_time_anew() {
    let mut member = Running::new(1 << 20);
    member.exceed().await;
    for _ in 0..50 {
        member.publish().await;
    }
    // Eleven messages in four seconds: a little more than a queue's worth.
    let mut bytes = [0; 11 * 38];
    for _ in 0..4 {
        sleep(Duration::from_secs(4)).await;
        assert!(!member.sender.is_closed());
        member.far.read_exact(&mut bytes).await.unwrap();
    }
    sleep(Duration::from_millis(4_900)).await;
    assert!(!member.sender.is_closed());
    sleep(Duration::from_millis(200)).await;
    assert!(member.sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_queue_was_emptied_has_caught_up() {
    let mut member = Running::new(1 << 20);
    member.exceed().await;
    sleep(SLOW - TICK).await;
    while member.sender.buffered_amount() > 0 {
        member.far.read_u8().await.unwrap();
        tokio::task::yield_now().await;
    }
    sleep(2 * SLOW).await;
    assert!(!member.sender.is_closed());
    assert!(!member.publish().await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_is_found_out_by_the_next_message_where_its_handler_sleeps() {
    let config = Config::new().high_water(65);
    let near = tokio::io::duplex(1).0;
    let (read, negotiated) = (BytesMut::new(), Negotiated::default());
    let mut ws = WebSocket::from_parts(near, read, Role::Server, negotiated, config);
    let hub = Hub::new(SlowPolicy::Close);
    hub.join("a", &ws.sender());
    for _ in 0..3 {
        assert_eq!(hub.publish("a", "x").await.delivered, 1);
    }
    sleep(SLOW).await;
    assert_eq!(hub.publish("a", "x").await.closed, 1);
    assert!(ws.sender().is_closed());
}
