//! Batching by hand, over any `Stream` and `Sink`.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};

/// How many replies go out together at most: as many as the deepest scenario has under way.
pub const LIMIT: usize = 64;

/// Sends back one message after the other, each flushed: the loop that libraries document.
///
/// # Errors
/// Receiving or sending fails.
pub async fn one_by_one<S, M, E>(ws: &mut S, is_data: fn(&M) -> bool) -> Result<(), E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    while let Some(message) = ws.next().await {
        let message = message?;
        if is_data(&message) {
            ws.send(message).await?;
        }
    }
    Ok(())
}

/// Feeds every message that has arrived as it is read, then flushes once.
///
/// # Errors
/// Receiving or sending fails.
pub async fn fed<S, M, E>(ws: &mut S, is_data: fn(&M) -> bool) -> Result<(), E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    while let Some(first) = ws.next().await {
        let mut message = first?;
        for count in 1.. {
            if is_data(&message) {
                ws.feed(message).await?;
            }
            if count == LIMIT {
                break;
            }
            match ws.next().now_or_never() {
                Some(Some(next)) => message = next?,
                Some(None) => return Ok(()),
                None => break,
            }
        }
        ws.flush().await?;
    }
    Ok(())
}

/// Collects every message that has arrived, then feeds all and flushes once: for a library that
/// flushes whenever it is asked for the next message.
///
/// # Errors
/// Receiving or sending fails.
pub async fn collected<S, M, E>(ws: &mut S, is_data: fn(&M) -> bool) -> Result<(), E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    let mut ready = Vec::new();
    while let Some(first) = ws.next().await {
        ready.push(first?);
        while ready.len() < LIMIT {
            match ws.next().now_or_never() {
                Some(Some(next)) => ready.push(next?),
                Some(None) => return Ok(()),
                None => break,
            }
        }
        for message in ready.drain(..) {
            if is_data(&message) {
                ws.feed(message).await?;
            }
        }
        ws.flush().await?;
    }
    Ok(())
}
