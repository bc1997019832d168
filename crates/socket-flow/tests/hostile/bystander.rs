//! An honest connection beside the attacked ones. What it waits for is counted: the turns that
//! others had between its message and the echo, and what each of these turns did.
//!
//! A turn is one poll of a connection's task. No clock is looked at, so that a slow machine changes
//! nothing.
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

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use socket_flow::WebSocket;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::patience::bounded;
use crate::victim::Side;

/// What a turn may do, as docs/reliability.md has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Messages handed out.
    pub(crate) messages: usize,
    /// Bytes of these messages.
    pub(crate) made: usize,
    /// Bytes read, where the stream is [metered](crate::metered::Metered).
    pub(crate) read: usize,
    /// Bytes of this attack that are as much work as a turn does.
    pub(crate) wire: usize,
}

impl Limits {
    /// 128 messages, one that another turn began with, and what is read.
    pub(crate) const PLAIN: Self = Self {
        messages: 128 + 1,
        made: Self::READ,
        read: Self::READ,
        wire: usize::MAX,
    };

    /// 64 KiB are inflated, and up to 80 KiB more with the last step.
    pub(crate) const INFLATED: Self = Self {
        made: (64 + 80) << 10,
        ..Self::PLAIN
    };

    /// 512 KiB are read, and one buffer more with the last read.
    const READ: usize = (512 + 66) << 10;

    pub(crate) const fn wire(self, wire: usize) -> Self {
        Self { wire, ..self }
    }
}

/// Who had how many turns, and what was wrong with one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    pages: Vec<Page>,
    fault: Option<String>,
}

/// The turns of one attacked connection.
#[derive(Clone, Copy, Debug)]
struct Page {
    limits: Limits,
    turns: usize,
    /// In this turn.
    messages: usize,
    /// Bytes of the messages of this turn that began in it.
    made: usize,
    /// Bytes read in this turn.
    read: usize,
    /// The turn in which the work on the next message began at the earliest.
    begun: usize,
    /// The last read: its turn and its bytes.
    last_read: (usize, usize),
}

impl Books {
    /// Keeps books on one more attacked connection.
    pub(crate) fn open(&self, limits: Limits) -> Turns {
        let mut inner = self.0.lock().unwrap();
        inner.pages.push(Page {
            limits,
            turns: 0,
            messages: 0,
            made: 0,
            read: 0,
            begun: 0,
            last_read: (0, 0),
        });
        Turns {
            page: inner.pages.len() - 1,
            books: self.clone(),
        }
    }

    /// The turns of each connection so far.
    pub(crate) fn turns(&self) -> Vec<usize> {
        let inner = self.0.lock().unwrap();
        inner.pages.iter().map(|page| page.turns).collect()
    }

    fn note(&self, fault: String) {
        self.0.lock().unwrap().fault.get_or_insert(fault);
    }

    /// Everybody kept to the limits.
    pub(crate) fn judge(&self) {
        let fault = self.0.lock().unwrap().fault.take();
        assert_eq!(fault, None);
    }
}

/// The books on one attacked connection.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    books: Books,
    page: usize,
}

impl Turns {
    /// Runs the future of the connection's task, and counts its turns.
    pub(crate) async fn of<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.count(|page| {
                page.turns += 1;
                (page.messages, page.made, page.read) = (0, 0, 0);
                None
            });
            future.as_mut().poll(cx)
        })
        .await
    }

    /// A message of this length is handed out.
    pub(crate) fn message(&self, len: usize) {
        self.count(|page| {
            page.messages += 1;
            if page.messages > page.limits.messages {
                return Some(format!("{} messages in a turn", page.messages));
            }
            // The first may have been worked on since the one before it.
            let turns = page.turns - std::mem::replace(&mut page.begun, page.turns) + 1;
            match page.messages {
                1 => (len > turns * page.limits.made)
                    .then(|| format!("a message of {len} bytes in {turns} turns")),
                _ => {
                    page.made += len;
                    (page.made > page.limits.made)
                        .then(|| format!("messages of {} bytes in a turn", page.made))
                }
            }
        });
    }

    /// More is to be read: everything that was read before has been dealt with.
    pub(crate) fn reads(&self) {
        self.count(|page| {
            let (turn, len) = std::mem::take(&mut page.last_read);
            let turns = page.turns - turn + 1;
            // What was read may end with a part of a frame, which is not dealt with.
            let most = turns.saturating_mul(page.limits.wire).saturating_add(16);
            (len > most).then(|| format!("{len} bytes dealt with in {turns} turns"))
        });
    }

    /// Bytes were read.
    pub(crate) fn read(&self, len: usize) {
        self.count(|page| {
            page.last_read = (page.turns, len);
            page.read += len;
            (page.read > page.limits.read).then(|| format!("{} bytes read in a turn", page.read))
        });
    }

    fn count(&self, count: impl FnOnce(&mut Page) -> Option<String>) {
        let inner = &mut *self.books.0.lock().unwrap();
        if let Some(fault) = count(&mut inner.pages[self.page]) {
            inner.fault.get_or_insert(fault);
        }
    }
}

