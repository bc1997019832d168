//! One connection of the load generator.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::frame::{self, Header};
use crate::handshake;
use crate::load::burst::{Burst, Bursts};
use crate::load::deflate::{self, Inflater};
use crate::server::Takeover;

/// Every so many replies one is compared: more would make the load generator the limit. A prime,
/// so that all messages of a burst have their turn.
const CHECK_EVERY: u64 = 61;

/// How long a server may take to answer the handshake or a Close.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that sends one burst after the other.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// The number of the burst under way.
    burst: usize,
    /// How much of the burst is written.
    written: usize,
    /// When its write began.
    began: Instant,
    replies: Replies,
    /// How many bursts are still to be sent after the one under way; `None` for no end.
    pub bursts_left: Option<u64>,
}

/// What a connection has received.
#[derive(Debug, Default)]
struct Replies {
    /// The replies of this burst that are complete.
    complete: usize,
    /// All replies before this burst.
    before: u64,
    /// An incomplete header.
    header: Vec<u8>,
    /// The frame whose payload comes next.
    frame: Option<Header>,
    /// How much of that payload is in.
    received: u64,
    /// How much of the message came in frames before.
    offset: usize,
    checked: u64,
    /// Compressed replies are inflated and compared, all of them: each is needed for the next.
    inflater: Option<Inflater>,
    /// What has arrived of a compressed reply, as far as it is to be inflated.
    compressed: Vec<u8>,
    /// Whether the message under way is compressed.
    is_compressed: bool,
}

impl Connection {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// The server does not accept, or not in time.
    pub fn open(port: u16, deflate: Option<Takeover>) -> io::Result<Self> {
        Ok(Self {
            stream: open(port, deflate)?,
            burst: 0,
            written: 0,
            began: Instant::now(),
            replies: Replies::default(),
            bursts_left: None,
        })
    }

    /// The socket, to wait for.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Inflates and compares all compressed replies from now on. Of many connections a few are
    /// enough: it takes the load generator's time.
    pub fn inflate(&mut self) {
        self.replies.inflater = Some(Inflater::new());
    }

    /// How many replies were compared.
    pub fn checked(&self) -> u64 {
        self.replies.checked
    }

