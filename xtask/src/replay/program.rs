//! The programs that are given the inputs: one for each implementation, all of one command line.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::interop::peer::{Installed, Peer};
use crate::replay::outcome::{Message, Opened};
use crate::workspace::Workspace;

/// One of the implementations, ready to run.
#[derive(Debug)]
pub(crate) enum Program {
    Ours(PathBuf),
    Theirs(Installed),
}

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Ours,
    Theirs(Peer),
}

/// What a program says of a connection.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    /// A client's: which of the exchanges it was.
    pub(crate) id: Option<usize>,
    /// A server's: where the connection came from.
    pub(crate) port: Option<u16>,
    pub(crate) opened: Option<Opened>,
    pub(crate) status: Option<u16>,
    pub(crate) messages: Vec<Message>,
    pub(crate) error: Option<String>,
}

/// What a client is to do.
#[derive(Debug, Serialize)]
pub(crate) struct Script {
    /// How many connections it has at a time.
    pub(crate) parallel: usize,
    pub(crate) exchanges: Vec<Exchange>,
}

/// One of its connections.
#[derive(Debug, Serialize)]
pub(crate) struct Exchange {
    pub(crate) id: usize,
    pub(crate) url: String,
    pub(crate) subprotocols: &'static [&'static str],
    pub(crate) deflate: bool,
}

impl Program {
    /// Builds ours.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self, Error> {
        let path = workspace.build_example("socket-flow-fuzz", "replay")?;
        Ok(Self::Ours(path))
    }

    pub(crate) fn name(&self) -> Name {
        match self {
            Self::Ours(_) => Name::Ours,
            Self::Theirs(installed) => Name::Theirs(installed.peer),
        }
    }

    /// A command for it as a server.
    pub(crate) fn server(&self, workspace: &Workspace) -> Command {
        let mut command = self.command(workspace);
        command.arg("server");
        command
    }

    /// A command for it as a client with a script.
    pub(crate) fn client(&self, workspace: &Workspace, script: &Path) -> Command {
        let mut command = self.command(workspace);
        command.arg("client").arg(script);
        command
    }

    fn command(&self, workspace: &Workspace) -> Command {
        match self {
            Self::Ours(path) => Command::new(path),
            Self::Theirs(installed) => {
                let file = match installed.peer {
                    Peer::Websockets => "replay.py",
                    Peer::Ws => "replay.js",
                };
                installed.program(&workspace.root.join("interop").join(file))
            }
        }
    }
}

impl Script {
    /// Writes it where a program can read it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec(self).map_err(|error| Error::data(path, error))?;
        fs::write(path, text).map_err(Error::file(path))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.pad("socket-flow"),
            Self::Theirs(peer) => f.pad(peer.name()),
        }
    }
}
