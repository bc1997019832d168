//! One run of the suite against one side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::autobahn::case::Case;
use crate::autobahn::control;
use crate::autobahn::engine::{Engine, Job, Mode, Suite};
use crate::autobahn::report::Report;
use crate::autobahn::side::Side;
use crate::autobahn::subject::Subject;
use crate::error::Error;
use crate::process::{self, Child, Tail};
use crate::workspace::{self, Examples, Workspace};

/// The name of what is tested in the reports. A client with placeholders may take another.
const AGENT: &str = "socket-flow";

/// How long a program may take to say that it is ready.
const READY: Duration = Duration::from_secs(60);
/// The suite gives no case more than 480 s; a suite that says nothing for longer is dead.
const CASE: Duration = Duration::from_secs(500);
/// How long the suite may take to end after it was asked to.
const END: Duration = Duration::from_secs(60);

/// What a run of the suite needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) engine: &'a Engine,
    pub(crate) examples: &'a Examples,
    /// What is tested in place of the example.
    pub(crate) command: Option<&'a Subject>,
    pub(crate) cases: &'a [Case],
    pub(crate) quick: bool,
    pub(crate) no_context_takeover: bool,
    pub(crate) side: Side,
    /// Where the reports go. What lies there is removed first.
    pub(crate) directory: &'a Path,
}

impl Trial<'_> {
    /// Runs the selected cases and reads the report.
    pub(crate) fn run(&self) -> Result<Report, Error> {
        workspace::remove(self.directory)?;
        fs::create_dir_all(self.directory).map_err(Error::file(self.directory))?;
        let subject = match self.command {
            Some(command) => command.clone(),
            None => Subject::example(self.examples.executable(self.side.example())?),
        };
        let agent = match self.side {
            Side::Server => {
                self.server(&subject)?;
                Some(AGENT)
            }
            Side::Client => {
                self.client(&subject)?;
                (!subject.has_placeholder()).then_some(AGENT)
            }
        };
        Report::load(self.directory, agent)
    }

    fn server(&self, subject: &Subject) -> Result<(), Error> {
        let (mut server, port) = self.listening(subject)?;
        let mut suite = self.start(Mode::FuzzingClient, port)?;
        let mut progress = Progress::new(self, &suite)?;
        loop {
            if let Some(status) = suite.child.ended()? {
                progress.step()?;
                return match status.success() {
                    true => Ok(()),
                    false => Err(suite.child.failure(&status.to_string())),
                };
            }
            if let Some(status) = server.ended()? {
                return Err(server.failure(&format!("ended while under test ({status})")));
            }
            progress.step()?;
            process::pause()?;
        }
    }

    /// Starts the server and returns the port on which it accepts connections.
    fn listening(&self, subject: &Subject) -> Result<(Child, u16), Error> {
        if subject.has_placeholder() {
            let port = free_port()?;
            let mut server = self.spawn(&mut subject.command(port))?;
            ready(&mut server, port, "/")?;
            return Ok((server, port));
        }
        let mut command = subject.command(0);
        command.args(["--addr", "127.0.0.1:0"]);
        command.args(self.compression());
        let mut server = self.spawn(&mut command)?;
        let port = server.listening(READY)?;
        Ok((server, port))
    }

    fn client(&self, subject: &Subject) -> Result<(), Error> {
        let port = free_port()?;
        let mut suite = self.start(Mode::FuzzingServer, port)?;
        ready(&mut suite.child, port, "/getCaseCount")?;
        let mut progress = Progress::new(self, &suite)?;
        let mut command = subject.command(port);
        if !subject.has_placeholder() {
            command.args(["--url", &format!("ws://127.0.0.1:{port}")]);
            command.args(["--agent", AGENT]);
            command.args(self.compression());
        }
        let mut client = self.spawn(&mut command)?;
        let status = loop {
            if let Some(status) = client.ended()? {
                break status;
            }
            if let Some(status) = suite.child.ended()? {
                return Err(suite.child.failure(&format!("ended too early ({status})")));
            }
            progress.step()?;
            process::pause()?;
        };
        progress.step()?;
        self.finish(suite, port)?;
        match status.success() {
            true => Ok(()),
            false => Err(client.failure(&status.to_string())),
        }
    }

    /// Starts what is tested.
    fn spawn(&self, command: &mut Command) -> Result<Child, Error> {
        let program = command.get_program().to_string_lossy().into_owned();
        let example = self.side.example();
        match self.command {
            Some(_) => Child::spawn(&program, command, &self.log("command")),
            None => Child::spawn(example, command, &self.log(example)),
        }
    }

    /// The flags that turn our ends' compression on.
    fn compression(&self) -> &'static [&'static str] {
        match self.no_context_takeover {
            true => &["--deflate", "--no-context-takeover"],
            false => &["--deflate"],
        }
    }

    /// Ends a fuzzing server in order; its results are lost otherwise.
    fn finish(&self, mut suite: Suite, port: u16) -> Result<(), Error> {
        let path = if self.directory.join("index.json").exists() {
            "/stopServer".to_owned()
        } else {
            format!("/updateReports?agent={AGENT}&shutdownOnComplete=true")
        };
        // That connection may end without an answer: the server is shutting down.
        control::accepts(port, &path);
        suite.child.finish(END)
    }

    fn start(&self, mode: Mode, port: u16) -> Result<Suite, Error> {
        self.engine.start(&Job {
            mode,
            port,
            agent: AGENT,
            cases: self.cases,
            directory: self.directory,
            quick: self
                .quick
                .then(|| self.workspace.root.join("autobahn/quick")),
            log: self.log("suite"),
        })
    }

    fn log(&self, program: &str) -> PathBuf {
        self.workspace.log(&format!("{}-{program}", self.side))
    }
}

