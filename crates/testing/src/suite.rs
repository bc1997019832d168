//! Every conversation over transports that misbehave, for many seeds.

use socket_flow_connection::WebSocket;
use strum::IntoEnumIterator;
use tokio::io::DuplexStream;
use tokio::runtime::{Builder, Runtime};

use crate::chaos::{Chaos, Fault, Faults, Mode};
use crate::conversation::{self, Talk, Transport};
use crate::report::Report;
use crate::seeds::{Random, Seeds, pick};

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
    F: AsyncFn(Pipe, Pipe, u64) -> (WebSocket<A>, WebSocket<B>) + Sync,
{
    let faults = Faults::new();
    let play = async |seed| {
        let mut random = Random::with_seed(seed);
        let mut report = Report::default();
        for scene in 0..3 {
            let (client, server, talk) = pipes(mode, room, &mut random, &faults);
            let (client, server) = open(client, server, seed).await;
            report += match scene {
                0 => conversation::echo(client, server, talk).await,
                1 => conversation::both_ways(client, server, talk).await,
                _ => conversation::stream_and_sink(client, server, talk).await,
            };
        }
        report
    };
    let met = |fault| match fault {
        // There need not be anything to interrupt, or to cut.
        Fault::Interrupted | Fault::ShortVectored => None,
        _ => Some(mode.has(fault) && !fault.is_fatal()),
    };
    each_seed(test, &faults, play, met);
}

/// Runs conversations whose transport breaks, in each way this mode has, over
/// the connections that `open` makes; `None` where the break kept it from
/// opening one. Whoever gets no complete closing handshake must be told.
pub fn tells<A, B, F>(test: &'static str, mode: Mode, room: usize, open: F)
where
    A: Transport,
    B: Transport,
    F: AsyncFn(Pipe, Pipe, u64) -> Option<(WebSocket<A>, WebSocket<B>)> + Sync,
{
    let faults = Faults::new();
    let play = async |seed| {
        let mut random = Random::with_seed(seed);
        let mut report = Report::default();
        for fault in Fault::iter().filter(|fault| fault.is_fatal() && mode.has(*fault)) {
            let longest = pick(&mut random, [5, 100, 1_000]);
            let polls = random.usize(..longest);
            let (mut client, mut server, talk) = pipes(mode, room, &mut random, &faults);
            match random.bool() {
                true => client = client.breaking(fault, polls),
                false => server = server.breaking(fault, polls),
            }
            let Some((client, server)) = open(client, server, seed).await else {
                report.add("told-ends", 1);
                continue;
            };
            let (seen, clean) = conversation::until_told(client, server, talk).await;
            report += seen;
            report.add("clean-ends", clean);
            report.add("told-ends", 2 - clean);
        }
        report
    };
    let met = |fault: Fault| fault.is_fatal().then_some(mode.has(fault));
    each_seed(test, &faults, play, met);
}

/// Plays each seed in a runtime of its own, and counts the faults in all; `met`
/// says of which there must have been some, or none.
fn each_seed(
    test: &'static str,
    faults: &Faults,
    play: impl AsyncFn(u64) -> Report + Sync,
    met: impl Fn(Fault) -> Option<bool>,
) {
    let seeds = Seeds::of("chaos", test, SEEDS);
    seeds.each(|seed| {
        let report = runtime(true).block_on(play(seed));
        report.assert_clean();
        report
    });
    faults.report().print("chaos");
    // A single seed need not meet every fault.
    for fault in Fault::iter().filter(|_| seeds.count() >= SEEDS) {
        let count = faults.count(fault);
        let is_met = met(fault).unwrap_or(count > 0);
        assert_eq!(is_met, count > 0, "{count} of {fault:?}");
    }
}

/// A runtime whose clock, if it is paused, moves on when nothing else can.
pub fn runtime(is_paused: bool) -> Runtime {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(is_paused).build();
    runtime.expect("a runtime")
}

/// The two ends of a pipe of some size, and what is to be said on it.
fn pipes(mode: Mode, room: usize, random: &mut Random, faults: &Faults) -> (Pipe, Pipe, Talk) {
    let size = pick(random, [1, 7, 100, 1_000, 10_000]).max(room);
    let (near, far) = tokio::io::duplex(size);
    let talk = Talk {
        seed: random.u64(..),
        messages: MESSAGES,
        // A pipe of one byte takes its time.
        longest: (size * 20).min(90_000),
    };
    let mut end = |io| Chaos::new(io, mode, random.u64(..), faults);
    (end(near), end(far), talk)
}
