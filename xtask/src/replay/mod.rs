//! `cargo xtask replay`: what fuzzing found, into implementations by others.
//!
//! ```text
//!  crates/fuzz/corpus ─┐            ┌─▶ server ─┐
//!                      ├─▶ raw peer ┤           ├─▶ outcomes, ours and theirs ──▶ differences ──▶ table
//!  target/fuzz/corpus ─┘            └─▶ client ─┘
//! ```
//!
//! The raw peer knows no WebSocket library. Behind each input it waits until it is answered and then
//! ends its side, so that whoever is given half a frame has an end to come to as well.

mod clients;
mod corpus;
mod differences;
mod frames;
mod http;
mod options;
mod outcome;
mod program;
mod servers;
mod verdict;

pub(crate) use options::Options;

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::interop;
use crate::interop::peer::Peer;
use crate::replay::corpus::{Case, Side};
use crate::replay::outcome::Outcome;
use crate::replay::program::Program;
use crate::replay::verdict::Verdict;
use crate::workspace::Workspace;

/// The committed inputs, from the root of the source tree.
const COMMITTED: &str = "crates/fuzz/corpus";
/// The grown ones, from the target directory: where `fuzz` leaves them.
const GROWN: &str = "fuzz/corpus";

/// How many connections an implementation has at a time.
const PARALLEL: usize = 32;
/// How long a server may take to listen.
const READY: Duration = Duration::from_secs(60);
/// How long an implementation may be silent on a connection whose other side has ended.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an implementation may take to answer before it is taken to wait for more.
const HOLD: Duration = Duration::from_millis(500);
/// The same, for what differs without a reason.
const LONG_HOLD: Duration = Duration::from_secs(4);
/// How long a server's reports may lag behind.
const LAG: Duration = Duration::from_secs(30);
/// How long a client may take for all its connections.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let workspace = Workspace::open("replay")?;
    let mut directories = vec![workspace.root.join(COMMITTED)];
    if !options.quick {
        let target = workspace.directory.parent().unwrap_or(&workspace.root);
        let grown = target.join(GROWN);
        directories.push(options.corpus.clone().unwrap_or(grown));
    }
    let cases = corpus::cases(&directories, &options.only)?;
    if cases.is_empty() {
        return Err(Error::Usage("no input has such a name".into()));
    }
    let peers = peers(options)?;
    if peers.is_empty() {
        println!("skipped: there is nobody to compare with");
        return Ok(());
    }
    let ours = Program::build(&workspace)?;
    let programs: Vec<Program> = [ours].into_iter().chain(peers).collect();
    let mut outcomes = all(&workspace, &programs, &cases, HOLD)?;
    // What differs only while the machine has no time does not differ.
    let doubtful = verdict::unexplained(&cases, &outcomes);
    let again: Vec<Case> = doubtful.iter().map(|it| cases[*it].clone()).collect();
    let second = all(&workspace, &programs, &again, LONG_HOLD)?;
    for (outcomes, second) in outcomes.iter_mut().zip(second) {
        for (number, outcome) in doubtful.iter().zip(second) {
            outcomes[*number] = outcome;
        }
    }
    let mut outcomes = outcomes.into_iter();
    let ours = outcomes.next().unwrap_or_default();
    // A part of the inputs, or one peer, need not show every difference.
    let all = options.only.is_empty() && programs.len() > Peer::ALL.len();
    let mut verdict = Verdict::new(all);
    for (program, theirs) in programs.iter().skip(1).zip(outcomes) {
        verdict.judge(program.name(), &cases, &ours, &theirs);
    }
    let path = workspace.directory.join("differences.txt");
    verdict.write(&path)?;
    println!("{verdict}");
    println!(
        "{:.1} s; each difference stands in {}",
        start.elapsed().as_secs_f64(),
        path.display()
    );
    match verdict.failures() {
        0 => Ok(()),
        count => Err(Error::Unexplained(count)),
    }
}

/// The implementations by others that can run here: all of them, with `CI=true`.
fn peers(options: &Options) -> Result<Vec<Program>, Error> {
    // Installed once, for both commands that use them.
    let workspace = Workspace::open(interop::DIRECTORY)?;
    let mut peers = Vec::new();
    for peer in &options.peers {
        match peer.install(&workspace) {
            Ok(installed) => peers.push(Program::Theirs(installed)),
            Err(error @ Error::Missing(_)) if env::var("CI").as_deref() != Ok("true") => {
                println!("skipped beside {peer}: {error}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(peers)
}

/// The outcomes of every case, for each program, side by side.
fn all(
    workspace: &Workspace,
    programs: &[Program],
    cases: &[Case],
    hold: Duration,
) -> Result<Vec<Vec<Outcome>>, Error> {
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    thread::scope(|scope| {
        let threads: Vec<_> = programs
            .iter()
            .map(|program| scope.spawn(move || outcomes(workspace, program, cases, hold)))
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(outcomes) => outcomes,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// What a program makes of every case, in order.
fn outcomes(
    workspace: &Workspace,
    program: &Program,
    cases: &[Case],
    hold: Duration,
) -> Result<Vec<Outcome>, Error> {
    let of = |side| {
        cases
            .iter()
            .filter(move |case| case.side == side)
            .collect::<Vec<_>>()
    };
    let mut servers = servers::replay(workspace, program, &of(Side::Server), hold)?.into_iter();
    let mut clients = clients::replay(workspace, program, &of(Side::Client), hold)?.into_iter();
    let outcome = |case: &Case| match case.side {
        Side::Server => servers.next(),
        Side::Client => clients.next(),
    };
    Ok(cases.iter().filter_map(outcome).collect())
}
