//! Which web pages may open a connection: the `Origin` header (RFC 6455 §10.2, RFC 6454).
//!
//! Browsers send it and no script can forge it there, so it is the defence against a foreign
//! page that opens a WebSocket with the user's cookies. Programs that are not browsers may send
//! what they like: the header says nothing about them.

mod pattern;

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue};

use crate::authority::Authority;
use crate::host::HostError;

pub use pattern::OriginPattern;

/// What a server does with a request's `Origin`.
///
/// A request without the header is accepted under every policy, because it does not come from a
/// browser. A header that is malformed or repeated is refused by all but [`Any`](Self::Any).
///
/// ```
/// use socket_flow_handshake::origin::OriginPolicy;
///
/// let policy = OriginPolicy::allow_list(["https://example.com", "https://*.example.com"])?;
/// # let _ = policy;
/// # Ok::<_, socket_flow_handshake::origin::OriginError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// The origin's host and port must be those of the request's `Host`. This is the default.
    ///
    /// The case of the host does not matter, and a port left out on either side is the default
    /// port of the origin's scheme. The scheme itself is not compared: behind a proxy that ends
    /// TLS a server cannot know its own. Such a proxy must pass `Host` on as it came.
    #[default]
    SameOrigin,
    /// The origin must be one of these, in scheme, host and port.
    ///
    /// The server's own origin is not in the list unless you put it there. An empty list refuses
    /// every browser.
    AllowList(Vec<OriginPattern>),
    /// Every origin is accepted: right only where no cookie or other credential that a browser
    /// sends by itself means anything.
    Any,
}

impl OriginPolicy {
    /// Makes an [`AllowList`](Self::AllowList) of [patterns](OriginPattern): origins such as
    /// `https://example.com`, and `https://*.example.com` for what lies one label below it.
    ///
    /// `null` and `file://` can be listed. Both are the origin of pages that were opened from a
    /// file; `null` is also that of any page that another one shows in a sandbox, so listing it
    /// lets every site in.
    ///
    /// # Errors
    /// [`OriginError`] if one of them could match no request.
    pub fn allow_list<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, OriginError> {
        let origins = origins
            .into_iter()
            .map(str::parse)
            .collect::<Result<_, _>>();
        origins.map(Self::AllowList)
    }

    /// Whether a request with these headers, made for this host, may go on.
    pub(crate) fn allows(&self, headers: &HeaderMap, host: &Authority) -> bool {
        let mut values = headers.get_all(ORIGIN).iter();
        let Some(value) = values.next() else {
            return true;
        };
        if matches!(self, Self::Any) {
            return true;
        }
        let (Some(origin), None) = (Origin::from_header(value), values.next()) else {
            return false;
        };
        match self {
            Self::SameOrigin => origin.is_at(host),
            Self::AllowList(origins) => origins.iter().any(|one| one.matches(&origin)),
            Self::Any => true,
        }
    }
}

/// A web origin: scheme, host and port, such as `https://example.com`; `null`, the origin of pages
/// that have none; or a scheme alone, such as `file://`.
///
/// Host and scheme are kept in lower case, and the scheme's default port is left out, so equal
/// origins compare equal however they were written.
///
/// ```
/// use socket_flow_handshake::origin::Origin;
///
/// let origin: Origin = "https://EXAMPLE.com:443".parse()?;
/// assert_eq!(origin, "https://example.com".parse()?);
/// assert_eq!(origin.to_string(), "https://example.com");
/// assert!("https://example.com/path".parse::<Origin>().is_err());
/// # Ok::<_, socket_flow_handshake::origin::OriginError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Empty for `null`.
    scheme: Box<str>,
    /// `None` for `null` and for a scheme alone.
    authority: Option<Authority>,
}

impl Origin {
    /// The scheme, in lower case; empty for `null`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host, in lower case and without the brackets of an IPv6 address; empty where there is
    /// none.
    pub fn host(&self) -> &str {
        self.authority.as_ref().map_or("", Authority::host)
    }

    /// The port, or the scheme's default; `None` for a scheme without one.
    pub fn port(&self) -> Option<u16> {
        let written = self.authority.as_ref().and_then(Authority::port);
        written.or_else(|| default_port(&self.scheme))
    }

    fn from_header(value: &HeaderValue) -> Option<Self> {
        value.to_str().ok()?.parse().ok()
    }

    /// An origin without a default port is some application's own: it is never the same as a
    /// host that was reached over HTTP.
    fn is_at(&self, host: &Authority) -> bool {
        match (&self.authority, default_port(&self.scheme)) {
            (Some(authority), Some(port)) => authority.is_same(host, port),
            _ => false,
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == NULL {
            return Ok(Self {
                scheme: "".into(),
                authority: None,
            });
        }
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::Form)?;
        if !is_scheme(scheme) {
            return Err(OriginError::Form);
        }
        let scheme = scheme.to_ascii_lowercase();
        Ok(Self {
            authority: match authority {
                "" if !is_web(&scheme) => None,
                authority => Some(parse_authority(authority, &scheme)?),
            },
            scheme: scheme.into(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme.is_empty() {
            return f.write_str(NULL);
        }
        write!(f, "{}://", self.scheme)?;
        match &self.authority {
            Some(authority) => authority.fmt(f),
            None => Ok(()),
        }
    }
}

/// Why a text is not an origin as browsers send it: `scheme://host`, with or without a port and
/// nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// It does not begin with a scheme and `://`, and is not `null`.
    Form,
    /// What follows `://` is not a host with or without a port. An origin has no path, and no
    /// slash at its end.
    Host(HostError),
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not an origin of the form scheme://host or scheme://host:port",
            Self::Host(_) => "no host with or without a port, and nothing else, after the scheme",
        })
    }
}

