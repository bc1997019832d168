//! Scenario 10: one message to many connections.

use crate::bench::programs::Programs;
use crate::bench::scenario::Scenario;
use crate::bench::server::{Kind, Server};
use crate::bench::statistics::{Samples, short};
use crate::bench::table::Table;
use crate::bench::throughput::{self, Cell, Effort};
use crate::bench::verdict::{Better, Column};
use crate::error::Error;

/// The number of the scenario.
pub(crate) const NUMBER: u32 = 10;

/// What is sent to whom.
const SCENARIO: Scenario = Scenario::new(NUMBER, "broadcast, 256 B to 1,000", 1_000, None);

/// The servers, in the order of the table. Ours are two: the hub, and without it.
const SERVERS: [Server; 7] = [
    Server::new("socket-flow", Kind::Ours, "broadcast-socket-flow", &[]),
    Server::new(
        "socket-flow-prepared",
        Kind::Ours,
        "broadcast-socket-flow-prepared",
        &[],
    ),
    Server::new("tungstenite", Kind::Peer, "broadcast-tungstenite", &[]),
    Server::new(
        "tokio-websockets",
        Kind::Peer,
        "broadcast-tokio-websockets",
        &[],
    ),
    Server::new(
        "fastwebsockets",
        Kind::Peer,
        "broadcast-fastwebsockets",
        &[],
    ),
    Server::new("yawc", Kind::Peer, "broadcast-yawc", &[]),
    Server::new("sockudo-ws", Kind::Peer, "broadcast-sockudo-ws", &[]),
];

/// A server and what it did.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) server: Server,
    pub(crate) cell: Cell,
}

/// The servers of the selected libraries.
pub(crate) fn of(servers: &[Server]) -> Vec<Server> {
    let selected = |one: &Server| {
        servers.iter().any(|server| match one.kind {
            Kind::Ours => server.kind == Kind::Ours,
            _ => server.name == one.name,
        })
    };
    SERVERS.into_iter().filter(selected).collect()
}

/// Measures them in rounds, interleaved.
pub(crate) fn measure(
    programs: &Programs<'_>,
    servers: &[Server],
    effort: Effort,
) -> Result<Vec<Measured>, Error> {
    let cells = throughput::measure(programs, servers, &[SCENARIO], effort)?;
    let cells = cells.into_iter().flatten();
    let rows = servers.iter().copied().zip(cells);
    Ok(rows
        .map(|(server, cell)| Measured { server, cell })
        .collect())
}

/// The table.
pub(crate) fn table(rows: &[Measured]) -> String {
    let mut table = Table::new([
        "server",
        "CPU µs/delivery",
        "deliveries/s",
        "p50 / p99 to the last, µs",
    ]);
    for Measured { server, cell } in rows {
        let text = |samples: &Samples| {
            let (low, high) = samples.spread()?;
            let median = short(samples.median()?);
            Some(format!("{median} [{}–{}]", short(low), short(high)))
        };
        let times = cell.p50_us.median().zip(cell.p99_us.median());
        let cells = [
            text(&cell.cpu_us),
            text(&cell.messages_per_second),
            times.map(|(p50, p99)| format!("{} / {}", short(p50), short(p99))),
        ];
        let cells = cells.map(|cell| cell.unwrap_or_else(|| "–".into()));
        table.row([server.name.to_owned()].into_iter().chain(cells));
    }
    format!(
        "Scenario {NUMBER}, {} connections: the server's processor time for each of them that a \
         message reaches, and how long until the last has it: median [least–most].\n\n{table}",
        SCENARIO.title
    )
}

/// Who leads.
pub(crate) fn verdict(rows: &[Measured]) -> Vec<String> {
    let column = |better, of: fn(&Cell) -> &Samples| {
        let values = rows.iter();
        Column::new(
            better,
            values.map(|row| (&row.server, of(&row.cell).median())),
        )
    };
    let title = SCENARIO.title;
    let cpu = column(Better::Less, |cell| &cell.cpu_us);
    let last = column(Better::Less, |cell| &cell.p50_us);
    [
        cpu.verdict(&format!("CPU, {title}")),
        last.verdict(&format!("time to the last listener, {title}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, cpu: f64, last: f64) -> Measured {
        let mut cell = Cell::default();
        cell.cpu_us.push(cpu);
        cell.messages_per_second.push(1e6 / cpu);
        cell.p50_us.push(last);
        cell.p99_us.push(2.0 * last);
        let server = SERVERS.into_iter().find(|server| server.name == name);
        Measured {
            server: server.unwrap(),
            cell,
        }
    }

    #[test]
    fn both_of_ours_stand_beside_the_selected_others() {
        let selected = ["socket-flow-lent", "yawc", "yawc-batch"];
        let selected = selected.map(|name| *Server::named(name).unwrap());
        let names: Vec<&str> = of(&selected).iter().map(|server| server.name).collect();
        assert_eq!(names, ["socket-flow", "socket-flow-prepared", "yawc"]);
    }

    #[test]
    fn deliveries_are_told_and_compared() {
        let rows = [
            row("socket-flow", 2.0, 900.0),
            row("socket-flow-prepared", 2.5, 800.0),
            row("yawc", 4.0, 400.0),
        ];
        let text = table(&rows);
        assert!(text.contains("2.00 [2.00–2.00]"));
        assert!(text.contains("900 / 1800"));
        assert_eq!(
            verdict(&rows),
            [
                "CPU, broadcast, 256 B to 1,000: socket-flow leads, 2.00 times as good as yawc",
                "time to the last listener, broadcast, 256 B to 1,000: **yawc is ahead**, 2.00 \
                 times as good as socket-flow-prepared",
            ]
        );
    }
}
