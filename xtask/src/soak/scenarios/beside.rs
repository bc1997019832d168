//! Honest connections in a process of their own, whose waits are judged beside what else a scenario
//! does to the server; and what S12 to S14 have in common.

use std::time::Duration;

use crate::error::Error;
use crate::soak::actor::Signal;
use crate::soak::confinement::Confinement;
use crate::soak::programs::Program;
use crate::soak::stage::{Id, Stage};
use crate::soak::verdict::Limit;

/// The honest connections.
pub(super) const HONEST: u64 = 4;

/// Their arguments: each sends a message every 5 ms.
const METER: &str = "meter --connections 4 --rate 800 --path /short";

/// A kind of honest connections.
pub(super) struct Kind {
    /// How their figures are called.
    pub(super) what: &'static str,
    count: u64,
    arguments: &'static str,
}

/// Each sends a message every 100 ms.
pub(super) const MANY: Kind = Kind {
    what: "beside them",
    count: 100,
    arguments: "meter --connections 100 --rate 1000 --path /short",
};

/// Each sends a message of 4,000 bytes every 100 ms.
pub(super) const MEDIUM: Kind = Kind {
    what: "4,000 bytes, beside them",
    count: 20,
    arguments: "meter --connections 20 --rate 200 --size 4000",
};

/// Each sends a compressed message of 2,000 bytes every 100 ms.
pub(super) const COMPRESSED: Kind = Kind {
    what: "compressed, beside them",
    count: 20,
    arguments: "meter --connections 20 --rate 200 --size 2000 --deflate",
};

/// Each sends a message of 64 KiB every 500 ms.
pub(super) const LARGE: Kind = Kind {
    what: "64 KiB, beside them",
    count: 4,
    arguments: "meter --connections 4 --rate 8 --size 65536",
};

/// How long they are measured alone.
pub(super) const QUIET: Duration = Duration::from_millis(1_500);

/// Time for connections to open.
const OPENING: Duration = Duration::from_secs(30);

/// A wait beside an attack may be so many times as long as alone, where that is longer than its
/// limit: other programs have the processors too.
const TIMES: f64 = 3.0;

/// How long honest clients may wait, in milliseconds: each quantile and its limit.
pub(super) type Waits = &'static [(&'static str, f64)];

/// How long they may wait beside anything that one server has to bear.
pub(super) const FAIR: Waits = &[("p50", 5.0), ("p99", 30.0)];

/// How long they may wait beside thousands that all have work at once: each of these has its turn
/// between two of theirs.
pub(super) const CROWDED: Waits = &[("p50", 500.0), ("p99", 1_000.0)];

/// The honest connections of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Honest(Id);

impl Honest {
    /// Opens them, and measures them alone.
    pub(super) fn alone(stage: &mut Stage<'_>, port: u16) -> Result<Self, Error> {
        let honest = Self::open(stage, port, "")?;
        stage.watch("alone", QUIET)?;
        Ok(honest)
    }

    /// Opens those of another kind.
    pub(super) fn of(stage: &mut Stage<'_>, port: u16, kind: &Kind) -> Result<Self, Error> {
        let meter = stage.client(port, kind.arguments)?;
        open(stage, meter, kind.count)?;
        Ok(Self(meter))
    }

    /// The same, of a server at another address.
    pub(super) fn alone_at(
        stage: &mut Stage<'_>,
        addr: &str,
        confinement: &Confinement,
    ) -> Result<Self, Error> {
        let arguments = format!("{METER} --addr {addr}");
        let meter = stage.start("meter", Program::Client, &arguments, confinement)?;
        open(stage, meter, HONEST)?;
        stage.watch("alone", QUIET)?;
        Ok(Self(meter))
    }

    /// Opens them, with more arguments.
    pub(super) fn open(stage: &mut Stage<'_>, port: u16, more: &str) -> Result<Self, Error> {
        let meter = stage.client(port, &format!("{METER} {more}"))?;
        open(stage, meter, HONEST)?;
        Ok(Self(meter))
    }

    /// How many messages they have sent.
    pub(super) fn sent(self, stage: &Stage<'_>) -> u64 {
        stage.fact(self.0, "sent")
    }

    /// From now on there is something beside them.
    pub(super) fn beside(self, stage: &mut Stage<'_>) {
        stage.signal(self.0, Signal::Next);
    }

