//! What compression costs: 200 bytes of JSON, with a context that is kept.

use std::hint::black_box;

use bytes::{Buf, Bytes};
use socket_flow_protocol::{Compressed, Config, DeflateParams, Input, Negotiated, Protocol};

use crate::{Cell, Memory};

const LEN: usize = 200;

/// So many different messages that each has left the window of 32 KiB when it comes again.
const DIFFERENT: usize = 200;

pub(crate) fn cells() -> Vec<Cell> {
    vec![send(Memory::Unbounded), receive(), send(Memory::Budgeted)]
}

fn send(memory: Memory) -> Cell {
    let name = memory.name("protocol/deflate send 200 B");
    Cell::new(name, 20, 10, move |rounds| {
        let messages = messages();
        let mut server = Protocol::server(memory.config(), agreed());
        for message in messages.iter().cycle().take(10 * rounds) {
            assert!(server.queue(Compressed(&message[..])).is_ok());
            let output = server.output();
            output.advance(black_box(output.remaining()));
        }
    })
}

fn receive() -> Cell {
    Cell::new("protocol/deflate receive 200 B", 20, 10, |rounds| {
        let mut client = client(Config::new());
        let messages = messages();
        let frames = messages.iter().map(|text| compressed(&mut client, text));
        // In a circle, too: the first message refers to nothing before it.
        let frames: Vec<_> = frames.collect();
        let mut server = Protocol::server(Config::new(), agreed());
        let mut input = Input::new();
        for frame in frames.iter().cycle().take(10 * rounds) {
            input.extend_from_slice(frame);
            let found = server.step(&mut input).expect("valid frames");
            let found = found.expect("a whole frame");
            let message = server.lend_message(found, &input);
            let text = message.and_then(|message| message.as_text());
            assert_eq!(black_box(text).map(str::len), Some(LEN));
        }
    })
}

/// A client that compresses.
pub(crate) fn client(config: Config) -> Protocol {
    Protocol::client(config, agreed(), [7; 32])
}

/// The next message of a client, as it sends it.
pub(crate) fn compressed(client: &mut Protocol, text: &str) -> Bytes {
    assert!(client.queue(Compressed(text)).is_ok());
    let output = client.output();
    output.copy_to_bytes(output.remaining())
}

pub(crate) fn agreed() -> Negotiated {
    Negotiated::default().with_deflate(DeflateParams::default())
}

/// JSON as an API sends it: keys that repeat, values that mostly do not, which follow from
/// `number`.
pub(crate) fn json(len: usize, number: &mut u32) -> String {
    let mut text = String::from("{\"orders\":[");
    while text.len() < len {
        *number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(&format!(
            "{{\"id\":{number},\"side\":\"{}\",\"price\":{}.{:02}}},",
            if *number >> 16 & 1 == 0 {
                "buy"
            } else {
                "sell"
            },
            *number % 1000,
            *number / 7 % 100,
        ));
    }
    text.truncate(len);
    text
}

fn messages() -> Vec<String> {
    let mut number = 1;
    (0..DIFFERENT).map(|_| json(LEN, &mut number)).collect()
}
