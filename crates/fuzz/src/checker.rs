//! The opening handshake's rules, written once more from the RFCs: slow, simple, and in nothing
//! the library's.

use std::net::Ipv6Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// A head, taken apart by hand.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    /// The words of the first line, by single spaces; a status line's reason is one word.
    pub(crate) start: Vec<&'a [u8]>,
    headers: Vec<(Vec<u8>, &'a [u8])>,
    /// Up to behind the empty line.
    pub(crate) len: usize,
}

impl<'a> Head<'a> {
    /// Reads a head that is all there (RFC 9112 §2 and §5, without any leniency). `None` if it is
    /// not, or breaks a rule or a default limit.
    pub(crate) fn read(bytes: &'a [u8], empty_line: bool, words: usize) -> Option<Self> {
        let skip = if empty_line && bytes.starts_with(b"\r\n") {
            2
        } else {
            0
        };
        let end = bytes[skip..]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")?;
        let len = skip + end + 4;
        if len > 16 << 10 {
            return None;
        }
        let mut lines = Vec::new();
        let mut rest = &bytes[skip..skip + end + 2];
        while !rest.is_empty() {
            let end = rest.windows(2).position(|two| two == b"\r\n")?;
            lines.push(&rest[..end]);
            rest = &rest[end + 2..];
        }
        let clean = |line: &&[u8]| {
            let mut bytes = line.iter();
            line.len() <= 8 << 10 && bytes.all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
        };
        if lines.len() > 101 || !lines.iter().all(clean) {
            return None;
        }
        let mut headers = Vec::new();
        for line in &lines[1..] {
            let colon = line.iter().position(|byte| *byte == b':')?;
            if !is_token(&line[..colon]) {
                return None;
            }
            headers.push((line[..colon].to_ascii_lowercase(), trim(&line[colon + 1..])));
        }
        let start = lines[0].splitn(words, |byte| *byte == b' ').collect();
        Some(Self {
            start,
            headers,
            len,
        })
    }

    pub(crate) fn all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'h> {
        let name = name.as_bytes().to_vec();
        let headers = self.headers.iter().filter(move |header| header.0 == name);
        headers.map(|header| header.1)
    }

    pub(crate) fn single(&self, name: &str) -> Option<&'a [u8]> {
        let mut all = self.all(name);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The elements of a list over all its headers (RFC 9110 §5.6.1).
    pub(crate) fn list(&self, name: &str) -> Vec<&'a [u8]> {
        let elements = self
            .all(name)
            .flat_map(|value| value.split(|byte| *byte == b','));
        elements
            .map(trim)
            .filter(|element| !element.is_empty())
            .collect()
    }

    /// Whether this is a request to open a WebSocket (RFC 6455 §4.2.1); of the target only its
    /// form is judged.
    pub(crate) fn is_opening(&self, any_origin: bool) -> bool {
        let [b"GET", target, b"HTTP/1.1"] = self.start[..] else {
            return false;
        };
        let Some(mut host) = self.single("host").and_then(authority) else {
            return false;
        };
        if target.first() != Some(&b'/') {
            let Some(named) = absolute(target).and_then(authority) else {
                return false;
            };
            host = named;
        }
        let upgrades = self.list("upgrade");
        let is_protocol = |element: &&[u8]| element.splitn(2, |byte| *byte == b'/').all(is_token);
        let connection = self.list("connection");
        let lists = upgrades.iter().all(is_protocol)
            && connection.iter().copied().all(is_token)
            && upgrades
                .iter()
                .any(|element| element.eq_ignore_ascii_case(b"websocket"))
            && connection
                .iter()
                .any(|element| element.eq_ignore_ascii_case(b"upgrade"));
        let no_body = !self.has("transfer-encoding")
            && (!self.has("content-length")
                || self
                    .single("content-length")
                    .is_some_and(|len| !len.is_empty() && len.iter().all(|digit| *digit == b'0')));
        let origin = !self.has("origin")
            || any_origin
            || self
                .single("origin")
                .is_some_and(|origin| is_origin_of(origin, &host));
        lists
            && no_body
            && origin
            && self.single("sec-websocket-version") == Some(b"13")
            && self.single("sec-websocket-key").is_some_and(is_key)
            && self.subprotocols().is_some()
            && self.extensions().is_some()
    }

    /// Whether this answers a request with this key with a connection (RFC 6455 §4.1).
    pub(crate) fn is_opened(&self, key: &str, offered: &[&str], extensions: &[&str]) -> bool {
        let (Some(chosen), Some(accepted)) = (self.subprotocols(), self.extensions()) else {
            return false;
        };
        let upgrades = self.list("upgrade");
        let connection = self.list("connection");
        let mut names: Vec<_> = accepted
            .iter()
            .map(|extension| &extension.name[..])
            .collect();
        let count = names.len();
        let offered_extensions = names.iter().all(|name| extensions.contains(name));
        names.sort_unstable();
        names.dedup();
        self.start.first() == Some(&&b"HTTP/1.1"[..])
            && self.start.get(1) == Some(&&b"101"[..])
            && !upgrades.is_empty()
            && upgrades
                .iter()
                .all(|element| element.eq_ignore_ascii_case(b"websocket"))
            && connection.iter().copied().all(is_token)
            && connection
                .iter()
                .any(|element| element.eq_ignore_ascii_case(b"upgrade"))
            && self.single("sec-websocket-accept") == Some(accept(key).as_bytes())
            && self.all("sec-websocket-protocol").count() <= 1
            && chosen.len() <= 1
            && chosen
                .iter()
                .all(|name| offered.iter().any(|offer| offer.as_bytes() == *name))
            && offered_extensions
            && names.len() == count
    }

    /// The subprotocols named, if they are a list of tokens, and not an empty one.
    pub(crate) fn subprotocols(&self) -> Option<Vec<&'a [u8]>> {
        let names = self.list("sec-websocket-protocol");
        let present = self.has("sec-websocket-protocol");
        (names.iter().copied().all(is_token) && present != names.is_empty()).then_some(names)
    }

    /// The extensions named, likewise.
    pub(crate) fn extensions(&self) -> Option<Vec<Extension>> {
        let all: Vec<_> = self.all("sec-websocket-extensions").collect();
        extensions(&all)
    }
}

