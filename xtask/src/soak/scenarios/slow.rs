//! S5: thousands of clients that begin and do not go on. Good ones do not feel them, and they are
//! gone at their deadlines.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::OPENING;
use crate::soak::scenarios::beside::{FAIR, Honest};
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// How long a good client's handshake may take, in the middle, in milliseconds.
const MEDIAN: f64 = 100.0;

/// The server's deadlines in milliseconds, and how much later it may see to thousands at once. Who
/// sends half a frame has until its write stalls or a ping is not answered.
const HANDSHAKE: f64 = 10_000.0;
const PROGRESS: f64 = 30_000.0;
const LATE: f64 = 1_500.0;

/// What the closing handshake may add: a second of silence.
const CLOSING: f64 = 1_000.0;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let count = stage.connections() / 2;
    let (server, port) = stage.serve("", &Confinement::None)?;
    stage.warm_up(port)?;
    let base = stage.base(server);
    let quiet = stage.client(port, "good --rate 50")?;
    stage.watch("good clients alone", Duration::from_secs(5))?;
    stage.end(quiet)?;

    let honest = Honest::alone(stage, port)?;
    let attack = stage.attack(port, &format!("slow --connections {count} --parallel 256"))?;
    stage.until("slow ones come", OPENING, |stage| {
        stage.fact(attack, "open") + stage.fact(attack, "failed") >= count
    })?;
    stage.count("slow clients at once", stage.fact(attack, "open"), count);
    honest.beside(stage);
    let good = stage.client(port, "good --rate 50")?;
    // Until the first of them have to go.
    stage.until("beside good ones", Duration::from_secs(8), |stage| {
        stage.fact(attack, "gone") > 0
    })?;
    stage.end(good)?;
    stage.until("they have to go", Duration::from_secs(120), |stage| {
        stage.fact(attack, "gone") + stage.fact(attack, "stayed") >= count
    })?;
    stage.finish(attack, Duration::from_secs(30))?;
    honest.judge(stage, "beside the slow ones", FAIR)?;

    let median = stage.ms(good, "handshake_all_p50");
    stage.tell(
        "handshake of a good client alone, p50",
        stage.ms(quiet, "handshake_all_p50"),
        " ms",
    );
    stage.check(
        "the same beside the slow ones, p50",
        median,
        " ms",
        Limit::Most(MEDIAN),
    );
    stage.tell("the same, p99", stage.ms(good, "handshake_all_p99"), " ms");
    stage.check(
        "good clients served",
        stage.fact(good, "served") as f64,
        "",
        Limit::Least(20.0),
    );
    stage.count("good clients turned away", stage.fact(good, "failed"), 0);
    stage.count("slow clients gone", stage.fact(attack, "gone"), count);
    for (kind, deadline) in [
        ("silent", HANDSHAKE),
        ("half_head", HANDSHAKE),
        ("drip", HANDSHAKE),
        ("half_frame", PROGRESS),
    ] {
        let lived = |which: &str| format!("{kind}_all_{which}");
        let (min, max) = (
            stage.ms(attack, &lived("min")),
            stage.ms(attack, &lived("max")),
        );
        let name = kind.replace('_', " ");
        stage.check(
            format!("{name}: first gone"),
            min,
            " ms",
            Limit::Least(deadline - LATE),
        );
        let latest = deadline + LATE + CLOSING;
        stage.check(
            format!("{name}: last gone"),
            max,
            " ms",
            Limit::Most(latest),
        );
    }
    stage.check_base(server, base)
}
