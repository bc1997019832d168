//! Connections that only read what the server sends: in a process that can be stopped.

use std::sync::Arc;

use socket_flow::CloseCode;

use crate::board::{Board, Counter};
use crate::books::Books;
use crate::causes::Causes;
use crate::dial::Dial;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::paths::PUSHED;
use crate::signals::Phase;

/// Reads until the last phase.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let reader = Reader {
        dial: Dial::new(&options),
        phase,
        opened: board.counter("opened"),
        open: board.counter("open"),
        failed: board.counter("failed"),
        books: Books::on(board),
        causes: Causes::on(board),
    };
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        tasks.spawn(reader.clone().run(number));
    }
    while tasks.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Reader {
    dial: Dial,
    phase: Phase,
    opened: Counter,
    open: Counter,
    failed: Counter,
    books: Books,
    causes: Causes,
}

impl Reader {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(mut self, number: u64) {
        let mut ws = match self.dial.open(number, PUSHED).await {
            Ok(ws) => ws,
            Err(error) => {
                eprintln!("connection {number}: {error}: {error:?}");
                return self.failed.add(1);
            }
        };
        self.opened.add(1);
        let _open = self.open.hold();
        let mut ledger = Ledger::unknown();
        let ended = loop {
            tokio::select! {
                received = ws.recv() => match received {
                    Ok(Some(message)) => {
                        self.books.enter(&mut ledger, message.as_bytes());
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                },
                () = self.phase.ended() => {
                    break ws.close(CloseCode::NORMAL, "").await.map(drop);
                }
            }
        };
        self.causes.count(ended.as_ref().copied());
    }
}
