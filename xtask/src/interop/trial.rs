//! One peer in one direction: every exchange, and what both ends say about it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::authority::Authority;
use crate::error::Error;
use crate::interop::matrix::{Case, Direction};
use crate::interop::ours;
use crate::interop::peer::Installed;
use crate::interop::report::{ClientReport, Listener, ServerReport};
use crate::interop::script::{ClientScript, Exchange, Profile, Server, ServerScript};
use crate::interop::setup::Setup;
use crate::process::{self, Child, Tail};
use crate::workspace::{Examples, Workspace};

/// How long a server may take to open its listeners.
const READY: Duration = Duration::from_secs(60);
/// How long a client may take for one exchange; a client that says nothing for longer is stuck.
const EXCHANGE: Duration = Duration::from_secs(120);
/// How long a server's reports may lag behind the client's.
const LAG: Duration = Duration::from_secs(30);

/// What a run of one column needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) examples: &'a Examples,
    pub(crate) peer: &'a Installed,
    pub(crate) setup: Setup,
    /// Used where the setup speaks TLS.
    pub(crate) authority: &'a Authority,
    pub(crate) direction: Direction,
    pub(crate) cases: &'a [Case],
    /// The directory of the messages' files, where all programs run.
    pub(crate) payloads: &'a Path,
}

/// What both ends said, by the id of the exchange.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    pub(crate) clients: HashMap<String, ClientReport>,
    /// Nothing where the server is ours.
    pub(crate) servers: Option<HashMap<String, ServerReport>>,
    /// Why the client did not come to its end.
    pub(crate) failure: Option<Error>,
}

