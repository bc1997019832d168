//! Where a scenario is played: its programs, its rows, its checks.

use std::time::{Duration, Instant};

use crate::authority::Authority;
use crate::error::Error;
use crate::process;
use crate::soak::actor::{Actor, Signal};
use crate::soak::confinement::Confinement;
use crate::soak::options::Options;
use crate::soak::process_status::ProcessStatus;
use crate::soak::programs::{Program, Programs};
use crate::soak::rows::{HEADER, Row};
use crate::soak::scenario::Scenario;
use crate::soak::verdict::{Check, Limit, Outcome};
use crate::workspace::Workspace;

/// How often programs are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How often there is a row at most, and how many a phase has at least while it lasts.
const ROW: Duration = Duration::from_secs(1);
const ROWS: u32 = 20;

/// Time for programs to do what they were told and give back what they need no more.
const SETTLE: Duration = Duration::from_secs(2);

/// A program of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(usize);

/// A scenario that is played.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    scenario: &'a Scenario,
    options: &'a Options,
    workspace: &'a Workspace,
    programs: &'a Programs,
    began: Instant,
    actors: Vec<Actor>,
    /// The server that the rows are about.
    server: Option<Id>,
    has_header: bool,
    checks: Vec<Check>,
    skipped: Option<String>,
}

impl<'a> Stage<'a> {
    /// An empty one.
    pub(crate) fn new(
        scenario: &'a Scenario,
        options: &'a Options,
        workspace: &'a Workspace,
        programs: &'a Programs,
    ) -> Self {
        Self {
            scenario,
            options,
            workspace,
            programs,
            began: Instant::now(),
            actors: Vec::new(),
            server: None,
            has_header: false,
            checks: Vec::new(),
            skipped: None,
        }
    }

    /// How many connections are "many".
    pub(crate) fn connections(&self) -> u64 {
        self.options.connections
    }

    /// How long something lasts whose length is free.
    pub(crate) fn length(&self, own: u64) -> Duration {
        self.options.length.unwrap_or(Duration::from_secs(own))
    }

    /// Starts a server, which the rows are about from now on, and returns it with its port.
    pub(crate) fn serve(
        &mut self,
        arguments: &str,
        confinement: &Confinement,
    ) -> Result<(Id, u16), Error> {
        let server = self.start("server", Program::Server, arguments, confinement)?;
        self.server = Some(server);
        let port = self.actor(server).listening()?;
        Ok((server, port))
    }

    /// Makes certificates for a server that speaks TLS: the argument that has it and its clients use
    /// them.
    pub(crate) fn tls(&self) -> Result<String, Error> {
        let directory = self.workspace.directory.join("tls");
        Authority::write(&directory)?;
        Ok(format!("--tls {}", directory.display()))
    }

    /// Starts a program. Its log has the scenario's name and its own.
    pub(crate) fn start(
        &mut self,
        name: &str,
        program: Program,
        arguments: &str,
        confinement: &Confinement,
    ) -> Result<Id, Error> {
        let id = Id(self.actors.len());
        let mut command = confinement.command(self.programs.path(program)?);
        command.args(arguments.split_whitespace());
        // No two programs draw the same numbers.
        let seed = self.options.seed.wrapping_add(id.0 as u64 * 1_000_003);
        command.args(["--seed", &seed.to_string()]);
        let name = format!("{}-{}-{name}", self.scenario.name, id.0);
        let actor = Actor::start(self.workspace, &name, &mut command)?;
        self.actors.push(actor);
        Ok(id)
    }

    /// Starts a client on this machine's loopback.
    pub(crate) fn client(&mut self, port: u16, arguments: &str) -> Result<Id, Error> {
        self.talk(Program::Client, port, arguments, &Confinement::None)
    }

    /// Starts an attacker on this machine's loopback.
    pub(crate) fn attack(&mut self, port: u16, arguments: &str) -> Result<Id, Error> {
        self.talk(Program::Attack, port, arguments, &Confinement::None)
    }

