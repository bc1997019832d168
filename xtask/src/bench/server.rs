//! The echo servers that are compared.

use std::fmt;

use crate::bench::scenario::Scenario;

/// What a server stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// TCP without framing, which all are compared with.
    Raw,
    /// Written by hand for this echo only: how far a library could get.
    Ideal,
    /// This library.
    Ours,
    /// Another one.
    Peer,
}

/// An echo server: a program and how it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its name in tables and on the command line.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The executable in the workspace of the benchmarks.
    pub(crate) program: &'static str,
    /// The arguments behind port and runtime.
    pub(crate) arguments: &'static [&'static str],
}

const BATCH: &[&str] = &["--batch"];

impl Server {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 15] = [
        Self::new("raw", Kind::Raw, "echo-raw", &[]),
        Self::new("ideal", Kind::Ideal, "echo-ideal", &[]),
        Self::new("socket-flow-lent", Kind::Ours, "echo-socket-flow-lent", &[]),
        Self::new("socket-flow", Kind::Ours, "echo-socket-flow", &[]),
        Self::new("tungstenite", Kind::Peer, "echo-tungstenite", &[]),
        Self::new("tungstenite-batch", Kind::Peer, "echo-tungstenite", BATCH),
        Self::new("tokio-websockets", Kind::Peer, "echo-tokio-websockets", &[]),
        Self::new(
            "tokio-websockets-batch",
            Kind::Peer,
            "echo-tokio-websockets",
            BATCH,
        ),
        Self::new("fastwebsockets", Kind::Peer, "echo-fastwebsockets", &[]),
        Self::new("yawc", Kind::Peer, "echo-yawc", &[]),
        Self::new("yawc-batch", Kind::Peer, "echo-yawc", BATCH),
        Self::new("sockudo-ws", Kind::Peer, "echo-sockudo-ws", &[]),
        Self::new("sockudo-ws-batch", Kind::Peer, "echo-sockudo-ws", BATCH),
        Self::new("wtx", Kind::Peer, "echo-wtx", &[]),
        Self::new("web-socket", Kind::Peer, "echo-web-socket", &[]),
    ];

    pub(crate) const fn new(
        name: &'static str,
        kind: Kind,
        program: &'static str,
        arguments: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            kind,
            program,
            arguments,
        }
    }

    /// The server of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        static ALL: [Server; 15] = Server::ALL;
        ALL.iter().find(|server| server.name == name)
    }

    /// Whether it is measured in a scenario. Batching by hand is, where many small messages are
    /// under way on a connection: elsewhere it differs from the documented echo in nothing.
    pub(crate) fn takes_part(&self, scenario: &Scenario) -> bool {
        let compresses = scenario.deflate.is_none() || self.deflates();
        let batches = matches!(scenario.number, 3..=5);
        compresses && (self.is_documented() || batches)
    }

    /// Whether its instructions are counted: of two echoes on one library those of the better one.
    pub(crate) fn is_counted(&self, scenario: &Scenario) -> bool {
        let is_other = |other: &Self| other.program == self.program && !other.is_documented();
        let is_better = |other: &Self| is_other(other) && other.takes_part(scenario);
        self.takes_part(scenario) && !(self.is_documented() && Self::ALL.iter().any(is_better))
    }

    /// Whether it can be asked to compress.
    fn deflates(&self) -> bool {
        self.kind == Kind::Ours || matches!(self.program, "echo-yawc" | "echo-sockudo-ws")
    }

    /// Whether it runs as its documentation shows, with nothing done by hand.
    pub(crate) fn is_documented(&self) -> bool {
        self.arguments.is_empty()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batching_is_measured_where_it_makes_a_difference() {
        let part = |name, number| {
            let (server, scenario) = (Server::named(name), Scenario::numbered(number));
            let (server, scenario) = (server.unwrap(), scenario.unwrap());
            (server.takes_part(&scenario), server.is_counted(&scenario))
        };
        assert_eq!(part("yawc", 3), (true, false));
        assert_eq!(part("yawc-batch", 3), (true, true));
        assert_eq!(part("yawc", 1), (true, true));
        assert_eq!(part("yawc-batch", 1), (false, false));
        assert_eq!(part("wtx", 3), (true, true));
        assert_eq!(part("yawc", 9), (true, true));
        assert_eq!(part("wtx", 9), (false, false));
    }

    #[test]
    fn names_are_unique_and_found() {
        for (at, server) in Server::ALL.iter().enumerate() {
            assert_eq!(Server::named(server.name), Some(server));
            assert!(
                Server::ALL[..at]
                    .iter()
                    .all(|other| other.name != server.name)
            );
        }
        assert_eq!(Server::named("nobody"), None);
    }
}
