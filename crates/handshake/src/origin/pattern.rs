use std::fmt;
use std::str::FromStr;

use crate::host::NamePattern;
use crate::origin::{Origin, OriginError, default_port, is_web};

/// An origin, or origins, in an [`AllowList`](crate::origin::OriginPolicy::AllowList):
/// `https://example.com`, `https://*.example.com`, `file://`, `null`.
///
/// For `http`, `https`, `ws` and `wss`, `*` stands for one whole label of the host, as in a
/// certificate (RFC 9525 §6.3): `https://*.example.com` is `https://a.example.com`, and neither
/// `https://example.com` nor `https://a.b.example.com`. `wss` stands for the `https` of the page as
/// well, and `ws` for its `http`: a browser names the page, and not what it connects to.
///
/// ```
/// use socket_flow_handshake::host::HostError;
/// use socket_flow_handshake::origin::{OriginError, OriginPattern};
///
/// let pattern: OriginPattern = "https://*.EXAMPLE.com:443".parse()?;
/// assert!(pattern.matches(&"https://chat.example.com".parse()?));
/// assert!(!pattern.matches(&"https://example.com".parse()?));
/// let wrong = "https://example.*".parse::<OriginPattern>();
/// assert_eq!(wrong, Err(OriginError::Host(HostError::Wildcard)));
/// # Ok::<_, OriginError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Pattern {
    One(Origin),
    /// Only with a wildcard in the name.
    Many {
        scheme: Box<str>,
        name: NamePattern,
        /// `None` is the scheme's default.
        port: Option<u16>,
    },
}

impl OriginPattern {
    /// Whether this origin is meant.
    pub fn matches(&self, origin: &Origin) -> bool {
        match &self.0 {
            Pattern::One(one) => {
                stands_for(&one.scheme, &origin.scheme) && one.authority == origin.authority
            }
            Pattern::Many { scheme, name, port } => {
                stands_for(scheme, &origin.scheme)
                    && origin.port() == port.or_else(|| default_port(scheme))
                    && name.matches(origin.host())
            }
        }
    }
}

impl From<Origin> for OriginPattern {
    fn from(origin: Origin) -> Self {
        Self(Pattern::One(origin))
    }
}