/// How the bystander's bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// In memory: the other end is ready at once, and each round trip is judged. It has two steps,
    /// the turns of its two ends.
    AtOnce,
    /// By the system, which may be late now and then: the one in the middle is judged, of those
    /// beside which others had turns. It has a step more: the sockets are looked at.
    BySystem,
}

impl Delivery {
    /// The most turns of each other connection in one round trip: one a step.
    fn steps(self) -> usize {
        match self {
            Self::AtOnce => 2,
            Self::BySystem => 3,
        }
    }
}

/// An honest peer of a connection that echoes: it asks, and asks again once it has the echo.
///
/// It is judged when it is dropped.
#[derive(Debug)]
pub(crate) struct Bystander {
    books: Books,
    delivery: Delivery,
    /// Of each round trip: the most turns another connection had.
    trips: watch::Receiver<Vec<usize>>,
    asking: JoinHandle<()>,
}

impl Bystander {
    /// The far end of a connection of this side, which echoes beside those in the books.
    pub(crate) async fn start<S>(side: Side, io: S, books: &Books, delivery: Delivery) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (done, trips) = watch::channel(Vec::new());
        let asking = tokio::spawn(ask(side, io, books.clone(), done));
        let bystander = Self {
            books: books.clone(),
            delivery,
            trips,
            asking,
        };
        bystander.goes_on().await;
        bystander
    }

    /// Waits for a round trip that begins now.
    pub(crate) async fn goes_on(&self) {
        let mut trips = self.trips.clone();
        let done = trips.borrow().len();
        let served = bounded(trips.wait_for(|trips| trips.len() >= done + 2)).await;
        if served.is_err() {
            self.books.judge();
            panic!("the bystander is not served");
        }
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.asking.abort();
        if std::thread::panicking() {
            return;
        }
        self.books.judge();
        let mut busy: Vec<_> = self.trips.borrow().clone();
        busy.retain(|turns| *turns > 0);
        busy.sort_unstable();
        let judged = match self.delivery {
            Delivery::AtOnce => busy.last(),
            Delivery::BySystem => busy.get(busy.len().saturating_sub(1) / 2),
        };
        let turns = judged.copied().unwrap_or_default();
        let most = self.delivery.steps();
        assert!(turns <= most, "{turns} turns of one other: {busy:?}");
    }
}

async fn ask<S>(side: Side, mut io: S, books: Books, done: watch::Sender<Vec<usize>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A client masks what it sends.
    let mut echo = vec![0; if side == Side::Client { 10 } else { 6 }];
    for number in 0_u32.. {
        let before = books.turns();
        let asked = side.whole(0x82, &number.to_be_bytes());
        let trip = async {
            io.write_all(&asked).await?;
            io.read_exact(&mut echo).await
        };
        if let Err(error) = trip.await {
            return books.note(format!("the honest connection ended: {error}"));
        }
        let (key, payload) = echo[2..].split_at(echo.len() - 6);
        let key = key.iter().chain(&[0; 4]);
        let payload: Vec<_> = payload.iter().zip(key).map(|(a, b)| a ^ b).collect();
        if echo[0] != 0x82 || payload != number.to_be_bytes() {
            return books.note(format!("{echo:?} is no echo of {number}"));
        }
        let after = books.turns();
        let others = after.iter().enumerate();
        let turns = others.map(|(page, turns)| turns - before.get(page).unwrap_or(&0));
        let most = turns.max().unwrap_or_default();
        done.send_modify(|trips| trips.push(most));
    }
}

/// The library's end of an honest connection.
pub(crate) async fn serves<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>) {
    while let Ok(Some(message)) = ws.recv().await {
        if ws.queue(message).is_err() {
            return;
        }
    }
}

/// Something under attack, and the bystander that is judged before it goes.
#[derive(Debug)]
pub(crate) struct Beside<T> {
    pub(crate) bystander: Bystander,
    pub(crate) victim: T,
}

impl<T> Deref for Beside<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.victim
    }
}

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
