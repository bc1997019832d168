//! What a WebSocket client sends and reads, byte by byte and without this library: attackers must be
//! able to send what it would not, and what is measured beside them must be the server alone.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// More than any answer's head.
const HEAD: usize = 4 << 10;

/// A connection's transport.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// The request that opens a connection.
pub fn request(addr: SocketAddr) -> Vec<u8> {
    request_for(addr, "/", Compression::None)
}

/// The request that opens a connection on a path.
pub fn request_for(addr: SocketAddr, path: &str, compression: Compression) -> Vec<u8> {
    let offer = match compression {
        Compression::None => "",
        Compression::Deflate => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    )
    .into_bytes()
}

/// The request that opens a connection on a path, as many bytes long as the server takes, with as many
/// lines.
pub fn longest_request(addr: SocketAddr, path: &str, compression: Compression) -> Vec<u8> {
    let mut request = request_for(addr, path, compression);
    // The empty line comes last.
    request.truncate(request.len() - 2);
    let lines = LINES - request.iter().filter(|byte| **byte == b'\n').count();
    let room = HEAD_LIMIT - 2 - request.len();
    for line in 0..lines {
        let name = format!("X-{line:03}: ");
        let len = room / lines - name.len() - 2;
        request.extend_from_slice(name.as_bytes());
        request.resize(request.len() + len, b'a');
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// What a client offers to do with its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    None,
    /// RFC 7692, with all parameters left to the server.
    Deflate,
}

/// Opens a connection on a stream. Servers here do not speak first.
///
/// # Errors
/// The stream fails, or the answer is not 101.
pub async fn open(stream: &mut impl Transport, addr: SocketAddr) -> io::Result<()> {
    open_by(stream, &request(addr)).await.map(drop)
}

/// Opens a connection by this request, and returns the head of the answer.
///
/// # Errors
/// The stream fails, or the answer is not 101.
pub async fn open_by(stream: &mut impl Transport, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    match head.starts_with(b"HTTP/1.1 101 ") {
        true => Ok(head),
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
    unread: BytesMut,
}

impl Frames {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The first byte and the payload of the next frame, once it is whole.
    pub fn take(&mut self) -> Option<(u8, Bytes)> {
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
        self.unread.get(start..start.checked_add(len)?)?;
        self.unread.advance(start);
        Some((first, self.unread.split_to(len).freeze()))
    }
}

/// Reads a server's messages from a transport.
#[derive(Debug)]
pub struct Reader<R> {
    transport: R,
    frames: Frames,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Of a connection that is open.
    pub fn new(transport: R) -> Self {
        Self {
            transport,
            frames: Frames::default(),
        }
    }

    /// The first byte and the payload of the next frame.
    ///
    /// # Errors
    /// The transport fails, or ends.
    pub async fn frame(&mut self) -> io::Result<(u8, Bytes)> {
        loop {
            if let Some(frame) = self.frames.take() {
                return Ok(frame);
            }
            self.frames.unread.reserve(PIECE);
            if self.transport.read_buf(&mut self.frames.unread).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The payload of the next message, as it was sent. Pings are not answered: a client that sends something every
    /// few seconds need not.
    ///
    /// # Errors
    /// The transport fails, or the server closes.
    pub async fn message(&mut self) -> io::Result<Bytes> {
        Ok(self.message_or_compressed().await?.1)
    }

    /// The same, and whether it is compressed.
    ///
    /// # Errors
    /// The transport fails, or the server closes.
    pub async fn message_or_compressed(&mut self) -> io::Result<(bool, Bytes)> {
        loop {
            let frame = self.frame().await?;
            let is_compressed = frame.0 & COMPRESSED != 0;
            if let Sorted::Message(payload) = sorted(frame)? {
                return Ok((is_compressed, payload));
            }
        }
    }
}

impl<T: Transport> Reader<T> {
    /// As [`message`](Self::message), and answers pings: for clients that only read.
    ///
    /// # Errors
    /// The transport fails, or the server closes.
    pub async fn message_and_pong(&mut self) -> io::Result<Bytes> {
        loop {
            match sorted(self.frame().await?)? {
                Sorted::Message(payload) => return Ok(payload),
                Sorted::Ping(payload) => {
                    let pong = frame(PONG, &payload, KEY);
                    self.transport.write_all(&pong).await?;
                    self.transport.flush().await?;
                }
                Sorted::Pong => {}
            }
        }
    }

    /// Sends a message, and waits for the next one to come.
    ///
    /// # Errors
    /// The transport fails, or the server closes.
    pub async fn exchange(&mut self, frame: &[u8]) -> io::Result<Bytes> {
        self.transport.write_all(frame).await?;
        self.transport.flush().await?;
        self.message_and_pong().await
    }

    /// Pings, and waits for the pong: then the handler reads, and what it does first is done.
    ///
    /// # Errors
    /// The transport fails, or something else comes.
    pub async fn begin(&mut self) -> io::Result<()> {
        self.transport.write_all(&frame(PING, b"", KEY)).await?;
        self.transport.flush().await?;
        match self.frame().await? {
            (PONG, _) => Ok(()),
            (first, _) => Err(io::Error::other(format!("a frame of {first:#x}, no pong"))),
        }
    }

    /// The transport alone.
    pub fn into_inner(self) -> T {
        self.transport
    }

    /// A reader for what the transport brings, and the half to write to.
    pub fn split(self) -> (Reader<ReadHalf<T>>, WriteHalf<T>) {
        let (read, write) = tokio::io::split(self.transport);
        let reader = Reader {
            transport: read,
            frames: self.frames,
        };
        (reader, write)
    }
}

/// What a server sends while a connection is open. Its messages have one frame each.
enum Sorted {
    Message(Bytes),
    Ping(Bytes),
    Pong,
}

fn sorted((first, payload): (u8, Bytes)) -> io::Result<Sorted> {
    match first & !COMPRESSED {
        TEXT | BINARY => Ok(Sorted::Message(payload)),
        PING => Ok(Sorted::Ping(payload)),
        PONG => Ok(Sorted::Pong),
        CLOSE => Err(closed(&payload)),
        _ => Err(io::Error::other(format!("a frame of {first:#x}"))),
    }
}

/// The server has closed: the code of its Close is in the error.
fn closed(payload: &[u8]) -> io::Error {
    let code = payload.get(..2).and_then(|code| code.try_into().ok());
    let code = code.map_or(1005, u16::from_be_bytes);
    io::Error::other(format!("closed with {code}"))
}

/// The first bytes of whole, uncompressed messages and of control frames.
pub const TEXT: u8 = 0x81;
/// See [`TEXT`].
pub const BINARY: u8 = 0x82;
/// See [`TEXT`].
pub const CLOSE: u8 = 0x88;
/// See [`TEXT`].
pub const PING: u8 = 0x89;
/// See [`TEXT`].
pub const PONG: u8 = 0x8a;

/// What the first byte of a compressed message has besides (RFC 7692 §6).
pub const COMPRESSED: u8 = 0x40;

/// The key of frames whose key does not matter.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a server takes of a request: bytes, and lines with the first.
const HEAD_LIMIT: usize = 16 << 10;
const LINES: usize = 99;

/// How much is read at once, at least.
const PIECE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_the_one_of_rfc_6455_section_5_7() {
        let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(frame(0x81, b"Hello", KEY), hello);
    }

    #[test]
    fn the_longest_request_is_what_a_server_takes() {
        let addr = ([127, 0, 0, 1], 80).into();
        let request = longest_request(addr, "/", Compression::Deflate);
        assert!(
            (16_000..=16 << 10).contains(&request.len()),
            "{}",
            request.len()
        );
        let lines = request.split(|byte| *byte == b'\n').count();
        // After the last line there is nothing, and before it an empty one.
        assert_eq!(lines, 99 + 2);
        assert!(request.ends_with(b"a\r\n\r\n"));
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
            (0x8a, Bytes::from_static(b"hi")),
            (0x82, Bytes::from(vec![7; 128])),
            (0x88, Bytes::new()),
        ];
        assert_eq!(read, expected);
    }

    #[tokio::test]
    async fn a_reader_passes_messages_on_and_answers_pings_where_it_should() {
        let (near, mut far) = tokio::io::duplex(1024);
        far.write_all(b"\x89\x01a\x81\x02hi\x8a\x00\x82\x00\x88\x02\x03\xf5")
            .await
            .unwrap();
        let mut reader = Reader::new(near);
        assert_eq!(reader.message_and_pong().await.unwrap(), "hi");
        assert_eq!(reader.message().await.unwrap(), "");
        let closed = reader.message().await.unwrap_err();
        assert_eq!(closed.to_string(), "closed with 1013");
        drop(reader);
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, frame(PONG, b"a", KEY));
    }

    #[tokio::test]
    async fn a_connection_has_begun_when_its_pong_is_there() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut reader = Reader::new(near);
        far.write_all(b"\x8a\x00\x81\x00").await.unwrap();
        reader.begin().await.unwrap();
        assert!(reader.begin().await.is_err(), "a message is no pong");
        drop(reader);
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, frame(PING, b"", KEY).repeat(2));
    }
}
