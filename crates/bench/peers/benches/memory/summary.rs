//! The table at the end, made of criterion's samples.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

/// What ours are called, to be told from the others.
const OURS: &str = "socket-flow";

/// Results of this run.
pub(crate) struct Summary {
    target: PathBuf,
    began: SystemTime,
    /// The libraries, in order.
    libraries: Vec<String>,
    /// Groups in order, each with ns per message of its libraries.
    rows: Vec<(String, BTreeMap<String, f64>)>,
}

/// Criterion's samples of one benchmark: iterations and their time in ns.
#[derive(Deserialize)]
struct Samples {
    iters: Vec<f64>,
    times: Vec<f64>,
}

impl Summary {
    pub(crate) fn new(target: &Path) -> Self {
        Self {
            target: target.to_owned(),
            began: SystemTime::now(),
            libraries: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Takes the result of a benchmark that may have run, whose iterations have so many messages.
    pub(crate) fn note(&mut self, group: &str, library: &str, messages: usize) {
        let Some(best) = self.best(group, library) else {
            return;
        };
        if !self.libraries.iter().any(|known| known == library) {
            self.libraries.push(library.into());
        }
        if self.rows.last().is_none_or(|(last, _)| last != group) {
            self.rows.push((group.into(), BTreeMap::new()));
        }
        if let Some((_, row)) = self.rows.last_mut() {
            row.insert(library.into(), best / messages as f64);
        }
    }

    /// Prints the table and writes it to the target directory.
    pub(crate) fn finish(&self) {
        if self.rows.is_empty() {
            return;
        }
        let mut table = String::from("| ns per message, best sample |");
        for library in &self.libraries {
            _ = write!(table, " {library} |");
        }
        table.push_str(" best peer | ours to it: lent, owned |\n|");
        table.push_str(&"---|".repeat(self.libraries.len() + 3));
        for (group, row) in &self.rows {
            _ = write!(table, "\n| {group} |");
            for library in &self.libraries {
                match row.get(library) {
                    Some(time) => _ = write!(table, " {} |", number(*time)),
                    None => table.push_str(" – |"),
                }
            }
            let others = row.iter().filter(|(name, _)| !name.starts_with(OURS));
            let Some((name, best)) = others.min_by(|a, b| a.1.total_cmp(b.1)) else {
                table.push_str(" – | – |");
                continue;
            };
            let ratios: Vec<_> = row
                .iter()
                .filter(|(name, _)| name.starts_with(OURS))
                .map(|(_, time)| format!("{:.2}", time / best))
                .collect();
            _ = write!(table, " {name} | {} |", ratios.join(", "));
        }
        println!("\n{table}\n");
        let path = self.target.join("memory.md");
        match fs::write(&path, table + "\n") {
            Ok(()) => println!("written to {}", path.display()),
            Err(error) => println!("cannot write {}: {error}", path.display()),
        }
    }

    /// The best time of an iteration in ns, if criterion has measured it since the start.
    fn best(&self, group: &str, library: &str) -> Option<f64> {
        let path = self.target.join("criterion").join(group).join(library);
        let path = path.join("new").join("sample.json");
        let written = fs::metadata(&path).ok()?.modified().ok()?;
        if written < self.began {
            return None;
        }
        let samples: Samples = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let times = samples.times.iter().zip(&samples.iters);
        times
            .map(|(time, count)| time / count)
            .min_by(f64::total_cmp)
    }
}

/// Where cargo put this program: `TARGET/release/deps/NAME`.
pub(crate) fn target_directory() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(3).map(Path::to_owned);
    target.unwrap_or_else(|| "target".into())
}

/// Three digits that mean something.
fn number(time: f64) -> String {
    match time {
        100.0.. => format!("{time:.0}"),
        10.0.. => format!("{time:.1}"),
        _ => format!("{time:.2}"),
    }
}
