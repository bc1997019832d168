//! Every asynchronous function of the facade, given up at every poll; then a
//! fresh one goes on, and a ledger must come out even. `cargo xtask cancel`
//! prints how many were given up.

mod hub;
mod opening;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
#[allow(dead_code)] // a part of it is used here
mod pki;
mod reconnecting;
mod serving;

use socket_flow::{CloseCode, Error, WebSocket};
use socket_flow_testing::conversation::Transport;
use socket_flow_testing::{Chaos, Faults, Ledger, Mode, Received, Report};
use tokio::io::DuplexStream;

type Pipe = Chaos<DuplexStream>;

const MESSAGES: u64 = 4;

fn ledger() -> Ledger {
    Ledger::new(21, 200)
}

/// Two ends of a pipe in which everything takes its time.
fn pipe() -> (Pipe, Pipe) {
    let (near, far) = tokio::io::duplex(20);
    let faults = Faults::new();
    (
        Chaos::new(near, Mode::Both, 5, &faults),
        Chaos::new(far, Mode::Both, 6, &faults),
    )
}

/// Sends the ledger's messages and receives their echoes; closes.
async fn talk<S: Transport>(mut ws: WebSocket<S>) -> Result<Report, Error> {
    let mut received = Received::new(ledger());
    for number in 0..MESSAGES {
        ws.send(ledger().message(number)).await?;
        let echo = ws.recv().await?.expect("an echo");
        received.receive(echo.as_ref());
    }
    assert!(ws.close(CloseCode::NORMAL, "").await?.clean);
    Ok(received.complete(MESSAGES))
}

/// Sends everything back, until the connection is closed.
async fn echo<S: Transport>(mut ws: WebSocket<S>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
