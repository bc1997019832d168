//! `cargo xtask interop`: exchanges with implementations that nobody here wrote, both ways.
//!
//! ```text
//!                     script ──► their client ──► echo_server
//! matrix ── payloads ─┤                                         reports ──► compare ──► table
//!                     script ──► interop_client ──► their server
//! ```
//!
//! That is done over `ws://`, over `wss://` and with the plug-and-play server, a table each.
//!
//! The programs of both ends read the same files, compare every echo byte for byte and say what
//! they saw; what must have come of it is reckoned here.

mod compare;
mod deflate_matrix;
mod feature;
mod matrix;
mod negotiation;
mod ours;
mod payload;
pub(crate) mod peer;
mod report;
mod script;
mod setup;
mod table;
mod trial;

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use crate::authority::Authority;
use crate::cli::InteropOptions;
use crate::error::Error;
use crate::interop::compare::Judge;
use crate::interop::matrix::{Case, Direction};
use crate::interop::payload::Payload;
use crate::interop::peer::Installed;
use crate::interop::setup::Setup;
use crate::interop::table::Table;
use crate::interop::trial::{Reports, Trial};
use crate::workspace::Workspace;

/// What the command keeps under the target directory, the packages among it.
pub(crate) const DIRECTORY: &str = "interop";

/// How many differing exchanges of a column are shown.
const SHOWN: usize = 20;

/// Runs the command.
pub(crate) fn run(options: &InteropOptions) -> Result<(), Error> {
    let start = Instant::now();
    let workspace = Workspace::open(DIRECTORY)?;
    let peers: Vec<Installed> = options
        .peers
        .iter()
        .map(|peer| peer.install(&workspace))
        .collect::<Result<_, _>>()?;
    let payloads = workspace.directory.join("payloads");
    Payload::write_all(&payloads)?;
    let columns = columns(&peers, options);
    if columns.iter().all(|column| column.cases.is_empty()) {
        return Err(Error::Usage("no exchange has such an id".into()));
    }
    let authority = Authority::write(&workspace.directory.join("authority"))?;
    let examples = workspace.build_examples()?;

    let mut judge = Judge::default();
    let (mut total, mut differing) = (0, 0);
    for setup in Setup::ALL {
        let columns: Vec<&Column<'_>> = columns.iter().filter(|it| it.setup == setup).collect();
        let mut table = Table::new(columns.iter().map(|column| column.name()).collect());
        let trial = |column: &Column<'_>| {
            let trial = Trial {
                workspace: &workspace,
                examples: &examples,
                peer: column.peer,
                setup,
                authority: &authority,
                direction: column.direction,
                cases: &column.cases,
                payloads: &payloads,
            };
            trial.run()
        };
        for (number, (column, outcome)) in columns.iter().zip(all(&columns, trial)).enumerate() {
            let reports = match outcome {
                Ok(reports) => reports,
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => Reports {
                    servers: (column.direction == Direction::OurClient).then(HashMap::new),
                    failure: Some(error),
                    ..Reports::default()
                },
            };
            differing += column.judge(number, &reports, &mut judge, &mut table);
        }
        if table.total() > 0 {
            println!("\n{}\n{table}", setup.label());
        }
        total += table.total();
    }
    println!(
        "\n{total} exchanges, {differing} differ, {:.1} s; logs in {}",
        start.elapsed().as_secs_f64(),
        workspace.directory.join("logs").display()
    );
    match differing {
        0 => Ok(()),
        count => Err(Error::Differences(count)),
    }
}
/// Runs the columns side by side.
fn all<'a>(
    columns: &[&Column<'a>],
    run: impl Fn(&Column<'a>) -> Result<Reports, Error> + Sync,
) -> Vec<Result<Reports, Error>> {
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = columns
            .iter()
            .map(|column| scope.spawn(move || run(column)))
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// A peer and a direction, in one of the setups.
struct Column<'a> {
    setup: Setup,
    peer: &'a Installed,
    direction: Direction,
    cases: Vec<Case>,
}

impl Column<'_> {
    fn name(&self) -> String {
        match self.direction {
            Direction::TheirClient => format!("{} -> us", self.peer.peer),
            Direction::OurClient => format!("us -> {}", self.peer.peer),
        }
    }

    fn full_name(&self) -> String {
        format!("{}, {}", self.setup.name(), self.name())
    }

    /// Counts the exchanges, shows those that differ and returns their number.
    fn judge(
        &self,
        number: usize,
        reports: &Reports,
        judge: &mut Judge,
        table: &mut Table,
    ) -> usize {
        if let Some(failure) = &reports.failure {
            println!("{}: {failure}", self.full_name());
        }
        let mut differing = 0;
        for case in &self.cases {
            let server = reports.servers.as_ref();
            let differences = judge.differences(
                case,
                reports.clients.get(&case.id),
                server.map(|servers| servers.get(&case.id)),
            );
            table.count(case.feature, number, differences.is_empty());
            if differences.is_empty() {
                continue;
            }
            differing += 1;
            if differing <= SHOWN {
                println!("{}: {}", self.full_name(), case.id);
                for difference in differences {
                    println!("    {difference}");
                }
            }
        }
        if differing > SHOWN {
            println!("{}: and {} more", self.full_name(), differing - SHOWN);
        }
        // A client that did all exchanges and then failed is a difference too.
        differing.max(usize::from(reports.failure.is_some()))
    }
}

fn columns<'a>(peers: &'a [Installed], options: &InteropOptions) -> Vec<Column<'a>> {
    let mut columns = Vec::new();
    for setup in Setup::ALL {
        for peer in peers {
            for direction in setup.directions() {
                let mut cases = setup.cases(peer.peer, *direction);
                cases.retain(|case| case.id.contains(&options.only));
                columns.push(Column {
                    setup,
                    peer,
                    direction: *direction,
                    cases,
                });
            }
        }
    }
    columns
}