impl FromStr for OriginPattern {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").unwrap_or_default();
        if !is_web(scheme) {
            return Origin::from_str(text).map(Self::from);
        }
        // Browsers send no other names.
        let (name, port) = NamePattern::parse(authority).map_err(OriginError::Host)?;
        if !authority.starts_with('*') {
            return Origin::from_str(text).map(Self::from);
        }
        let scheme = scheme.to_ascii_lowercase();
        Ok(Self(Pattern::Many {
            port: port.filter(|port| default_port(&scheme) != Some(*port)),
            scheme: scheme.into(),
            name,
        }))
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::One(origin) => origin.fmt(f),
            Pattern::Many { scheme, name, port } => {
                write!(f, "{scheme}://{name}")?;
                match port {
                    Some(port) => write!(f, ":{port}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Whether a scheme in a list means this scheme of a page.
fn stands_for(listed: &str, sent: &str) -> bool {
    listed == sent || matches!((listed, sent), ("ws", "http") | ("wss", "https"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostError;

    fn matching<'a>(pattern: &str, origins: &[&'a str]) -> Vec<&'a str> {
        let pattern: OriginPattern = pattern.parse().unwrap();
        let matches = |origin: &&&str| pattern.matches(&origin.parse().unwrap());
        origins.iter().filter(matches).copied().collect()
    }

    /// RFC 6455 §10.2.
    #[test]
    fn a_star_stands_for_one_label() {
        let origins = [
            "https://a.example.com",
            "https://A.EXAMPLE.COM:443",
            "https://xn--bcher-kva.example.com",
            "https://a_b.example.com",
            "https://example.com",
            "https://.example.com",
            "https://a.b.example.com",
            "https://aexample.com",
            "https://a.example.com.evil.example",
            "https://evil.example",
            "https://a.example.com:8443",
            "http://a.example.com",
            "wss://a.example.com",
            "app://a.example.com",
            "null",
            "file://",
        ];
        assert_eq!(matching("https://*.example.com", &origins), origins[..4]);
        assert_eq!(
            matching("HTTPS://*.Example.COM:0443", &origins),
            origins[..4]
        );
        assert_eq!(
            matching("https://*.example.com:8443", &origins),
            [origins[10]]
        );
        assert_eq!(matching("http://*.example.com", &origins), [origins[11]]);
        let local = ["http://a.localhost:3000", "http://localhost:3000"];
        assert_eq!(matching("http://*.localhost:3000", &local), local[..1]);
    }

    /// A request whose `Origin` has a star is no page's.
    #[test]
    fn a_star_is_no_name() {
        assert!("https://*.example.com".parse::<Origin>().is_err());
        assert!("https://*".parse::<Origin>().is_err());
    }

    /// RFC 6455 §10.2.
    #[test]
    fn the_url_of_a_connection_stands_for_its_page() {
        let origins = [
            "https://a.example.com",
            "wss://a.example.com",
            "http://a.example.com",
            "ws://a.example.com",
            "https://a.example.com:8443",
            "https://b.example.com",
        ];
        for (pattern, expected) in [
            ("wss://a.example.com", &[0, 1][..]),
            ("WSS://a.example.com:443", &[0, 1]),
            ("ws://a.example.com", &[2, 3]),
            ("wss://*.example.com", &[0, 1, 5]),
            ("wss://a.example.com:8443", &[4]),
            // The other way round there is nothing to stand for.
            ("https://a.example.com", &[0]),
        ] {
            let expected: Vec<_> = expected.iter().map(|index| origins[*index]).collect();
            assert_eq!(matching(pattern, &origins), expected, "{pattern}");
        }
    }

    /// RFC 6455 §10.2, RFC 6454 §6.2; pages from files are `file://` in Chromium and `null` in Firefox.
    #[test]
    fn origins_without_a_host_can_be_listed() {
        let origins = [
            "null",
            "file://",
            "app://.",
            "app://",
            "https://example.com",
        ];
        for origin in origins {
            assert_eq!(matching(origin, &origins), [origin]);
            assert_eq!(origin.parse::<OriginPattern>().unwrap().to_string(), origin);
        }
        assert_eq!(matching("FILE://", &origins), ["file://"]);
    }

    /// RFC 6455 §10.2.
    #[test]
    fn what_could_match_no_origin_is_refused_with_its_cause() {
        for (text, error) in [
            ("", OriginError::Form),
            ("*", OriginError::Form),
            ("NULL", OriginError::Form),
            ("example.com", OriginError::Form),
            ("//example.com", OriginError::Form),
            ("*://example.com", OriginError::Form),
            ("http*://example.com", OriginError::Form),
            (" https://example.com", OriginError::Form),
            ("://example.com", OriginError::Form),
            ("https://", OriginError::Host(HostError::Name)),
            ("https://example.com/", OriginError::Host(HostError::Name)),
            ("https://example.com ", OriginError::Host(HostError::Name)),
            ("https://example.com?a", OriginError::Host(HostError::Name)),
            (
                "https://user@example.com",
                OriginError::Host(HostError::Name),
            ),
            ("https://.example.com", OriginError::Host(HostError::Name)),
            ("https://a..example.com", OriginError::Host(HostError::Name)),
            (
                "https://b\u{fc}cher.example",
                OriginError::Host(HostError::Name),
            ),
            ("http://127.1", OriginError::Host(HostError::Name)),
            ("http://0x7f000001", OriginError::Host(HostError::Name)),
            ("http://::1", OriginError::Host(HostError::Port)),
            ("https://example.com:0", OriginError::Host(HostError::Port)),
            (
                "https://*.example.com:0",
                OriginError::Host(HostError::Port),
            ),
            (
                "https://example.com:http",
                OriginError::Host(HostError::Port),
            ),
            (
                "https://example.com:65536",
                OriginError::Host(HostError::Port),
            ),
            ("http://localhost:*", OriginError::Host(HostError::Wildcard)),
            ("https://*", OriginError::Host(HostError::Wildcard)),
            ("https://*.com", OriginError::Host(HostError::Wildcard)),
            (
                "https://*.*.example.com",
                OriginError::Host(HostError::Wildcard),
            ),
            (
                "https://a*.example.com",
                OriginError::Host(HostError::Wildcard),
            ),
            ("https://example.*", OriginError::Host(HostError::Wildcard)),
            ("https://*.1.2.3.4", OriginError::Host(HostError::Wildcard)),
            ("app://*", OriginError::Host(HostError::Wildcard)),
            (
                "chrome-extension://*",
                OriginError::Host(HostError::Wildcard),
            ),
            ("file:///", OriginError::Host(HostError::Name)),
            ("file:///home/page.html", OriginError::Host(HostError::Name)),
        ] {
            assert_eq!(text.parse::<OriginPattern>(), Err(error), "{text}");
        }
    }
}
