//! The limits of README's "Limits and defaults", each with nothing set, under a `Server` whose
//! client takes its time. Time is tokio's, moved by half seconds.
//!
//! | row | tests |
//! |---|---|
//! | opening handshake, handshake head, `Origin` | `opening` |
//! | a message, compression, the write queue, the queue of senders, events | `sizes` |
//! | closing handshake | `closing` |
//! | keepalive, a frame or a write without a byte, a connection without messages | `waiting` |
//! | pongs waiting to be written | `resources`, `pings` |
//! | a client's: body of a refused handshake, addresses, redirects | `handshake`, `answer`; `dialling`, `dual_stack` and `redirect` |
//! | another attempt of a reconnecting client | `reconnect`, `delays` |
//! | `TCP_NODELAY` | in the source of `ServerStream` and of the dialler |

#[path = "../support/mod.rs"]
mod support;

mod closing;
mod opening;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
mod pki;
mod sizes;
mod slow;
mod waiting;

use http::Request;
use slow::{Client, Clock};
use socket_flow::{Error, ServerHandle, ServerStream, WebSocket};

pub(crate) type Ws = WebSocket<ServerStream>;

/// A Close with 1000, masked with zeros.
pub(crate) const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

/// A binary frame of 125 bytes, without any of them.
pub(crate) const HALF_A_FRAME: &[u8] = b"\x82\xfd\0\0\0\0";

/// The server of README.
pub(crate) async fn echo(mut ws: Ws, _request: Request<()>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?;
    }
    Ok(())
}

/// What a server answers to a request.
pub(crate) async fn answer(server: &ServerHandle, request: &str, clock: &Clock) -> String {
    let mut client = Client::connect(server, clock).await;
    client.send(request);
    clock.settle().await;
    String::from_utf8(client.received()).unwrap()
}
