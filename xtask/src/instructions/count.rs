//! Counting: the cells, built as users build the crates, run under Valgrind.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::callgrind;
use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// The program lists its cells at once.
const LIMIT: Duration = Duration::from_secs(120);

/// Whether this processor does what the committed figures count.
pub(crate) fn is_comparable() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// A cell and its count: instructions per message.
pub(crate) type Counted = (String, u64);

/// What can be counted.
#[derive(Debug)]
pub(crate) struct Cells {
    program: PathBuf,
    cells: Vec<Cell>,
}

#[derive(Debug, PartialEq, Eq)]
struct Cell {
    name: String,
    /// Rounds of the short run.
    rounds: u64,
    /// Messages of a round.
    messages: u64,
}

impl Cells {
    /// Builds the program and asks it for its cells; those whose name holds `only` are kept.
    pub(crate) fn build(workspace: &Workspace, only: &str) -> Result<Self, Error> {
        let program = workspace.build_benchmark("socket-flow", "instructions")?;
        let log = workspace.log("cells");
        process::run("instructions", &mut Command::new(&program), &log, LIMIT)?;
        let text = fs::read_to_string(&log).map_err(Error::file(&log))?;
        let mut cells = parse(&text).ok_or_else(|| Error::data(&log, "not a list of cells"))?;
        cells.retain(|cell| cell.name.contains(only));
        Ok(Self { program, cells })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Counts them all, on every processor, in the order of the list.
    pub(crate) fn count(&self, workspace: &Workspace) -> Result<Vec<Counted>, Error> {
        let next = AtomicUsize::new(0);
        let counted = Mutex::new(Vec::new());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(cell) = self.cells.get(number) else {
                    return Ok(());
                };
                let count = self.count_one(workspace, cell)?;
                if let Ok(mut counted) = counted.lock() {
                    counted.push((number, (cell.name.clone(), count)));
                }
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                let outcome: Result<(), Error> = match thread.join() {
                    Ok(outcome) => outcome,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                outcome
            })
        })?;
        let mut counted = counted.into_inner().unwrap_or_default();
        counted.sort_unstable();
        Ok(counted.into_iter().map(|(_, counted)| counted).collect())
    }

    /// A short and a long run: their difference holds neither start nor preparation.
    fn count_one(&self, workspace: &Workspace, cell: &Cell) -> Result<u64, Error> {
        let short = self.run(workspace, cell, cell.rounds)?;
        let long = self.run(workspace, cell, 3 * cell.rounds)?;
        let messages = 2 * cell.rounds * cell.messages;
        Ok((long.saturating_sub(short) + messages / 2) / messages)
    }

    /// One run; its profile stays behind.
    fn run(&self, workspace: &Workspace, cell: &Cell, rounds: u64) -> Result<u64, Error> {
        let file = file_name(&cell.name);
        let log = workspace.log(&file);
        let profile = workspace.directory.join(format!("{file}.out"));
        let arguments = [&*cell.name, &rounds.to_string()];
        callgrind::run(&self.program, &arguments, &[], &profile, &log)?;
        callgrind::collected(&log)
    }
}

/// Reads the program's list: name, rounds and messages, a line each.
fn parse(text: &str) -> Option<Vec<Cell>> {
    text.lines()
        .map(|line| {
            let mut fields = line.split('\t');
            let cell = Cell {
                name: fields.next()?.into(),
                rounds: fields.next()?.parse().ok().filter(|rounds| *rounds > 0)?,
                messages: fields.next()?.parse().ok().filter(|count| *count > 0)?,
            };
            fields.next().is_none().then_some(cell)
        })
        .collect()
}

/// A cell's name as a file's.
fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cells_is_read() {
        let cells = parse("frames/mask 32 B\t8\t64\n").unwrap();
        let cell = Cell {
            name: "frames/mask 32 B".into(),
            rounds: 8,
            messages: 64,
        };
        assert_eq!(cells, [cell]);
        for wrong in ["name\n", "name\t0\t1\n", "name\t1\t1\t1\n", "name\tx\t1\n"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
