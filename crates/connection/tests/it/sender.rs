//! Sending on one connection from many places.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket_flow_connection::{
    CloseCode, Config, ControlError, Error, Expired, Message, MessageRef, Prepared, SendError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::support::frames::{BINARY, CLOSE, TEXT, close, parse, whole};
use crate::support::record::Recorder;
use crate::support::{Client, Server, Wakes, no_deadlines, open, pair, poll_once, raw, read_now};

/// What a message takes in a sender's queue beside its payload.
const OVERHEAD: usize = 64;

#[tokio::test]
async fn receiving_sends_what_senders_hand_in_and_one_wake_serves_all_of_it() {
    let (io, far) = Recorder::with_room(usize::MAX);
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    let (wakes, waker) = Wakes::new();
    let mut receiving = pin!(ws.recv());
    let mut cx = Context::from_waker(&waker);
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    for text in ["a", "b", "c"] {
        sender.clone().try_send(text).unwrap();
    }
    assert_eq!(wakes.count(), 1);
    assert_eq!(sender.buffered_amount(), 3);
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    assert_eq!(far.tape().written(), b"\x81\x01a\x81\x01b\x81\x01c");
    assert_eq!(far.tape().writes.len(), 1, "one write for all of them");
    assert_eq!(sender.buffered_amount(), 0);
    // Waiting again, it is woken again.
    sender.try_send(MessageRef::from(&b"d"[..])).unwrap();
    assert_eq!(wakes.count(), 2);
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    assert_eq!(far.tape().written()[9..], *b"\x82\x01d");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_with_its_timer_armed_is_woken_for_every_message() {
    let (io, far) = Recorder::with_room(usize::MAX);
    // Keepalive is on: the timer is armed by the first wait, and left alone
    // by those that follow.
    let mut ws = open(io, Server, Config::new());
    let sender = ws.sender();
    let (wakes, waker) = Wakes::new();
    let mut receiving = pin!(ws.recv());
    let mut cx = Context::from_waker(&waker);
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    for (at, text) in ["a", "b", "c", "d"].into_iter().enumerate() {
        sender.try_send(text).unwrap();
        assert_eq!(wakes.count(), at + 1);
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(
        far.tape().written(),
        b"\x81\x01a\x81\x01b\x81\x01c\x81\x01d"
    );
}

#[tokio::test]
async fn flushing_and_driving_send_what_senders_hand_in() {
    let (mut ws, mut far) = raw(Server, 1000, no_deadlines());
    let sender = ws.sender();
    sender.try_send("a").unwrap();
    ws.flush().await.unwrap();
    assert_eq!(read_now(&mut far), b"\x81\x01a");
    let mut drive = pin!(ws.drive());
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(drive.as_mut().poll(&mut cx).is_pending());
    sender.try_send("b").unwrap();
    assert_eq!(wakes.count(), 1);
    assert!(drive.as_mut().poll(&mut cx).is_pending());
    assert_eq!(read_now(&mut far), b"\x81\x01b");
    sender.close(CloseCode::GOING_AWAY, "bye").unwrap();
    assert!(drive.as_mut().poll(&mut cx).is_ready());
    assert_eq!(read_now(&mut far), close(Server, 1001, "bye"));
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes_and_empty_messages_count() {
    let config = no_deadlines().high_water(10 * OVERHEAD);
    let (mut ws, _far) = raw(Server, 1000, config);
    let sender = ws.sender();
    assert_eq!(sender.capacity(), 10 * OVERHEAD);
    for _ in 0..10 {
        sender.try_send("").unwrap();
    }
    assert_eq!(sender.try_send("x"), Err(SendError::Full("x")));
    assert_eq!(sender.buffered_amount(), 0);

    // A message larger than the queue fits it alone.
    let mut ws = raw(Server, 1000, no_deadlines().high_water(100)).0;
    let sender = ws.sender();
    sender.try_send(vec![0; 1000]).unwrap();
    assert_eq!(sender.buffered_amount(), 1000);
    assert!(sender.try_send("").is_err());
}

#[tokio::test]
async fn a_sender_without_room_waits_until_the_connection_takes_over() {
    let config = no_deadlines().high_water(100);
    let (mut ws, mut far) = raw(Server, 10_000, config);
    let sender = ws.sender();
    sender.send("first").await.unwrap();
    let other = sender.clone();
    let mut second = pin!(other.send(vec![7; 90]));
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(second.as_mut().poll(&mut cx).is_pending());
    // Nobody overtakes whoever waits.
    assert!(sender.try_send("third").is_err());
    assert!(poll_once(ws.recv()).is_pending());
    assert!(wakes.count() > 0);
    assert_eq!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    assert!(poll_once(ws.recv()).is_pending());
    let frames = parse(&read_now(&mut far));
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1].payload, [7; 90]);
}

#[tokio::test]
async fn a_send_that_is_dropped_while_it_waits_sends_nothing_and_keeps_no_room() {
    let (mut ws, mut far) = raw(Server, 10_000, no_deadlines().high_water(100));
    let sender = ws.sender();
    sender.try_send(vec![1; 30]).unwrap();
    assert!(poll_once(sender.send("dropped")).is_pending());
    assert!(poll_once(ws.recv()).is_pending());
    for _ in 0..50 {
        sender.try_send("kept").unwrap();
        assert!(poll_once(ws.recv()).is_pending());
    }
    let frames = parse(&read_now(&mut far));
    assert_eq!(frames.len(), 51);
    assert!(frames.iter().all(|frame| frame.payload != b"dropped"));
}

#[tokio::test]
async fn a_peer_that_does_not_read_fills_both_queues_and_no_more() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    let mut accepted = 0_u32;
    let mut refused = 0;
    while refused < 3 {
        match sender.try_send(accepted.to_be_bytes().repeat(250)) {
            Ok(()) => accepted += 1,
            Err(error) => {
                assert!(error.is_full());
                refused += 1;
                assert!(poll_once(ws.recv()).is_pending());
            }
        }
    }
    assert!(ws.buffered_amount() < 67_000, "{}", ws.buffered_amount());
    assert!(sender.buffered_amount() <= 64 << 10);
    assert!(accepted > 100, "{accepted}");
    // All of it leaves in order once the peer reads.
    far.tape().make_room(usize::MAX);
    assert!(poll_once(ws.recv()).is_pending());
    assert_eq!((ws.buffered_amount(), sender.buffered_amount()), (0, 0));
    let written = far.tape().written();
    let frames = parse(&written);
    assert_eq!(frames.len(), accepted as usize);
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame.payload[..4], (number as u32).to_be_bytes());
    }
}

