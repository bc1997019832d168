//! The ping flood and the declared messages, also on the servers of other libraries.

use std::time::{Duration, Instant};

use crate::bench::programs::{Processor, Profile, Programs as Echoes};
use crate::bench::server::{Kind, Server};
use crate::bench::table::Table;
use crate::error::Error;
use crate::process::{self, Child};
use crate::soak::actor::{Actor, Signal};
use crate::soak::confinement::Confinement;
use crate::soak::options::Options;
use crate::soak::process_status::ProcessStatus;
use crate::soak::programs::{Program, Programs};
use crate::workspace::Workspace;

/// Time for an attack.
const ATTACK: Duration = Duration::from_secs(120);

/// How often memory is looked at, and for how long behind an attack.
const LOOK: Duration = Duration::from_millis(100);
const AFTER: Duration = Duration::from_secs(3);

/// Floods one server after the other and tells by how much each grows.
pub(crate) fn flood(
    workspace: &Workspace,
    programs: &Programs,
    options: &Options,
) -> Result<(), Error> {
    let wanted: Vec<Server> = Server::ALL
        .into_iter()
        .filter(|it| it.is_documented() && matches!(it.kind, Kind::Ours | Kind::Peer))
        .collect();
    let bench = Workspace::open("bench")?;
    let echoes = Echoes::build(&bench, &wanted, &[])?;
    let mut table = Table::new([
        "server",
        "64 MiB of pings, not read",
        "50 x 15 MiB declared",
    ]);
    for server in wanted {
        let pings = grows(
            workspace,
            programs,
            &echoes,
            &server,
            options,
            "flood --mib 64",
        )?;
        let declare = "declare --connections 50 --mib 15";
        let declared = grows(workspace, programs, &echoes, &server, options, declare)?;
        table.row([
            server.name.to_owned(),
            format!("{:.1} KiB", pings as f64 / 1024.0),
            format!("{:.1} KiB each", declared as f64 / 1024.0 / 50.0),
        ]);
    }
    println!("\nRSS growth per server\n\n{table}");
    Ok(())
}

/// By how many bytes a server grows under an attack.
fn grows(
    workspace: &Workspace,
    programs: &Programs,
    echoes: &Echoes<'_>,
    server: &Server,
    options: &Options,
    attack: &str,
) -> Result<u64, Error> {
    let path = echoes.path(Profile::Release, server.program);
    let (child, port) = echoes.start(server, &mut echoes.command(Processor::Server, &path), &[])?;
    let talk = |program, arguments: &str| {
        let mut command = Confinement::None.command(programs.path(program)?);
        command
            .args(arguments.split(' '))
            .arg("--addr")
            .arg(format!("127.0.0.1:{port}"));
        command.args(["--seed", &options.seed.to_string()]);
        Actor::start(workspace, &format!("peers-{}", server.name), &mut command)
    };
    // What a server makes once is no part of it.
    let mut good = talk(Program::Client, "good --rate 50")?;
    wait(&mut good, |good| {
        good.fact("served") + good.fact("failed") >= 20
    })?;
    good.signal(Signal::End);
    good.finish(ATTACK)?;
    let before = resident(&child);

    let mut attack = talk(Program::Attack, attack)?;
    wait(&mut attack, |it| {
        it.fact("flooded") + it.fact("failed") + it.fact("open") > 0
    })?;
    attack.signal(Signal::Next);
    let (mut highest, end) = (before, Instant::now() + AFTER);
    while Instant::now() < end {
        process::pause()?;
        highest = highest.max(resident(&child));
    }
    attack.signal(Signal::Kill);
    attack.wait_gone(ATTACK);
    Ok(highest - before)
}

fn wait(actor: &mut Actor, is_so: impl Fn(&Actor) -> bool) -> Result<(), Error> {
    let end = Instant::now() + ATTACK;
    let mut next = Instant::now();
    while Instant::now() < end && !is_so(actor) {
        process::pause()?;
        if Instant::now() >= next {
            next = Instant::now() + LOOK;
            actor.update()?;
        }
    }
    Ok(())
}

fn resident(child: &Child) -> u64 {
    ProcessStatus::of(child.id()).map_or(0, |status| status.resident)
}