impl Error for OriginError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Form => None,
            Self::Host(error) => Some(error),
        }
    }
}

fn parse_authority(text: &str, scheme: &str) -> Result<Authority, OriginError> {
    if text.contains('*') {
        return Err(OriginError::Host(HostError::Wildcard));
    }
    let authority = Authority::parse(text.as_bytes());
    let authority = authority.map_err(|error| OriginError::Host(error.into()))?;
    Ok(match default_port(scheme) {
        Some(default) => authority.without_default_port(default),
        None => authority,
    })
}

/// Whether the scheme is one of the web's: its origins have a host and a port.
pub(crate) fn is_web(scheme: &str) -> bool {
    ["http", "https", "ws", "wss"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// RFC 3986 §3.1.
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// RFC 6454 §6.2: the origin of a page that has none.
const NULL: &str = "null";

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &OriginPolicy, host: &str, origins: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_bytes(origin).unwrap());
        }
        policy.allows(&headers, &Authority::parse(host.as_bytes()).unwrap())
    }

    /// RFC 6455 §10.2.
    #[test]
    fn same_origin_compares_host_and_port_with_the_schemes_default() {
        for (host, origin, allowed) in [
            ("good.example", "https://good.example", true),
            ("good.example", "http://good.example", true),
            ("GOOD.example", "HTTPS://good.EXAMPLE", true),
            ("good.example:443", "https://good.example", true),
            ("good.example", "https://good.example:443", true),
            ("good.example:80", "http://good.example", true),
            ("good.example", "http://good.example:80", true),
            ("good.example:8080", "http://good.example:8080", true),
            ("[::1]:8080", "http://[0::1]:8080", true),
            ("good.example:8080", "http://good.example", false),
            ("good.example", "http://good.example:8080", false),
            ("good.example:80", "https://good.example", false),
            ("good.example", "https://good.example:80", false),
            ("good.example", "https://evil.example", false),
            ("good.example", "https://good.example.evil.com", false),
            ("good.example", "https://evilgood.example", false),
            ("good.example", "https://sub.good.example", false),
            ("good.example", "https://good.example@evil.com", false),
            ("good.example", "https://good.example:80@evil.com", false),
            ("good.example", "app://good.example", false),
            ("good.example:80", "app://good.example:80", false),
            ("good.example", "null", false),
            ("good.example", "NULL", false),
            ("good.example", "", false),
            ("good.example", "good.example", false),
            ("good.example", "//good.example", false),
            ("good.example", "https://", false),
            ("good.example", "https://good.example/", false),
            ("good.example", "https://good.example?a", false),
            (
                "good.example",
                "https://good.example https://evil.com",
                false,
            ),
            (
                "good.example",
                "https://good.example, https://evil.com",
                false,
            ),
            ("good.example", "https://good.example:x", false),
            ("good.example", "1ttps://good.example", false),
            ("good.example", "file://", false),
        ] {
            let got = allows(&OriginPolicy::SameOrigin, host, &[origin.as_bytes()]);
            assert_eq!(got, allowed, "{host} {origin}");
        }
    }

    /// RFC 6455 §4.2.1.
    #[test]
    fn a_request_without_origin_is_accepted_by_every_policy() {
        let list = OriginPolicy::AllowList(Vec::new());
        for policy in [OriginPolicy::SameOrigin, list, OriginPolicy::Any] {
            assert!(allows(&policy, "good.example", &[]));
        }
    }

    #[test]
    fn origins_that_are_repeated_or_not_ascii_are_refused() {
        let policy = OriginPolicy::SameOrigin;
        let good = b"https://good.example";
        assert!(allows(&policy, "good.example", &[good]));
        assert!(!allows(&policy, "good.example", &[good, good]));
        assert!(!allows(
            &policy,
            "good.example",
            &[good, b"https://evil.example"]
        ));
        assert!(!allows(
            &policy,
            "good.example",
            &[b"https://good.example\xff"]
        ));
    }

    /// RFC 6455 §10.2.
    #[test]
    fn allow_lists_compare_scheme_host_and_port() {
        let policy =
            OriginPolicy::allow_list(["https://Good.example", "chrome-extension://abc"]).unwrap();
        for (origin, allowed) in [
            ("https://good.example", true),
            ("https://good.example:443", true),
            ("chrome-extension://abc", true),
            ("http://good.example", false),
            ("http://good.example:443", false),
            ("https://good.example:8443", false),
            ("https://host.example", false),
            ("null", false),
        ] {
            let got = allows(&policy, "host.example", &[origin.as_bytes()]);
            assert_eq!(got, allowed, "{origin}");
        }
        let wrong = OriginPolicy::allow_list(["https://good.example", "example.com"]);
        assert_eq!(wrong, Err(OriginError::Form));
    }

    /// RFC 6455 §10.2.
    #[test]
    fn pages_without_an_origin_are_let_in_where_they_are_listed() {
        for origin in ["null", "file://"] {
            let listed = OriginPolicy::allow_list([origin, "https://*.good.example"]).unwrap();
            let other = OriginPolicy::allow_list(["https://good.example"]).unwrap();
            assert!(allows(&listed, "good.example", &[origin.as_bytes()]));
            assert!(!allows(&other, "good.example", &[origin.as_bytes()]));
            assert!(allows(
                &listed,
                "good.example",
                &[b"https://a.good.example"]
            ));
            assert!(!allows(&listed, "good.example", &[b"https://good.example"]));
        }
    }

    #[test]
    fn any_accepts_what_is_not_even_an_origin() {
        assert!(allows(&OriginPolicy::Any, "good.example", &[b"null"]));
        assert!(allows(&OriginPolicy::Any, "good.example", &[b"x", b"y"]));
    }
}
