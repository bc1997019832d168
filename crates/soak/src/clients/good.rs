//! Clients that come, say something and go, one behind the other: how long each step takes them
//! while others attack.

use std::sync::Arc;
use std::time::Duration;

use socket_flow::{CloseCode, Error};
use tokio::time::{Instant, sleep, timeout};

use crate::board::Board;
use crate::dial::Dial;
use crate::options::Options;
use crate::signals::Phase;

/// A client that has waited so long has given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Connects again and again until the last phase.
#[allow(clippy::print_stderr)] // a program's output
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let (handshake, echo) = (board.latency("handshake"), board.latency("echo"));
    let (served, failed) = (board.counter("served"), board.counter("failed"));
    let mut number = 0;
    while !phase.is_over() {
        let visit = async {
            let began = Instant::now();
            let mut ws = dial
                .open(number, "/")
                .await
                .map_err(|error| format!("{error:?}"))?;
            handshake.record(began.elapsed());
            let began = Instant::now();
            let greeted = async {
                ws.send("hello").await?;
                let received = ws.recv().await?;
                echo.record(began.elapsed());
                ws.close(CloseCode::NORMAL, "").await?;
                Ok::<_, Error>(received)
            };
            let received = greeted.await.map_err(|error| format!("{error:?}"))?;
            match received.as_ref().and_then(socket_flow::Message::as_text) {
                Some("hello") => Ok(()),
                other => Err(format!("{other:?} instead of an echo")),
            }
        };
        match timeout(PATIENCE, visit)
            .await
            .unwrap_or(Err("it took too long".into()))
        {
            Ok(()) => served.add(1),
            Err(error) => {
                eprintln!("client {number}: {error}");
                failed.add(1);
            }
        }
        number += 1;
        sleep(options.period()).await;
    }
}
