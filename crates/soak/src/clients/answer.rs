//! A client that connects again by itself, and answers each message with it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket_flow::{Backoff, Message, ReconnectEvent, Sender};
use tokio::time::timeout;

use crate::board::{Board, Counter};
use crate::books::Books;
use crate::dial::Dial;
use crate::ledger::Ledger;
use crate::options::Options;

/// A client that has nothing to do for so long is done.
const SILENCE: Duration = Duration::from_secs(1);

/// Answers on `--path` until it has answered `--expected` messages, or does not go on.
///
/// # Errors
/// An answer is refused.
pub async fn run(options: Options, board: &Arc<Board>) -> io::Result<()> {
    let from = Dial::new(&options);
    let builder = from.builder(0, &options.path);
    let mut client = builder.reconnect_on(Backoff::default(), move || {
        let from = from.clone();
        async move { from.tcp(0).await }
    });
    let sender = client.sender();
    let (books, answered) = (Books::on(board), board.counter("answered"));
    let disconnected = board.counter("disconnected");
    let mut ledger = Ledger::of(0);
    while answered.get() < options.expected {
        let Ok(Some(event)) = timeout(SILENCE, client.next()).await else {
            break;
        };
        match event {
            ReconnectEvent::Message(message) => {
                books.enter(&mut ledger, message.as_bytes());
                let answering = answer(&sender, message, &answered);
                match timeout(SILENCE, answering).await {
                    Ok(answered) => answered?,
                    Err(_) => break,
                }
            }
            ReconnectEvent::Disconnected { .. } => disconnected.add(1),
            _ => {}
        }
    }
    // What is queued leaves while events are waited for.
    let _ = timeout(SILENCE, client.next()).await;
    Ok(())
}

/// As the documentation answers a message.
async fn answer(sender: &Sender, message: Message, answered: &Counter) -> io::Result<()> {
    sender.send(message).await.map_err(io::Error::other)?;
    answered.add(1);
    Ok(())
}
