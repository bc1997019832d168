//! The tables.

use crate::bench::broadcast;
use crate::bench::client::{self, Measured};
use crate::bench::footprint::Footprint;
use crate::bench::instructions::Counts;
use crate::bench::scenario::Scenario;
use crate::bench::server::{Kind, Server};
use crate::bench::statistics::{Samples, grouped, short};
use crate::bench::table::Table;
use crate::bench::throughput::Cell;
use crate::bench::verdict::{Better, Column};

/// From here on the load generator is taken for the limit.
const BUSY: f64 = 0.95;

/// Everything that was measured, servers in the same order everywhere.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) servers: Vec<Server>,
    pub(crate) scenarios: Vec<Scenario>,
    /// By server and scenario.
    pub(crate) cells: Vec<Vec<Cell>>,
    pub(crate) broadcasts: Vec<broadcast::Measured>,
    pub(crate) clients: Vec<Measured>,
    pub(crate) instructions: Vec<Counts>,
    pub(crate) footprints: Vec<(Server, Footprint)>,
}

impl Results {
    /// Each section of the page: its name and its text.
    pub(crate) fn sections(&self) -> Vec<(&'static str, String)> {
        let mut sections = vec![
            (
                "CPU",
                self.times(
                    "Server processor time for a message, in µs",
                    Better::Less,
                    |cell| &cell.cpu_us,
                ),
            ),
            (
                "throughput",
                format!(
                    "{}\n`*`: the load generator was busy all the time, and the limit.\n",
                    self.times("Messages echoed in a second", Better::More, |cell| {
                        &cell.messages_per_second
                    })
                ),
            ),
            ("latency", self.latency()),
        ];
        if self.scenarios.is_empty() {
            // Broadcasts or clients alone were asked for.
            sections.clear();
        }
        if !self.instructions.is_empty() {
            sections.push(("instructions", self.counts()));
        }
        if !self.broadcasts.is_empty() {
            sections.push(("broadcast", broadcast::table(&self.broadcasts)));
        }
        if !self.clients.is_empty() {
            sections.push(("clients", self.client_times()));
        }
        if !self.footprints.is_empty() {
            sections.push(("footprint", self.connections()));
        }
        sections.push(("verdict", self.verdict()));
        sections
    }

    fn times(&self, title: &str, better: Better, of: fn(&Cell) -> &Samples) -> String {
        let mut table = self.table();
        let best: Vec<_> = self.columns(better, of);
        let raw = self
            .servers
            .iter()
            .position(|server| server.kind == Kind::Raw);
        for (row, server) in self.servers.iter().enumerate() {
            let mut line = vec![server.name.to_owned()];
            for (column, best) in best.iter().enumerate() {
                let cell = self.cell(row, column);
                let median = |row| self.cell(row, column).and_then(|cell| of(cell).median());
                let text = cell.and_then(|cell| {
                    let value = of(cell).median()?;
                    let (low, high) = of(cell).spread()?;
                    let leader = best.best(Kind::Peer);
                    let mark = match leader {
                        Some((leader, _)) if leader == server => "**",
                        _ => "",
                    };
                    let limited = better == Better::More
                        && cell.load_busy.median().is_some_and(|busy| busy > BUSY);
                    let mut text = format!(
                        "{mark}{}{mark}{} [{}–{}]",
                        short(value),
                        if limited { "*" } else { "" },
                        short(low),
                        short(high)
                    );
                    if let Some(raw) = raw.and_then(median) {
                        text.push_str(&format!(" {:.2}r", value / raw));
                    }
                    if let Some((_, peer)) = leader {
                        text.push_str(&format!(" {:.2}b", value / peer));
                    }
                    Some(text)
                });
                line.push(text.unwrap_or_else(|| "–".into()));
            }
            table.row(line);
        }
        format!(
            "{title}: median [least–most], r: ratio to raw TCP, b: ratio to the best other library \
             (bold).\n\n{table}"
        )
    }