/// Shows which case runs, and notices when none does any more.
struct Progress {
    side: Side,
    tail: Tail,
    total: usize,
    started: usize,
    last: Instant,
}

impl Progress {
    fn new(trial: &Trial<'_>, suite: &Suite) -> Result<Self, Error> {
        Ok(Self {
            side: trial.side,
            tail: Tail::open(suite.child.log())?,
            total: trial.cases.len(),
            started: 0,
            last: Instant::now(),
        })
    }

    fn step(&mut self) -> Result<(), Error> {
        for line in self.tail.lines()? {
            if let Some(id) = started_case(&line) {
                self.started += 1;
                self.last = Instant::now();
                println!("{} {:3}/{} {id}", self.side, self.started, self.total);
            }
        }
        match self.last.elapsed() < CASE {
            true => Ok(()),
            false => Err(Error::Stalled {
                program: format!("the suite against the {}", self.side),
                limit: CASE,
            }),
        }
    }
}

/// The id of the case that a line of the suite's output announces.
fn started_case(line: &str) -> Option<&str> {
    line.strip_prefix("Running test case ID ")?
        .split_whitespace()
        .next()
}

fn free_port() -> Result<u16, Error> {
    control::free_port().map_err(|source| Error::Spawn {
        program: "a listener on a free port".into(),
        source,
    })
}

/// Waits until the program accepts a WebSocket connection for `path`.
fn ready(program: &mut Child, port: u16, path: &str) -> Result<(), Error> {
    let deadline = Instant::now() + READY;
    while !control::accepts(port, path) {
        if let Some(status) = program.ended()? {
            return Err(program.failure(&format!("ended too early ({status})")));
        }
        if Instant::now() >= deadline {
            return Err(program.failure(&format!(
                "accepted no WebSocket connection on 127.0.0.1:{port}"
            )));
        }
        process::pause()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_case_is_read_from_the_suites_output() {
        let line = "Running test case ID 1.1.1 for agent socket-flow from peer tcp4:127.0.0.1:9";
        assert_eq!(started_case(line), Some("1.1.1"));
        assert_eq!(started_case("Ok, will run 517 test cases"), None);
    }
}
