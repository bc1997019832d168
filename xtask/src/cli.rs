//! The command line.

use std::str::FromStr;

use lexopt::prelude::*;

use crate::autobahn::engine::Kind;
use crate::autobahn::pattern::Pattern;
use crate::autobahn::side::Side;
use crate::autobahn::subject::Subject;
use crate::bench;
use crate::coverage;
use crate::error::Error;
use crate::fuzz;
use crate::instructions;
use crate::interleavings;
use crate::interop::peer::Peer;
use crate::replay;
use crate::seeded::{self, Suite};
use crate::soak;
use crate::walks;
use crate::worst;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The project's own commands.

cargo xtask autobahn [server|client|all] [OPTIONS]
    Runs the Autobahn WebSocket Testsuite against our examples and checks every case.
    server tests echo_server, client tests autobahn_client, all (the default) both at once.

    --server CMD            tests this server in place of echo_server
    --client CMD            tests this client in place of autobahn_client
    --cases PATTERNS        only these cases: ids, or a prefix and a star ('1.*,2.*')
    --quick                 100 instead of 1000 messages per case of 12.* and 13.*
    --no-context-takeover   our ends compress each message on its own
    --engine docker|wstest  what runs the suite (default: docker where it answers, else wstest)
    --runs N                repeats everything N times and reports each run
    --bless                 writes the results to autobahn/baseline-*.json

    CMD is split into words as a POSIX shell does, but no shell runs. In its arguments {port},
    {address} (127.0.0.1:PORT) and {url} (ws://127.0.0.1:PORT) stand for where the server listens.
    Without any of them it gets the example's arguments at its end, and a server has to print
    `listening on ADDR`. It is judged as the examples are, but not compared with the baseline.

    Reports land in autobahn/{server,client}/index.html under the target directory, in
    autobahn/run-N/ with --runs. PYTHON27 names the Python 2.7 for the wstest engine.

cargo xtask bench [OPTIONS]
    Measures our echo servers beside those of other libraries, in time, instructions and memory,
    and writes the tables of docs/performance.md, where everything was measured. Needs Linux,
    and Valgrind for the instructions; takes less than 20 minutes behind the builds.

    --quick                 fewer and shorter rounds
    --build                 builds what would be measured, and measures nothing
    --scenario N...         only these scenarios; nothing is written
    --server NAME...        only these servers and raw TCP; nothing is written

cargo xtask browser
    Uses the example chat in Chromium, in two tabs, through a restart of the server, and has a page
    of another origin refused. Needs Chromium and Node.js.

    Screenshots, packages and logs land in browser/ under the target directory. CHROMIUM names the
    browser.

cargo xtask cancel [OPTIONS]
    Gives every public future up after 0, 1, 2... polls and goes on with a fresh one, in release,
    and counts what was given up: no message may be lost, no frame cut.

    --only TEXT             only the tests whose name holds this text

cargo xtask chaos [OPTIONS]
    Runs conversations over transports that misbehave or break, in the clear and inside TLS, in
    release, and counts faults by kind: no message may be lost, and whoever loses its connection
    must be told.

    --seeds N               how many seeds each test runs (default: 1000)
    --seed N                the first of them (default: 1)
    --only TEXT             only the tests whose name holds this text

cargo xtask coverage [OPTIONS]
    Runs the tests of frames and protocol instrumented, and lists what none of them runs, down to
    each side of each condition. What docs/coverage.toml does not excuse fails, and what it excuses
    in vain. Needs cargo-llvm-cov, a nightly toolchain and its LLVM's tools.

    --package NAME          another package's tests and sources; more than once for several
    --again                 judges the last run once more, for instance after a change of the file

    LLVM_COV and LLVM_PROFDATA name the tools (default: Debian's of the compiler's LLVM, else
    rustup's component llvm-tools).

cargo xtask interop [websockets|ws] [OPTIONS]
    Exchanges messages with implementations by others, PyPI's websockets and npm's ws, both as
    client and as server, over ws:// and wss://, and compares what arrives byte for byte. Needs
    Python 3 and Node.js.

    --only TEXT             only the exchanges whose id holds this text

    Packages, messages and logs land in interop/ under the target directory. PYTHON3 names the
    Python 3 to install with.

cargo xtask fuzz [OPTIONS]
    Runs the targets of crates/fuzz one after another: with libFuzzer where a nightly toolchain and
    a C++ compiler are, else by mutations without coverage.

    --seconds N             how long for each target (default: 60)
    --target NAME...        only these targets
    --mutations             without libFuzzer, even where it could run
    --keep                  adds what reached something new to crates/fuzz/corpus

    Inputs, findings, logs and a line for each run land in fuzz/ under the target directory; the
    lines are added up at the end.

cargo xtask instructions [OPTIONS]
    Counts the instructions a message costs in each layer, under Valgrind, and compares them with
    crates/socket-flow/benches/instructions/figures.toml. Needs x86-64 with AVX2 and Linux.

    --only TEXT             only the cells whose name holds this text
    --update                writes the counts to the file; the base stays

    Profiles for callgrind_annotate land in instructions/ under the target directory.

cargo xtask interleavings [OPTIONS]
    Runs the tasks that share a connection, halves and senders, under one schedule after another.

    --schedules N           how many for each test (default: 2000)
    --seed S                where the choice of schedules begins (default: 1)
    --only TEXT             only the tests whose name holds this text
    --replay SCHEDULE       the one schedule a failure printed

cargo xtask replay [websockets|ws] [OPTIONS]
    Replays inputs of fuzzing, the committed ones and those that `fuzz` has left under the target
    directory, into this library and into implementations by others, as servers and as clients, and
    compares what each makes of them. What xtask/src/replay/differences does not explain fails,
    and what it explains in vain. Needs Python 3 and Node.js; beside what is missing nothing runs.

    --quick                 only the committed inputs
    --corpus DIRECTORY      these beside the committed inputs, a directory for each target
    --only TEXT             only the inputs whose name holds this text

    Each difference, and logs, land in replay/ under the target directory.

cargo xtask rfc
    Checks docs/conformance.md: that every test it names is there and cites the section it is named
    for, that a row without one has a reason, and that no keyword of the RFCs is left out. And that
    every test in the tables of attacks and of what calls wait for in
    docs/reliability.md is there.

cargo xtask simulate [OPTIONS]
    Runs two protocols, a link and a virtual clock, on all processors, in release: delays, stalls,
    cuts, half-closes and every deadline, with a ledger of what was sent.

    --seeds N               how many seeds (default: 1000000)
    --seed N                the first of them (default: 1)

cargo xtask soak [OPTIONS]
    Runs our server and our clients under load, faults and attacks, prints memory, descriptors,
    tasks, messages and latency over time, and judges them. Linux; 37 minutes for everything.

    --scenario S1...        only these scenarios: S1 to S20
    --minutes N             how long those last whose length is free (default: each its own)
    --connections N         how many are many (default: 10000)
    --seed N                what random numbers are drawn from (default: 1)
    --peers                 also tells how the servers of other libraries grow under S6

    S7 needs root, iproute2 and nftables, S10 a memory control group; without, they are skipped.
    Logs land in soak/logs/ under the target directory.

cargo xtask tidy
    Checks the house rules a compiler does not know: file length, where unsafe may stand, circles of
    imports in the library, workflows, and words that mark unfinished work.

cargo xtask walks [OPTIONS]
    Counts how much of the library one operation goes through: calls, functions and files, without
    optimisation and with nothing inlined, under Valgrind, and compares them with
    crates/walks/figures.toml. Prints lines of code too. Needs x86-64 with AVX2 and Linux.

    --only TEXT             only the walks whose name holds this text
    --list                  also prints the functions, by file, in the order in which the text calls them
    --update                writes the counts to the file; the base stays
    --base REV              compares with this commit in place of the file, in a worktree of its own

cargo xtask worst [OPTIONS]
    Brings many connections of a server into each of their states, from idle to the worst, over TCP
    and TLS and compressed, and prints what each costs: bytes asked of the allocator, and resident.
    Fails where that is more than the table in docs/reliability.md allows. Linux; two minutes.

    --row NAME...           only these rows
    --connections N         how many for each figure (default: 500)
    --write                 writes the tables to docs/reliability.md
";

/// A parsed command line.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Autobahn(Options),
    Bench(bench::options::Options),
    Browser,
    Coverage(coverage::Options),
    Interop(InteropOptions),
    Fuzz(fuzz::Options),
    Instructions(instructions::Options),
    Interleavings(interleavings::Options),
    Replay(replay::Options),
    Rfc,
    Seeded(Suite, seeded::Options),
    Soak(soak::options::Options),
    Tidy,
    Walks(walks::Options),
    Worst(worst::Options),
}

/// What `interop` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InteropOptions {
    /// The peers, in the table's order.
    pub(crate) peers: Vec<Peer>,
    /// What the ids of the selected exchanges hold; empty for all.
    pub(crate) only: String,
}

