//! Heads by hand (RFC 9112): as much of them as a replay needs.

use sha1::{Digest, Sha1};

/// The key of RFC 6455 §1.3, which the inputs of `hs_client` answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A request to open a WebSocket, by its letter (RFC 6455 §4.1).
pub(crate) fn request() -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// The answer that opens a WebSocket, by its letter (RFC 6455 §4.2.2).
pub(crate) fn answer(key: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept(key)
    )
    .into_bytes()
}

/// An answer to [`KEY`], turned into the same one to another key.
pub(crate) fn readdressed(answer: &[u8], key: &str) -> Vec<u8> {
    let (from, to) = (accept(KEY), accept(key));
    let mut bytes = answer.to_vec();
    let mut at = 0;
    while let Some(place) = find(&bytes[at..], from.as_bytes()) {
        at += place;
        bytes.splice(at..at + from.len(), to.bytes());
        at += to.len();
    }
    bytes
}

/// A head that is all there: its first line, and where it ends.
pub(crate) fn head(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = find(bytes, b"\r\n\r\n")?;
    let line = find(bytes, b"\r\n")?;
    Some((&bytes[..line], end + 4))
}

/// The value of the only header of this name.
pub(crate) fn header(head: &[u8], name: &str) -> Option<String> {
    let mut values = values(head, name);
    let value = values.pop()?;
    values.is_empty().then_some(value)
}

/// The values of all headers of this name.
pub(crate) fn values(head: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    let lines = text.split("\r\n").skip(1);
    let values = lines.filter_map(|line| {
        let (found, value) = line.split_once(':')?;
        let is_meant = found.eq_ignore_ascii_case(name);
        is_meant.then(|| value.trim().to_owned())
    });
    values.collect()
}

/// The status of an answer's first line.
pub(crate) fn status(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(&Sha1::digest(text.as_bytes()))
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, place| {
            bits << 8 | usize::from(three.get(place).copied().unwrap_or(0))
        });
        for place in 0..4 {
            let digit = digits[bits >> (18 - 6 * place) & 63];
            text.push(if place <= three.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_key_has_the_rfcs_answer() {
        assert_eq!(accept(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(
            (base64(b""), base64(b"f"), base64(b"foobar")),
            ("".into(), "Zg==".into(), "Zm9vYmFy".into())
        );
    }

    #[test]
    fn an_answer_is_readdressed_wherever_it_names_the_key() {
        let answer = b"A: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nB: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\xff";
        let other = readdressed(answer, "x");
        let expected = format!("A: {0}\r\nB: {0}", accept("x")).into_bytes();
        assert_eq!(other.strip_suffix(b"\xff"), Some(&expected[..]));
        assert_eq!(readdressed(answer, KEY), answer);
    }

    #[test]
    fn a_head_is_taken_apart() {
        let answer = b"HTTP/1.1 101 Fine\r\nA: 1\r\nb:2\r\n\r\n\x81";
        assert_eq!(head(answer), Some((&answer[..17], answer.len() - 1)));
        assert_eq!(status(&answer[..17]), Some(101));
        assert_eq!(
            (header(&answer[..31], "B"), header(&answer[..31], "c")),
            (Some("2".into()), None)
        );
        assert_eq!(head(b"HTTP/1.1 101 Fine\r\n"), None);
    }
}
