//! Which hosts a server answers for: the `Host` header (RFC 9110 §7.4).
//!
//! A page can have the name of its own site lead to an address in the visitor's network, or to
//! the visitor's machine (DNS rebinding). What it then asks for carries its own name in `Host` and
//! in `Origin`, which so agree. The names a server is reached by are known to the server alone:
//! listed here, they keep such pages out.

use std::error::Error;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::authority::{Authority, AuthorityError};
use crate::target::is_number;

/// What a server does with a request's `Host`, or with the host of a target in absolute form,
/// which stands in its place.
///
/// ```
/// use socket_flow_handshake::host::HostPolicy;
///
/// let policy = HostPolicy::allow_list(["chat.example.com", "*.chat.example.com", "localhost"])?;
/// # let _ = policy;
/// # Ok::<_, socket_flow_handshake::host::HostError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostPolicy {
    /// Every host is answered for. This is the default, because a proxy in front of the server
    /// passes names on that only its owner knows.
    #[default]
    Any,
    /// The host must be one of these. An empty list refuses every request.
    AllowList(Vec<HostPattern>),
    /// The host must be `localhost`, a name below it (RFC 6761 §6.3), or an IP address: nobody can
    /// have these lead elsewhere. It is for a server that browsers on its own machine or network
    /// reach without a name.
    Local,
}

impl HostPolicy {
    /// Makes an [`AllowList`](Self::AllowList) of [patterns](HostPattern) such as
    /// `chat.example.com`.
    ///
    /// # Errors
    /// [`HostError`] if one of them could match no request.
    pub fn allow_list<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, HostError> {
        let hosts = hosts.into_iter().map(str::parse).collect::<Result<_, _>>();
        hosts.map(Self::AllowList)
    }

    /// Whether a request made for this host may go on.
    pub(crate) fn allows(&self, host: &Authority) -> bool {
        match self {
            Self::Any => true,
            Self::AllowList(hosts) => hosts.iter().any(|pattern| pattern.matches(host)),
            Self::Local => is_local(host),
        }
    }
}

/// A host, or hosts, that a server answers for: `example.com`, `*.example.com`, `[::1]:8080`.
///
/// `*` stands for one whole label, as in a certificate (RFC 9525 §6.3): `*.example.com` is
/// `a.example.com`, and neither `example.com` nor `a.b.example.com`. Without a port every port
/// matches, with one that port alone; where `Host` has none it is 80 or 443, because behind a proxy
/// a server cannot know which. Case and a dot at the end do not matter.
///
/// ```
/// use socket_flow_handshake::host::{HostError, HostPattern};
///
/// let pattern: HostPattern = "*.EXAMPLE.com:8443".parse()?;
/// assert_eq!(pattern.to_string(), "*.example.com:8443");
/// assert_eq!("example.*".parse::<HostPattern>(), Err(HostError::Wildcard));
/// assert_eq!("https://example.com".parse::<HostPattern>(), Err(HostError::Port));
/// # Ok::<_, HostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern {
    name: NamePattern,
    port: Option<u16>,
}

impl HostPattern {
    fn matches(&self, host: &Authority) -> bool {
        let port = match (self.port, host.port()) {
            (None, _) | (Some(80 | 443), None) => true,
            (Some(port), written) => written == Some(port),
        };
        port && self.name.matches(without_last_dot(host.host()))
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (name, port) = NamePattern::parse(text)?;
        Ok(Self { name, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Why a text is no [`HostPattern`]: it would match no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// The name is empty, has an empty label or a character that no `Host` has, such as those
    /// beyond ASCII (browsers send punycode), or is an IPv4 address that is not written as four
    /// decimal numbers.
    Name,
    /// What follows the colon is not a port from 1 to 65535. The text may be a URL.
    Port,
    /// `*` is not the whole first label, or what follows it is neither a name of two labels or
    /// more nor `localhost`.
    Wildcard,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "not a host name or an IP address as browsers send it",
            Self::Port => "not a port after the host",
            Self::Wildcard => "* is only allowed as the first label of a name, as in *.example.com",
        })
    }
}

impl Error for HostError {}

impl From<AuthorityError> for HostError {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::Port => Self::Port,
            _ => Self::Name,
        }
    }
}

/// A name or an address; the first label of a name may be any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NamePattern {
    /// In lower case and without a dot at the end; where `is_wild`, what follows `*.`.
    name: Box<str>,
    is_wild: bool,
    is_ipv6: bool,
}

impl NamePattern {
    /// The name, and the port if one was written.
    pub(crate) fn parse(text: &str) -> Result<(Self, Option<u16>), HostError> {
        let (is_wild, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.contains('*') {
            return Err(HostError::Wildcard);
        }
        let authority = Authority::parse(rest.as_bytes())?;
        if authority.port() == Some(0) {
            return Err(HostError::Port);
        }
        let is_ipv6 = rest.starts_with('[');
        let name = without_last_dot(authority.host());
        if !is_ipv6 && (name.split('.').any(str::is_empty) || is_odd_ipv4(name)) {
            return Err(HostError::Name);
        }
        let is_address = is_ipv6 || is_ipv4(name);
        if is_wild && (is_address || !(name.contains('.') || name == LOCALHOST)) {
            return Err(HostError::Wildcard);
        }
        let pattern = Self {
            name: name.into(),
            is_wild,
            is_ipv6,
        };
        Ok((pattern, authority.port()))
    }

    pub(crate) fn matches(&self, host: &str) -> bool {
        if !self.is_wild {
            return *self.name == *host;
        }
        let label = below(host, &self.name);
        label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_wild, self.is_ipv6) {
            (true, _) => write!(f, "*.{}", self.name),
            (false, true) => write!(f, "[{}]", self.name),
            (false, false) => f.write_str(&self.name),
        }
    }
}

