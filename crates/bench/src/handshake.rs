//! The smallest opening handshake that works, for both ends: the load generator's request, and the
//! answer of servers whose library leaves the handshake to others.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The key of RFC 6455 §1.3, which every connection of the load generator sends.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The answer to [`KEY`], from the same section.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a key is joined with before it is hashed (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// More than any request of the load generator.
const LIMIT: usize = 8 << 10;

/// The request that opens a connection; `extensions` is the value of its header, if it has one.
pub fn request(port: u16, extensions: Option<&str>) -> String {
    let extensions = match extensions {
        Some(value) => format!("Sec-WebSocket-Extensions: {value}\r\n"),
        None => String::new(),
    };
    format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\
         {extensions}\r\n"
    )
}

/// Reads the answer to [`request`] and returns its head. No server of a benchmark speaks first, so
/// nothing stands behind it.
///
/// # Errors
/// The stream fails, or the request was not accepted.
pub fn read_answer(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buf = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buf)? {
            0 => break,
            n => head.extend_from_slice(&buf[..n]),
        }
    }
    if head.starts_with(b"HTTP/1.1 101 ") && header(&head, "sec-websocket-accept") == Some(ACCEPT) {
        return Ok(head);
    }
    let head = String::from_utf8_lossy(&head);
    Err(io::Error::other(format!("not accepted: {head}")))
}

/// The value of `Sec-WebSocket-Accept` for a key.
pub fn accept_value(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

/// Reads a request, answers it with 101 and returns what was read behind it.
///
/// # Errors
/// The stream fails, or what it carries is no request with a key.
pub async fn accept(stream: &mut TcpStream) -> io::Result<BytesMut> {
    let mut head = BytesMut::with_capacity(1024);
    let end = loop {
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if head.len() > LIMIT || stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::other("no complete request arrived"));
        }
    };
    // A copy, mostly of nothing: what is split off keeps the whole buffer.
    let rest = BytesMut::from(&head[end..]);
    let key =
        header(&head[..end], "sec-websocket-key").ok_or_else(|| io::Error::other("no key"))?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_value(key)
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(rest)
}

/// The value of the header `name`, which is given in lower case.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let head = std::str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_one_of_the_rfc() {
        assert_eq!(accept_value(KEY), ACCEPT);
    }

    #[test]
    fn only_the_right_answer_is_one() {
        let answer = |status: &str, accept: &str| {
            let head = format!("HTTP/1.1 {status}\r\nsec-websocket-accept: {accept}\r\n\r\n");
            read_answer(&mut head.as_bytes())
        };
        assert!(answer("101 Switching Protocols", ACCEPT).is_ok());
        assert!(answer("101 Switching Protocols", KEY).is_err());
        assert!(answer("403 Forbidden", ACCEPT).is_err());
        assert!(read_answer(&mut &b"HTTP/1.1 101 Swi"[..]).is_err());
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let request = request(80, Some("permessage-deflate"));
        assert_eq!(header(request.as_bytes(), "sec-websocket-key"), Some(KEY));
        assert_eq!(
            header(request.as_bytes(), "sec-websocket-extensions"),
            Some("permessage-deflate")
        );
        assert_eq!(header(request.as_bytes(), "origin"), None);
    }
}
