//! S3: readers that stop. For a while nothing is lost; then the server lets go of them, and of
//! nobody else.

use std::time::Duration;

use crate::error::Error;
use crate::soak::actor::Signal;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{FAIR, HONEST, Honest};
use crate::soak::stage::{Id, Stage};
use crate::soak::verdict::Limit;

/// Shorter than any deadline, and long enough to fill what the kernel keeps.
const SHORT: Duration = Duration::from_secs(12);

/// Longer than a ping, its answer and a stalled write take together.
const LONG: Duration = Duration::from_secs(55);

/// Messages of 8 KiB, four in a second, to each; the kernel keeps 64 KiB on each side.
const PUSHES: &str = "--rate 4 --size 8192 --buffer 65536";

/// What the server may keep for a reader that has stopped: the message that is being written, and
/// its queue's room.
const EACH: f64 = (64 + 16) as f64 * 1024.0;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let each = stage.connections() / 40;
    let (server, port) = stage.serve(PUSHES, &Confinement::None)?;
    stage.warm_up(port)?;
    let base = stage.base(server);
    let honest = Honest::alone(stage, port)?;
    let read = format!("pushed --connections {each} --buffer 65536");
    let clients = [
        stage.client(port, &read)?,
        stage.client(port, &read)?,
        stage.client(port, &read)?,
    ];
    let (stopping, reading) = ([clients[0], clients[1]], clients[2]);
    stage.until("opening", Duration::from_secs(60), |stage| {
        stage.fact(server, "connections") >= HONEST + 3 * each
    })?;
    stage.watch("all read", Duration::from_secs(5))?;
    let resident = stage.status(server).resident;

    honest.beside(stage);
    tell(stage, &stopping, Signal::Stop);
    stage.take_highest(server);
    stage.watch("2 of 3 stopped, shortly", SHORT)?;
    tell(stage, &stopping, Signal::Continue);
    stage.watch("all go on", Duration::from_secs(5))?;
    let growth = stage.take_highest(server).saturating_sub(resident) as f64;
    let each_stopped = growth / (2 * each) as f64;
    stage.check(
        "memory for each that stopped",
        each_stopped,
        " B",
        Limit::Most(EACH),
    );
    stage.count(
        "connections after it",
        stage.fact(server, "connections") - HONEST,
        3 * each,
    );

    tell(stage, &stopping, Signal::Stop);
    let gone = stage.until("2 of 3 stopped, for long", LONG, |stage| {
        stage.fact(server, "connections") <= HONEST + each
    })?;
    let gone = gone.map_or(f64::NAN, |gone| gone.as_secs_f64());
    stage.check(
        "until those that stopped are let go",
        gone,
        " s",
        Limit::Most(45.0),
    );
    let left = stage.fact(server, "connections") - HONEST;
    stage.count("connections left", left, each);
    honest.judge(stage, "beside those that stopped", FAIR)?;
    tell(stage, &stopping, Signal::Continue);
    stage.watch("they learn of it", Duration::from_secs(5))?;
    for (at, client) in (1..).zip(stopping) {
        let told = ["ended_1006", "ended_timeout"].map(|how| stage.fact(client, how));
        stage.count(format!("told so, in process {at}"), told.iter().sum(), each);
        stage.check_books(&format!("process {at}"), client);
        stage.end(client)?;
    }
    stage.end(reading)?;
    stage.check_books("who went on reading", reading);
    stage.count("closed in order", stage.fact(reading, "ended_clean"), each);
    stage.check_base(server, base)
}

fn tell(stage: &mut Stage<'_>, clients: &[Id], signal: Signal) {
    for client in clients {
        stage.signal(*client, signal);
    }
}
