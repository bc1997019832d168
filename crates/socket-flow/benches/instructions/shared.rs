//! What an echoed message costs on a connection that tasks share: through a sender, and by the
//! halves that two tasks can own. Here one task has it all, so that no runtime is counted.

use socket_flow_connection::{Error, Negotiated, WebSocket};

use crate::connection::{ALONE, echo};
use crate::pipe::{Pipe, clock, finish, open};
use crate::wire::{SAMPLES, Sample};
use crate::{Cell, Memory};

type Sending = Pipe<1>;
type Split = Pipe<2>;

pub(crate) fn cells() -> Vec<Cell> {
    let [batch, _, text, medium, large, _] = SAMPLES;
    let mut cells = Vec::new();
    let unbounded = [batch, ALONE, text].map(|sample| (sample, Memory::Unbounded));
    let budgeted = [batch, ALONE, text].map(|sample| (sample, Memory::Budgeted));
    for (sample, memory) in unbounded.into_iter().chain(budgeted) {
        cells.push(echo(
            sample,
            "through a sender",
            memory,
            |ws: &mut WebSocket<Sending>, count| {
                finish(async move {
                    let sender = ws.sender();
                    for _ in 0..count {
                        let message = ws.recv().await?.expect("a message");
                        sender.try_send(message)?;
                    }
                    ws.flush().await
                })
            },
        ));
    }
    cells.extend([batch, ALONE, text, medium, large].map(split));
    cells
}

fn split(sample: Sample) -> Cell {
    Cell::new(
        format!("connection/echo {}, split", sample.name),
        sample.rounds,
        sample.messages,
        move |rounds| {
            let runtime = clock();
            let _clock = runtime.enter();
            let ws: WebSocket<Split> = open(sample.frames(usize::MAX), Negotiated::default());
            let (mut reader, mut writer) = ws.into_split();
            let echoed: Result<(), Error> = finish(async {
                for _ in 0..rounds * sample.messages {
                    let message = reader.recv().await?.expect("a message");
                    writer.queue(message)?;
                }
                writer.flush().await
            });
            echoed.expect("a connection in order");
            assert_eq!(writer.buffered_amount(), 0);
        },
    )
}