impl Trial<'_> {
    /// Runs every exchange.
    pub(crate) fn run(&self) -> Result<Reports, Error> {
        match self.direction {
            Direction::TheirClient => {
                let (mut servers, ports) = self.our_servers()?;
                self.client(&ports, &mut servers)
            }
            Direction::OurClient => {
                let (mut server, mut tail, ports) = self.their_server()?;
                let mut reports = self.client(&ports, std::slice::from_mut(&mut server))?;
                reports.servers = Some(server_reports(&mut tail, &reports)?);
                Ok(reports)
            }
        }
    }

    /// Starts one of our servers for each set of flags, and returns the port of each case.
    fn our_servers(&self) -> Result<(Vec<Child>, Vec<u16>), Error> {
        let mut servers = Vec::new();
        let mut known: HashMap<Vec<String>, u16> = HashMap::new();
        let mut ports = Vec::new();
        for case in self.cases {
            let flags = ours::flags(&case.server).ok_or_else(|| Error::Program {
                program: ours::SERVER.into(),
                detail: format!("it has no flags for what '{}' needs", case.id),
            })?;
            let port = match known.get(&flags) {
                Some(port) => *port,
                None => {
                    let mut command = ours::server(self.examples, self.setup, self.tls(), &flags)?;
                    let name = format!("{}-{}", ours::SERVER, known.len());
                    let mut server = Child::spawn(ours::SERVER, &mut command, &self.log(&name))?;
                    let port = server.listening(READY)?;
                    servers.push(server);
                    known.insert(flags, port);
                    port
                }
            };
            ports.push(port);
        }
        Ok((servers, ports))
    }

    /// Starts their server with a listener for each set of settings, and returns the port of each
    /// case.
    fn their_server(&self) -> Result<(Child, Tail, Vec<u16>), Error> {
        let mut profiles: Vec<&Server> = Vec::new();
        let mut indices = Vec::new();
        for case in self.cases {
            let known = profiles.iter().position(|profile| **profile == case.server);
            indices.push(known.unwrap_or(profiles.len()));
            if known.is_none() {
                profiles.push(&case.server);
            }
        }
        let script = ServerScript {
            tls: self.tls(),
            profiles: (0..)
                .zip(profiles)
                .map(|(id, server)| Profile { id, server })
                .collect(),
        };
        let path = self.write_script("server", &script)?;
        let mut command = self.peer.command("server", &path);
        command.current_dir(self.payloads);
        let name = format!("the server on {}", self.peer.peer);
        let mut server = Child::spawn(&name, &mut command, &self.log("server"))?;
        let mut tail = Tail::open(server.log())?;
        let mut opened: HashMap<usize, u16> = HashMap::new();
        let deadline = Instant::now() + READY;
        while opened.len() < script.profiles.len() {
            if let Some(status) = server.ended()? {
                return Err(server.failure(&format!("ended before it listened ({status})")));
            }
            if Instant::now() >= deadline {
                return Err(server.failure("did not open all its listeners"));
            }
            let lines = tail.lines()?;
            let listeners = parsed::<Listener>(&lines);
            opened.extend(listeners.map(|it| (it.listener, it.port)));
            process::pause()?;
        }
        let ports = indices
            .iter()
            .map(|index| opened.get(index).copied())
            .collect::<Option<Vec<u16>>>()
            .ok_or_else(|| server.failure("named a listener it was not asked for"))?;
        Ok((server, tail, ports))
    }

    /// Runs the client against these ports to its end, or until one of the servers ends.
    fn client(&self, ports: &[u16], servers: &mut [Child]) -> Result<Reports, Error> {
        let scheme = if self.setup.is_tls() { "wss" } else { "ws" };
        let script = ClientScript {
            authority: self.tls().map(|tls| tls.authority.as_path()),
            exchanges: self
                .cases
                .iter()
                .zip(ports)
                .map(|(case, port)| Exchange {
                    id: &case.id,
                    url: format!("{scheme}://127.0.0.1:{port}/{}", case.id),
                    client: &case.client,
                })
                .collect(),
        };
        let path = self.write_script("client", &script)?;
        let (name, mut command) = match self.direction {
            Direction::TheirClient => (
                format!("the client on {}", self.peer.peer),
                self.peer.command("client", &path),
            ),
            Direction::OurClient => (ours::CLIENT.to_owned(), ours::client(self.examples, &path)?),
        };
        command.current_dir(self.payloads);
        let mut client = Child::spawn(&name, &mut command, &self.log("client"))?;
        let mut tail = Tail::open(client.log())?;
        let mut reports = Reports::default();
        let mut last = Instant::now();
        while reports.failure.is_none() {
            for server in &mut *servers {
                if let Some(status) = server.ended()? {
                    let what = format!("ended while a client talked to it ({status})");
                    reports.failure = Some(server.failure(&what));
                }
            }
            // Asked before the last lines are read, so that none is missed.
            let ended = client.ended()?;
            let lines = tail.lines()?;
            if !lines.is_empty() {
                last = Instant::now();
            }
            let new = parsed::<ClientReport>(&lines);
            reports.clients.extend(new.map(|it| (it.id.clone(), it)));
            match ended {
                Some(status) if status.success() => break,
                Some(status) => reports.failure = Some(client.failure(&status.to_string())),
                None if last.elapsed() >= EXCHANGE => {
                    reports.failure = Some(client.failure("made no progress"));
                }
                None => process::pause()?,
            }
        }
        Ok(reports)
    }

    fn write_script(&self, role: &str, script: &impl Serialize) -> Result<PathBuf, Error> {
        let path = self.log(role).with_extension("json");
        let text = serde_json::to_vec(script).map_err(|error| Error::data(&path, error))?;
        fs::write(&path, text).map_err(Error::file(&path))?;
        Ok(path)
    }

    fn log(&self, program: &str) -> PathBuf {
        let direction = match self.direction {
            Direction::TheirClient => "their-client",
            Direction::OurClient => "our-client",
        };
        self.workspace.log(&format!(
            "{}-{}-{direction}-{program}",
            self.peer.peer,
            self.setup.name()
        ))
    }

    fn tls(&self) -> Option<&Authority> {
        self.setup.is_tls().then_some(self.authority)
    }
}

/// Waits until the server has reported every connection that the client had open.
fn server_reports(
    tail: &mut Tail,
    reports: &Reports,
) -> Result<HashMap<String, ServerReport>, Error> {
    let mut found: HashMap<String, ServerReport> = HashMap::new();
    let opened = |found: &HashMap<String, ServerReport>| {
        let mut opened = reports.clients.values().filter(|it| it.opened.is_some());
        opened.all(|it| found.contains_key(&it.id))
    };
    let deadline = Instant::now() + LAG;
    loop {
        let lines = tail.lines()?;
        let new = parsed::<ServerReport>(&lines);
        found.extend(new.map(|it| (it.case.clone(), it)));
        // What is missing then is found exchange by exchange.
        if opened(&found) || Instant::now() >= deadline {
            return Ok(found);
        }
        process::pause()?;
    }
}

/// The lines that are what is looked for: programs may say other things too.
fn parsed<T: DeserializeOwned>(lines: &[String]) -> impl Iterator<Item = T> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
}
