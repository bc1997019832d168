//! One message to all connections, over any `Stream` and `Sink`: each takes it from a channel and
//! encodes it for itself. What goes through the channel shares its payload.

use std::fmt::Display;
use std::pin::pin;

use futures_util::future::{Either, select};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use socket_flow_bench::server::Outcome;
use tokio::sync::broadcast::{self, Receiver, Sender};

/// More messages than are ever under way.
const CAPACITY: usize = 64;

/// Where messages are published.
#[derive(Debug)]
pub struct Topic<M>(Sender<M>);

impl<M> Clone for Topic<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Clone> Default for Topic<M> {
    fn default() -> Self {
        Self(broadcast::channel(CAPACITY).0)
    }
}

impl<M: Clone + Send + Sync + 'static> Topic<M> {
    /// Makes the caller a listener, from the next message on.
    pub fn listen(&self) -> Receiver<M> {
        self.0.subscribe()
    }

    /// Gives a message to all listeners.
    ///
    /// # Errors
    /// There is none.
    pub fn publish(&self, message: M) -> Outcome {
        self.0.send(message).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Serves a connection: sends what is published, and publishes what it sends.
    ///
    /// # Errors
    /// Receiving or sending fails.
    pub async fn serve<S, E>(
        &self,
        ws: &mut S,
        mut published: Receiver<M>,
        is_data: fn(&M) -> bool,
    ) -> Outcome
    where
        S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
        E: Display,
    {
        loop {
            let next = match select(pin!(published.recv()), ws.next()).await {
                Either::Left((message, _)) => Either::Left(message?),
                Either::Right((message, _)) => Either::Right(message),
            };
            match next {
                Either::Left(message) => {
                    ws.send(message).await.map_err(|error| error.to_string())?;
                }
                Either::Right(None) => return Ok(()),
                Either::Right(Some(message)) => {
                    let message = message.map_err(|error| error.to_string())?;
                    if is_data(&message) {
                        self.publish(message)?;
                    }
                }
            }
        }
    }
}
