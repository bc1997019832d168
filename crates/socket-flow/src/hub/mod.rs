mod builder;
mod members;
mod policy;
mod publication;
mod stats;
mod topics;
mod waits;

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use socket_flow_connection::{Published, Sender, WebSocket};
use socket_flow_protocol::{Message, Prepared};
use tokio::io::{AsyncRead, AsyncWrite};

pub use builder::{HubBuilder, HubError};
pub use policy::SlowPolicy;
pub use stats::{Delivery, HubStats};

use crate::race::{First, race};
use members::Piece;
use publication::Publication;
use stats::Counters;
use topics::Topics;

/// Sends messages to everyone who has joined a topic. In a chat everyone hears what
/// anyone says:
///
/// ```
#[doc = include_str!("../../loops/room.rs")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socket_flow::{Server, SlowPolicy};
/// // Rooms by path.
/// let hub = Hub::new(SlowPolicy::Close);
/// let server = Server::bind("127.0.0.1:0")
///     .serve_with(move |mut ws, request| {
///         let (hub, room) = (hub.clone(), request.uri().path().to_owned());
///         async move { chat(&hub, &room, &mut ws).await }
///     })
///     .await?;
///
/// let url = format!("ws://{}/room", server.local_addr()?);
/// let (mut ann, _) = socket_flow::connect(&url).await?;
/// ann.send("anyone?").await?;
/// assert_eq!(ann.recv().await?.unwrap().as_text(), Some("anyone?"));
/// let (mut bob, _) = socket_flow::connect(&url).await?;
/// bob.send("me!").await?;
/// assert_eq!(ann.recv().await?.unwrap().as_text(), Some("me!"));
/// # Ok(())
/// # }
/// ```
///
/// Members are the [`Sender`]s of connections, of any server or none. A
/// message is encoded once, and compressed once for each way of compressing
/// among the members; each member is handed a reference to it, and its task is
/// woken once, however many messages are published until it runs. Connections
/// that end leave by themselves. Clones are the same hub.
///
/// # Which call
///
/// - In a handler, [`publish_from`](Self::publish_from), or
///   [`publish_to_others`](Self::publish_to_others) to leave its own connection
///   out. A connection moves only while it is run, so handlers that publish to
///   each other and wait without running theirs wait for each other.
/// - In any other task, [`publish`](Self::publish), or
///   [`publish_except`](Self::publish_except) to leave one member out.
/// - Where nothing can be awaited, [`publish_now`](Self::publish_now).
///
/// # Members that are slow
///
/// Nothing is unbounded: each member has a queue, and one that does not keep
/// up meets the [`SlowPolicy`]. A queue alone that is full is not slow: these
/// calls wait until the task of its connection has had its turn, all of them
/// together at most 100 ms ([`HubBuilder::turn`]). A handler that sleeps costs
/// that once, and no message waits for it again until it runs. Only
/// [`SlowPolicy::Wait`] waits for a transport.
///
/// These times need a tokio runtime with its time driver enabled. Outside of a
/// runtime nothing is waited for.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    settings: HubBuilder,
    /// Locked to look up or change who is there, not while publishing.
    topics: RwLock<Topics>,
    counters: Counters,
}

impl Hub {
    /// A hub without members, with the default [settings](HubBuilder).
    pub fn new(policy: SlowPolicy) -> Self {
        Self::with(HubBuilder::new(policy))
    }

    /// The settings of a hub, to be changed: [`SlowPolicy::Close`], and the
    /// defaults that each of them names.
    pub fn builder() -> HubBuilder {
        HubBuilder::new(SlowPolicy::Close)
    }

