//! S8: more clients than the server has file descriptors. It waits without spinning, those inside
//! feel nothing, and afterwards it goes on.

use std::time::Duration;

use crate::error::Error;
use crate::soak::actor::Signal;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{FAIR, HONEST, Honest};
use crate::soak::scenarios::opened;
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// The descriptors of the server, and the clients that want one each.
const DESCRIPTORS: u64 = 256;
const CLIENTS: u64 = 400;

/// Those that were there before.
const GOOD: u64 = 50;

/// The share of a processor that a server may need that can accept nobody, in percent. The good
/// clients' messages are in it.
const BUSY: f64 = 20.0;

/// How long it has no descriptors.
const SHORTAGE: Duration = Duration::from_secs(10);

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let (server, port) = stage.serve("", &Confinement::Descriptors(DESCRIPTORS))?;
    stage.warm_up(port)?;
    let base = stage.base(server);
    let good = stage.client(port, &format!("active --connections {GOOD} --rate 200"))?;
    opened(stage, good, GOOD)?;
    let honest = Honest::alone(stage, port)?;
    honest.beside(stage);
    let hog = stage.attack(port, &format!("hog --connections {CLIENTS}"))?;
    stage.until("clients come", Duration::from_secs(20), |stage| {
        stage.fact(hog, "asked") >= CLIENTS
    })?;
    let before = stage.status(server).cpu;
    stage.watch("no descriptors left", SHORTAGE)?;
    let spent = stage.status(server).cpu - before;
    let share = spent.as_secs_f64() / SHORTAGE.as_secs_f64() * 100.0;
    stage.check(
        "processor time of the server",
        share,
        " %",
        Limit::Most(BUSY),
    );
    let inside = stage.fact(hog, "open");
    let room = (DESCRIPTORS - GOOD - HONEST) as f64;
    stage.check("clients that got in", inside as f64, "", Limit::Most(room));
    stage.check(
        "clients that wait",
        (CLIENTS - inside) as f64,
        "",
        Limit::Least(1.0),
    );
    let descriptors = stage.status(server).descriptors as f64;
    stage.check("descriptors in use", descriptors, "", Limit::Least(room));

    stage.signal(hog, Signal::Next);
    let newcomers = stage.client(port, "good --rate 50")?;
    let served = stage.until("room again", Duration::from_secs(20), |stage| {
        stage.fact(newcomers, "served") > 0
    })?;
    let served = served.map_or(f64::NAN, |served| served.as_secs_f64());
    stage.check("until a newcomer is served", served, " s", Limit::Most(2.0));
    stage.watch("newcomers", Duration::from_secs(3))?;
    stage.end(newcomers)?;
    stage.count("newcomers turned away", stage.fact(newcomers, "failed"), 0);
    stage.finish(hog, Duration::from_secs(30))?;
    honest.judge(stage, "beside the shortage", FAIR)?;
    stage.end(good)?;
    stage.check_books("those who were inside", good);
    stage.check_books("server", server);
    stage.count("closed in order", stage.fact(good, "ended_clean"), GOOD);
    stage.check_base(server, base)
}
