//! What senders hand in, where connections share a budget.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use socket_flow_connection::{
    Budget, CloseCode, Config, Lease, NEVER, Prepared, Purpose, SendError, Sender, WebSocket,
};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{self, Client, Server, no_deadlines, open, poll_once};

const LIMIT: usize = 1 << 20;

/// What a message takes in a sender's queue beside its payload, and what is never charged.
const OVERHEAD: usize = 64;
const OWN: usize = (1 << 10) + OVERHEAD;

/// More than the threads' buffers of all tests of this process, which count as well.
const BUFFERS: usize = 32 << 20;

/// A connection that draws from the budget, its sender, and its peer.
fn connection(budget: &Budget) -> (WebSocket<DuplexStream>, Sender, DuplexStream) {
    let (io, far) = tokio::io::duplex(1 << 20);
    let config = no_deadlines().budget(budget.clone());
    let mut ws = open(io, Server, config);
    let sender = ws.sender();
    (ws, sender, far)
}

/// A budget of which nothing is left.
fn used_up() -> (Budget, Lease) {
    let budget = Budget::with_patience(LIMIT, NEVER);
    let mut all = budget.lease(Purpose::Receiving);
    all.set(LIMIT);
    (budget, all)
}

fn roomy() -> Budget {
    Budget::new(BUFFERS + LIMIT)
}

#[tokio::test]
async fn what_is_handed_in_is_charged_beyond_a_little_and_given_back_once_it_is_taken_over() {
    let budget = roomy();
    let (mut ws, sender, _far) = connection(&budget);
    sender.try_send(vec![0; OWN - OVERHEAD]).unwrap();
    assert_eq!(budget.usage().senders, 0);
    sender.try_send("x").unwrap();
    assert_eq!(budget.usage().senders, 4 << 10);
    for _ in 0..10 {
        sender.try_send(vec![0; 1000]).unwrap();
    }
    let waiting = OWN + 1 + OVERHEAD + 10 * (1000 + OVERHEAD);
    let charged = budget.usage().senders;
    assert!(
        (waiting - OWN..waiting + (4 << 10)).contains(&charged),
        "{charged}"
    );
    assert_eq!(sender.room(), sender.capacity() - waiting);
    ws.flush().await.unwrap();
    assert_eq!(budget.usage().senders, 0);
    assert_eq!(sender.room(), sender.capacity());
}

#[tokio::test]
async fn one_message_larger_than_the_queue_is_charged_with_all_it_has() {
    let budget = roomy();
    let (mut ws, sender, far) = connection(&budget);
    sender.try_send(vec![0; 300_000]).unwrap();
    assert_eq!(budget.usage().senders, 300_000 + OVERHEAD - OWN);
    assert!(matches!(sender.try_send("x"), Err(SendError::Full("x"))));
    ws.flush().await.unwrap();
    assert_eq!(budget.usage().senders, 0);
    drop(far);
}

#[tokio::test]
async fn without_memory_the_queue_is_full_but_an_empty_one_takes_one_message_whatever_it_is() {
    let (budget, _all) = used_up();
    let (mut ws, sender, _far) = connection(&budget);
    assert_eq!(sender.room(), OWN);
    for large in [10_000, 300_000] {
        sender.try_send(vec![0; large]).unwrap();
        assert_eq!(sender.room(), 0);
        assert!(matches!(sender.try_send("x"), Err(SendError::Full("x"))));
        ws.flush().await.unwrap();
        assert_eq!((sender.room(), budget.usage().senders), (OWN, 0));
    }
    // Small ones have their room as ever.
    for _ in 0..OWN / (OVERHEAD + 1) {
        sender.try_send("x").unwrap();
    }
    assert!(matches!(sender.try_send("x"), Err(SendError::Full("x"))));
    assert_eq!(budget.usage().senders, 0);
}

#[tokio::test]
async fn a_sender_that_waits_for_memory_goes_on_when_its_connection_takes_over() {
    let (budget, _all) = used_up();
    let (mut ws, sender, _far) = connection(&budget);
    sender.try_send(vec![1; 5_000]).unwrap();
    let mut sending = JoinSet::new();
    for size in [9_000, 300_000, 20, 2_000] {
        let sender = sender.clone();
        sending.spawn(async move { sender.send(vec![2; size]).await });
    }
    let all_are_sent = async {
        while !sending.is_empty() {
            tokio::task::yield_now().await;
            ws.flush().await.unwrap();
            while let Some(sent) = sending.try_join_next() {
                sent.unwrap().unwrap();
            }
        }
        ws.flush().await.unwrap();
    };
    support::bounded(all_are_sent).await;
    assert_eq!((sender.room(), budget.usage().senders), (OWN, 0));
}

#[tokio::test]
async fn a_sender_that_finds_an_empty_queue_without_memory_does_not_wait() {
    let (budget, _all) = used_up();
    let (_ws, sender, _far) = connection(&budget);
    assert!(poll_once(sender.send(vec![2; 50_000])).is_ready());
}

