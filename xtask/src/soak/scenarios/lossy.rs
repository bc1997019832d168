//! S7: links that lose packets, that are dead, that are long.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::Confinement;
use crate::soak::confinement::network::{Network, SERVER};
use crate::soak::programs::Program;
use crate::soak::scenarios::beside::{FAIR, HONEST, Honest};
use crate::soak::scenarios::opened;
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// Connections, and messages in a second over all of them.
const CONNECTIONS: u64 = 200;
const RATE: u64 = 1_000;

/// How many of a thousand packets are lost, in each direction.
const LOSSES: [u32; 3] = [0, 10, 50];

/// A ping after 20 s, 20 s for its answer, and one second more.
const DEAD: f64 = 41.0;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let network = match Network::make() {
        Ok(network) => network,
        Err(why) => {
            stage.skip(format!("no network namespaces here: {why}"));
            return Ok(());
        }
    };
    let cannot = |why: String| Error::Program {
        program: "ip".into(),
        detail: why,
    };
    let length = stage.length(90);
    let (server, port) = stage.serve(&format!("--addr {SERVER}:0"), &network.server())?;
    stage.settle("start")?;
    let base = stage.base(server);
    let arguments = |connections| {
        format!("active --connections {connections} --rate {RATE} --addr {SERVER}:{port}")
    };
    // It is on the server's side of the link, and loses nothing.
    let addr = format!("{SERVER}:{port}");
    let honest = Honest::alone_at(stage, &addr, &network.server())?;
    honest.beside(stage);
    for loss in LOSSES {
        let percent = f64::from(loss) / 10.0;
        let client = stage.start(
            "active",
            Program::Client,
            &arguments(CONNECTIONS),
            &network.clients(),
        )?;
        opened(stage, client, CONNECTIONS)?;
        network.lose(loss).map_err(cannot)?;
        stage.watch(&format!("{percent} % of packets lost"), length / 3)?;
        let dropped = network.lost();
        network.lose(0).map_err(cannot)?;
        stage.end(client)?;
        let what = format!("{percent} % lost");
        stage.tell(format!("{what}: packets dropped"), dropped as f64, "");
        stage.tell(
            format!("{what}: messages"),
            stage.fact(client, "sent") as f64,
            "",
        );
        stage.check_books(&format!("{what}, clients"), client);
        stage.check_books(&format!("{what}, server"), server);
        stage.count(
            format!("{what}: closed in order"),
            stage.fact(client, "ended_clean"),
            CONNECTIONS,
        );
        for quantile in ["p50", "p99", "max"] {
            let took = stage.ms(client, &format!("echo_all_{quantile}"));
            stage.tell(
                format!("{what}: burst to its last echo, {quantile}"),
                took,
                " ms",
            );
        }
    }
    honest.judge(stage, "beside lost packets", FAIR)?;
    stage.check_base(server, base)?;

    // Dead: neither end hears of it, and both must find out.
    let hold = format!("hold --connections {CONNECTIONS} --addr {SERVER}:{port}");
    let idle = stage.start("hold", Program::Client, &hold, &network.clients())?;
    opened(stage, idle, CONNECTIONS)?;
    let busy = stage.start(
        "active",
        Program::Client,
        &arguments(CONNECTIONS),
        &network.clients(),
    )?;
    opened(stage, busy, CONNECTIONS)?;
    stage.watch("before the link dies", Duration::from_secs(3))?;
    let honest = Honest::alone_at(stage, &addr, &network.server())?;
    honest.beside(stage);
    network.link(false).map_err(cannot)?;
    let found = stage.until("the link is down", Duration::from_secs(60), |stage| {
        stage.fact(server, "connections") == HONEST
            && stage.fact(idle, "open") + stage.fact(busy, "open") == 0
    })?;
    honest.judge(stage, "beside a dead link", FAIR)?;
    let found = found.map_or(f64::NAN, |found| found.as_secs_f64());
    stage.check(
        "dead link: until both ends know",
        found,
        " s",
        Limit::Most(DEAD),
    );
    let told = ["ended_1006", "ended_timeout"].map(|how| stage.fact(idle, how));
    stage.count(
        "dead link: idle clients told so",
        told.iter().sum(),
        CONNECTIONS,
    );
    let told = ["ended_1006", "ended_timeout"].map(|how| stage.fact(busy, how));
    stage.count(
        "dead link: active clients told so",
        told.iter().sum(),
        CONNECTIONS,
    );
    stage.check_books("dead link, clients", busy);
    stage.check_base(server, base)?;
    network.link(true).map_err(cannot)?;
    stage.end(server)?;
    long(stage, length / 3)
}

/// A link of 100 to 150 ms in each direction.
fn long(stage: &mut Stage<'_>, length: Duration) -> Result<(), Error> {
    let (server, port) = stage.serve("", &Confinement::None)?;
    stage.settle("start")?;
    let base = stage.base(server);
    let arguments = format!("--target 127.0.0.1:{port} --delay-ms 100 --jitter-ms 50");
    let relay = stage.start("relay", Program::Relay, &arguments, &Confinement::None)?;
    let far = stage.listening(relay)?;
    let arguments = format!("active --connections {CONNECTIONS} --rate {RATE} --deflate-every 4");
    let client = stage.client(far, &arguments)?;
    opened(stage, client, CONNECTIONS)?;
    stage.watch("100 to 150 ms each way", length)?;
    stage.end(client)?;
    stage.check_books("long link, clients", client);
    stage.check_books("long link, server", server);
    stage.count(
        "long link: closed in order",
        stage.fact(client, "ended_clean"),
        CONNECTIONS,
    );
    let median = stage.ms(client, "echo_all_p50");
    stage.check(
        "long link: burst to its last echo, p50",
        median,
        " ms",
        Limit::Least(200.0),
    );
    stage.end(relay)?;
    stage.check_base(server, base)
}