fn is_local(host: &Authority) -> bool {
    let name = without_last_dot(host.host());
    // Only an IPv6 address has a colon.
    name == LOCALHOST || below(name, LOCALHOST).is_some() || name.contains(':') || is_ipv4(name)
}

/// What comes before `.name` in a host.
fn below<'a>(host: &'a str, name: &str) -> Option<&'a str> {
    host.strip_suffix(name)?.strip_suffix('.')
}

fn without_last_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn is_ipv4(name: &str) -> bool {
    name.parse::<Ipv4Addr>().is_ok()
}

/// Whether a browser would take the name for an IPv4 address and send it in another spelling: its
/// last label is a number (URL Standard, "ends in a number").
fn is_odd_ipv4(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    is_number(last.as_bytes()) && !is_ipv4(name)
}

const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &HostPolicy, host: &str) -> bool {
        policy.allows(&Authority::parse(host.as_bytes()).unwrap())
    }

    /// RFC 9110 §7.4.
    #[test]
    fn lists_compare_the_name_and_the_port_where_one_is_listed() {
        let policy = HostPolicy::allow_list([
            "Chat.example.com",
            "*.rooms.example.com",
            "other.example:8443",
            "plain.example:80",
            "127.0.0.1:9001",
            "[0::1]",
            "localhost.",
        ])
        .unwrap();
        for (host, allowed) in [
            ("chat.example.com", true),
            ("CHAT.EXAMPLE.COM:9001", true),
            ("chat.example.com.", true),
            ("example.com", false),
            ("evilchat.example.com", false),
            ("chat.example.com.evil.example", false),
            ("a.rooms.example.com", true),
            ("a.rooms.example.com.:1", true),
            ("rooms.example.com", false),
            (".rooms.example.com", false),
            ("a.b.rooms.example.com", false),
            ("arooms.example.com", false),
            ("other.example:8443", true),
            ("other.example", false),
            ("other.example:443", false),
            ("plain.example", true),
            ("plain.example:80", true),
            ("plain.example:8080", false),
            ("127.0.0.1:9001", true),
            ("127.0.0.1", false),
            ("[::1]:9", true),
            ("[::2]", false),
            ("localhost", true),
            ("evil.example", false),
        ] {
            assert_eq!(allows(&policy, host), allowed, "{host}");
            assert!(allows(&HostPolicy::Any, host), "{host}");
        }
        let nobody = HostPolicy::allow_list([]).unwrap();
        assert!(!allows(&nobody, "localhost"));
    }

    /// RFC 6761 §6.3.
    #[test]
    fn local_hosts_are_localhost_and_addresses() {
        for (host, allowed) in [
            ("localhost", true),
            ("LOCALHOST:9001", true),
            ("localhost.", true),
            ("app.localhost", true),
            ("127.0.0.1:9001", true),
            ("192.168.1.7", true),
            ("203.0.113.9", true),
            ("[::1]", true),
            ("[fe80::1]:80", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("evil.example", false),
            ("evil.example:9001", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("notlocalhost", false),
            ("localhost.localdomain", false),
            ("127.1", false),
            ("0x7f000001", false),
            ("1", false),
        ] {
            assert_eq!(allows(&HostPolicy::Local, host), allowed, "{host}");
        }
    }

    #[test]
    fn what_could_match_no_host_is_refused_with_its_cause() {
        for (text, error) in [
            ("", HostError::Name),
            (".", HostError::Name),
            (".example.com", HostError::Name),
            ("a..example.com", HostError::Name),
            ("example.com..", HostError::Name),
            ("example.com/", HostError::Name),
            ("b\u{fc}cher.example", HostError::Name),
            ("a b", HostError::Name),
            ("user@example.com", HostError::Name),
            ("::1", HostError::Port),
            ("127.1", HostError::Name),
            ("127.0.0.01", HostError::Name),
            ("0x7f.0.0.1", HostError::Name),
            ("256.0.0.1", HostError::Name),
            ("example.0x", HostError::Name),
            ("https://example.com", HostError::Port),
            ("example.com:http", HostError::Port),
            ("example.com:65536", HostError::Port),
            ("example.com:0", HostError::Port),
            ("example.com:*", HostError::Wildcard),
            ("*", HostError::Wildcard),
            ("*.", HostError::Name),
            ("*.com", HostError::Wildcard),
            ("*.1.2.3.4", HostError::Wildcard),
            ("*.[::1]", HostError::Wildcard),
            ("**.example.com", HostError::Wildcard),
            ("*.*.example.com", HostError::Wildcard),
            ("a*.example.com", HostError::Wildcard),
            ("example.*", HostError::Wildcard),
        ] {
            assert_eq!(text.parse::<HostPattern>(), Err(error), "{text}");
            assert_eq!(HostPolicy::allow_list(["a", text]), Err(error), "{text}");
        }
        for text in [
            "*.example.com",
            "*.localhost:8080",
            "[::1]:80",
            "1.2.3.4",
            "a_b",
        ] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
    }
}
