//! Who has a [bystander](crate::support::bystander), and its own tests.
//!
//! [`Attack`](crate::victim::Attack) and [`server`](crate::victim::server) have one, and so has each
//! test that uses them; attacks in [memory](crate::memory) and on sockets of their own begin one by a
//! line. Without one are:
//!
//! - `answer`, `redirects` and `certificates`, and what `head_flood`, `grammar`, `segments` and
//!   `window_bits` send to a client: one head of at most 16 KiB, in steps of what a read brings,
//!   and no connection after it;
//! - `injection`, `masking` and `secrets` where they look at what the library itself writes;
//! - `closing::a_close_reason_is_sent_to_its_last_byte_and_no_further`: there is no attacker;
//! - deadlines in `slow_handshake` and `truncation`: a peer that is silent has no turns, and somebody
//!   who is always busy would stop a paused clock. A peer that trickles is in `floods`. The flood
//!   with a deadline in `head_flood` has its turns counted without a bystander.

use std::future::poll_fn;
use std::task::Poll;

use crate::victim::Side;

pub(crate) use crate::support::bystander::{
    Beside, Books, Bystander, Delivery, Limits, Turns, serves,
};

/// Whether a turn of this, of a connection that may inflate, is found wanting.
async fn one_turn(acts: impl Fn(&Turns)) {
    let books = Books::default();
    let turns = books.open(Limits::INFLATED.wire(100));
    let turn = turns.of(poll_fn(|_| {
        acts(&turns);
        Poll::Ready(())
    }));
    turn.await;
    books.judge();
}

#[tokio::test]
async fn a_turn_within_its_limits_is_in_order() {
    one_turn(|turns| {
        (0..129).for_each(|_| turns.message(1_000));
        turns.reads();
        turns.read(100);
        turns.reads();
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "130 messages in a turn")]
async fn a_turn_of_too_many_messages_is_seen() {
    one_turn(|turns| (0..130).for_each(|_| turns.message(1))).await;
}

#[tokio::test]
#[should_panic(expected = "a message of 1048576 bytes in 2 turns")]
async fn a_message_made_in_too_few_turns_is_seen() {
    one_turn(|turns| turns.message(1 << 20)).await;
}

#[tokio::test]
#[should_panic(expected = "messages of 200000 bytes in a turn")]
async fn messages_of_too_many_bytes_in_a_turn_are_seen() {
    one_turn(|turns| (0..3).for_each(|_| turns.message(100_000))).await;
}

#[tokio::test]
#[should_panic(expected = "1000 bytes dealt with in 1 turns")]
async fn a_read_dealt_with_in_too_few_turns_is_seen() {
    one_turn(|turns| {
        turns.read(1_000);
        turns.reads();
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "600000 bytes read in a turn")]
async fn a_turn_of_too_many_bytes_is_seen() {
    one_turn(|turns| (0..2).for_each(|_| turns.read(300_000))).await;
}

/// A connection that takes three turns where it has one.
#[tokio::test]
#[should_panic(expected = "3 turns of one other")]
async fn too_many_turns_beside_a_bystander_are_seen() {
    let books = Books::default();
    let turns = books.open(Limits::PLAIN);
    let bystander = crate::memory::bystander(Side::Server, &books).await;
    for _ in 0..3 {
        turns.of(async {}).await;
    }
    bystander.goes_on().await;
}
