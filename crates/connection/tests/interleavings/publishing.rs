//! Publishers that wait for the turn of a connection in another task.

use std::collections::HashSet;
use std::sync::Arc;

use shuttle::future::{block_on, spawn};
use socket_flow_connection::{
    CloseCode, Config, NEVER, Patience, Prepared, Publications, SendError, Sender,
};

use crate::frames::{CLOSE, parse};
use crate::pipe::server_with;
use crate::schedule::explore;

const EACH: u8 = 3;

/// What a message counts for in a queue.
const COST: usize = 64 + 2;

/// Publishes messages to one member, as a hub does that closes who is slow; the ones that were
/// taken.
async fn publish(member: Sender, task: u8, backlog: usize) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    for n in 0..EACH {
        let payload = vec![task, n];
        let message = Prepared::new(payload.clone());
        let mut sent = member
            .clone()
            .send_in_turn(message.clone(), Patience::Turn, false)
            .await;
        if let Err(SendError::Full(())) = sent {
            let exceeded = member.exceed(&message, backlog, NEVER);
            sent = exceeded.map_err(|error| error.map(drop));
        }
        match sent {
            Ok(()) => taken.push(payload),
            Err(SendError::Full(())) => assert!(member.is_closed()),
            Err(_) => break,
        }
    }
    taken
}

/// The peer reads once all is published: without a turn that the connection tells of, the
/// publishers would wait for ever.
fn publishing_to_a_peer_that_reads_late(backlog: usize) {
    block_on(async move {
        let (mut ws, peer) = server_with(Config::new().high_water(1), 1);
        let member = ws.sender();
        let tasks: Vec<_> = (0..2)
            .map(|task| spawn(publish(member.clone(), task, backlog)))
            .collect();
        let running = spawn(async move { while ws.recv().await.unwrap().is_some() {} });
        let mut taken = Vec::new();
        for task in tasks {
            taken.extend(task.await.unwrap());
        }
        member.close(CloseCode::NORMAL, "").unwrap();
        let wire = spawn(peer.answer_the_close(64));
        running.await.unwrap();

        let frames = parse(&wire.await.unwrap());
        let (last, messages) = frames.split_last().unwrap();
        assert_eq!(last.opcode, CLOSE);
        let sent: Vec<_> = messages.iter().map(|frame| frame.payload.clone()).collect();
        let distinct: HashSet<_> = sent.iter().collect();
        assert_eq!(distinct.len(), sent.len(), "one came twice");
        assert_eq!(distinct, taken.iter().collect());
        for task in 0..2 {
            let order: Vec<_> = sent.iter().filter(|message| message[0] == task).collect();
            assert!(order.is_sorted());
        }
    });
}

#[test]
fn publishers_of_a_connection_that_is_blocked_are_told_of_its_turn() {
    explore(|| publishing_to_a_peer_that_reads_late(100 * COST));
}

#[test]
fn what_a_slow_member_was_handed_goes_out_before_its_close() {
    explore(|| publishing_to_a_peer_that_reads_late(COST));
}

/// Publishes messages in the place of older ones; how many were dropped for them.
async fn publish_newest(member: Sender, publications: Arc<Publications>, task: u8) -> usize {
    let mut dropped = 0;
    for n in 0..EACH {
        let message = publications.add(&Prepared::new(vec![task, n]));
        dropped += match member.publish_newest(&message) {
            Ok(older) => older,
            // What is being taken over leaves nothing to drop, and no room yet.
            Err(SendError::Full(())) => 1,
            Err(error) => panic!("{error}"),
        };
    }
    dropped
}

#[test]
fn of_messages_that_take_the_place_of_older_ones_all_others_leave_in_order() {
    explore(|| {
        block_on(async {
            let (mut ws, peer) = server_with(Config::new().high_water(3 * COST), 64);
            let (member, publications) = (ws.sender(), Arc::new(Publications::default()));
            let tasks: Vec<_> = (0..2)
                .map(|task| {
                    let publishing = publish_newest(member.clone(), publications.clone(), task);
                    spawn(publishing)
                })
                .collect();
            let running = spawn(async move { while ws.recv().await.unwrap().is_some() {} });
            let wire = spawn(peer.answer_the_close(64));
            let mut dropped = 0;
            for task in tasks {
                dropped += task.await.unwrap();
            }
            member.close(CloseCode::NORMAL, "").unwrap();
            running.await.unwrap();

            let frames = parse(&wire.await.unwrap());
            let (last, messages) = frames.split_last().unwrap();
            assert_eq!(last.opcode, CLOSE);
            assert_eq!(messages.len() + dropped, 2 * usize::from(EACH));
            for task in 0..2 {
                let of_task = messages.iter().filter(|frame| frame.payload[0] == task);
                let order: Vec<_> = of_task.map(|frame| frame.payload[1]).collect();
                assert!(order.is_sorted_by(|one, next| one < next), "{order:?}");
            }
        });
    });
}
