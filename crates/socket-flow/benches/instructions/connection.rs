//! What an echoed message costs on a whole connection, over a stream in memory.
//!
//! One read brings a round of messages, the next finds nothing, as on a socket whose peer waits for
//! the answers.

use socket_flow_connection::{Error, Negotiated, WebSocket};

use crate::pipe::{Pipe, clock, finish, open_with};
use crate::wire::{SAMPLES, Sample};
use crate::{Cell, Memory};

type Echo = Pipe<0>;

/// A message whose answer the peer waits for before it sends the next.
pub(crate) const ALONE: Sample = Sample {
    name: "32 B alone",
    rounds: 200,
    messages: 1,
    ..SAMPLES[0]
};

pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let unbounded = SAMPLES.into_iter().chain([ALONE]);
    let unbounded = unbounded.map(|sample| (sample, Memory::Unbounded));
    let [small, _, _, medium, ..] = SAMPLES;
    let budgeted = [small, medium, ALONE].map(|sample| (sample, Memory::Budgeted));
    for (sample, memory) in unbounded.chain(budgeted) {
        cells.push(echo(
            sample,
            "lent",
            memory,
            |ws: &mut WebSocket<Echo>, count| {
                finish(async move {
                    let (reader, writer) = ws.halves();
                    for _ in 0..count {
                        let message = reader.recv(writer).await?.expect("a message");
                        writer.queue(message)?;
                    }
                    writer.flush().await
                })
            },
        ));
        cells.push(echo(
            sample,
            "owned",
            memory,
            |ws: &mut WebSocket<Echo>, count| {
                finish(async move {
                    for _ in 0..count {
                        let message = ws.recv().await?.expect("a message");
                        ws.queue(message)?;
                    }
                    ws.flush().await
                })
            },
        ));
    }
    cells
}

/// A cell that answers so many messages by `echo`.
pub(crate) fn echo<const N: usize>(
    sample: Sample,
    kind: &str,
    memory: Memory,
    echo: fn(&mut WebSocket<Pipe<N>>, usize) -> Result<(), Error>,
) -> Cell {
    Cell::new(
        memory.name(format!("connection/echo {}, {kind}", sample.name)),
        sample.rounds,
        sample.messages,
        move |rounds| {
            let runtime = clock();
            let _clock = runtime.enter();
            let mut ws = open_with(
                sample.frames(usize::MAX),
                Negotiated::default(),
                memory.config(),
            );
            echo(&mut ws, rounds * sample.messages).expect("a connection in order");
            let pipe = ws.get_ref();
            // Every message is answered: four bytes of masking key shorter.
            let answer = pipe.round.len() - 4 * sample.messages;
            assert_eq!(pipe.written, rounds * answer);
        },
    )
}
