use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::slice;
use std::task::Poll;

use socket_flow_connection::{Patience, Published, Sender};
use socket_flow_protocol::{Prepared, SendError};
use tokio::runtime::Handle;
use tokio::task::coop::{consume_budget, unconstrained};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::hub::members::{PIECE, Piece};
use crate::hub::waits::Waits;
use crate::hub::{Delivery, Hub, SlowPolicy};

/// One message on its way to the members of a topic.
pub(super) struct Publication<'a> {
    hub: &'a Hub,
    topic: &'a str,
    message: &'a Prepared,
    /// The members that it was not handed to yet.
    pieces: Vec<Piece>,
    /// The message where it may take the place of older ones, and newer ones its
    /// place.
    newest: Option<Published>,
    /// Who is left out.
    except: Option<&'a Sender>,
    policy: SlowPolicy,
    /// What is waited for, if anything.
    patience: Option<Patience>,
    waits: Waits,
    waited: usize,
    /// Members that were found to have ended.
    ended: Vec<Sender>,
    delivery: Delivery,
    is_counted: bool,
}

impl<'a> Publication<'a> {
    /// One that waits for turns and, where the policy says so, for room.
    pub(super) fn new(hub: &'a Hub, topic: &'a str, message: &'a Prepared) -> Self {
        let policy = hub.settings().policy;
        let (pieces, newest) = match policy {
            SlowPolicy::DropOldest => hub.publish_to(topic, message),
            _ => (hub.pieces(topic), None),
        };
        Self {
            hub,
            topic,
            message,
            pieces,
            newest,
            except: None,
            policy,
            patience: Some(match policy {
                SlowPolicy::Wait => Patience::Room,
                _ => Patience::Turn,
            }),
            waits: Waits::default(),
            waited: 0,
            ended: Vec::new(),
            delivery: Delivery::default(),
            is_counted: false,
        }
    }

    pub(super) fn except(mut self, member: &'a Sender) -> Self {
        self.except = Some(member);
        self
    }

    /// Hands the message to everyone at once.
    pub(super) fn now(mut self) -> Delivery {
        self.patience = None;
        if self.policy == SlowPolicy::Wait {
            self.policy = SlowPolicy::DropNewest;
        }
        for piece in mem::take(&mut self.pieces) {
            self.hand_out(&piece);
        }
        self.finish()
    }

    /// Hands the message to everyone, those who have room first.
    pub(super) async fn run(&mut self) {
        let pieces = mem::take(&mut self.pieces);
        if pieces.is_empty() {
            spend(0).await;
        }
        for piece in pieces {
            self.hand_out(&piece);
            let members = piece.len();
            drop(piece);
            spend(members).await;
        }
        if self.waits.len() == 0 {
            return;
        }
        self.waited = self.waits.len();
        // Without a clock there is no end to a wait.
        if Handle::try_current().is_ok() {
            self.wait().await;
        }
        while self.waits.len() > 0 {
            let members = self.waits.len().min(PIECE);
            for _ in 0..members {
                self.give_up();
            }
            spend(members).await;
        }
    }

    /// What became of it; whoever still waits is not waited for.
    pub(super) fn finish(mut self) -> Delivery {
        while self.waits.len() > 0 {
            self.give_up();
        }
        self.count();
        mem::take(&mut self.delivery)
    }

    fn hand_out(&mut self, members: &[Sender]) {
        if self.patience.is_none() && self.policy == SlowPolicy::DropOldest {
            self.hand_out_newest(members);
            return;
        }
        for member in members {
            if self.leaves_out(member) {
                continue;
            }
            let sent = match &self.newest {
                Some(newest) => member.try_publish(newest),
                None => member
                    .try_send(self.message)
                    .map_err(|error| error.map(drop)),
            };
            match sent {
                Ok(()) => self.delivery.delivered += 1,
                Err(SendError::Full(())) => self.full(member),
                Err(_) => self.ended.push(member.clone()),
            }
        }
    }

