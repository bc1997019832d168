//! A running program and what it says about itself.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::process::{Child, Tail};
use crate::soak::process_status::ProcessStatus;
use crate::workspace::Workspace;

/// Time for a program to begin.
const START: Duration = Duration::from_secs(20);

/// A running program.
#[derive(Debug)]
pub(crate) struct Actor {
    child: Child,
    tail: Tail,
    /// The latest of each.
    facts: BTreeMap<String, u64>,
    status: ProcessStatus,
    /// The most memory that was seen since it was last asked for.
    highest: u64,
    /// Whether it may end, as it was told to.
    is_leaving: bool,
}

/// What a program is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The next phase begins.
    Next,
    /// It ends, in order.
    End,
    /// It stops where it is.
    Stop,
    /// It goes on.
    Continue,
    /// It ends at once, whatever it does.
    Kill,
}

impl Actor {
    /// Starts a program; its output lands in the log of this name.
    pub(crate) fn start(
        workspace: &Workspace,
        name: &str,
        command: &mut Command,
    ) -> Result<Self, Error> {
        let log = workspace.log(name);
        let child = Child::spawn(name, command, &log)?;
        Ok(Self {
            tail: Tail::open(&log)?,
            child,
            facts: BTreeMap::new(),
            status: ProcessStatus::default(),
            highest: 0,
            is_leaving: false,
        })
    }

    /// Waits until it listens, and returns the port.
    pub(crate) fn listening(&mut self) -> Result<u16, Error> {
        self.child.listening(START)
    }

    /// Reads what is new. Fails where the program has ended and nobody told it to.
    pub(crate) fn update(&mut self) -> Result<(), Error> {
        // First whether it has ended, so that its last words are read after.
        let ended = self.child.ended()?;
        for line in self.tail.lines()? {
            if let Some(facts) = read(&line) {
                self.facts.extend(facts);
            }
        }
        match ended {
            Some(status) if !self.is_leaving => {
                let is_done = status.success() && self.fact("done") > 0;
                match is_done {
                    true => self.is_leaving = true,
                    false => return Err(self.child.failure(&format!("ended early ({status})"))),
                }
            }
            Some(_) => {}
            None => self.look(),
        }
        Ok(())
    }

    /// Looks at the process.
    pub(crate) fn look(&mut self) {
        if let Some(status) = ProcessStatus::of(self.child.id()) {
            self.status = status;
            self.highest = self.highest.max(status.resident);
        }
    }

    /// The latest value of a fact; 0 before it was told.
    pub(crate) fn fact(&self, name: &str) -> u64 {
        self.facts.get(name).copied().unwrap_or(0)
    }

    /// The process as it was last seen.
    pub(crate) fn status(&self) -> ProcessStatus {
        self.status
    }

    /// The most memory it had since this was last asked.
    pub(crate) fn take_highest(&mut self) -> u64 {
        std::mem::replace(&mut self.highest, self.status.resident)
    }

    /// Tells it something.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.is_leaving |= matches!(signal, Signal::End | Signal::Kill);
        send(self.child.id(), signal);
    }

    /// Waits until it has ended in order, and reads its last line.
    pub(crate) fn finish(&mut self, limit: Duration) -> Result<(), Error> {
        self.is_leaving = true;
        self.child.finish(limit)?;
        self.update()
    }

    /// Waits until it has ended, however it did.
    pub(crate) fn wait_gone(&mut self, limit: Duration) {
        self.is_leaving = true;
        self.child.finish_always(limit);
    }
}

/// A line of facts; anything else a program says is for people.
fn read(line: &str) -> Option<BTreeMap<String, u64>> {
    serde_json::from_str(line).ok()
}

#[cfg(unix)]
fn send(process: u32, signal: Signal) {
    use rustix::process::{Pid, Signal as Unix, kill_process};
    let signal = match signal {
        Signal::Next => Unix::USR1,
        Signal::End => Unix::TERM,
        Signal::Stop => Unix::STOP,
        Signal::Continue => Unix::CONT,
        Signal::Kill => Unix::KILL,
    };
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // Where it has ended there is nobody to tell.
        let _ = kill_process(process, signal);
    }
}

#[cfg(not(unix))]
fn send(_process: u32, _signal: Signal) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_not_facts_are_for_people() {
        let facts = read(r#"{"open":3,"echo_all_p99":120}"#).unwrap();
        assert_eq!(facts["open"], 3);
        assert_eq!(facts["echo_all_p99"], 120);
        assert_eq!(read("listening on 127.0.0.1:1"), None);
        assert_eq!(read(r#"{"open":"3"}"#), None);
    }
}
