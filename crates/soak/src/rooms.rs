//! Rooms: what one member says, all hear. The only place that knows how a server publishes.

use std::io;

use socket_flow::{Error, Hub, Message, Sender, ServerStream, SlowPolicy, WebSocket};

use crate::board::Board;

/// The server's rooms.
#[derive(Clone, Debug)]
pub(crate) struct Rooms(Hub);

impl Rooms {
    /// Rooms that do this with slow members: `wait`, `drop-newest`, `drop-oldest` or `close`.
    pub(crate) fn new(policy: &str) -> io::Result<Self> {
        let policy = match policy {
            "wait" => SlowPolicy::Wait,
            "drop-newest" => SlowPolicy::DropNewest,
            "drop-oldest" => SlowPolicy::DropOldest,
            "close" => SlowPolicy::Close,
            other => {
                let said = format!("there is no policy '{other}'");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, said));
            }
        };
        Ok(Self(Hub::new(policy)))
    }

    /// Makes a connection a member.
    pub(crate) fn join(&self, room: &str, member: &Sender) {
        self.0.join(room, member);
    }

    /// Says something in a room, from the task of a connection.
    pub(crate) async fn publish_from(
        &self,
        ws: &mut WebSocket<ServerStream>,
        room: &str,
        message: Message,
    ) -> Result<(), Error> {
        self.0.publish_from(ws, room, message).await;
        Ok(())
    }

    /// Tells what they did with slow members.
    pub(crate) fn report(&self, board: &Board) {
        let stats = self.0.stats();
        board.counter("rooms_dropped").set(stats.dropped);
        board.counter("rooms_closed").set(stats.closed);
        board.counter("rooms_waited").set(stats.waited);
    }

    /// Says something in a room, from a task that runs no connection.
    pub(crate) async fn publish(&self, room: &str, message: impl Into<Message>) {
        self.0.publish(room, message).await;
    }
}
