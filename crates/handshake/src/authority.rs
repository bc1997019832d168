//! `host[:port]`, as it stands in a URL, in `Host` and in `Origin` (RFC 3986 §3.2).

use std::fmt;
use std::net::Ipv6Addr;

/// A host in lower case, and the port if one was written.
///
/// An IPv6 address is kept in its canonical spelling, so that two spellings compare equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Authority {
    /// Without the brackets of an IPv6 literal.
    host: Box<str>,
    is_ipv6: bool,
    port: Option<u16>,
}

impl Authority {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, AuthorityError> {
        if let [b'[', rest @ ..] = text {
            let end = rest
                .iter()
                .position(|byte| *byte == b']')
                .ok_or(AuthorityError::Host)?;
            let (address, rest) = rest.split_at(end);
            let address = std::str::from_utf8(address).map_err(|_| AuthorityError::Host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| AuthorityError::Host)?;
            return Ok(Self {
                host: address.to_string().into(),
                is_ipv6: true,
                port: match rest.get(1..).unwrap_or_default() {
                    [] => None,
                    [b':', port @ ..] => parse_port(port)?,
                    _ => return Err(AuthorityError::Host),
                },
            });
        }
        let (host, port) = match text.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (host, port) = text.split_at(colon);
                (host, parse_port(port.get(1..).unwrap_or_default())?)
            }
            None => (text, None),
        };
        let host = std::str::from_utf8(host).map_err(|_| AuthorityError::Host)?;
        // `unreserved` and `sub-delims` of RFC 3986. No percent sign: an escaped host is a second
        // spelling that a comparison would miss. No comma: it would make two `Host` headers, joined
        // on the way, look like one.
        let is_host_byte = |byte| {
            matches!(byte,
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
                | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'('
                | b')' | b'*' | b'+' | b';' | b'=')
        };
        if host.is_empty() || !host.bytes().all(is_host_byte) {
            return Err(AuthorityError::Host);
        }
        Ok(Self {
            host: host.to_ascii_lowercase().into(),
            is_ipv6: false,
            port,
        })
    }

    /// An IPv6 address stands here without its brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Forgets the port where it is the scheme's own.
    pub(crate) fn without_default_port(mut self, default: u16) -> Self {
        self.port = self.port.filter(|port| *port != default);
        self
    }

    /// Whether both name the same host and port, `default` standing for a port left out.
    pub(crate) fn is_same(&self, other: &Self, default: u16) -> bool {
        // Only an IPv6 address holds a colon, so the kinds need no comparing.
        self.host == other.host && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ipv6 {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Which part of an authority is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorityError {
    Host,
    Port,
}

/// RFC 3986 allows any number of digits, none included.
fn parse_port(digits: &[u8]) -> Result<Option<u16>, AuthorityError> {
    if digits.is_empty() {
        return Ok(None);
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(AuthorityError::Port);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| AuthorityError::Port)?;
    digits.parse().map(Some).map_err(|_| AuthorityError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_read_and_printed_in_one_spelling() {
        for (text, expected) in [
            ("example.com", Ok("example.com")),
            ("EXAMPLE.com:8080", Ok("example.com:8080")),
            ("example.com:", Ok("example.com")),
            ("127.0.0.1:9001", Ok("127.0.0.1:9001")),
            ("[::1]", Ok("[::1]")),
            ("[0:0:0:0:0:0:0:1]:9", Ok("[::1]:9")),
            ("[::FFFF:1.2.3.4]:0080", Ok("[::ffff:1.2.3.4]:80")),
            ("a_b.example", Ok("a_b.example")),
            ("", Err(AuthorityError::Host)),
            (":80", Err(AuthorityError::Host)),
            ("a b", Err(AuthorityError::Host)),
            ("a,b", Err(AuthorityError::Host)),
            ("a/b", Err(AuthorityError::Host)),
            ("a\\b", Err(AuthorityError::Host)),
            ("user@host", Err(AuthorityError::Host)),
            ("ex%61mple.com", Err(AuthorityError::Host)),
            ("b\u{fc}cher.example", Err(AuthorityError::Host)),
            ("::1", Err(AuthorityError::Port)),
            ("a:b", Err(AuthorityError::Port)),
            ("a:+1", Err(AuthorityError::Port)),
            ("a:65536", Err(AuthorityError::Port)),
            ("a:80:80", Err(AuthorityError::Port)),
            ("[::1", Err(AuthorityError::Host)),
            ("[::1]a", Err(AuthorityError::Host)),
            ("[::1]80", Err(AuthorityError::Host)),
            ("[fe80::1%25eth0]", Err(AuthorityError::Host)),
            ("[v1.a]", Err(AuthorityError::Host)),
            ("[]", Err(AuthorityError::Host)),
        ] {
            let got = Authority::parse(text.as_bytes()).map(|authority| authority.to_string());
            assert_eq!(got, expected.map(String::from), "{text}");
        }
    }
}