    /// Begins to write the first burst.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn begin(&mut self, bursts: &Bursts) -> io::Result<()> {
        self.written = 0;
        self.began = Instant::now();
        self.write(bursts)
    }

    /// Begins to write the next burst.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn go_on(&mut self, bursts: &Bursts) -> io::Result<()> {
        self.burst = bursts.after(self.burst);
        self.begin(bursts)
    }

    /// Writes what the socket takes of the burst.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn write(&mut self, bursts: &Bursts) -> io::Result<()> {
        let burst = &bursts.all[self.burst];
        while self.written < burst.bytes.len() {
            match self.stream.write(&burst.bytes[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what there is. Returns how many messages were completed, and the time the burst took
    /// if its last reply was among them.
    ///
    /// # Errors
    /// The connection is gone, or a reply is not what was sent.
    pub fn read(&mut self, bursts: &Bursts, buf: &mut [u8]) -> io::Result<(u64, Option<Duration>)> {
        let burst = &bursts.all[self.burst];
        let mut messages = 0;
        loop {
            let n = match self.stream.read(buf) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            messages += self.replies.take(&buf[..n], burst)?;
            // Less than asked for: there is no more, and more will be announced.
            if n < buf.len() {
                break;
            }
        }
        let finished = self.replies.complete == burst.messages.len();
        if finished {
            self.replies.before += self.replies.complete as u64;
            self.replies.complete = 0;
        }
        Ok((messages, finished.then(|| self.began.elapsed())))
    }

    /// Sends a Close and waits until the server has closed the connection.
    ///
    /// # Errors
    /// It does not, or not in time.
    pub fn close(mut self) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        let mut close = Vec::new();
        frame::append(&mut close, frame::CLOSE, Some([1, 2, 3, 4]), &[0x03, 0xe8]);
        self.stream.write_all(&close)?;
        // The raw echo knows no Close, but the end of the stream.
        self.stream.shutdown(std::net::Shutdown::Write)?;
        let mut buf = [0; 1024];
        loop {
            match self.stream.read(&mut buf) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Replies {
    /// Takes received bytes and returns how many messages they complete.
    fn take(&mut self, mut bytes: &[u8], burst: &Burst) -> io::Result<u64> {
        let mut messages = 0;
        loop {
            if self.frame.is_none() {
                if bytes.is_empty() {
                    return Ok(messages);
                }
                self.begin_frame(&mut bytes)?;
            }
            let Some(header) = self.frame else {
                return Ok(messages);
            };
            let missing = header.len - self.received;
            let here = missing.min(bytes.len() as u64) as usize;
            let (payload, rest) = bytes.split_at(here);
            if header.is_data() {
                if self.offset == 0 && self.received == 0 {
                    self.is_compressed = header.first & frame::RSV1 != 0 && header.key.is_none();
                }
                if !self.is_compressed {
                    self.check(&header, payload, burst)?;
                } else if self.inflater.is_some() {
                    self.compressed.extend_from_slice(payload);
                }
            }
            bytes = rest;
            self.received += here as u64;
            if self.received < header.len {
                return Ok(messages);
            }
            self.frame = None;
            self.received = 0;
            if header.is_data() {
                self.offset += header.len as usize;
                if header.is_final() {
                    self.end_message(&header, burst)?;
                    messages += 1;
                }
            }
        }
    }

    /// Reads a header, from one piece or from two.
    fn begin_frame(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        if self.header.is_empty() {
            if let Some(header) = Header::read(bytes) {
                *bytes = &bytes[header.size..];
                self.frame = Some(header);
                return Ok(());
            }
            self.header.extend_from_slice(bytes);
            *bytes = &[];
            return Ok(());
        }
        while let Some((byte, rest)) = bytes.split_first() {
            self.header.push(*byte);
            *bytes = rest;
            if let Some(header) = Header::read(&self.header) {
                self.frame = Some(header);
                self.header.clear();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Compares a piece of a payload with what was sent, if it is the turn of its message.
    fn check(&self, header: &Header, payload: &[u8], burst: &Burst) -> io::Result<()> {
        if !self.is_checked(burst) {
            return Ok(());
        }
        let Some(sent) = burst.messages.get(self.complete) else {
            return Err(wrong("more replies than messages"));
        };
        let start = self.offset + self.received as usize;
        let end = start + payload.len();
        let expected = match header.key {
            None => sent.payload.get(start..end),
            // An echo without framing returns the masked bytes.
            Some(_) => burst.bytes[sent.start..].get(start..end),
        };
        if self.offset == 0 && header.first & 0x0f != sent.first & 0x0f {
            return Err(wrong("a reply of another type"));
        }
        if expected != Some(payload) {
            return Err(wrong("a reply with another payload"));
        }
        Ok(())
    }

    fn end_message(&mut self, header: &Header, burst: &Burst) -> io::Result<()> {
        let Some(sent) = burst.messages.get(self.complete) else {
            return Err(wrong("more replies than messages"));
        };
        if self.is_compressed {
            if let Some(inflater) = &mut self.inflater {
                if !inflater.holds(&self.compressed, &sent.payload)? {
                    return Err(wrong("a reply with another payload"));
                }
                self.compressed.clear();
                self.checked += 1;
            }
        } else {
            let expected = match header.key {
                None => sent.payload.len(),
                Some(_) => sent.len,
            };
            if self.offset != expected {
                return Err(wrong("a reply of another length"));
            }
            self.checked += u64::from(self.is_checked(burst));
        }
        self.offset = 0;
        self.complete += 1;
        Ok(())
    }

    /// The first burst and a sample of all others.
    fn is_checked(&self, burst: &Burst) -> bool {
        let number = self.before + self.complete as u64;
        number < burst.messages.len() as u64 || number.is_multiple_of(CHECK_EVERY)
    }
}

/// A socket behind the opening handshake, which does not block.
pub(super) fn open(port: u16, deflate: Option<Takeover>) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let offer = deflate.map(deflate::offer);
    stream.write_all(handshake::request(port, offer).as_bytes())?;
    let head = handshake::read_answer(&mut stream)?;
    let answer = handshake::header(&head, "sec-websocket-extensions");
    if let Some(takeover) = deflate
        && !deflate::is_accepted(takeover, answer)
    {
        return Err(io::Error::other("the server compresses in another way"));
    }
    stream.set_nonblocking(true)?;
    Ok(stream)
}

pub(super) fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::scenario::{Kind, Scenario};

    fn burst() -> Burst {
        let scenario = Scenario {
            size: 200,
            kind: Kind::Ascii,
            connections: 1,
            depth: 3,
        };
        Burst::new(&scenario, 0, None)
    }

    fn echo(burst: &Burst) -> Vec<u8> {
        let mut out = Vec::new();
        for sent in &burst.messages {
            frame::append(&mut out, sent.first, None, &sent.payload);
        }
        out
    }

    #[test]
    fn replies_are_counted_wherever_they_are_split() {
        let burst = burst();
        for bytes in [echo(&burst), burst.bytes.clone()] {
            for at in 0..=bytes.len() {
                let mut replies = Replies::default();
                let first = replies.take(&bytes[..at], &burst).unwrap();
                let second = replies.take(&bytes[at..], &burst).unwrap();
                assert_eq!(first + second, 3, "split at {at}");
                assert_eq!(replies.checked, 3);
            }
        }
    }

    #[test]
    fn a_reply_in_fragments_with_a_pong_between_is_one_message() {
        let burst = burst();
        let payload = &burst.messages[0].payload;
        let mut bytes = Vec::new();
        frame::append(&mut bytes, 0x01, None, &payload[..70]);
        frame::append(&mut bytes, 0x8a, None, b"pong");
        frame::append(&mut bytes, 0x80, None, &payload[70..]);
        assert_eq!(Replies::default().take(&bytes, &burst).unwrap(), 1);
    }

    #[test]
    fn a_wrong_reply_is_noticed() {
        let burst = burst();
        let right = echo(&burst);
        let mut flipped = right.clone();
        flipped[150] ^= 1;
        let mut other_type = right.clone();
        other_type[0] = 0x82;
        let mut shorter = Vec::new();
        frame::append(&mut shorter, 0x81, None, &burst.messages[0].payload[..199]);
        let twice = [right.clone(), right].concat();
        for bytes in [flipped, other_type, shorter, twice] {
            assert!(Replies::default().take(&bytes, &burst).is_err());
        }
    }
}
