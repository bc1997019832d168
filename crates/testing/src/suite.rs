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
    F: AsyncFn(Pipe, Pipe, u64) -> (WebSocket<A>, WebSocket<B>) + Sync,
{
    let faults = Faults::new();
    let play = async |seed| {
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
        Report::of(seen)
    };
    let met = |fault| match fault {
        // There need not be anything to interrupt, or to cut.
        Fault::Interrupted | Fault::ShortVectored => None,
        _ => Some(mode.has(fault) && !Fault::FATAL.contains(&fault)),
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
        let (mut tally, mut clean, mut told) = (Tally::default(), 0, 0);
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
        let mut report = Report::of(tally);
        report.add("clean-ends", clean);
        report.add("told-ends", told);
        report
    };
    let met = |fault| Fault::FATAL.contains(&fault).then_some(mode.has(fault));
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
    seeds.each(|seed| runtime().block_on(play(seed)));
    faults.report().print("chaos");
    // A single seed need not meet every fault.
    for fault in Fault::ALL.into_iter().filter(|_| seeds.count() >= SEEDS) {
        let expected = met(fault);
        let count = faults.count(fault);
        assert!(
            expected.is_none_or(|met| met == (count > 0)),
            "{count} of {fault:?}"
        );
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
