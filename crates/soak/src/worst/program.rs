//! The programs of a measurement, as processes.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many periods in a row hold as much, of so many at most.
const ALIKE: u32 = 3;
const MOST_PERIODS: u32 = 60;

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `soak-server`.
    pub server: PathBuf,
    /// `soak-attack`.
    pub attack: PathBuf,
    /// The certificates of a server that speaks TLS.
    pub tls: PathBuf,
}

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    /// What it prints.
    lines: Receiver<String>,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Bytes asked of its allocator, the most of some time.
    pub(super) asked: u64,
    /// Bytes in memory, at the end of it.
    pub(super) resident: u64,
}

impl Program {
    pub(super) fn start(path: &Path, arguments: &str) -> io::Result<Self> {
        let mut child = Command::new(path)
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A line for each connection that is let go.
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The address it listens on.
    pub(super) fn address(&self) -> io::Result<String> {
        let line = self.line(Instant::now() + PATIENCE)?;
        let address = line.strip_prefix("listening on ");
        address.map(str::to_owned).ok_or_else(|| unexpected(&line))
    }

    /// Waits until this counter has this value.
    pub(super) fn until(&self, name: &str, value: u64) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = String::new();
        loop {
            told = self.line(deadline).map_err(|error| {
                let text = format!("{name} was not {value}: {error}; at last {told}");
                io::Error::new(error.kind(), text)
            })?;
            if number(&told, name)? == value {
                return Ok(());
            }
        }
    }

    /// What the process holds once that hardly changes any more from period to period: what clients
    /// have sent is worked off by then. Where it goes on changing, what it holds at last.
    pub(super) fn held(&self) -> io::Result<Held> {
        let deadline = Instant::now() + PATIENCE;
        // What was printed before, and the line of the period that has begun.
        while self.lines.try_recv().is_ok() {}
        self.line(deadline)?;
        let mut asked = number(&self.line(deadline)?, "heap_most")?;
        let mut alike = 0;
        for _ in 0..MOST_PERIODS {
            let next = number(&self.line(deadline)?, "heap_most")?;
            let is_alike = next.abs_diff(asked) <= asked / 100;
            alike = if is_alike { alike + 1 } else { 0 };
            asked = next;
            if alike == ALIKE {
                break;
            }
        }
        Ok(Held {
            asked,
            resident: resident(self.child.id())?,
        })
    }

    /// Counters as they are told next.
    pub(super) fn next<const N: usize>(&self, names: [&str; N]) -> io::Result<[u64; N]> {
        while self.lines.try_recv().is_ok() {}
        let line = self.line(Instant::now() + PATIENCE)?;
        let mut numbers = [0; N];
        for (name, value) in names.into_iter().zip(&mut numbers) {
            *value = number(&line, name)?;
        }
        Ok(numbers)
    }

    fn line(&self, deadline: Instant) -> io::Result<String> {
        let rest = deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(rest);
        line.map_err(|error| io::Error::new(io::ErrorKind::TimedOut, error))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where it has ended there is nobody to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(line: &str, name: &str) -> io::Result<u64> {
    let facts: Value = serde_json::from_str(line).map_err(|_| unexpected(line))?;
    facts[name].as_u64().ok_or_else(|| unexpected(line))
}

fn unexpected(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a program said {line}"))
}

/// Bytes of a process in memory.
fn resident(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    let kib: u64 = kib.ok_or(io::ErrorKind::InvalidData)?;
    Ok(kib << 10)
}