    fn latency(&self) -> String {
        let mut table = self.table();
        for (row, server) in self.servers.iter().enumerate() {
            let mut line = vec![server.name.to_owned()];
            for column in 0..self.scenarios.len() {
                let text = self.cell(row, column).and_then(|cell| {
                    let (p50, p99) = (cell.p50_us.median()?, cell.p99_us.median()?);
                    Some(format!("{} / {}", short(p50), short(p99)))
                });
                line.push(text.unwrap_or_else(|| "–".into()));
            }
            table.row(line);
        }
        format!(
            "From the write of a burst to its last reply, in µs: half of them were quicker / 99 of \
             100 were.\n\n{table}"
        )
    }

    fn counts(&self) -> String {
        let counted = self.scenarios.iter().filter(|it| it.counted.is_some());
        let mut table = Table::new(
            [String::from("server")]
                .into_iter()
                .chain(counted.map(|it| format!("{}: {}", it.number, it.title))),
        );
        for row in &self.instructions {
            let name = match row.plain {
                true => format!("{}, plain", row.server),
                false => row.server.name.to_owned(),
            };
            let cells = row.counts.iter().map(|count| match count {
                Some(count) => grouped(*count),
                None => "–".into(),
            });
            table.row([name].into_iter().chain(cells));
        }
        format!(
            "Instructions in user space for an echoed message, by callgrind, the difference of a \
             long and a short run.\n\n{table}"
        )
    }

    fn client_times(&self) -> String {
        let mut table = Table::new(["client", "CPU µs/message", "messages/s"]);
        for row in &self.clients {
            let text = |samples: &Samples| {
                let median = samples.median()?;
                let (low, high) = samples.spread()?;
                Some(format!(
                    "{} [{}–{}]",
                    short(median),
                    short(low),
                    short(high)
                ))
            };
            let cells = [&row.cpu_us, &row.messages_per_second];
            let cells = cells.map(|samples| text(samples).unwrap_or_else(|| "–".into()));
            table.row([row.client.name.to_owned()].into_iter().chain(cells));
        }
        format!(
            "The client's processor time for a message and its reply, and how many there were: \
             scenario {}, {}, against `ideal`. A burst leaves in one write.\n\n{table}",
            client::NUMBER,
            client::TITLE
        )
    }

    fn connections(&self) -> String {
        let mut table = Table::new([
            "server",
            "bytes, fresh",
            "bytes, after 1 KiB echoed",
            "handshakes/s",
            "CPU µs/handshake",
        ]);
        let mut count = 0;
        for (server, footprint) in &self.footprints {
            count = footprint.connections;
            table.row([
                server.name.to_owned(),
                grouped(footprint.fresh_bytes),
                grouped(footprint.echoed_bytes),
                short(footprint.handshakes_per_second),
                short(footprint.cpu_us_per_handshake),
            ]);
        }
        format!(
            "Resident bytes for each of {} idle connections, and what opening them cost, 32 at a \
             time.\n\n{table}",
            grouped(count as f64)
        )
    }