    /// Ends them, and tells how they fared.
    pub(super) fn tell(self, stage: &mut Stage<'_>, what: &str) -> Result<(), Error> {
        let Self(meter) = self;
        stage.end(meter)?;
        for quantile in ["p50", "p99"] {
            let ms = stage.ms(meter, &format!("beside_all_{quantile}"));
            stage.tell(format!("{what}: {quantile}"), ms, " ms");
        }
        let ended = stage.fact(meter, "ended") as f64;
        stage.tell(format!("{what}: connections ended"), ended, "");
        stage.check_books(what, meter);
        Ok(())
    }

    /// Ends them, and judges how long they waited.
    pub(super) fn judge(
        self,
        stage: &mut Stage<'_>,
        what: &str,
        waits: Waits,
    ) -> Result<(), Error> {
        let Self(meter) = self;
        stage.end(meter)?;
        judge_waits(stage, what, meter, waits);
        stage.count(
            format!("{what}: echoes that did not come"),
            stage.fact(meter, "unanswered"),
            0,
        );
        stage.count(
            format!("{what}: honest connections ended"),
            stage.fact(meter, "ended") + stage.fact(meter, "failed"),
            0,
        );
        stage.check_books(what, meter);
        Ok(())
    }
}

/// An attack on a server.
pub(super) struct Attack<'a> {
    /// How its figures are called.
    pub(super) what: String,
    /// The server's arguments, and those of both kinds of clients.
    pub(super) server: &'a str,
    pub(super) clients: &'a str,
    /// The attackers' arguments, but for their number.
    pub(super) attack: &'a str,
    pub(super) attackers: u64,
    pub(super) waits: Waits,
    pub(super) length: Duration,
}

/// An attack that goes on, after its waits were judged.
pub(super) struct Attacked {
    pub(super) server: Id,
    pub(super) attack: Id,
}

/// Measures without the attack and beside it, and judges.
pub(super) fn play(stage: &mut Stage<'_>, attack: &Attack<'_>) -> Result<Attacked, Error> {
    let Attack {
        what,
        clients,
        attackers,
        ..
    } = attack;
    let (server, port) = stage.serve(attack.server, &Confinement::None)?;
    let honest = Honest::open(stage, port, clients)?;
    stage.watch("alone", QUIET)?;
    let arguments = format!(
        "{} --connections {attackers} --path /short {clients}",
        attack.attack
    );
    let attacking = stage.attack_yielding(port, &arguments)?;
    open(stage, attacking, *attackers)?;
    stage.count(
        format!("{what}: attackers"),
        stage.fact(attacking, "open"),
        *attackers,
    );
    honest.beside(stage);
    stage.signal(attacking, Signal::Next);
    stage.watch("beside the attack", attack.length)?;
    honest.judge(stage, what, attack.waits)?;
    let sent = stage.fact(attacking, "sent");
    stage.check(
        format!("{what}: frames of the attackers"),
        sent as f64,
        "",
        Limit::Least(*attackers as f64),
    );
    stage.count(
        format!("{what}: attackers ended"),
        stage.fact(attacking, "ended"),
        0,
    );
    let peak = stage.status(server).peak as f64 / f64::from(1 << 20);
    stage.tell(format!("{what}: the server's memory at most"), peak, " MiB");
    Ok(Attacked {
        server,
        attack: attacking,
    })
}

/// Waits until all connections of a program are open, or have failed to.
pub(super) fn open(stage: &mut Stage<'_>, id: Id, count: u64) -> Result<(), Error> {
    stage.until("opening", OPENING, |stage| {
        stage.fact(id, "open") + stage.fact(id, "failed") >= count
    })?;
    Ok(())
}

/// Judges how long clients waited beside an attack. A quantile of nothing does not hold.
pub(super) fn judge_waits(stage: &mut Stage<'_>, what: &str, id: Id, waits: Waits) {
    for (quantile, most) in waits {
        let quiet = stage.ms(id, &format!("quiet_all_{quantile}"));
        let count = stage.fact(id, "beside_all_count");
        let beside = match count {
            0 => f64::NAN,
            _ => stage.ms(id, &format!("beside_all_{quantile}")),
        };
        stage.tell(format!("{what}: {quantile} alone"), quiet, " ms");
        let most = Limit::Most(most.max(TIMES * quiet));
        stage.check(format!("{what}: {quantile}"), beside, " ms", most);
    }
}

/// Ends an attack and its server at once, whatever they still do.
pub(super) fn stop(stage: &mut Stage<'_>, attacked: &Attacked) {
    stage.kill(attacked.attack);
    stage.kill(attacked.server);
}