#[tokio::test]
async fn the_newest_messages_take_the_place_of_the_oldest_of_their_kind() {
    let config = no_deadlines().high_water(4 * (OVERHEAD + 1));
    let (mut ws, mut far) = raw(Server, 1000, config);
    let sender = ws.sender();
    sender.try_send("!").unwrap();
    for text in ["1", "2", "3"] {
        assert_eq!(sender.send_newest(text), Ok(0));
    }
    assert_eq!(sender.send_newest("4"), Ok(1));
    assert_eq!(sender.send_newest("5"), Ok(1));
    assert_eq!(sender.buffered_amount(), 4);
    // One that needs the place of several.
    let long = "6".repeat(OVERHEAD + 2);
    assert_eq!(sender.send_newest(&*long), Ok(2));
    // Nothing that was sent otherwise is dropped.
    let longer = "7".repeat(4 * OVERHEAD);
    assert_eq!(sender.send_newest(&*longer), Err(SendError::Full(&*longer)));
    assert!(poll_once(ws.recv()).is_pending());
    let frames = parse(&read_now(&mut far));
    let texts: Vec<_> = frames.iter().map(|frame| &frame.payload[..]).collect();
    assert_eq!(texts, [b"!", b"5", long.as_bytes()]);
    // All the room is there again.
    for _ in 0..4 {
        sender.try_send("x").unwrap();
    }
    assert!(sender.try_send("x").is_err());
}

#[tokio::test]
async fn closing_by_a_sender_follows_what_was_handed_in() {
    let (mut ws, mut far) = raw(Server, 1000, no_deadlines());
    let sender = ws.sender();
    let too_long = "x".repeat(124);
    assert_eq!(
        sender.close(CloseCode::NORMAL, &too_long),
        Err(ControlError::ReasonTooLong)
    );
    sender.try_send("last").unwrap();
    sender.close(CloseCode::NORMAL, "").unwrap();
    sender.close(CloseCode::POLICY_VIOLATION, "").unwrap();
    assert!(sender.is_closed());
    assert_eq!(sender.try_send("late"), Err(SendError::Closed("late")));
    assert_eq!(sender.send("late").await, Err(SendError::Closed("late")));
    assert_eq!(sender.send_newest("late"), Err(SendError::Closed("late")));
    assert!(poll_once(ws.recv()).is_pending());
    let mut expected = whole(Server, TEXT, b"last");
    expected.extend(close(Server, 1000, ""));
    assert_eq!(read_now(&mut far), expected);
}

#[tokio::test]
async fn closing_at_once_drops_what_was_handed_in() {
    let (mut ws, mut far) = raw(Server, 1000, no_deadlines());
    let sender = ws.sender();
    sender.try_send("dropped").unwrap();
    sender
        .close_now(CloseCode::TRY_AGAIN_LATER, "slow")
        .unwrap();
    assert_eq!(sender.buffered_amount(), 0);
    assert!(poll_once(ws.recv()).is_pending());
    assert_eq!(read_now(&mut far), close(Server, 1013, "slow"));
}