    /// Hands the message to members that had their turn, in the place of older
    /// ones.
    fn hand_out_newest(&mut self, members: &[Sender]) {
        let Some(newest) = self.newest.clone() else {
            return;
        };
        let (mut delivered, mut dropped) = (0, 0);
        for member in members {
            if self.leaves_out(member) {
                continue;
            }
            match member.publish_newest(&newest) {
                Ok(old) => {
                    delivered += 1;
                    dropped += old;
                }
                Err(SendError::Full(())) => dropped += 1,
                Err(_) => self.ended.push(member.clone()),
            }
        }
        self.delivery.delivered += delivered;
        self.delivery.dropped += dropped;
    }

    fn leaves_out(&self, member: &Sender) -> bool {
        let except = self.except;
        except.is_some_and(|except| except.same_connection(member))
    }

    /// A member whose queue is full: it may be that its turn is yet to come.
    fn full(&mut self, member: &Sender) {
        let awaited = self.patience.and_then(|patience| {
            let taken = member.awaited(patience, self.hub.settings().turn)?;
            Some((taken, patience))
        });
        match awaited {
            Some((taken, patience)) => {
                let lossy = self.newest.is_some();
                self.waits
                    .push(member, taken, self.message, patience, lossy);
            }
            None => self.slow(member),
        }
    }

    /// A member that had its turn.
    fn slow(&mut self, member: &Sender) {
        let settings = self.hub.settings();
        match self.policy {
            SlowPolicy::Wait => self.delivery.missed.push(member.clone()),
            SlowPolicy::DropNewest => self.delivery.dropped += 1,
            SlowPolicy::DropOldest => self.hand_out_newest(slice::from_ref(member)),
            SlowPolicy::Close => {
                match member.exceed(self.message, settings.backlog, settings.slow) {
                    Ok(()) => self.delivery.delivered += 1,
                    Err(SendError::Full(_)) => {
                        self.delivery.closed += 1;
                        self.ended.push(member.clone());
                    }
                    Err(_) => self.ended.push(member.clone()),
                }
            }
        }
    }

    /// Waits for those that have no room, as long as that may take.
    async fn wait(&mut self) {
        let settings = self.hub.settings();
        let Some(patience) = self.patience else {
            return;
        };
        let mut over = pin!(unconstrained(sleep(match patience {
            Patience::Turn => settings.turn,
            Patience::Room => settings.slow,
        })));
        let is_over = poll_fn(|cx| {
            for _ in 0..PIECE {
                match self.waits.poll_next(cx) {
                    Poll::Ready((_, Ok(()))) => self.delivery.delivered += 1,
                    Poll::Ready((member, Err(SendError::Full(())))) => self.slow(&member),
                    Poll::Ready((member, Err(_))) => self.ended.push(member),
                    Poll::Pending if self.waits.len() == 0 => return Poll::Ready(false),
                    Poll::Pending => return over.as_mut().poll(cx).map(|()| true),
                }
            }
            // All others have their turn: the runtime takes the waker and wakes it
            // after them.
            let _ = pin!(yield_now()).poll(cx);
            over.as_mut().poll(cx).map(|()| true)
        });
        if is_over.await {
            self.waits.let_pass(patience);
        }
    }

    /// Nobody waits for this one any longer.
    fn give_up(&mut self) {
        if let Some(member) = self.waits.give_up() {
            self.slow(&member);
        }
    }

    fn count(&mut self) {
        if mem::replace(&mut self.is_counted, true) {
            return;
        }
        self.hub.count(&self.delivery, self.waited);
        for ended in self.ended.chunks(PIECE) {
            self.hub.forget(self.topic, ended);
        }
    }
}

impl Drop for Publication<'_> {
    fn drop(&mut self) {
        self.count();
    }
}

/// Spends what a task may do in one turn for so many members, so that other
/// tasks have theirs.
async fn spend(members: usize) {
    for _ in 0..members.div_ceil(MEMBERS_A_UNIT).max(1) {
        consume_budget().await;
    }
}

/// A task of tokio's may do 128 things in one turn, and a piece of members is
/// all of them.
const MEMBERS_A_UNIT: usize = PIECE / 128;