#[tokio::test]
async fn a_sender_that_gives_up_leaves_nothing_borrowed() {
    let (budget, _all) = used_up();
    let (mut ws, sender, _far) = connection(&budget);
    sender.try_send(vec![1; 5_000]).unwrap();
    {
        let mut sending = pin!(sender.send(vec![2; 20_000]));
        assert!(poll_once(sending.as_mut()).is_pending());
        ws.flush().await.unwrap();
        // The room is there, and is not used.
        assert!(budget.usage().senders > 0);
    }
    assert_eq!((sender.room(), budget.usage().senders), (OWN, 0));
}

#[tokio::test]
async fn a_connection_that_ends_gives_everything_back() {
    let budget = roomy();
    let (ws, sender, far) = connection(&budget);
    sender.try_send(vec![1; 50_000]).unwrap();
    assert!(budget.usage().senders > 40_000);
    drop((ws, far));
    assert_eq!(budget.usage().senders, 0);

    let (mut ws, sender, _far) = connection(&budget);
    sender.try_send(vec![1; 50_000]).unwrap();
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(budget.usage().senders, 0);
}

#[tokio::test]
async fn what_a_close_drops_is_charged_no_more_though_the_connection_has_not_run() {
    let budget = roomy();
    let (ws, sender, far) = connection(&budget);
    sender.try_send(vec![1; 50_000]).unwrap();
    sender.close_now(CloseCode::NORMAL, "").unwrap();
    assert_eq!(budget.usage().senders, 0);
    assert!(matches!(sender.try_send("x"), Err(SendError::Closed("x"))));
    drop((ws, far));
    assert_eq!(budget.usage().senders, 0);
}

/// What was handed in beyond the room is paid first: nothing is freed by it.
#[tokio::test]
async fn a_sender_that_waits_for_a_backlog_alone_goes_on_when_that_is_taken_over() {
    let (budget, _all) = used_up();
    let (mut ws, sender, _far) = connection(&budget);
    let backlog = Prepared::new(vec![2; 10_000]);
    sender
        .exceed(&backlog, 1 << 20, Duration::from_secs(5))
        .unwrap();
    let mut sending = pin!(sender.send(vec![3; 5_000]));
    assert!(poll_once(sending.as_mut()).is_pending());
    ws.flush().await.unwrap();
    assert!(poll_once(sending).is_ready());
    ws.flush().await.unwrap();
    assert_eq!((sender.room(), budget.usage().senders), (OWN, 0));
}

#[tokio::test]
async fn a_newest_message_larger_than_the_queue_is_charged_where_it_takes_the_place_of_others() {
    let (budget, _all) = used_up();
    let (mut ws, sender, _far) = connection(&budget);
    for _ in 0..2 {
        sender.send_newest(vec![1; 300_000]).unwrap();
        assert_eq!(budget.usage().senders, 300_000 + OVERHEAD - OWN);
    }
    assert_eq!(sender.send_newest(vec![1; 200_000]).unwrap(), 1);
    assert_eq!(budget.usage().senders, 200_000 + OVERHEAD - OWN);
    ws.flush().await.unwrap();
    assert_eq!((sender.room(), budget.usage().senders), (OWN, 0));
}

/// Looks at a queue, under its lock, when it is woken.
struct Looks(Sender, AtomicUsize);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.1.store(self.0.buffered_amount() + 1, SeqCst);
    }
}

#[tokio::test]
async fn whoever_waits_for_the_memory_of_a_queue_is_woken_outside_its_lock() {
    // What the queue gives back is more than what other threads' buffers may take.
    const HANDED_IN: usize = BUFFERS + LIMIT;
    let budget = Budget::with_patience(HANDED_IN, NEVER);
    let (io, mut far) = tokio::io::duplex(1 << 20);
    let config = no_deadlines()
        .budget(budget.clone())
        .high_water(2 * HANDED_IN);
    let mut ws = open(io, Server, config);
    let sender = ws.sender();
    sender.try_send(vec![1; HANDED_IN]).unwrap();
    let reading = tokio::spawn(async move {
        let mut sink = tokio::io::sink();
        tokio::io::copy(&mut far, &mut sink).await
    });
    // Another one may go beyond the budget already: this one waits for memory.
    let (mut first, _first_sender, mut first_peer) = connection(&budget);
    let (mut second, _second_sender, mut second_peer) = connection(&budget);
    for (waits, peer) in [
        (&mut first, &mut first_peer),
        (&mut second, &mut second_peer),
    ] {
        // The head of a binary message of 30,000 bytes under a masking key of zeros.
        peer.write_all(b"\x82\xfe\x75\x30\0\0\0\0").await.unwrap();
        peer.write_all(&[7; 20_000]).await.unwrap();
        let looks = Arc::new(Looks(sender.clone(), AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&looks));
        let cx = &mut Context::from_waker(&waker);
        assert!(pin!(waits.recv()).poll(cx).is_pending());
        if budget.usage().waiting == 0 {
            continue;
        }
        assert_eq!(looks.1.load(SeqCst), 0);
        ws.flush().await.unwrap();
        assert_eq!(looks.1.load(SeqCst), 1);
        reading.abort();
        return;
    }
    panic!("nobody waits");
}

