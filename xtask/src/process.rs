//! Child processes that never outlive the command.
//!
//! A [`Child`] runs in a process group of its own and is killed with all its descendants when it is
//! dropped, however the command ends. A signal only sets a flag; whatever waits looks at it and
//! returns [`Error::Interrupted`], which unwinds through the guards.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;

/// How often a waiting command looks around.
const TICK: Duration = Duration::from_millis(20);

/// How many lines of a failed program's output an error repeats.
const LAST_WORDS: usize = 15;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C, SIGTERM and SIGHUP end the command in order instead of at once.
pub(crate) fn catch_signals() -> Result<(), Error> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)).map_err(|error| {
        Error::Spawn {
            program: "the signal handler".into(),
            source: io::Error::other(error),
        }
    })
}

/// Sleeps for a moment; fails once a signal has arrived.
pub(crate) fn pause() -> Result<(), Error> {
    uninterrupted()?;
    std::thread::sleep(TICK);
    Ok(())
}

/// Fails once a signal has arrived.
pub(crate) fn uninterrupted() -> Result<(), Error> {
    match INTERRUPTED.load(Ordering::Relaxed) {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

/// A running program whose output goes to a file. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    log: PathBuf,
    child: std::process::Child,
    /// Once the end was seen, the system may give the id to someone else.
    reaped: bool,
}

impl Child {
    /// Starts a program with standard output and standard error going to the file `log`.
    pub(crate) fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self, Error> {
        let file = File::create(log).map_err(Error::file(log))?;
        let copy = file.try_clone().map_err(Error::file(log))?;
        command.stdout(file).stderr(copy);
        Self::spawn_quiet(name, command, log)
    }

    /// Starts a program with standard output going to the file `log` and standard error to ours.
    pub(crate) fn spawn_talking(
        name: &str,
        command: &mut Command,
        log: &Path,
    ) -> Result<Self, Error> {
        let file = File::create(log).map_err(Error::file(log))?;
        command.stdout(file).stderr(Stdio::inherit());
        Self::spawn_quiet(name, command, log)
    }

    /// Waits until the program ends, for `limit` at most. A failure carries its last words.
    pub(crate) fn finish(&mut self, limit: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                if status.success() {
                    return Ok(());
                }
                return Err(self.failure(&status.to_string()));
            }
            if Instant::now() >= deadline {
                return Err(Error::Stalled {
                    program: self.name.clone(),
                    limit,
                });
            }
            pause()?;
        }
    }

    /// Waits until the program ends, for `limit` at most, even when a signal has arrived.
    pub(crate) fn finish_always(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while matches!(self.ended(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(TICK);
        }
    }

    /// Waits for the program's line `listening on ADDR`, for `limit` at most, and returns the port.
    pub(crate) fn listening(&mut self, limit: Duration) -> Result<u16, Error> {
        let deadline = Instant::now() + limit;
        let mut tail = Tail::open(&self.log)?;
        loop {
            let ended = self.ended()?;
            for line in tail.lines()? {
                if let Some(address) = line.strip_prefix("listening on ") {
                    return address
                        .rsplit_once(':')
                        .and_then(|(_, port)| port.trim().parse().ok())
                        .ok_or_else(|| self.failure("named no port"));
                }
            }
            if let Some(status) = ended {
                return Err(self.failure(&format!("ended before it listened ({status})")));
            }
            if Instant::now() >= deadline {
                return Err(self.failure("did not say `listening on ADDR`"));
            }
            pause()?;
        }
    }

    /// How the program ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        let status = self.child.try_wait().map_err(|source| Error::Spawn {
            program: self.name.clone(),
            source,
        })?;
        self.reaped = status.is_some();
        Ok(status)
    }

    /// An error that says `what` happened and repeats the program's last words.
    pub(crate) fn failure(&self, what: &str) -> Error {
        let said = fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
        let tail = &lines[lines.len().saturating_sub(LAST_WORDS)..];
        let mut detail = format!("{what}; all it said is in {}", self.log.display());
        for line in tail {
            detail.push_str("\n  | ");
            detail.push_str(line);
        }
        Error::Program {
            program: self.name.clone(),
            detail,
        }
    }

    /// The program's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file that takes the program's output.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    fn spawn_quiet(name: &str, command: &mut Command, log: &Path) -> Result<Self, Error> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|source| Error::Spawn {
                program: name.into(),
                source,
            })?;
        Ok(Self {
            name: name.into(),
            log: log.into(),
            child,
            reaped: false,
        })
    }

    /// Kills the program and what it started: its group, whose id is ours until the leader is reaped.
    fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}

/// Runs a program to its end with its output in the file `log`, for `limit` at most.
pub(crate) fn run(
    name: &str,
    command: &mut Command,
    log: &Path,
    limit: Duration,
) -> Result<(), Error> {
    Child::spawn(name, command, log)?.finish(limit)
}

/// Reads a growing file line by line.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    file: File,
    unfinished: Vec<u8>,
}

impl Tail {
    /// Opens the file at its beginning.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            path: path.into(),
            file: File::open(path).map_err(Error::file(path))?,
            unfinished: Vec::new(),
        })
    }

    /// The lines that were completed since the last call.
    pub(crate) fn lines(&mut self) -> Result<Vec<String>, Error> {
        self.file
            .read_to_end(&mut self.unfinished)
            .map_err(Error::file(&self.path))?;
        let complete = match self.unfinished.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.unfinished.drain(..=end).collect::<Vec<u8>>(),
            None => return Ok(Vec::new()),
        };
        Ok(String::from_utf8_lossy(&complete)
            .lines()
            .map(str::to_owned)
            .collect())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;

    use super::*;

    fn log(name: &str) -> PathBuf {
        let file = format!("xtask-process-{name}-{}.log", std::process::id());
        std::env::temp_dir().join(file)
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_dropped_child_dies_with_its_descendants() {
        let log = log("group");
        let child = Child::spawn("sh", &mut shell("sleep 600 & echo $!; wait"), &log).unwrap();
        let mut tail = Tail::open(&log).unwrap();
        let descendant = loop {
            if let Some(line) = tail.lines().unwrap().pop() {
                break line;
            }
            pause().unwrap();
        };
        let alive = || {
            let state = fs::read_to_string(format!("/proc/{descendant}/stat"));
            state.is_ok_and(|stat| !stat.contains(") Z "))
        };
        drop(child);
        while alive() {
            pause().unwrap();
        }
        fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_failure_repeats_the_last_words() {
        let log = log("words");
        let error = run(
            "sh",
            &mut shell("echo first; echo last >&2; exit 3"),
            &log,
            Duration::from_secs(60),
        )
        .unwrap_err()
        .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(
            error.contains("| first") && error.contains("| last"),
            "{error}"
        );
        fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_program_that_takes_too_long_is_stalled() {
        let log = log("stalled");
        let outcome = run("sh", &mut shell("sleep 600"), &log, Duration::ZERO);
        assert!(matches!(outcome, Err(Error::Stalled { .. })));
        fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_tail_yields_whole_lines_once() {
        let log = log("tail");
        let mut file = File::create(&log).unwrap();
        let mut tail = Tail::open(&log).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.lines().unwrap(), ["one"]);
        assert!(tail.lines().unwrap().is_empty());
        file.write_all(b"o\n").unwrap();
        assert_eq!(tail.lines().unwrap(), ["two"]);
        fs::remove_file(&log).unwrap();
    }
}
