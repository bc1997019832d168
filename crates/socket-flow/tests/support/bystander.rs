//! An honest connection beside the attacked ones. What it waits for is counted: the turns that
//! others had between its message and the echo, and what each of these turns did.
//!
//! A turn is one poll of a connection's task. No clock is looked at, so that a slow machine changes
//! nothing. Nothing is allocated for a round trip: some tests count that.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use socket_flow::WebSocket;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::patience::bounded;
use super::side::Side;

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
        let mut turns = Vec::new();
        self.note_turns(&mut turns);
        turns
    }

    fn note_turns(&self, turns: &mut Vec<usize>) {
        let inner = self.0.lock().unwrap();
        turns.clear();
        turns.extend(inner.pages.iter().map(|page| page.turns));
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
    trips: watch::Receiver<Trips>,
    asking: JoinHandle<()>,
}

/// Round trips, by the most turns that another connection had meanwhile; the last place is for all
/// that had more.
#[derive(Clone, Copy, Debug, Default)]
struct Trips {
    count: usize,
    by_turns: [usize; 32],
}

impl Trips {
    fn add(&mut self, turns: usize) {
        self.count += 1;
        self.by_turns[turns.min(self.by_turns.len() - 1)] += 1;
    }

    /// The most turns, of so many in a hundred of the trips beside which others had turns.
    fn most_of(&self, hundredths: usize) -> usize {
        let busy = &self.by_turns[1..];
        let all: usize = busy.iter().sum();
        let mut rest = (all * hundredths).div_ceil(100);
        let turns = busy.iter().position(|count| {
            rest = rest.saturating_sub(*count);
            rest == 0
        });
        turns.filter(|_| all > 0).map_or(0, |turns| turns + 1)
    }
}

impl Bystander {
    /// The far end of a connection of this side, which echoes beside those in the books.
    pub(crate) async fn start<S>(side: Side, io: S, books: &Books, delivery: Delivery) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (done, trips) = watch::channel(Trips::default());
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
        let done = trips.borrow().count;
        let served = bounded(trips.wait_for(|trips| trips.count >= done + 2)).await;
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
        let trips = *self.trips.borrow();
        let turns = match self.delivery {
            Delivery::AtOnce => trips.most_of(100),
            Delivery::BySystem => trips.most_of(50),
        };
        let most = self.delivery.steps();
        assert!(turns <= most, "{turns} turns of one other: {trips:?}");
    }
}

async fn ask<S>(side: Side, mut io: S, books: Books, done: watch::Sender<Trips>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A client masks what it sends.
    let mut echo = vec![0; if side == Side::Client { 10 } else { 6 }];
    // What masks zeros is the key.
    let mut asked = side.whole(0x82, &[0; 4]);
    let at = asked.len() - 4;
    let masks = [0, 1, 2, 3].map(|index| asked[at + index]);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for number in 0_u32.. {
        books.note_turns(&mut before);
        let number = number.to_be_bytes();
        let masked = number.iter().zip(masks).map(|(a, b)| a ^ b);
        asked[at..]
            .iter_mut()
            .zip(masked)
            .for_each(|(to, byte)| *to = byte);
        let trip = async {
            io.write_all(&asked).await?;
            io.read_exact(&mut echo).await
        };
        if let Err(error) = trip.await {
            return books.note(format!("the honest connection ended: {error}"));
        }
        let (key, payload) = echo[2..].split_at(echo.len() - 6);
        let key = key.iter().chain(&[0; 4]);
        let is_echo = payload.iter().zip(key).map(|(a, b)| a ^ b).eq(number);
        if echo[0] != 0x82 || !is_echo {
            return books.note(format!("{echo:?} is no echo of {number:?}"));
        }
        books.note_turns(&mut after);
        let others = after.iter().enumerate();
        let turns = others.map(|(page, turns)| turns - before.get(page).unwrap_or(&0));
        let most = turns.max().unwrap_or_default();
        done.send_modify(|trips| trips.add(most));
    }
}

/// The library's end of an honest connection.
pub(crate) async fn serves<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>) {
    let (reader, writer) = ws.halves();
    while let Ok(Some(message)) = reader.recv(writer).await {
        if writer.queue(message).is_err() {
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
