//! What is tried: the rows of the table.

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    Messages,
    MessagesCompressed,
    ClientFragments,
    ClientFragmentsCompressed,
    ServerFragments,
    ServerFragmentsCompressed,
    Large,
    LargeCompressed,
    Small,
    SmallContext,
    SmallNoContext,
    Ping,
    ClientCloses,
    ServerCloses,
    Subprotocols,
    TooBig,
    NotUtf8,
    OneSided,
    Asked(Takeover),
    Demanded(Takeover),
}

impl Feature {
    /// All of them, in the table's order.
    pub(crate) const ALL: [Self; 26] = [
        Self::Messages,
        Self::MessagesCompressed,
        Self::ClientFragments,
        Self::ClientFragmentsCompressed,
        Self::ServerFragments,
        Self::ServerFragmentsCompressed,
        Self::Large,
        Self::LargeCompressed,
        Self::Small,
        Self::SmallContext,
        Self::SmallNoContext,
        Self::Ping,
        Self::ClientCloses,
        Self::ServerCloses,
        Self::Subprotocols,
        Self::TooBig,
        Self::NotUtf8,
        Self::OneSided,
        Self::Asked(Takeover::Both),
        Self::Asked(Takeover::Client),
        Self::Asked(Takeover::Server),
        Self::Asked(Takeover::None),
        Self::Demanded(Takeover::Both),
        Self::Demanded(Takeover::Client),
        Self::Demanded(Takeover::Server),
        Self::Demanded(Takeover::None),
    ];

    /// What stands at the left of the table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::MessagesCompressed => "messages, compressed",
            Self::ClientFragments => "fragments from the client",
            Self::ClientFragmentsCompressed => "fragments from the client, compressed",
            Self::ServerFragments => "fragments from the server",
            Self::ServerFragmentsCompressed => "fragments from the server, compressed",
            Self::Large => "16 MiB",
            Self::LargeCompressed => "16 MiB, compressed",
            Self::Small => "10,000 messages",
            Self::SmallContext => "10,000 messages, compressed, context kept",
            Self::SmallNoContext => "10,000 messages, compressed, no context",
            Self::Ping => "ping and pong",
            Self::ClientCloses => "close codes, client first",
            Self::ServerCloses => "close codes, server first",
            Self::Subprotocols => "subprotocols",
            Self::TooBig => "message too big: 1009",
            Self::NotUtf8 => "text that is not UTF-8: 1007",
            Self::OneSided => "compression wanted by one end only",
            Self::Asked(Takeover::Both) => "windows asked for",
            Self::Asked(Takeover::Client) => "windows asked for, server_no_context_takeover",
            Self::Asked(Takeover::Server) => "windows asked for, client_no_context_takeover",
            Self::Asked(Takeover::None) => "windows asked for, both",
            Self::Demanded(Takeover::Both) => "windows demanded",
            Self::Demanded(Takeover::Client) => "windows demanded, server_no_context_takeover",
            Self::Demanded(Takeover::Server) => "windows demanded, client_no_context_takeover",
            Self::Demanded(Takeover::None) => "windows demanded, both",
        }
    }
}

/// Which ends keep their context from message to message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takeover {
    Both,
    Client,
    Server,
    None,
}

impl Takeover {
    /// All combinations.
    pub(crate) const ALL: [Self; 4] = [Self::Both, Self::Client, Self::Server, Self::None];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct() {
        let mut labels = Feature::ALL.map(Feature::label);
        labels.sort_unstable();
        assert!(labels.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
