//! The limits of README's "Limits and defaults", each with nothing set, under a `Server` whose
//! client takes its time.

#[path = "../support/mod.rs"]
mod support;

mod closing;
mod slow;

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