    /// The same, for an attacker that would take the processors from the server.
    pub(crate) fn attack_yielding(&mut self, port: u16, arguments: &str) -> Result<Id, Error> {
        self.talk(Program::Attack, port, arguments, &Confinement::Yielding)
    }

    fn talk(
        &mut self,
        program: Program,
        port: u16,
        arguments: &str,
        confinement: &Confinement,
    ) -> Result<Id, Error> {
        let name = arguments.split(' ').next().unwrap_or_default().to_owned();
        let arguments = format!("{arguments} --addr 127.0.0.1:{port}");
        self.start(&name, program, &arguments, confinement)
    }

    /// Has a client come and go, so that what a server makes once is made.
    pub(crate) fn warm_up(&mut self, port: u16) -> Result<(), Error> {
        let client = self.client(port, "good --rate 50")?;
        self.until("warm-up", Duration::from_secs(10), |stage| {
            stage.fact(client, "served") >= 20
        })?;
        self.end(client)?;
        self.settle("warm-up")
    }

    /// Plays on for a while, with rows.
    pub(crate) fn watch(&mut self, phase: &str, length: Duration) -> Result<(), Error> {
        self.until(phase, length, |_| false).map(drop)
    }

    /// Plays on until everything has calmed down.
    pub(crate) fn settle(&mut self, phase: &str) -> Result<(), Error> {
        self.watch(phase, SETTLE)
    }

    /// Plays on until something is so, for `limit` at most: whether it was, and when.
    pub(crate) fn until(
        &mut self,
        phase: &str,
        limit: Duration,
        is_so: impl Fn(&Self) -> bool,
    ) -> Result<Option<Duration>, Error> {
        let began = Instant::now();
        let period = ROW.max(limit / ROWS);
        let (mut next_row, mut next_look) = (began + ROW.min(limit), began);
        loop {
            process::pause()?;
            let now = Instant::now();
            if now < next_look {
                continue;
            }
            next_look = now + LOOK;
            for actor in &mut self.actors {
                actor.update()?;
            }
            let is_over = now >= began + limit;
            let was_so = is_so(self);
            if now >= next_row || was_so || is_over {
                next_row = now + period;
                self.row(phase);
            }
            if was_so {
                return Ok(Some(now - began));
            }
            if is_over {
                return Ok(None);
            }
        }
    }

    /// Waits until a program that is no server listens, and returns the port.
    pub(crate) fn listening(&mut self, id: Id) -> Result<u16, Error> {
        self.actor(id).listening()
    }

    /// Waits until a program has ended by itself.
    pub(crate) fn finish(&mut self, id: Id, limit: Duration) -> Result<(), Error> {
        self.actor(id).finish(limit)
    }

    /// Tells a program to end, and waits until it has.
    pub(crate) fn end(&mut self, id: Id) -> Result<(), Error> {
        self.signal(id, Signal::End);
        self.actor(id).finish(Duration::from_secs(90))
    }

    /// Tells a program something.
    pub(crate) fn signal(&mut self, id: Id, signal: Signal) {
        self.actor(id).signal(signal);
    }

    /// Kills a program and waits until it is gone.
    pub(crate) fn kill(&mut self, id: Id) {
        self.signal(id, Signal::Kill);
        self.actor(id).wait_gone(Duration::from_secs(10));
    }

    /// The latest value of a program's fact.
    pub(crate) fn fact(&self, id: Id, name: &str) -> u64 {
        let actor = self.actors.get(id.0);
        actor.map_or(0, |actor| actor.fact(name))
    }

    /// A program's latency, in milliseconds.
    pub(crate) fn ms(&self, id: Id, name: &str) -> f64 {
        self.fact(id, name) as f64 / 1e3
    }

    /// What the system says about a program, now.
    pub(crate) fn status(&mut self, id: Id) -> ProcessStatus {
        let actor = self.actor(id);
        actor.look();
        actor.status()
    }