/// An extension: its name, and its parameters with their values.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) name: String,
    pub(crate) params: Vec<(String, Option<String>)>,
}

/// Reads the values of `Sec-WebSocket-Extensions` (RFC 6455 §9.1). No value may hold a comma or a
/// semicolon, quoted or not, so that both can be split at.
pub(crate) fn extensions(values: &[&[u8]]) -> Option<Vec<Extension>> {
    let mut list = Vec::new();
    for element in values
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b','))
    {
        if trim(element).is_empty() {
            continue;
        }
        let mut parts = element.split(|byte| *byte == b';').map(trim);
        let name = token(parts.next()?)?;
        let mut params = Vec::new();
        for part in parts {
            params.push(match part.iter().position(|byte| *byte == b'=') {
                None => (token(part)?, None),
                Some(at) => {
                    let value = unquoted(trim(&part[at + 1..]))?;
                    (token(trim(&part[..at]))?, Some(token(&value)?))
                }
            });
        }
        list.push(Extension { name, params });
    }
    (values.is_empty() || !list.is_empty()).then_some(list)
}

/// The value that proves that a server has read this key (RFC 6455 §4.2.2).
pub(crate) fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(Sha1::digest(text.as_bytes()))
}

pub(crate) fn is_token(text: &[u8]) -> bool {
    let others = b"!#$%&'*+-.^_`|~";
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || others.contains(byte);
    !text.is_empty() && text.iter().all(is_char)
}

pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text
        .iter()
        .position(|byte| !is_space(byte))
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| !is_space(byte))
        .map_or(start, |at| at + 1);
    &text[start..end]
}

fn token(text: &[u8]) -> Option<String> {
    is_token(text).then(|| String::from_utf8_lossy(text).into_owned())
}

fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let Some(inner) = text.strip_prefix(b"\"") else {
        return Some(text.to_vec());
    };
    let mut value = Vec::new();
    let mut bytes = inner.iter();
    loop {
        match *bytes.next()? {
            b'"' => return bytes.next().is_none().then_some(value),
            b'\\' => value.push(*bytes.next()?),
            byte => value.push(byte),
        }
    }
}

/// Base64 of 16 bytes by the grammar of RFC 6455 §4.3: 22 characters and two signs. The last
/// character holds two bits; the others of its six may be set.
fn is_key(text: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len() == 24 && text[..22].iter().all(is_digit) && text[22..] == *b"=="
}

/// What stands between the scheme and the path of a target in absolute form.
fn absolute(target: &[u8]) -> Option<&[u8]> {
    let target = std::str::from_utf8(target).ok()?;
    let (scheme, rest) = target.split_once("://")?;
    let known = ["http", "https", "ws", "wss"];
    let is_known = known.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    is_known.then_some(&rest.as_bytes()[..end])
}

#[derive(Debug)]
struct Authority {
    host: String,
    port: Option<u16>,
}

fn authority(text: &[u8]) -> Option<Authority> {
    let text = std::str::from_utf8(text).ok()?;
    let (host, rest) = if text.starts_with('[') {
        let end = text.find(']')?;
        let address: Ipv6Addr = text[1..end].parse().ok()?;
        (address.to_string(), &text[end + 1..])
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let is_char = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+;=".contains(c);
        if end == 0 || !text[..end].chars().all(is_char) {
            return None;
        }
        (text[..end].to_ascii_lowercase(), &text[end..])
    };
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        _ => return None,
    };
    Some(Authority { host, port })
}

/// Whether a page of this origin belongs to this host (RFC 6454 §5).
fn is_origin_of(origin: &[u8], host: &Authority) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else {
        return false;
    };
    let Some((scheme, rest)) = origin.split_once("://") else {
        return false;
    };
    let default = match &scheme.to_ascii_lowercase()[..] {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        _ => return false,
    };
    authority(rest.as_bytes()).is_some_and(|page| {
        page.host == host.host && page.port.unwrap_or(default) == host.port.unwrap_or(default)
    })
}
