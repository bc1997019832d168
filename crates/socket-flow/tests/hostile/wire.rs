//! A peer that is played byte by byte, in both directions: over TCP, where nothing else is said.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) use crate::support::patience::bounded;

/// A frame as it stood on the wire, its payload unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// FIN, RSV and opcode.
    pub(crate) first: u8,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a Close; its reason has been looked at too.
    pub(crate) fn close_code(&self) -> u16 {
        assert_eq!(self.first, 0x88, "{self:?}");
        assert!(std::str::from_utf8(&self.payload[2..]).is_ok(), "{self:?}");
        u16::from_be_bytes([self.payload[0], self.payload[1]])
    }
}

pub(crate) struct Wire<S = TcpStream> {
    io: S,
    /// Read from the socket, and not yet looked at.
    unread: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        tcp.set_nodelay(true).unwrap();
        Self::over(tcp)
    }

    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::new(TcpStream::connect(addr).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn over(io: S) -> Self {
        let unread = Vec::new();
        Self { io, unread }
    }

    /// The stream, of which nothing was read that was not looked at.
    pub(crate) fn into_io(self) -> S {
        assert_eq!(self.unread, b"");
        self.io
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// The same where the other side may have closed already.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        bounded(self.io.write_all(bytes.as_ref())).await
    }

    /// Sends what a flood consists of and reads the frames that come meanwhile, up to this one.
    pub(crate) async fn flood(&mut self, bytes: &[u8], last: (u8, &[u8])) {
        let (mut reading, mut writing) = tokio::io::split(&mut self.io);
        let unread = &mut self.unread;
        let read = async {
            loop {
                let mut at = 0;
                let found = loop {
                    match parse(&unread[at..]) {
                        Some((frame, len)) if (frame.first, &*frame.payload) != last => at += len,
                        Some((_, len)) => break Some(at + len),
                        None => break None,
                    }
                };
                unread.drain(..found.unwrap_or(at));
                if found.is_some() {
                    return;
                }
                assert!(reading.read_buf(unread).await.unwrap() > 0);
            }
        };
        let (written, ()) = bounded(async { tokio::join!(writing.write_all(bytes), read) }).await;
        written.unwrap();
    }

    /// One byte a segment; everybody else runs between two of them.
    pub(crate) async fn send_by_byte(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Ends our direction and keeps the other.
    pub(crate) async fn shut_down(&mut self) {
        self.io.shutdown().await.unwrap();
    }

    /// Reads up to the empty line behind a head.
    pub(crate) async fn head(&mut self) -> String {
        let end = loop {
            let found = self.unread.windows(4).position(|four| four == b"\r\n\r\n");
            match found {
                Some(at) => break at + 4,
                None => assert!(self.read().await, "{:?}", self.unread),
            }
        };
        String::from_utf8(self.unread.drain(..end).collect()).unwrap()
    }

    /// The next frame, `None` at an orderly end between two of them.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = parse(&self.unread) {
                self.unread.drain(..len);
                return Some(frame);
            }
            if !self.read().await {
                assert_eq!(self.unread, b"", "half a frame");
                return None;
            }
        }
    }

    /// All frames up to an orderly end: a reset is a failure.
    pub(crate) async fn frames(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }

    /// All bytes up to an orderly end.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.read().await {}
        std::mem::take(&mut self.unread)
    }

    /// All bytes up to any end: who is angry at us may close with a reset.
    pub(crate) async fn rest_or_reset(&mut self) -> Vec<u8> {
        while let Ok(1..) = bounded(self.io.read_buf(&mut self.unread)).await {}
        std::mem::take(&mut self.unread)
    }

    async fn read(&mut self) -> bool {
        bounded(self.io.read_buf(&mut self.unread)).await.unwrap() > 0
    }
}

/// Decoded by the letter of RFC 6455 §5.2, apart from all code under test.
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let &[first, second, ref rest @ ..] = bytes else {
        return None;
    };
    let (len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*len)).unwrap(), rest)
        }
        len => (usize::from(len), rest),
    };
    let (mask, rest) = match second & 0x80 {
        0 => (None, rest),
        _ => {
            let (mask, rest) = rest.split_first_chunk::<4>()?;
            (Some(*mask), rest)
        }
    };
    let mut payload = rest.get(..len)?.to_vec();
    if let Some(mask) = mask {
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
    }
    let read = bytes.len() - rest.len() + len;
    let frame = Frame {
        first,
        mask,
        payload,
    };
    Some((frame, read))
}
