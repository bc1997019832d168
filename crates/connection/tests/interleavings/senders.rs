//! Senders in tasks of their own, beside the one that runs the connection.

use std::collections::HashSet;

use shuttle::future::{block_on, spawn, yield_now};
use socket_flow_connection::{Budget, CloseCode, Config, Handed, NEVER, Outlet, Purpose, Sender};

use crate::frames::{CLOSE, parse};
use crate::pipe::{server, server_with};
use crate::schedule::explore;

const EACH: u8 = 3;

/// Hands its messages in, and tells which were taken.
async fn hand_in(sender: Sender, task: u8) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    for n in 0..EACH {
        let message = vec![task, n];
        match sender.send(message.clone()).await {
            Ok(()) => taken.push(message),
            Err(_) => break,
        }
    }
    taken
}

fn closing_while_others_send(is_split: bool) {
    block_on(async move {
        let (mut ws, peer) = server(8);
        let sender = ws.sender();
        let wire = spawn(peer.answer_the_close(8));
        let tasks: Vec<_> = (0..2)
            .map(|task| spawn(hand_in(sender.clone(), task)))
            .collect();
        let closing = spawn(async move {
            yield_now().await;
            sender.close(CloseCode::GOING_AWAY, "").unwrap();
        });
        let running = spawn(async move {
            if is_split {
                let (mut reader, _writer) = ws.into_split();
                while reader.recv().await.unwrap().is_some() {}
            } else {
                while ws.recv().await.unwrap().is_some() {}
            }
        });
        closing.await.unwrap();
        let mut taken = Vec::new();
        for task in tasks {
            taken.extend(task.await.unwrap());
        }
        running.await.unwrap();

        let frames = parse(&wire.await.unwrap());
        let (last, messages) = frames.split_last().unwrap();
        assert_eq!(last.opcode, CLOSE);
        let sent: Vec<_> = messages.iter().map(|frame| frame.payload.clone()).collect();
        assert!(
            taken.iter().all(|message| sent.contains(message)),
            "{taken:?} {sent:?}"
        );
        assert_eq!(
            sent.iter().collect::<HashSet<_>>().len(),
            sent.len(),
            "one came twice"
        );
        for task in 0..2 {
            let order: Vec<_> = sent.iter().filter(|message| message[0] == task).collect();
            assert!(order.is_sorted());
        }
    });
}

#[test]
fn what_senders_were_told_is_taken_goes_out_before_the_close() {
    explore(|| closing_while_others_send(false));
}

#[test]
fn the_same_holds_for_the_halves() {
    explore(|| closing_while_others_send(true));
}

/// Nothing of the budget is left, so that room is there for a message alone.
#[test]
fn senders_that_wait_for_memory_all_come_through_and_leave_nothing_borrowed() {
    async fn hand_in_large(sender: Sender, task: u8) {
        for size in [700, 1_500, 40] {
            sender.send(vec![task; size]).await.unwrap();
        }
    }
    explore(|| {
        block_on(async {
            let budget = Budget::with_patience(1 << 20, NEVER);
            let mut others = budget.lease(Purpose::Receiving);
            others.set(1 << 20);
            let (mut ws, peer) = server_with(Config::new().budget(budget.clone()), 4_000);
            let sender = ws.sender();
            let wire = spawn(peer.answer_the_close(1_000));
            let tasks: Vec<_> = (0..2)
                .map(|task| spawn(hand_in_large(sender.clone(), task)))
                .collect();
            let running = spawn(async move { while ws.recv().await.unwrap().is_some() {} });
            for task in tasks {
                task.await.unwrap();
            }
            sender.close(CloseCode::NORMAL, "").unwrap();
            running.await.unwrap();
            let frames = parse(&wire.await.unwrap());
            assert_eq!(frames.len(), 2 * 3 + 1);
            assert_eq!(budget.usage().senders, 0);
        });
    });
}

#[test]
fn senders_that_wait_for_room_are_let_go_when_their_outlet_is_dropped() {
    explore(|| {
        block_on(async {
            let (sender, mut outlet) = Outlet::new(1);
            let tasks: Vec<_> = (0..2)
                .map(|task| spawn(hand_in(sender.clone(), task)))
                .collect();
            let taking = spawn(async move {
                let mut taken = 0;
                while taken < 2 {
                    match std::future::poll_fn(|cx| outlet.poll_next(cx)).await {
                        Handed::Message(_) => taken += 1,
                        _ => unreachable!("nobody closes"),
                    }
                }
            });
            taking.await.unwrap();
            for task in tasks {
                task.await.unwrap();
            }
            assert!(sender.is_closed());
        });
    });
}
