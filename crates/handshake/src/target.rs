//! The URL a client connects to (RFC 6455 §3), read from its text.
//!
//! [`http::Uri`] is not enough here: it drops a fragment without a word and keeps userinfo inside
//! the authority.

mod host;
mod reference;
mod resource;

use std::error::Error;
use std::fmt;

use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};

use crate::authority::{Authority, AuthorityError};
use crate::origin::is_scheme;

pub use crate::userinfo::{InvalidUserinfo, Userinfo};
pub(crate) use host::{is_host, is_number};
pub(crate) use resource::{checked, path_and_query};

/// A parsed `ws://` or `wss://` URL.
///
/// ```
/// use socket_flow_handshake::target::{Target, TargetError};
///
/// let target = Target::parse("wss://user:secret@Example.com/chat?room=1")?;
/// assert_eq!(target.host(), "example.com");
/// assert_eq!(target.port(), 443);
/// assert!(target.is_secure());
/// assert_eq!(target.uri().to_string(), "wss://example.com/chat?room=1");
/// assert_eq!(target.userinfo().unwrap().user(), "user");
///
/// assert_eq!(Target::parse("ws://example.com/#top"), Err(TargetError::Fragment));
/// # Ok::<_, TargetError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    secure: bool,
    /// Without the scheme's default port.
    authority: Authority,
    path_and_query: PathAndQuery,
    userinfo: Option<Userinfo>,
}

impl Target {
    /// Reads a URL.
    ///
    /// One rule holds for every URL, whoever gives it: the caller, a redirect, a proxy. Blanks at
    /// its ends do not count. In path and query, what RFC 3986 does not allow there is
    /// percent-encoded as the URL standard does (`/a{b}` becomes `/a%7Bb%7D`, `é` becomes
    /// `%C3%A9`); a control character, a `\` and a `%` without two hexadecimal digits are errors. A
    /// host is never repaired: it is an IPv6 address in brackets, four decimal numbers where its
    /// last label is a number, or a name of labels of 1 to 63 bytes, 253 in all; one that is not
    /// ASCII must be given in punycode.
    ///
    /// ```
    /// use socket_flow_handshake::target::{Target, TargetError};
    ///
    /// assert_eq!(Target::parse("ws://a/b c?{d}")?.path_and_query(), "/b%20c?%7Bd%7D");
    /// assert_eq!(Target::parse("ws://a/100%"), Err(TargetError::Path));
    /// assert_eq!(Target::parse("ws://a..b/"), Err(TargetError::Host));
    /// # Ok::<_, TargetError>(())
    /// ```
    ///
    /// # Errors
    /// [`TargetError`], one variant per cause and place.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let url = url.trim_matches(' ');
        if url.len() > MAX_URL {
            return Err(TargetError::TooLong);
        }
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::MissingScheme)?;
        let secure = if scheme.eq_ignore_ascii_case("ws") {
            false
        } else if scheme.eq_ignore_ascii_case("wss") {
            true
        } else if is_scheme(scheme) {
            return Err(TargetError::Scheme(scheme.into()));
        } else {
            // It is shown to nobody: a URL without a scheme may hold another one, behind a password.
            return Err(TargetError::MissingScheme);
        };
        // RFC 6455 §3: a `#` must be escaped, and a fragment means nothing here.
        if rest.contains('#') {
            return Err(TargetError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (userinfo, authority) = match authority.rsplit_once('@') {
            Some((userinfo, authority)) => {
                let userinfo = Userinfo::parse(userinfo).map_err(|_| TargetError::Userinfo)?;
                (userinfo, authority)
            }
            None => (None, authority),
        };
        Ok(Self {
            secure,
            authority: parse_authority(authority)?.without_default_port(default_port(secure)),
            path_and_query: path_and_query(path)?,
            userinfo: match userinfo {
                // It would be sent as Basic authentication, and in no other way.
                Some(userinfo) if userinfo.basic_authorization().is_none() => {
                    return Err(TargetError::Userinfo);
                }
                userinfo => userinfo,
            },
        })
    }

    /// The host to connect to, in lower case; an IPv6 address stands without its brackets.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// The port to connect to: the URL's, or 80 for `ws` and 443 for `wss`.
    pub fn port(&self) -> u16 {
        self.authority
            .port()
            .unwrap_or_else(|| default_port(self.secure))
    }

    /// Whether the scheme is `wss`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host and port as they stand in a URL and in `Host`: brackets around an IPv6 address, no
    /// port where it is the scheme's default.
    pub fn authority(&self) -> String {
        self.authority.to_string()
    }

    /// The path, at least `/`, and the query: what goes into the request line.
    pub fn path_and_query(&self) -> &PathAndQuery {
        &self.path_and_query
    }

    /// User and password, if the URL holds any. They are in no other part of the target.
    pub fn userinfo(&self) -> Option<&Userinfo> {
        self.userinfo.as_ref()
    }

    /// The URL without its userinfo, as [`client::request`](crate::client::request) takes it.
    pub fn uri(&self) -> Uri {
        Uri::builder()
            .scheme(if self.secure { "wss" } else { "ws" })
            .authority(self.authority.to_string())
            .path_and_query(self.path_and_query.clone())
            .build()
            .expect("scheme, authority and path were checked when the target was parsed")
    }

    /// The value for `Authorization` that carries the userinfo (RFC 7617), marked as sensitive.
    ///
    /// `None` without userinfo. It is never sent unless you put it into the offer.
    pub fn basic_authorization(&self) -> Option<HeaderValue> {
        self.userinfo
            .as_ref()
            .and_then(Userinfo::basic_authorization)
    }
}