    fn with(settings: HubBuilder) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                topics: RwLock::default(),
                counters: Counters::default(),
            }),
        }
    }

    /// Makes a connection a member of a topic, from the next message on.
    /// Whether it was none yet; a connection that is closing becomes none.
    pub fn join(&self, topic: &str, member: &Sender) -> bool {
        self.write().join(topic, member)
    }

    /// Ends a membership; a message that is being published may still arrive.
    /// Whether there was one.
    pub fn leave(&self, topic: &str, member: &Sender) -> bool {
        self.write().leave(topic, member)
    }

    /// Sends a message to all members of a topic: for a task that runs no
    /// connection. A handler calls [`publish_from`](Self::publish_from).
    ///
    /// Where a member's queue is full, it waits until that member's connection
    /// has had a turn, at most 100 ms ([`HubBuilder::turn`]) for all members
    /// together, and with [`SlowPolicy::Wait`] for room, at most 5 s
    /// ([`HubBuilder::slow`]). Otherwise it does not wait, but lets other tasks
    /// run after every 512 members. What became of the message is in the
    /// [`Delivery`].
    ///
    /// Messages that one task publishes reach each member in their order.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the message reaches those it was handed to, and
    /// no others.
    pub async fn publish(&self, topic: &str, message: impl Into<Message>) -> Delivery {
        self.publish_prepared(topic, &Prepared::new(message)).await
    }

    /// As [`publish`](Self::publish), for a message that goes to several
    /// topics or is published again: what is encoded is kept.
    ///
    /// # Cancel safety
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_prepared(&self, topic: &str, message: &Prepared) -> Delivery {
        let mut publication = Publication::new(self, topic, message);
        publication.run().await;
        publication.finish()
    }

    /// As [`publish`](Self::publish), to all members but one: for a task that
    /// does not run that one's connection. A handler calls
    /// [`publish_to_others`](Self::publish_to_others).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # use socket_flow::{Hub, Message, Sender, SlowPolicy};
    /// /// For a loop over the events of a server.
    /// async fn relay(hub: &Hub, from: &Sender, message: Message) {
    ///     let delivery = hub.publish_except("room", from, message).await;
    ///     println!("{} others have it", delivery.delivered);
    /// }
    /// # let (sender, _outlet) = socket_flow::connection::Outlet::new(1);
    /// # let hub = Hub::new(SlowPolicy::Close);
    /// # hub.join("room", &sender);
    /// # relay(&hub, &sender, Message::from("x")).await;
    /// # assert_eq!(sender.buffered_amount(), 0);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_except(
        &self,
        topic: &str,
        except: &Sender,
        message: impl Into<Message>,
    ) -> Delivery {
        let message = Prepared::new(message);
        let mut publication = Publication::new(self, topic, &message).except(except);
        publication.run().await;
        publication.finish()
    }

    /// As [`publish`](Self::publish), for a handler: runs its connection while
    /// it waits. What is queued and what senders hand in is written, and the
    /// deadline of a write is kept, so members that all publish at once do not
    /// wait for each other. The connection itself hears the message if it is a
    /// member.
    ///
    /// Where the connection ends meanwhile it goes on without it; the connection's
    /// next call tells its end. The first message that arrives meanwhile is kept for
    /// `recv`, and nothing is read after it: from then on the end of the peer is not
    /// noticed before the wait is over, [`turn`](HubBuilder::turn) or
    /// [`slow`](HubBuilder::slow) at most.
    ///
    /// There is an example at [`Hub`].
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the message reaches those it was handed to, and
    /// no others. Nothing of the connection is lost: what is not written stays
    /// queued.
    pub async fn publish_from<S>(
        &self,
        ws: &mut WebSocket<S>,
        topic: &str,
        message: impl Into<Message>,
    ) -> Delivery
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let message = Prepared::new(message);
        run_beside(ws, Publication::new(self, topic, &message)).await
    }

    /// As [`publish_from`](Self::publish_from), to all members but the
    /// connection itself.
    ///
    /// ```no_run
    /// # use socket_flow::{Error, Hub, ServerStream, WebSocket};
    /// # async fn handle(hub: Hub, mut ws: WebSocket<ServerStream>) -> Result<(), Error> {
    /// hub.join("room", &ws.sender());
    /// while let Some(message) = ws.recv().await? {
    ///     hub.publish_to_others(&mut ws, "room", message).await;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`publish_from`](Self::publish_from).
    pub async fn publish_to_others<S>(
        &self,
        ws: &mut WebSocket<S>,
        topic: &str,
        message: impl Into<Message>,
    ) -> Delivery
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let message = Prepared::new(message);
        let own = ws.sender();
        run_beside(ws, Publication::new(self, topic, &message).except(&own)).await
    }

    /// As [`publish`](Self::publish), without waiting for anything, also not
    /// for the turn of a member whose queue is full: that one meets the policy
    /// at once, and with [`SlowPolicy::Wait`] it misses the message as with
    /// [`SlowPolicy::DropNewest`]. So do members that read, where more is
    /// published than fits a queue before they have their turn.
    ///
    /// It cannot let other tasks run: to many thousand members it takes
    /// milliseconds, and [`publish`](Self::publish) is fairer.
    pub fn publish_now(&self, topic: &str, message: impl Into<Message>) -> Delivery {
        Publication::new(self, topic, &Prepared::new(message)).now()
    }

    /// How many open connections are members of a topic.
    pub fn members(&self, topic: &str) -> usize {
        let pieces = self.pieces(topic);
        let members = pieces.iter().flat_map(|piece| piece.iter());
        members.filter(|member| !member.is_closed()).count()
    }

    /// How many topics have members. Those whose members have all ended may
    /// count for a while.
    pub fn topics(&self) -> usize {
        self.read().len()
    }

    /// What it has done so far.
    pub fn stats(&self) -> HubStats {
        self.shared.counters.read()
    }

    fn settings(&self) -> &HubBuilder {
        &self.shared.settings
    }

    fn pieces(&self, topic: &str) -> Vec<Piece> {
        self.read().members(topic)
    }

    /// The members of a topic, and a message as one that was published to them:
    /// at one moment, so that members have it where there are any.
    fn publish_to(&self, topic: &str, message: &Prepared) -> (Vec<Piece>, Option<Published>) {
        let topics = self.read();
        (topics.members(topic), topics.add(topic, message))
    }

    fn count(&self, delivery: &Delivery, waited: usize) {
        self.shared.counters.add(delivery, waited);
    }

    /// Drops members that have ended.
    fn forget(&self, topic: &str, members: &[Sender]) {
        let mut topics = self.write();
        for member in members {
            topics.leave(topic, member);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Topics> {
        // Nothing panics under the lock.
        self.shared
            .topics
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Topics> {
        self.shared
            .topics
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("policy", &self.settings().policy)
            .field("topics", &self.topics())
            .field("stats", &self.stats())
            .finish()
    }
}

/// Publishes, and runs a connection meanwhile. What its peer said last before it
/// closed reaches the others all the same.
async fn run_beside<S>(ws: &mut WebSocket<S>, mut publication: Publication<'_>) -> Delivery
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    {
        let mut run = pin!(publication.run());
        let is_published = match ws.closing().is_sent() {
            // It has nothing to be run for.
            true => false,
            false => matches!(race(run.as_mut(), pin!(ws.drive())).await, First::Left(())),
        };
        if !is_published {
            run.await;
        }
    }
    publication.finish()
}
