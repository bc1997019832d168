use std::fmt;

/// What was under way when the time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStage {
    /// The resolution of the host's name.
    Resolve,
    /// The TCP handshake.
    Connect,
    /// The proxy's consent to connect us, its TLS handshake included.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The opening handshake: our request, the server's answer.
    Handshake,
}

impl fmt::Display for ConnectStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "name resolution",
            Self::Connect => "the tcp handshake",
            Self::Proxy => "the talk with the proxy",
            Self::Tls => "the tls handshake",
            Self::Handshake => "the opening handshake",
        })
    }
}