impl fmt::Debug for Target {
    /// Shows neither userinfo nor query: both may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("secure", &self.secure)
            .field("authority", &self.authority)
            .field("path", &self.path_and_query.path())
            .finish_non_exhaustive()
    }
}

/// Why a URL is not one that a client can connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// A `#`, with or without something behind it (RFC 6455 §3).
    Fragment,
    /// The host is none: it holds characters that no host has, a label that is empty or longer than
    /// 63 bytes, more than 253 bytes, or a number that is no IPv4 address.
    Host,
    /// No host between the scheme and the path.
    MissingHost,
    /// No `://` after the characters of a scheme (RFC 3986 §3.1).
    MissingScheme,
    /// The host is not ASCII: give it in punycode.
    NonAsciiHost,
    /// The path holds a control character, a `\`, or a `%` without two hexadecimal digits.
    Path,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The query holds a control character, a `\`, or a `%` without two hexadecimal digits.
    Query,
    /// A scheme other than `ws` and `wss`.
    Scheme(Box<str>),
    /// The URL is longer than 65,534 bytes.
    TooLong,
    /// User or password hold characters, or escapes, that are not allowed there; or what Basic
    /// authentication cannot carry: a control character, or a colon in the user (RFC 7617 §2).
    Userinfo,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fragment => f.write_str("url has a fragment"),
            Self::Host => f.write_str("url has an invalid host"),
            Self::MissingHost => f.write_str("url has no host"),
            Self::MissingScheme => f.write_str("url has no scheme, ws:// or wss:// is needed"),
            Self::NonAsciiHost => f.write_str("host of the url is not ascii, give it in punycode"),
            Self::Path => f.write_str(
                "path of the url has a control character, a backslash or an incomplete % escape",
            ),
            Self::Port => f.write_str("port of the url is not a number from 1 to 65535"),
            Self::Query => f.write_str(
                "query of the url has a control character, a backslash or an incomplete % escape",
            ),
            Self::Scheme(scheme) => {
                write!(f, "url has the scheme {scheme:?}, ws or wss is needed")
            }
            Self::TooLong => f.write_str("url is too long"),
            Self::Userinfo => f.write_str("url has invalid userinfo"),
        }
    }
}

impl Error for TargetError {}

pub(crate) fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

fn parse_authority(text: &str) -> Result<Authority, TargetError> {
    if !text.is_ascii() {
        return Err(TargetError::NonAsciiHost);
    }
    if text.is_empty() || text.starts_with(':') {
        return Err(TargetError::MissingHost);
    }
    let authority = Authority::parse(text.as_bytes()).map_err(|error| match error {
        AuthorityError::Host => TargetError::Host,
        AuthorityError::Port => TargetError::Port,
    })?;
    if authority.port() == Some(0) {
        return Err(TargetError::Port);
    }
    if !is_host(authority.host()) {
        return Err(TargetError::Host);
    }
    // `http::Uri` knows fewer characters and lengths: what it refuses must not surface later.
    match authority.to_string().parse::<http::uri::Authority>() {
        Ok(_) => Ok(authority),
        Err(_) => Err(TargetError::Host),
    }
}

/// What `http::Uri` holds, and far more than any server reads.
const MAX_URL: usize = u16::MAX as usize - 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §3.
    #[test]
    fn urls_are_taken_apart() {
        for (url, host, port, uri) in [
            ("ws://a", "a", 80, "ws://a/"),
            ("wss://a", "a", 443, "wss://a/"),
            ("WSS://A/", "a", 443, "wss://a/"),
            ("ws://a:80/b", "a", 80, "ws://a/b"),
            ("wss://a:443", "a", 443, "wss://a/"),
            ("ws://a:443", "a", 443, "ws://a:443/"),
            ("ws://a:", "a", 80, "ws://a/"),
            ("ws://a:65535", "a", 65535, "ws://a:65535/"),
            ("ws://a?b=c", "a", 80, "ws://a/?b=c"),
            ("ws://a/b?c=d/e?f", "a", 80, "ws://a/b?c=d/e?f"),
            ("ws://a//b/../c", "a", 80, "ws://a//b/../c"),
            ("ws://a/b%20c%23", "a", 80, "ws://a/b%20c%23"),
            ("ws://a/b@c", "a", 80, "ws://a/b@c"),
            ("ws://a?b@c", "a", 80, "ws://a/?b@c"),
            ("ws://[::1]:9/a?b", "::1", 9, "ws://[::1]:9/a?b"),
            ("ws://[0:0::1]", "::1", 80, "ws://[::1]/"),
            (
                "ws://127.0.0.1:9001",
                "127.0.0.1",
                9001,
                "ws://127.0.0.1:9001/",
            ),
            (
                "ws://xn--bcher-kva.example",
                "xn--bcher-kva.example",
                80,
                "ws://xn--bcher-kva.example/",
            ),
            ("ws://u:p@a/b", "a", 80, "ws://a/b"),
            ("ws://u:p@[::1]:9", "::1", 9, "ws://[::1]:9/"),
            ("ws://a/b{c}?d e", "a", 80, "ws://a/b%7Bc%7D?d%20e"),
            ("ws://a/b\u{e9}", "a", 80, "ws://a/b%C3%A9"),
            ("  ws://a/b  ", "a", 80, "ws://a/b"),
            ("ws://a/?'b'=\"c\"", "a", 80, "ws://a/?'b'=%22c%22"),
            ("ws://a/\u{1f600}", "a", 80, "ws://a/%F0%9F%98%80"),
            ("ws://a/b\u{a0}c", "a", 80, "ws://a/b%C2%A0c"),
            ("ws://a/%00", "a", 80, "ws://a/%00"),
            ("ws://a:00080/", "a", 80, "ws://a/"),
            ("ws://a/..;/@b:c", "a", 80, "ws://a/..;/@b:c"),
            // What follows a slash is no userinfo.
            ("ws://u/v@a/", "u", 80, "ws://u/v@a/"),
            ("ws://u?v@a/", "u", 80, "ws://u/?v@a/"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.host(), target.port()), (host, port), "{url}");
            assert_eq!(target.uri().to_string(), uri, "{url}");
            assert_eq!(
                target.is_secure(),
                url.trim().to_ascii_lowercase().starts_with("wss")
            );
            assert!(uri.contains(&target.authority()));
        }
    }

    /// RFC 6455 §3, §4.1, §11.1.1.
    #[test]
    fn every_url_that_cannot_work_has_its_own_error() {
        for (url, error) in [
            ("", TargetError::MissingScheme),
            ("a", TargetError::MissingScheme),
            ("localhost:9001", TargetError::MissingScheme),
            ("//a", TargetError::MissingScheme),
            ("://a", TargetError::MissingScheme),
            ("ws:/a", TargetError::MissingScheme),
            ("http://a", TargetError::Scheme("http".into())),
            ("https://a", TargetError::Scheme("https".into())),
            ("ht tp://a", TargetError::MissingScheme),
            ("\tws://a", TargetError::MissingScheme),
            ("alice:hunter2@b/c?to=https://d", TargetError::MissingScheme),
            ("ws://", TargetError::MissingHost),
            ("ws:///b", TargetError::MissingHost),
            ("ws://?b", TargetError::MissingHost),
            ("ws://:80", TargetError::MissingHost),
            ("ws://u@", TargetError::MissingHost),
            ("ws://a/#b", TargetError::Fragment),
            ("ws://a/#", TargetError::Fragment),
            ("ws://a#b", TargetError::Fragment),
            ("ws://[::1]:9/a?b#c", TargetError::Fragment),
            ("ws://b\u{fc}cher.example/", TargetError::NonAsciiHost),
            ("ws://a b/", TargetError::Host),
            ("ws://a\\b/", TargetError::Host),
            ("ws://a\r\n/", TargetError::Host),
            ("ws://[::1", TargetError::Host),
            ("ws://[nope]", TargetError::Host),
            ("ws://a%20b", TargetError::Host),
            ("ws://%61/", TargetError::Host),
            ("ws://a%2eb/", TargetError::Host),
            ("ws://a,b/", TargetError::Host),
            ("ws://a{b}/", TargetError::Host),
            ("ws://a /", TargetError::Host),
            ("ws://[::1]x/", TargetError::Host),
            ("ws://[::1%25eth0]/", TargetError::Host),
            ("ws://[v1.a]/", TargetError::Host),
            ("ws://1.2.3.4./", TargetError::Host),
            ("ws://0x7f.1/", TargetError::Host),
            ("ws://017700000001/", TargetError::Host),
            ("ws://a\u{3002}b/", TargetError::NonAsciiHost),
            ("ws://a\u{ad}b/", TargetError::NonAsciiHost),
            ("ws://a:0", TargetError::Port),
            ("ws://a:65536", TargetError::Port),
            ("ws://a:b", TargetError::Port),
            ("ws://a:-1", TargetError::Port),
            ("ws://a:+80", TargetError::Port),
            ("ws://a:80 /", TargetError::Port),
            ("ws://a:80:80", TargetError::Port),
            ("ws://::1", TargetError::MissingHost),
            ("ws://1::1", TargetError::Port),
            ("ws://u@v@a", TargetError::Userinfo),
            ("ws://u%@a", TargetError::Userinfo),
            ("ws://u v@a", TargetError::Userinfo),
            ("ws://u\u{e9}:p@a", TargetError::Userinfo),
            ("ws://u%E9@a", TargetError::Userinfo),
            ("ws://u:p^q@a", TargetError::Userinfo),
            ("ws://u:%C2%80@a", TargetError::Userinfo),
            ("ws://%3A@a", TargetError::Userinfo),
            ("ws://a%3Ab:c@a", TargetError::Userinfo),
            ("ws://a%0Ab:c@a", TargetError::Userinfo),
            ("ws://a:b%00@a", TargetError::Userinfo),
            ("ws://a/b\r\nX: y", TargetError::Path),
            ("ws://a/b\n", TargetError::Path),
            ("ws://a/\0", TargetError::Path),
            ("ws://a/100%", TargetError::Path),
            ("ws://a/b\\c", TargetError::Path),
            ("ws://a/%4g", TargetError::Path),
            ("ws://a/b\t", TargetError::Path),
            ("ws://a/%u0041", TargetError::Path),
            ("ws://a/?b=\u{7f}", TargetError::Query),
            ("ws://a?100%", TargetError::Query),
        ] {
            assert_eq!(Target::parse(url), Err(error), "{url:?}");
        }
    }

    #[test]
    fn a_url_of_almost_64_kib_is_a_uri_and_a_longer_one_an_error() {
        for head in ["ws://a/", "ws://a?", "ws://u:p@a/"] {
            let mut url = head.to_owned() + &"b".repeat(MAX_URL - head.len());
            Target::parse(&url).unwrap().uri();
            url.push('b');
            assert!(Target::parse(&url) == Err(TargetError::TooLong), "{head}");
        }
    }

    #[test]
    fn credentials_are_in_no_part_but_their_own() {
        let target = Target::parse("ws://user:secret@a/b").unwrap();
        assert!(!format!("{target:?}").contains("secret"));
        assert!(!format!("{target:?}").contains("user:"));
        assert!(!target.uri().to_string().contains('@'));
        assert_eq!(target.authority(), "a");
        let value = target.basic_authorization().unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value, "Basic dXNlcjpzZWNyZXQ=");
        assert_eq!(Target::parse("ws://a").unwrap().basic_authorization(), None);
    }

    /// RFC 6455 §4.1; RFC 7617 §2.
    #[test]
    fn userinfo_that_is_empty_is_none() {
        for url in ["ws://@a/", "ws://:@a/"] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.userinfo(), None, "{url}");
            assert_eq!(target.basic_authorization(), None, "{url}");
        }
        for (url, expected) in [
            ("ws://u@a/", "Basic dTo="),
            ("ws://u:@a/", "Basic dTo="),
            ("ws://:p@a/", "Basic OnA="),
            ("ws://u:p%3Aq@a/", "Basic dTpwOnE="),
        ] {
            let value = Target::parse(url).unwrap().basic_authorization();
            assert_eq!(value.unwrap(), expected, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in "(ws://|wss://)?[\\PC\r\n]{0,40}") {
            if let Ok(target) = Target::parse(&text) {
                let uri = target.uri().to_string();
                // Nothing is left to encode.
                proptest::prop_assert_eq!(Target::parse(&uri).unwrap().uri().to_string(), uri);
            }
        }
    }
}