#[tokio::test(start_paused = true)]
async fn senders_are_told_when_the_connection_begins_to_close_or_ends() {
    // The peer closes.
    let (mut ws, mut far) = raw(Server, 1000, Config::new().high_water(100));
    let sender = ws.sender();
    sender.try_send(vec![0; 90]).unwrap();
    let waiting = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send(vec![1; 90]).await }
    });
    far.write_all(&close(Client, 1000, "")).await.unwrap();
    tokio::task::yield_now().await;
    let _ = ws.recv().await;
    let _ = waiting.await.unwrap();
    assert!(sender.is_closed());

    // We close.
    let (mut ws, _far) = raw(Server, 1000, Config::new());
    let sender = ws.sender();
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    assert!(sender.is_closed());
    assert!(ws.sender().is_closed());

    // The connection fails.
    let (mut ws, far) = raw(Server, 1000, Config::new());
    let sender = ws.sender();
    drop(far);
    assert!(matches!(ws.recv().await, Err(Error::Closed { code: 1006 })));
    assert!(sender.is_closed());

    // It is dropped, whole, or in halves.
    let (mut ws, mut far) = raw(Server, 1000, Config::new());
    let sender = ws.sender();
    sender.try_send("last").unwrap();
    drop(ws);
    assert!(sender.is_closed());
    let frames = parse(&read_now(&mut far));
    assert_eq!(frames[0].payload, b"last");
    assert_eq!(frames[1].close_code(), 1001);
    let (ws, _far) = raw(Server, 1000, Config::new());
    let (reader, mut writer) = ws.into_split();
    let sender = writer.sender();
    drop((reader, writer));
    assert!(sender.is_closed());
    let (mut ws, _far) = raw(Server, 1000, Config::new());
    let sender = ws.sender();
    let _parts = ws.into_parts();
    assert!(sender.is_closed());
}

#[tokio::test]
async fn what_was_handed_in_leaves_in_front_of_our_close_however_full_the_queue_is() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    ws.queue(vec![0; 70_000]).unwrap();
    sender.try_send("first").unwrap();
    sender.try_send("second").unwrap();
    assert!(ws.start_close(CloseCode::NORMAL, &"x".repeat(124)).is_err());
    assert!(!sender.is_closed());
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(sender.try_send("late"), Err(SendError::Closed("late")));
    assert_eq!(sender.buffered_amount(), 0);
    far.tape().make_room(usize::MAX);
    assert!(poll_once(ws.recv()).is_pending());
    let written = far.tape().written();
    let opcodes: Vec<_> = parse(&written).iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [BINARY, TEXT, TEXT, CLOSE]);
}

#[tokio::test]
async fn the_reading_half_of_a_split_connection_serves_senders() {
    let (ws, mut far) = raw(Server, 1000, no_deadlines());
    let (mut reader, mut writer) = ws.into_split();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let mut receiving = pin!(reader.recv());
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    let sender = writer.sender();
    assert_eq!(wakes.count(), 1, "the reader learns that there is a sender");
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    sender.try_send("a").unwrap();
    assert_eq!(wakes.count(), 2);
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    assert_eq!(read_now(&mut far), b"\x81\x01a");
}

#[tokio::test]
async fn prepared_messages_wait_like_any_other() {
    let (mut ws, mut far) = raw(Server, 1000, no_deadlines());
    let sender = ws.sender();
    let news = Prepared::new("news");
    sender.try_send(&news).unwrap();
    assert!(poll_once(ws.recv()).is_pending());
    assert_eq!(read_now(&mut far), b"\x81\x04news");
}

#[tokio::test]
async fn replies_keep_their_room_while_senders_fill_the_queue() {
    // A loop that queues one reply for each message never finds it full.
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    for _ in 0..100 {
        far.tape().feed(Ok(whole(Client, BINARY, &[1; 1000])));
    }
    let mut replies = 0;
    for _ in 0..1000 {
        let _ = sender.try_send(vec![2; 1000]);
        far.tape().make_room(300);
        if let Poll::Ready(message) = poll_once(ws.recv()) {
            ws.queue(message.unwrap().unwrap()).unwrap();
            replies += 1;
        }
    }
    assert_eq!(replies, 100);
}

