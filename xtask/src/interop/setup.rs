//! What our end is made of, and what lies between the ends.

use crate::interop::feature::Feature;
use crate::interop::matrix::{Case, Direction, cases};
use crate::interop::peer::Peer;

/// One of the ways to meet us: a table each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// `accept` in the application's tasks, and `connect`.
    Plain,
    /// The same inside TLS.
    Tls,
    /// `Server::serve`: a stream of events.
    Events,
    /// `Server::serve_with`: a handler, inside TLS.
    Handler,
}

impl Setup {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Tls, Self::Events, Self::Handler];

    /// What stands above its table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Plain => "ws:// (accept, connect)",
            Self::Tls => "wss:// (accept, connect)",
            Self::Events => "ws:// (Server::serve, events)",
            Self::Handler => "wss:// (Server::serve_with, a handler)",
        }
    }

    /// Its part in a file's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "ws",
            Self::Tls => "wss",
            Self::Events => "events",
            Self::Handler => "handler",
        }
    }

    /// Whether the ends speak TLS.
    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Handler)
    }

    /// The value of our server's `--serve`.
    pub(crate) fn style(self) -> &'static str {
        match self {
            Self::Plain | Self::Tls => "accept",
            Self::Events => "events",
            Self::Handler => "handler",
        }
    }

    /// Who may be the client: a server of ours needs a client of theirs.
    pub(crate) fn directions(self) -> &'static [Direction] {
        match self {
            Self::Plain | Self::Tls => &Direction::ALL,
            Self::Events | Self::Handler => &[Direction::TheirClient],
        }
    }

    /// The exchanges with a peer in a direction. What only the parameters of compression decide is
    /// not repeated where the connection beneath is another one.
    pub(crate) fn cases(self, peer: Peer, direction: Direction) -> Vec<Case> {
        let mut cases = cases(peer, direction);
        cases.retain(|case| match case.feature {
            Feature::SmallContext
            | Feature::SmallNoContext
            | Feature::OneSided
            | Feature::Asked(_)
            | Feature::Demanded(_) => self == Self::Plain,
            _ => true,
        });
        cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_connections_try_everything_and_the_others_every_kind_of_exchange() {
        for peer in Peer::ALL {
            let full = Setup::Plain.cases(peer, Direction::TheirClient);
            assert_eq!(full.len(), cases(peer, Direction::TheirClient).len());
            for setup in [Setup::Tls, Setup::Events, Setup::Handler] {
                let cases = setup.cases(peer, Direction::TheirClient);
                for feature in [
                    Feature::Messages,
                    Feature::MessagesCompressed,
                    Feature::ClientFragments,
                    Feature::Large,
                    Feature::LargeCompressed,
                    Feature::Small,
                    Feature::Ping,
                    Feature::ClientCloses,
                    Feature::Subprotocols,
                    Feature::TooBig,
                ] {
                    let tried = cases.iter().any(|case| case.feature == feature);
                    assert!(tried, "{setup:?} {feature:?}");
                }
            }
        }
    }
}
