//! S11: a server that is killed and started again. Its clients learn of it and come back, not all
//! at once.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{FAIR, Honest, QUIET};
use crate::soak::stage::{Id, Stage};
use crate::soak::verdict::Limit;

/// How often it is killed.
const KILLS: u64 = 3;

/// How long it is away.
const AWAY: Duration = Duration::from_secs(3);

/// How long clients may take to come back: what they wait at most after so few failures, twice.
const BACK: Duration = Duration::from_secs(30);

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let count = stage.connections() / 10;
    let (mut server, port) = stage.serve("", &Confinement::None)?;
    let client = stage.client(
        port,
        &format!("reconnect --connections {count} --rate 1000"),
    )?;
    stage.until("opening", Duration::from_secs(60), |stage| {
        stage.fact(client, "open") >= count
    })?;
    let length = stage.length(30) / KILLS as u32;
    for kill in 1..=KILLS {
        stage.watch("messages", length)?;
        stage.kill(server);
        stage.watch("nobody there", AWAY)?;
        let lost = stage.fact(client, "lost_1006");
        stage.count(
            format!("kill {kill}: connections lost with 1006"),
            lost,
            kill * count,
        );
        if kill == 1 {
            judge_delays(stage, client);
        }
        server = stage
            .serve(&format!("--addr 127.0.0.1:{port}"), &Confinement::None)?
            .0;
        let honest = Honest::open(stage, port, "")?;
        honest.beside(stage);
        let back = stage.until("started again", BACK, |stage| {
            stage.fact(client, "open") >= count
        })?;
        stage.watch("messages", QUIET)?;
        honest.judge(
            stage,
            &format!("kill {kill}: beside those that come back"),
            FAIR,
        )?;
        let back = back.map_or(f64::NAN, |back| back.as_secs_f64());
        stage.check(
            format!("kill {kill}: all are back after"),
            back,
            " s",
            Limit::Most(BACK.as_secs_f64()),
        );
    }
    stage.count(
        "connections lost in another way",
        stage.fact(client, "lost_otherwise"),
        0,
    );
    stage.count("clients that gave up", stage.fact(client, "given_up"), 0);
    stage.tell("attempts in vain", stage.fact(client, "failed") as f64, "");
    stage.tell(
        "messages under way, told as lost",
        stage.fact(client, "told") as f64,
        "",
    );
    stage.end(client)?;
    stage.tell("messages", stage.fact(client, "sent") as f64, "");
    stage.check_books("clients", client);
    stage.check_books("server", server);
    stage.count(
        "closed in order at the end",
        stage.fact(client, "ended_clean"),
        count,
    );
    stage.end(server)
}

/// 500 ms, less up to half of it at random. Behind later kills it is longer: the connections in
/// between were not open for long enough to count.
fn judge_delays(stage: &mut Stage<'_>, client: Id) {
    let (min, max) = (
        stage.ms(client, "delay_all_min"),
        stage.ms(client, "delay_all_max"),
    );
    stage.check("first delay, shortest", min, " ms", Limit::Least(245.0));
    stage.check("first delay, longest", max, " ms", Limit::Most(510.0));
    stage.check("first delays apart", max - min, " ms", Limit::Least(200.0));
}
