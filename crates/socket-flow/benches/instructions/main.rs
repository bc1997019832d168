//! Small jobs to count the instructions of, one per figure of `figures.toml`.
//!
//! `cargo xtask instructions` runs each under Valgrind's callgrind, for two numbers of rounds: the
//! difference is what the rounds between them cost, without start and preparation. By hand:
//!
//! ```text
//! instructions                 lists the cells: name, rounds of a short run, messages per round
//! instructions NAME ROUNDS     does that many rounds of one
//! ```
//!
//! Everything here goes through public APIs and is built with cargo's default release profile, as a
//! user of the crates builds them.

#![allow(clippy::print_stdout)] // what the list is for

mod compressed;
mod connection;
mod deflate;
mod facade;
mod frames;
mod handshake;
mod pipe;
mod protocol;
mod shared;
mod waiting;
mod wire;

use std::env;
use std::hint::black_box;
use std::mem;
use std::process::ExitCode;

use socket_flow::{Budget, Config};

/// A job whose cost per message is guarded.
struct Cell {
    name: String,
    /// How many rounds of it make a short run: enough to leave the start behind.
    rounds: usize,
    /// How many messages, or calls, a round has.
    messages: usize,
    /// Prepares, then does that many rounds.
    job: Box<dyn FnOnce(usize)>,
}

impl Cell {
    fn new(
        name: impl Into<String>,
        rounds: usize,
        messages: usize,
        job: impl FnOnce(usize) + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            rounds,
            messages,
            job: Box::new(job),
        }
    }
}

/// Whether a cell's connections draw from a budget, which has room for all of them. A cell where they
/// do has the name of the one where they do not, and this at its end: it is compared with that one.
#[derive(Clone, Copy)]
enum Memory {
    Unbounded,
    Budgeted,
}

impl Memory {
    fn name(self, cell: impl Into<String>) -> String {
        let cell = cell.into();
        match self {
            Self::Unbounded => cell,
            Self::Budgeted => cell + ", with a budget",
        }
    }

    fn config(self) -> Config {
        match self {
            Self::Unbounded => Config::new(),
            Self::Budgeted => Config::new().budget(Budget::new(1 << 30)),
        }
    }
}

fn main() -> ExitCode {
    // `cargo bench` passes this to every benchmark.
    let arguments: Vec<_> = env::args()
        .skip(1)
        .filter(|text| text != "--bench")
        .collect();
    let mut cells = frames::cells();
    cells.extend(protocol::cells());
    cells.extend(deflate::cells());
    cells.extend(waiting::cells());
    cells.extend(handshake::cells());
    cells.extend(connection::cells());
    cells.extend(shared::cells());
    cells.extend(compressed::cells());
    cells.extend(facade::cells());
    let [name, rounds] = &arguments[..] else {
        for cell in cells {
            println!("{}\t{}\t{}", cell.name, cell.rounds, cell.messages);
        }
        return ExitCode::SUCCESS;
    };
    let cell = cells.into_iter().find(|cell| cell.name == *name);
    let (Some(cell), Ok(rounds)) = (cell, rounds.parse()) else {
        println!("no cell {name}, or {rounds} is no number");
        return ExitCode::FAILURE;
    };
    align_heap();
    (cell.job)(rounds);
    ExitCode::SUCCESS
}

/// Lets the heap go on at the beginning of a cache line, however many cells there are: how many
/// instructions masking takes depends on where its buffer begins.
fn align_heap() {
    // So large that it is the end of the heap, and stays there when it shrinks.
    let mut end = black_box(Vec::<u8>::with_capacity(LARGE));
    let missing = LINE - end.as_ptr().addr() % LINE;
    // Before each block are eight bytes of the allocator's own.
    end.resize(LINE + missing - 8, 0);
    end.shrink_to_fit();
    mem::forget(end);
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Bytes that no block has which the list of cells left.
const LARGE: usize = 64 << 10;