    /// The most memory a program had since this was last asked.
    pub(crate) fn take_highest(&mut self, id: Id) -> u64 {
        self.actor(id).take_highest()
    }

    /// Judges a figure.
    pub(crate) fn check(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: Limit,
    ) {
        let check = Check::new(what, value, unit, limit);
        println!("   {check}");
        self.checks.push(check);
    }

    /// Judges a count.
    pub(crate) fn count(&mut self, what: impl Into<String>, value: u64, must_be: u64) {
        self.check(what, value as f64, "", Limit::Exactly(must_be as f64));
    }

    /// Tells a figure.
    pub(crate) fn tell(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.check(what, value, unit, Limit::Any);
    }

    /// Judges a program's books: no message lost, none twice, none torn.
    pub(crate) fn check_books(&mut self, whose: &str, id: Id) {
        for fault in ["lost", "repeated", "torn"] {
            self.count(format!("{whose}: {fault}"), self.fact(id, fault), 0);
        }
    }

    /// Judges whether the server has let go of everything it held for connections.
    pub(crate) fn check_base(&mut self, server: Id, base: Base) -> Result<(), Error> {
        self.until("back to base", Duration::from_secs(15), |stage| {
            stage.fact(server, "tasks") <= base.tasks
        })?;
        let status = self.status(server);
        let most = |value: u64| Limit::Most(value as f64);
        self.count("connections left", self.fact(server, "connections"), 0);
        let tasks = self.fact(server, "tasks") as f64;
        self.check("tasks, as before", tasks, "", most(base.tasks));
        let descriptors = status.descriptors as f64;
        self.check(
            "descriptors, as before",
            descriptors,
            "",
            most(base.descriptors),
        );
        Ok(())
    }

    /// What a server holds before there are connections.
    pub(crate) fn base(&mut self, server: Id) -> Base {
        let status = self.status(server);
        Base {
            resident: status.resident,
            descriptors: status.descriptors,
            tasks: self.fact(server, "tasks"),
        }
    }

    /// It cannot be played here.
    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// How it ended.
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.skipped {
            Some(why) if self.checks.is_empty() => Outcome::Skipped(why.clone()),
            _ => Outcome::of(&self.checks),
        }
    }

    fn row(&mut self, phase: &str) {
        if !std::mem::replace(&mut self.has_header, true) {
            println!("{HEADER}");
        }
        println!("{}", self.now(phase));
    }

    fn now(&self, phase: &str) -> Row {
        let mut row = Row {
            at: self.began.elapsed(),
            phase: phase.into(),
            ..Row::default()
        };
        if let Some(server) = self.server {
            row.tasks = self.fact(server, "tasks");
            row.connections = self.fact(server, "connections");
            row.messages = self.fact(server, "received") + self.fact(server, "pushed");
        }
        for (at, actor) in self.actors.iter().enumerate() {
            row.lost += actor.fact("lost") + actor.fact("repeated") + actor.fact("torn");
            if self.server == Some(Id(at)) {
                row.resident = actor.status().resident;
                row.descriptors = actor.status().descriptors;
            } else if row.latency.is_none() && actor.fact("done") == 0 {
                // Who only measures handshakes has no echo to tell of.
                row.latency = ["handshake", "echo", "beside", "quiet"]
                    .into_iter()
                    .find_map(|of| {
                        let fact = |name: &str| actor.fact(&format!("{of}_recent_{name}"));
                        (fact("count") > 0).then(|| (fact("p50"), fact("p99")))
                    });
            }
        }
        row
    }

    fn actor(&mut self, Id(at): Id) -> &mut Actor {
        // An id is made with its actor, and no actor is ever let go.
        &mut self.actors[at]
    }
}

/// What a server holds without connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) resident: u64,
    pub(crate) descriptors: u64,
    pub(crate) tasks: u64,
}
