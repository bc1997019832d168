//! What a message costs in the sans-I/O core, lent and owned.

use std::hint::black_box;

use bytes::{Buf, BufMut, Bytes};
use socket_flow_frames::OpCode;
use socket_flow_protocol::{
    Config, Event, EventRef, Input, MessageRef, Negotiated, Protocol, Utf8Bytes,
};

use crate::Cell;
use crate::wire::{SAMPLES, Sample};

/// The size of a read, and of the buffer it goes to.
const READ: usize = 64 << 10;

pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for sample in SAMPLES {
        for (kind, owned) in [("lent", false), ("owned", true)] {
            cells.push(receive(sample, sample.name, usize::MAX, kind, owned));
            for (role, new) in [("server", server as fn() -> _), ("client", client)] {
                cells.push(send(sample, role, new, kind, owned));
            }
        }
    }
    // Text, so that it is validated across the pieces too.
    let sample = Sample {
        len: 64 << 10,
        messages: 1,
        ..SAMPLES[2]
    };
    let name = "64 KiB text in 1 KiB fragments";
    cells.push(receive(sample, name, 1 << 10, "lent", false));
    cells.push(receive(sample, name, 1 << 10, "owned", true));
    cells
}

fn receive(sample: Sample, name: &str, fragment: usize, kind: &str, owned: bool) -> Cell {
    Cell::new(
        format!("protocol/receive {name}, {kind}"),
        sample.rounds,
        sample.messages,
        move |rounds| {
            let wire = sample.frames(fragment);
            let (mut protocol, mut input) = (server(), Input::new());
            for _ in 0..rounds {
                let bytes = read(&mut protocol, &mut input, &wire, owned);
                assert_eq!(bytes, sample.len * sample.messages);
            }
        },
    )
}

fn send(sample: Sample, role: &str, new: fn() -> Protocol, kind: &str, owned: bool) -> Cell {
    Cell::new(
        format!("protocol/send {}, {role}, {kind}", sample.name),
        sample.rounds,
        sample.messages,
        move |rounds| {
            let mut protocol = new();
            let text = Utf8Bytes::from(sample.text());
            let bytes = Bytes::from(sample.text());
            for _ in 0..rounds {
                for _ in 0..sample.messages {
                    let queued = match (sample.opcode, owned) {
                        (OpCode::Text, true) => protocol.queue(text.clone()).is_ok(),
                        (OpCode::Text, false) => protocol.queue(MessageRef::from(&*text)).is_ok(),
                        (_, true) => protocol.queue(bytes.clone()).is_ok(),
                        (_, false) => protocol.queue(MessageRef::from(&*bytes)).is_ok(),
                    };
                    assert!(queued);
                }
                let output = protocol.output();
                let len = output.remaining();
                assert!(len > sample.len * sample.messages);
                output.advance(black_box(len));
            }
        },
    )
}

fn server() -> Protocol {
    Protocol::server(Config::new(), Negotiated::default())
}

fn client() -> Protocol {
    Protocol::client(Config::new(), Negotiated::default(), [7; 32])
}

/// Reads `wire` in reads of 64 KiB, large payloads directly, and lends or takes its messages.
/// Returns how many bytes of payload came.
fn read(protocol: &mut Protocol, input: &mut Input, mut wire: &[u8], owned: bool) -> usize {
    let mut received = 0;
    loop {
        while let Some(found) = protocol.step(input).expect("valid frames") {
            if owned {
                let (incoming, _) = protocol.halves();
                if let Event::Message(message) = incoming.take(found, input) {
                    received += black_box(message).as_bytes().len();
                }
            } else if let EventRef::Message(message) = protocol.lend(found, input) {
                received += black_box(message).as_bytes().len();
            }
        }
        if wire.is_empty() {
            return received;
        }
        let (incoming, outgoing) = protocol.halves();
        let count = if let Some(mut direct) = incoming.direct(input) {
            let count = direct.chunk_mut().len().min(wire.len()).min(READ);
            direct.put_slice(&wire[..count]);
            incoming.direct_done(count, outgoing).expect("valid text");
            count
        } else {
            input.reserve(if input.is_empty() { READ } else { 1 });
            let count = input.spare_capacity().min(wire.len());
            input.spare().put_slice(&wire[..count]);
            count
        };
        wire = &wire[count..];
    }
}
