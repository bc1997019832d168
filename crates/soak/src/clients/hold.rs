//! Connections that are open and say nothing, then are closed all at once.

use std::sync::Arc;

use socket_flow::CloseCode;

use crate::board::{Board, Counter};
use crate::causes::Causes;
use crate::dial::Dial;
use crate::options::Options;
use crate::paths::NUMBERED;
use crate::signals::Phase;

/// Opens the connections and holds them until the next phase.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let books = Books {
        opened: board.counter("opened"),
        open: board.counter("open"),
        failed: board.counter("failed"),
        going_away: board.counter("ended_1001"),
        early: board.counter("ended_early"),
        causes: Causes::on(board),
    };
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        tasks.spawn(hold(number, dial.clone(), phase.clone(), books.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Books {
    opened: Counter,
    open: Counter,
    failed: Counter,
    going_away: Counter,
    /// Ended before anybody said so.
    early: Counter,
    causes: Causes,
}

#[allow(clippy::print_stderr)] // a program's output
async fn hold(number: u64, dial: Dial, mut phase: Phase, books: Books) {
    let opened = tokio::select! {
        opened = dial.open(number, NUMBERED) => opened,
        () = phase.reached(1) => return,
    };
    let mut ws = match opened {
        Ok(ws) => ws,
        Err(error) => {
            eprintln!("connection {number}: {error}: {error:?}");
            return books.failed.add(1);
        }
    };
    books.opened.add(1);
    let _open = books.open.hold();
    let ended = tokio::select! {
        // Nobody sends a message here.
        ended = ws.recv() => ended.map(drop),
        () = phase.reached(1) => {
            let closed = ws.close(CloseCode::NORMAL, "").await;
            return books.causes.count(closed.as_ref().map(drop));
        }
    };
    if let Err(error) = &ended {
        eprintln!("connection {number}: {error}: {error:?}");
    }
    match ws.close_frame().map(|frame| frame.code) {
        Some(CloseCode::GOING_AWAY) => books.going_away.add(1),
        _ => books.early.add(1),
    }
    books.causes.count(ended.as_ref().copied());
}