#[tokio::test]
async fn small_messages_through_a_sender_are_never_charged() {
    let (budget, _all) = used_up();
    let (mut ws, sender, mut far) = connection(&budget);
    // The threads' buffers, which others take as well, are not looked at.
    let charged = || {
        let usage = budget.usage();
        [
            usage.receiving,
            usage.sending,
            usage.senders,
            usage.waiting,
            usage.connections,
        ]
    };
    let before = charged();
    assert_eq!(before, [LIMIT, 0, 0, 0, Budget::SHARE]);
    for _ in 0..100 {
        // A binary message of one byte under a masking key of zeros.
        far.write_all(b"\x82\x81\0\0\0\0x").await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        assert_eq!(charged(), before);
        sender.try_send(message).unwrap();
        assert_eq!(charged(), before);
        sender.send("another").await.unwrap();
        assert_eq!(charged(), before);
        ws.flush().await.unwrap();
        assert_eq!(charged(), before);
    }
    assert_eq!(support::read_now(&mut far).len(), 100 * (3 + 9));
}

#[tokio::test]
async fn a_backlog_is_charged_also_where_there_is_no_memory_for_it() {
    let (budget, _all) = used_up();
    let (mut ws, sender, _far) = connection(&budget);
    sender.try_send(vec![1; 900]).unwrap();
    let message = Prepared::new(vec![2; 10_000]);
    for _ in 0..5 {
        assert!(matches!(sender.try_send(&message), Err(SendError::Full(_))));
        sender
            .exceed(&message, 1 << 20, Duration::from_secs(5))
            .unwrap();
    }
    assert_eq!(budget.usage().senders, 900 + 50_000 + 6 * OVERHEAD - OWN);
    ws.flush().await.unwrap();
    assert_eq!((sender.room(), budget.usage().senders), (OWN, 0));
}

#[tokio::test]
async fn what_only_counts_while_it_is_new_takes_the_place_of_older_ones_where_memory_is_short() {
    let (budget, all) = used_up();
    let (mut ws, sender, mut far) = connection(&budget);
    sender.send_newest("a first message").unwrap();
    let mut dropped = 0;
    for number in 0..100 {
        dropped += sender.send_newest(format!("message {number:>7}")).unwrap();
    }
    let kept = OWN / (15 + OVERHEAD);
    assert_eq!(dropped, 101 - kept);
    drop(all);
    // There is memory again.
    assert_eq!(sender.send_newest("message     100").unwrap(), 0);
    ws.flush().await.unwrap();
    let wire = support::read_now(&mut far);
    assert_eq!(wire.len(), (kept + 1) * (2 + 15));
    assert!(wire.ends_with(b"message     100"));
}

/// Every message arrives once and in order, nobody waits for ever, and nothing stays borrowed, whatever
/// memory others leave.
#[tokio::test]
async fn many_senders_that_share_little_memory_all_come_through() {
    const SENDERS: usize = 8;
    const MESSAGES: u32 = 60;
    for left in [16 << 10, 60 << 10, 300 << 10] {
        let budget = Budget::with_patience(LIMIT, NEVER);
        let mut others = budget.lease(Purpose::Receiving);
        others.set(LIMIT - left);
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let (io, far) = tokio::io::duplex(4 << 10);
            let mut ws = open(io, Server, Config::new().budget(budget.clone()));
            let mut peer = open(far, Client, Config::new());
            for number in 0..SENDERS {
                let sender = ws.sender();
                tasks.spawn(async move {
                    for message in 0..MESSAGES {
                        let size = 8 + (message as usize * 7919 + number * 104_729) % 9_000;
                        let mut payload = vec![number as u8; size];
                        payload[1..5].copy_from_slice(&message.to_be_bytes());
                        if message % 3 == 0 && sender.try_send(payload.clone()).is_ok() {
                            continue;
                        }
                        sender.send(payload).await.unwrap();
                    }
                });
            }
            let sender = ws.sender();
            tasks.spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
            tasks.spawn(async move {
                let mut next = [0; SENDERS];
                for _ in 0..SENDERS as u32 * MESSAGES {
                    let message = peer.recv().await.unwrap().unwrap();
                    let payload = message.as_bytes();
                    let number = usize::from(payload[0]);
                    assert_eq!(payload[1..5], u32::to_be_bytes(next[number]));
                    next[number] += 1;
                }
                assert_eq!(sender.buffered_amount(), 0);
                peer.close(CloseCode::NORMAL, "").await.unwrap();
            });
        }
        let all = async {
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        };
        timeout(Duration::from_secs(60), all).await.unwrap();
        assert_eq!(budget.usage().senders, 0);
    }
}