    fn verdict(&self) -> String {
        let mut lines = Vec::new();
        let cpu = self.columns(Better::Less, |cell| &cell.cpu_us);
        let throughput = self.columns(Better::More, |cell| &cell.messages_per_second);
        for (columns, what) in [(cpu, "CPU"), (throughput, "messages")] {
            for (column, scenario) in columns.iter().zip(&self.scenarios) {
                lines.extend(column.verdict(&format!("{what}, {}", scenario.title)));
            }
        }
        let counted = self.scenarios.iter().filter(|it| it.counted.is_some());
        for (at, scenario) in counted.enumerate() {
            let rows = self.instructions.iter().filter(|row| !row.plain);
            let values = rows.map(|row| (&row.server, row.counts.get(at).copied().flatten()));
            let column = Column::new(Better::Less, values);
            lines.extend(column.verdict(&format!("instructions, {}", scenario.title)));
        }
        lines.extend(broadcast::verdict(&self.broadcasts));
        let values = self.clients.iter();
        let values = values.map(|row| (&row.client, row.cpu_us.median()));
        lines.extend(Column::new(Better::Less, values).verdict(&format!("CPU, {}", client::TITLE)));
        type Figure = fn(&Footprint) -> f64;
        let figures: [(&str, Figure); 3] = [
            ("idle bytes, fresh", |it| it.fresh_bytes),
            ("idle bytes, after 1 KiB", |it| it.echoed_bytes),
            ("CPU for a handshake", |it| it.cpu_us_per_handshake),
        ];
        for (name, figure) in figures {
            let values = self.footprints.iter();
            let values = values.map(|(server, footprint)| (server, Some(figure(footprint))));
            lines.extend(Column::new(Better::Less, values).verdict(name));
        }
        let lines: Vec<String> = lines.iter().map(|line| format!("- {line}")).collect();
        format!(
            "Our better server against the best other library. Of times, what differs by less than \
             a tenth is noise.\n\n{}\n",
            lines.join("\n")
        )
    }

    fn columns(&self, better: Better, of: fn(&Cell) -> &Samples) -> Vec<Column<'_>> {
        (0..self.scenarios.len())
            .map(|column| {
                let rows = self.servers.iter().enumerate();
                let values = rows.map(|(row, server)| {
                    let cell = self.cell(row, column);
                    (server, cell.and_then(|cell| of(cell).median()))
                });
                Column::new(better, values)
            })
            .collect()
    }

    fn cell(&self, row: usize, column: usize) -> Option<&Cell> {
        self.cells.get(row)?.get(column)
    }

    /// A table with a column for each scenario.
    fn table(&self) -> Table {
        let scenarios = self.scenarios.iter();
        Table::new(
            [String::from("server")]
                .into_iter()
                .chain(scenarios.map(|it| format!("{}: {}", it.number, it.title))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let cell = |cpu: f64, rate: f64| {
            let mut cell = Cell::default();
            cell.cpu_us.push(cpu);
            cell.messages_per_second.push(rate);
            cell.load_busy.push(0.99);
            cell
        };
        let server = |name| Server::ALL.into_iter().find(|it| it.name == name).unwrap();
        Results {
            servers: ["raw", "socket-flow", "wtx"].map(server).into(),
            scenarios: vec![Scenario::numbered(3).unwrap()],
            cells: vec![
                vec![cell(0.2, 4e6)],
                vec![cell(0.25, 3e6)],
                vec![cell(8.0, 1e5)],
            ],
            broadcasts: Vec::new(),
            clients: Vec::new(),
            instructions: [
                ("socket-flow", false, Some(450.4)),
                ("socket-flow", true, Some(600.0)),
                ("wtx", false, None),
            ]
            .map(|(name, plain, count)| Counts {
                server: server(name),
                plain,
                counts: vec![count],
            })
            .into(),
            footprints: Vec::new(),
        }
    }

    #[test]
    fn every_figure_stands_beside_raw_and_the_best_peer() {
        let sections = results().sections();
        let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["CPU", "throughput", "latency", "instructions", "verdict"]
        );
        let text = |name| &sections.iter().find(|(it, _)| *it == name).unwrap().1;
        assert!(text("CPU").contains("0.25 [0.25–0.25] 1.25r 0.03b"));
        assert!(text("CPU").contains("**8.00** [8.00–8.00] 40.00r 1.00b"));
        assert!(text("throughput").contains("3.00M* [3.00M–3.00M] 0.75r 30.00b"));
        assert!(text("latency").contains("–"));
        assert!(text("instructions").contains("| socket-flow        |"));
        assert!(text("instructions").contains("| socket-flow, plain |"));
        assert!(text("instructions").contains(" 450 |"));
        assert!(text("verdict").contains("- CPU, 32 B, 8×64: socket-flow leads, 32.00 times"));
    }
}
