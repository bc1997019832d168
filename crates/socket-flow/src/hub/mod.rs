mod policy;
mod stats;
mod topics;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use socket_flow_connection::Sender;
use socket_flow_protocol::{CloseCode, Message, Prepared, SendError};

pub use policy::SlowPolicy;
pub use stats::{Delivery, HubStats};

use stats::Counters;
use topics::Topics;

/// Sends messages to everyone who has joined a topic.
///
/// Members are the [`Sender`]s of connections, of any server or none. A
/// message is encoded once, and compressed once for each way of compressing
/// among the members; each member is handed a reference to it, and its task is
/// woken once, however many messages are published until it runs. Nothing is
/// unbounded: a member that does not keep up meets the [`SlowPolicy`].
///
/// Connections that end leave by themselves. Clones are the same hub.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use socket_flow::{Error, Hub, Server, ServerStream, SlowPolicy, WebSocket};
///
/// // A chat: everyone hears what anyone says, rooms by path.
/// let hub = Hub::new(SlowPolicy::Close);
/// let server = Server::bind("127.0.0.1:0")
///     .serve_with(move |mut ws: WebSocket<ServerStream>, request| {
///         let hub = hub.clone();
///         async move {
///             let room = request.uri().path();
///             hub.join(room, &ws.sender());
///             while let Some(message) = ws.recv().await? {
///                 hub.publish(room, message).await;
///             }
///             Ok::<_, Error>(())
///         }
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
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    policy: SlowPolicy,
    /// Locked to look up or change who is there, not while publishing.
    topics: RwLock<Topics>,
    counters: Counters,
}

impl Hub {
    /// A hub without members.
    pub fn new(policy: SlowPolicy) -> Self {
        Self {
            shared: Arc::new(Shared {
                policy,
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

    /// Sends a message to all members of a topic. Only with
    /// [`SlowPolicy::Wait`] it ever waits.
    ///
    /// Messages that one task publishes reach each member in their order.
    ///
    /// # Cancel safety
    /// Dropped while it waits, the message reaches those who had room, and no
    /// others.
    pub async fn publish(&self, topic: &str, message: impl Into<Message>) -> Delivery {
        self.publish_prepared(topic, &Prepared::new(message)).await
    }

    /// As [`publish`](Self::publish), for a message that goes to several
    /// topics or is published again: what is encoded is kept.
    ///
    /// # Cancel safety
    /// As [`publish`](Self::publish).
    pub async fn publish_prepared(&self, topic: &str, message: &Prepared) -> Delivery {
        let (mut delivery, slow) = self.hand_out(topic, message, self.shared.policy);
        for member in slow {
            // One that ends meanwhile needs no message any more.
            if member.send(message).await.is_ok() {
                delivery.delivered += 1;
                self.shared.counters.add_late(1);
            }
        }
        delivery
    }

    /// As [`publish`](Self::publish), without ever waiting: with
    /// [`SlowPolicy::Wait`] a slow member misses the message.
    pub fn publish_now(&self, topic: &str, message: impl Into<Message>) -> Delivery {
        let policy = match self.shared.policy {
            SlowPolicy::Wait => SlowPolicy::DropNewest,
            policy => policy,
        };
        self.hand_out(topic, &Prepared::new(message), policy).0
    }

    /// How many open connections are members of a topic.
    pub fn members(&self, topic: &str) -> usize {
        let members = self.read().members(topic).unwrap_or_default();
        members.iter().filter(|member| !member.is_closed()).count()
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

    /// Hands a message to everyone who has room for it; those who have not,
    /// and are waited for, come back.
    fn hand_out(
        &self,
        topic: &str,
        message: &Prepared,
        policy: SlowPolicy,
    ) -> (Delivery, Vec<Sender>) {
        let members = self.read().members(topic).unwrap_or_default();
        let mut delivery = Delivery::default();
        let mut slow = Vec::new();
        let mut has_ended = false;
        for member in members.iter() {
            let handed = match policy {
                SlowPolicy::DropOldest => member.send_newest(message),
                _ => member.try_send(message).map(|()| 0),
            };
            match (handed, policy) {
                (Ok(dropped), _) => {
                    delivery.delivered += 1;
                    delivery.dropped += dropped;
                }
                (Err(SendError::Full(_)), SlowPolicy::Wait) => slow.push(member.clone()),
                (Err(SendError::Full(_)), SlowPolicy::Close) => {
                    // The reason is short.
                    let _ = member.close_now(CloseCode::TRY_AGAIN_LATER, "too slow");
                    delivery.closed += 1;
                    has_ended = true;
                }
                (Err(SendError::Full(_)), _) => delivery.dropped += 1,
                (Err(_), _) => has_ended = true,
            }
        }
        // Before it is changed, so that it need not be copied for that.
        drop(members);
        if has_ended {
            self.write().sweep(topic);
        }
        self.shared.counters.add(delivery, slow.len());
        (delivery, slow)
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
            .field("policy", &self.shared.policy)
            .field("topics", &self.topics())
            .field("stats", &self.stats())
            .finish()
    }
}
