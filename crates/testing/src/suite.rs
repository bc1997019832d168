//! Every conversation over transports that misbehave, for many seeds.

use socket_flow_connection::WebSocket;
use tokio::io::DuplexStream;
use tokio::runtime::{Builder, Runtime};

use crate::chaos::{Chaos, Mode};
use crate::conversation::{self, Talk, Transport};
use crate::faults::{Fault, Faults};
use crate::ledger::Tally;
use crate::random::Random;
use crate::report::Report;
use crate::seeds::Seeds;

/// One end of a pipe that misbehaves.
pub type Pipe = Chaos<DuplexStream>;

/// Seeds of each mode, unless the command asks for another number.
const SEEDS: u64 = 20;

/// Messages in each direction of a conversation.
const MESSAGES: u64 = 12;

/// Runs every conversation in this mode, over the connections that `open`
/// makes of a client's and a server's end: nothing may be lost. `test` is the
/// name of the calling test; the pipes hold at least `room` bytes.
pub fn survives<A, B, F>(test: &'static str, mode: Mode, room: usize, open: F)
where
    A: Transport,
    B: Transport,
    F: AsyncFn(Pipe, Pipe, u64) -> (WebSocket<A>, WebSocket<B>),
{
    let seeds = Seeds::of("chaos", test, SEEDS);
    let faults = Faults::new();
    let mut tally = Tally::default();
    seeds.each(|seed| {
        runtime().block_on(async {
            let mut salt = 3 * seed;
            let mut opened = async || {
                salt += 1;
                let (client, server, talk) = pipes(mode, room, salt, &faults);
                let (client, server) = open(client, server, seed).await;
                (client, server, talk)
            };
            let (client, server, talk) = opened().await;
            let mut seen = conversation::echo(client, server, talk).await;
            let (client, server, talk) = opened().await;
            seen += conversation::both_ways(client, server, talk).await;
            let (client, server, talk) = opened().await;
            seen += conversation::stream_and_sink(client, server, talk).await;
            seen.assert_clean();
            tally += seen;
        });
    });
    let mut report = Report::new("chaos");
    report.add("seeds", seeds.count());
    report.add_tally(tally);
    report.add_faults(&faults);
    report.print();
    // A single seed need not meet every fault.
    if seeds.count() >= SEEDS {
        for fault in Fault::ALL {
            let expected = mode.has(fault) && !Fault::FATAL.contains(&fault);
            let may_be_absent = matches!(fault, Fault::Interrupted | Fault::ShortVectored);
            let met = faults.count(fault) > 0;
            assert!(met == expected || (expected && may_be_absent), "{fault:?}");
        }
    }
}

/// Runs conversations whose transport breaks, in each way this mode has, over
/// the connections that `open` makes; `None` where the break kept it from
/// opening one. Whoever gets no complete closing handshake must be told.
pub fn tells<A, B, F>(test: &'static str, mode: Mode, room: usize, open: F)
where
    A: Transport,
    B: Transport,
    F: AsyncFn(Pipe, Pipe, u64) -> Option<(WebSocket<A>, WebSocket<B>)>,
{
    let seeds = Seeds::of("chaos", test, SEEDS);
    let faults = Faults::new();
    let (mut tally, mut clean, mut told) = (Tally::default(), 0, 0);
    seeds.each(|seed| {
        runtime().block_on(async {
            for fault in Fault::FATAL.into_iter().filter(|fault| mode.has(*fault)) {
                let mut random = Random::new(seed ^ ((fault as u64) << 32));
                let longest = random.pick(&[5, 100, 1_000]);
                let polls = random.below(longest);
                let (mut client, mut server, talk) = pipes(mode, room, random.bits(), &faults);
                match random.one_in(2) {
                    true => client = client.breaking(fault, polls),
                    false => server = server.breaking(fault, polls),
                }
                let Some((client, server)) = open(client, server, seed).await else {
                    told += 1;
                    continue;
                };
                let (seen, ends) = conversation::until_told(client, server, talk).await;
                seen.assert_clean();
                tally += seen;
                clean += ends;
                told += 2 - ends;
            }
        });
    });
    let mut report = Report::new("chaos");
    report.add("seeds", seeds.count());
    report.add_tally(tally);
    report.add("clean-ends", clean);
    report.add("told-ends", told);
    report.add_faults(&faults);
    report.print();
    if seeds.count() >= SEEDS {
        for fault in Fault::FATAL.into_iter().filter(|fault| mode.has(*fault)) {
            assert!(faults.count(fault) > 0, "{fault:?} never happened");
        }
    }
}

/// A runtime whose clock moves on when nothing else can.
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

/// The two ends of a pipe of some size, and what is to be said on it.
fn pipes(mode: Mode, room: usize, seed: u64, faults: &Faults) -> (Pipe, Pipe, Talk) {
    let mut random = Random::new(seed);
    let size = random.pick(&[1, 7, 100, 1_000, 10_000]).max(room);
    let (near, far) = tokio::io::duplex(size);
    let talk = Talk {
        seed: random.bits(),
        messages: MESSAGES,
        // A pipe of one byte takes its time.
        longest: (size * 20).min(90_000),
    };
    (
        Chaos::new(near, mode, random.bits(), faults),
        Chaos::new(far, mode, random.bits(), faults),
        talk,
    )
}