/// What `autobahn` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The sides to test, in order.
    pub(crate) sides: Vec<Side>,
    /// The selected cases; empty means all.
    pub(crate) cases: Vec<Pattern>,
    /// Whether the compression cases send a tenth of their messages.
    pub(crate) quick: bool,
    /// Whether our ends compress each message on its own.
    pub(crate) no_context_takeover: bool,
    /// The engine asked for, if any.
    pub(crate) engine: Option<Kind>,
    /// How often everything runs; at least 1.
    pub(crate) runs: u32,
    /// Whether the results become the baseline.
    pub(crate) bless: bool,
    /// The server to test in place of our example.
    pub(crate) server: Option<Subject>,
    /// The client to test in place of our example.
    pub(crate) client: Option<Subject>,
}

impl Options {
    /// What is tested on this side in place of our example.
    pub(crate) fn command(&self, side: Side) -> Option<&Subject> {
        match side {
            Side::Server => self.server.as_ref(),
            Side::Client => self.client.as_ref(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sides: Side::ALL.to_vec(),
            cases: Vec::new(),
            quick: false,
            no_context_takeover: false,
            engine: None,
            runs: 1,
            bless: false,
            server: None,
            client: None,
        }
    }
}

/// Reads a command line.
pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command, Error> {
    let command = match parser.next().map_err(usage)? {
        None | Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Value(name)) => name.string().map_err(usage)?,
        Some(other) => return Err(usage(other.unexpected())),
    };
    match command.as_str() {
        "autobahn" => autobahn(&mut parser),
        "bench" => bench::options::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Bench)),
        "coverage" => coverage::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Coverage)),
        "fuzz" => fuzz::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Fuzz)),
        "interop" => interop(&mut parser),
        "instructions" => instructions::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Instructions)),
        "interleavings" => interleavings::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Interleavings)),
        "replay" => replay::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Replay)),
        "cancel" => seeded(Suite::Cancel, &mut parser),
        "chaos" => seeded(Suite::Chaos, &mut parser),
        "simulate" => seeded(Suite::Simulate, &mut parser),
        "soak" => soak::options::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Soak)),
        "browser" => alone(&mut parser, Command::Browser),
        "rfc" => alone(&mut parser, Command::Rfc),
        "tidy" => alone(&mut parser, Command::Tidy),
        "walks" => walks::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Walks)),
        "worst" => worst::Options::parse(&mut parser)
            .map(|options| options.map_or(Command::Help, Command::Worst)),
        other => Err(Error::Usage(format!("there is no command '{other}'"))),
    }
}

