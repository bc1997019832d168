//! What a WebSocket client sends, byte by byte and without this library: attackers must be able to
//! send what it would not.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More than any answer's head.
const HEAD: usize = 4 << 10;

/// The request that opens a connection.
pub fn request(addr: SocketAddr) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// Opens a connection on a stream. Servers here do not speak first.
///
/// # Errors
/// The stream fails, or the answer is not 101.
pub async fn open(stream: &mut TcpStream, addr: SocketAddr) -> io::Result<()> {
    stream.write_all(&request(addr)).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    match head.starts_with(b"HTTP/1.1 101 ") {
        true => Ok(()),
        false => Err(io::Error::other("not accepted")),
    }
}

/// A client's frame: its first byte, and what it carries.
pub fn frame(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut frame = header(first, payload.len() as u64, key);
    frame.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

/// Only the header of a client's frame, which may declare what never comes.
pub fn header(first: u8, len: u64, key: [u8; 4]) -> Vec<u8> {
    let mut header = vec![first];
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => header.push(0x80 | len),
        (_, Ok(len)) => {
            header.push(0x80 | 126);
            header.extend(len.to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend(len.to_be_bytes());
        }
    }
    header.extend(key);
    header
}

/// Reads a server's frames.
#[derive(Debug, Default)]
pub struct Frames {
    unread: Vec<u8>,
}

impl Frames {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The first byte and the payload of the next frame, once it is whole.
    pub fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, &second) = (self.unread.first()?, self.unread.get(1)?);
        let (start, len): (usize, usize) = match second {
            126 => {
                let len = self.unread.get(2..4)?.try_into().ok()?;
                (4, usize::from(u16::from_be_bytes(len)))
            }
            127 => {
                let len = self.unread.get(2..10)?.try_into().ok()?;
                (10, usize::try_from(u64::from_be_bytes(len)).ok()?)
            }
            len => (2, usize::from(len)),
        };
        let payload = self.unread.get(start..start.checked_add(len)?)?.to_vec();
        self.unread.drain(..start + len);
        Some((first, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn a_frame_is_the_one_of_rfc_6455_section_5_7() {
        let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(frame(0x81, b"Hello", KEY), hello);
    }

    #[test]
    fn a_header_declares_any_length() {
        assert_eq!(header(0x82, 125, KEY)[..2], *b"\x82\xfd");
        assert_eq!(header(0x82, 126, KEY)[..4], *b"\x82\xfe\x00\x7e");
        assert_eq!(header(0x82, 0xffff, KEY)[..4], *b"\x82\xfe\xff\xff");
        let declared = b"\x82\xff\x00\x00\x00\x00\x00\xf0\x00\x00\x37\xfa\x21\x3d";
        assert_eq!(header(0x82, 15 << 20, KEY), declared);
    }

    #[test]
    fn frames_are_read_once_they_are_whole() {
        let sent = [&b"\x8a\x02hi\x82\x7e\x00\x80"[..], &[7; 128], b"\x88\x00"].concat();
        let mut frames = Frames::default();
        let mut read = Vec::new();
        for byte in sent {
            frames.push(&[byte]);
            read.extend(frames.take());
        }
        let expected = [
            (0x8a, b"hi".to_vec()),
            (0x82, vec![7; 128]),
            (0x88, Vec::new()),
        ];
        assert_eq!(read, expected);
    }
}