#[tokio::test]
async fn many_tasks_send_on_one_connection_and_nothing_is_lost() {
    let (mut client, mut server) = pair(1000);
    let sender = server.sender();
    for task in 0..20_u32 {
        let sender = sender.clone();
        tokio::spawn(async move {
            for number in 0..100_u32 {
                let message = [task.to_be_bytes(), number.to_be_bytes()].concat();
                sender.send(message).await.unwrap();
            }
        });
    }
    let serving = tokio::spawn(async move { server.recv().await });
    let mut next = [0_u32; 20];
    for _ in 0..2000 {
        let Some(Message::Binary(bytes)) = client.recv().await.unwrap() else {
            panic!("ended early");
        };
        let task = u32::from_be_bytes(bytes[..4].try_into().unwrap());
        let number = u32::from_be_bytes(bytes[4..].try_into().unwrap());
        assert_eq!(number, next[task as usize], "task {task} out of order");
        next[task as usize] += 1;
    }
    client.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(serving.await.unwrap().unwrap(), None);
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_close_inside_a_message_is_taken_also_while_a_message_is_held_back() {
    let config = no_deadlines().high_water(10);
    let (mut ws, mut far) = raw(Server, 64, config);
    let sender = ws.sender();
    let mut message = ws.message_writer();
    assert!(poll_once(message.write(&[7; 1000][..])).is_pending());
    far.write_all(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
        .await
        .unwrap();
    // No room for a reply.
    assert!(poll_once(ws.recv()).is_pending());
    sender.close(CloseCode::NORMAL, "").unwrap();
    assert!(poll_once(ws.recv()).is_pending());
    assert!(ws.closing().is_sent());
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_no_longer_than_the_stall_time_in_which_nothing_is_taken_over() {
    let stall = Duration::from_secs(3);
    let config = Config::new().high_water(100).stall_timeout(stall);
    let (mut ws, mut far) = raw(Server, 10_000, config);
    let sender = ws.sender();
    sender.try_send("first").unwrap();
    let start = Instant::now();
    // Its handler waits for its own connection: nothing is taken over.
    let refused = sender.send("second").await;
    assert_eq!(refused, Err(SendError::Stalled("second")));
    assert_eq!(start.elapsed(), stall);

    // Whatever is taken over starts the time anew.
    let others: Vec<_> = (0..3)
        .map(|number| {
            let sender = sender.clone();
            tokio::spawn(async move { (sender.send([number; 90].to_vec()).await, start.elapsed()) })
        })
        .collect();
    for _ in 0..2 {
        tokio::time::sleep(stall - Duration::from_secs(1)).await;
        assert!(poll_once(ws.recv()).is_pending());
    }
    let mut outcomes = Vec::new();
    for other in others {
        outcomes.push(other.await.unwrap());
    }
    let seconds: Vec<_> = outcomes.iter().map(|(_, at)| at.as_secs()).collect();
    assert_eq!(seconds, [5, 7, 10]);
    assert_eq!(outcomes[0].0, Ok(()));
    assert_eq!(outcomes[1].0, Ok(()));
    assert_eq!(outcomes[2].0, Err(SendError::Stalled(vec![2; 90])));

    // Who gave up keeps no room, and no place in the order.
    assert!(poll_once(ws.recv()).is_pending());
    sender.try_send("last").unwrap();
    assert!(poll_once(ws.recv()).is_pending());
    let frames = parse(&read_now(&mut far));
    let firsts: Vec<_> = frames.iter().map(|frame| frame.payload[0]).collect();
    assert_eq!(firsts, [b'f', 0, 1, b'l']);
}

#[tokio::test(start_paused = true)]
async fn a_sender_without_a_stall_time_waits_without_limit() {
    let (mut ws, _far) = raw(Server, 10_000, no_deadlines().high_water(100));
    let sender = ws.sender();
    sender.try_send("first").unwrap();
    let waiting = tokio::time::timeout(Duration::from_secs(1_000_000), sender.send(vec![0; 90]));
    assert!(waiting.await.is_err());
}

#[test]
fn outside_of_a_runtime_a_sender_waits_without_limit() {
    let (mut ws, _far) = raw(Server, 1_000, Config::new().high_water(65));
    let sender = ws.sender();
    sender.try_send("x").unwrap();
    let mut waiting = pin!(sender.send("y"));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    drop(ws);
    let refused = Poll::Ready(Err(SendError::Closed("y")));
    assert_eq!(waiting.as_mut().poll(&mut cx), refused);
}

#[tokio::test(start_paused = true)]
async fn a_close_by_a_sender_ends_the_connection_in_time_though_its_peer_takes_a_byte_now_and_then()
{
    let (mut ws, mut far) = raw(Server, 1, Config::new().high_water(100));
    let sender = ws.sender();
    ws.queue(vec![1; 200]).unwrap();
    let serving = tokio::spawn(async move { ws.recv().await });
    tokio::task::yield_now().await;
    sender.try_send("accepted").unwrap();
    sender.close(CloseCode::NORMAL, "").unwrap();
    let start = Instant::now();
    let trickle = tokio::spawn(async move {
        while far.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let ended = serving.await.unwrap();
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Close))),
        "{ended:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    trickle.await.unwrap();
}