/// A command whose tests follow from seeds.
fn seeded(suite: Suite, parser: &mut lexopt::Parser) -> Result<Command, Error> {
    let options = seeded::Options::parse(suite, parser)?;
    Ok(options.map_or(Command::Help, |options| Command::Seeded(suite, options)))
}

/// A command without options.
fn alone(parser: &mut lexopt::Parser, command: Command) -> Result<Command, Error> {
    match parser.next().map_err(usage)? {
        None => Ok(command),
        Some(Long("help") | Short('h')) => Ok(Command::Help),
        Some(other) => Err(usage(other.unexpected())),
    }
}

fn autobahn(parser: &mut lexopt::Parser) -> Result<Command, Error> {
    let mut options = Options::default();
    let mut side_given = false;
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("cases") => {
                options.cases = value(parser)?
                    .split(',')
                    .map(|text| Pattern::parse(text.trim()))
                    .collect::<Result<_, _>>()?;
            }
            Long("quick") => options.quick = true,
            Long("no-context-takeover") => options.no_context_takeover = true,
            Long("engine") => {
                options.engine = Some(match value(parser)?.as_str() {
                    "docker" => Kind::Docker,
                    "wstest" => Kind::Wstest,
                    other => return Err(Error::Usage(format!("there is no engine '{other}'"))),
                });
            }
            Long("runs") => {
                options.runs = value(parser)?
                    .parse()
                    .ok()
                    .filter(|runs| *runs > 0)
                    .ok_or_else(|| Error::Usage("--runs takes a number from 1 on".into()))?;
            }
            Long("bless") => options.bless = true,
            Long("server") => options.server = Some(Subject::parse(&value(parser)?)?),
            Long("client") => options.client = Some(Subject::parse(&value(parser)?)?),
            Value(name) if !side_given => {
                side_given = true;
                options.sides = match name.string().map_err(usage)?.as_str() {
                    "server" => vec![Side::Server],
                    "client" => vec![Side::Client],
                    "all" => Side::ALL.to_vec(),
                    other => return Err(Error::Usage(format!("there is no side '{other}'"))),
                };
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let commanded = |side: &Side| options.command(*side).is_some();
    if !side_given && options.sides.iter().any(commanded) {
        options.sides = Side::ALL.into_iter().filter(commanded).collect();
    }
    for side in Side::ALL {
        agree(&options, side)?;
    }
    Ok(Command::Autobahn(options))
}

/// Refuses what does not go with a command in place of the example on this side.
fn agree(options: &Options, side: Side) -> Result<(), Error> {
    let Some(command) = options.command(side) else {
        return Ok(());
    };
    let what = if !options.sides.contains(&side) {
        format!("--{side} names what is not tested")
    } else if options.bless {
        format!("--bless is for the examples, not for what --{side} names")
    } else if options.no_context_takeover && command.has_placeholder() {
        format!("--no-context-takeover does not reach a command with placeholders (--{side})")
    } else {
        return Ok(());
    };
    Err(Error::Usage(what))
}

fn interop(parser: &mut lexopt::Parser) -> Result<Command, Error> {
    let mut peers = Peer::ALL.to_vec();
    let mut only = String::new();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("only") => only = value(parser)?,
            Value(name) if peers.len() > 1 => {
                let name = name.string().map_err(usage)?;
                peers.retain(|peer| peer.name() == name);
                if peers.is_empty() {
                    return Err(Error::Usage(format!("there is no peer '{name}'")));
                }
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(Command::Interop(InteropOptions { peers, only }))
}

/// The text behind an option.
pub(crate) fn value(parser: &mut lexopt::Parser) -> Result<String, Error> {
    parser.value().and_then(ValueExt::string).map_err(usage)
}

/// The number behind an option.
pub(crate) fn number<N>(parser: &mut lexopt::Parser) -> Result<N, Error>
where
    N: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    parser.value().and_then(|it| it.parse()).map_err(usage)
}

/// What is wrong with a command line, as an error of ours.
pub(crate) fn usage(error: lexopt::Error) -> Error {
    Error::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, Error> {
        parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn without_options_both_sides_run_once_with_all_cases() {
        let Ok(Command::Autobahn(options)) = parsed(&["autobahn"]) else {
            panic!("no autobahn command");
        };
        assert_eq!(options, Options::default());
        assert_eq!(options.sides, [Side::Server, Side::Client]);
        assert_eq!(options.runs, 1);
    }

    #[test]
    fn every_option_is_understood() {
        let arguments = [
            "autobahn",
            "client",
            "--cases",
            "1.*,7.3.1",
            "--quick",
            "--no-context-takeover",
            "--engine",
            "wstest",
            "--runs",
            "10",
            "--bless",
        ];
        assert_eq!(
            parsed(&arguments).unwrap(),
            Command::Autobahn(Options {
                sides: vec![Side::Client],
                cases: vec![
                    Pattern::parse("1.*").unwrap(),
                    Pattern::parse("7.3.1").unwrap()
                ],
                quick: true,
                no_context_takeover: true,
                engine: Some(Kind::Wstest),
                runs: 10,
                bless: true,
                server: None,
                client: None,
            })
        );
    }

    #[test]
    fn a_command_takes_an_examples_place_and_is_tested_alone() {
        let autobahn = |sides: &[Side], server: Option<&str>, client: Option<&str>| {
            let subject = |text| Subject::parse(text).unwrap();
            Command::Autobahn(Options {
                sides: sides.to_vec(),
                server: server.map(subject),
                client: client.map(subject),
                ..Options::default()
            })
        };
        assert_eq!(
            parsed(&["autobahn", "--server", "echo --port {port}"]).unwrap(),
            autobahn(&[Side::Server], Some("echo --port {port}"), None)
        );
        assert_eq!(
            parsed(&["autobahn", "--client", "c", "--server", "s"]).unwrap(),
            autobahn(&Side::ALL, Some("s"), Some("c"))
        );
        assert_eq!(
            parsed(&["autobahn", "all", "--client", "c"]).unwrap(),
            autobahn(&Side::ALL, None, Some("c"))
        );
        assert!(parsed(&["autobahn", "--client", "c", "--no-context-takeover"]).is_ok());
    }

    #[test]
    fn one_peer_or_all_are_exchanged_with() {
        let interop = |peers: &[Peer], only: &str| {
            Command::Interop(InteropOptions {
                peers: peers.to_vec(),
                only: only.into(),
            })
        };
        assert_eq!(parsed(&["interop"]).unwrap(), interop(&Peer::ALL, ""));
        assert_eq!(
            parsed(&["interop", "ws", "--only", "closes"]).unwrap(),
            interop(&[Peer::Ws], "closes")
        );
    }

    #[test]
    fn commands_without_options_have_help_alone() {
        assert_eq!(parsed(&["browser"]).unwrap(), Command::Browser);
        assert_eq!(parsed(&["rfc"]).unwrap(), Command::Rfc);
        assert_eq!(parsed(&["tidy"]).unwrap(), Command::Tidy);
        assert_eq!(parsed(&["browser", "--help"]).unwrap(), Command::Help);
    }

    #[test]
    fn some_cells_or_all_are_counted_and_updated() {
        let instructions = |only: &str, update| {
            let only = only.into();
            Command::Instructions(instructions::Options { only, update })
        };
        assert_eq!(parsed(&["instructions"]).unwrap(), instructions("", false));
        assert_eq!(
            parsed(&["instructions", "--only", "mask", "--update"]).unwrap(),
            instructions("mask", true)
        );
    }

    #[test]
    fn what_help_does_not_describe_is_refused() {
        for arguments in [
            &["fly"][..],
            &["autobahn", "both"],
            &["autobahn", "server", "client"],
            &["autobahn", "--engine", "podman"],
            &["autobahn", "--runs", "0"],
            &["autobahn", "--cases", "*.1"],
            &["autobahn", "--server"],
            &["autobahn", "--server", ""],
            &["autobahn", "--client", "it's {url}"],
            &["autobahn", "client", "--server", "s"],
            &["autobahn", "--server", "s", "--bless"],
            &["autobahn", "--server", "s {port}", "--no-context-takeover"],
            &["interop", "websocket"],
            &["interop", "ws", "websockets"],
            &["interop", "--only"],
            &["instructions", "mask"],
            &["instructions", "--only"],
            &["browser", "firefox"],
            &["coverage", "frames"],
            &["interleavings", "all"],
            &["rfc", "6455"],
            &["tidy", "now"],
        ] {
            assert!(
                matches!(parsed(arguments), Err(Error::Usage(_))),
                "{arguments:?}"
            );
        }
    }
}
