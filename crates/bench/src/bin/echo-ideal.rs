//! A hand-written echo on tokio, nothing but the hot path: what a perfect library could reach.
//!
//! Not a library and no peer: it knows no fragments, no limits but one, no timeouts, and a second
//! role is out of its reach. All connections of a thread read into one buffer and write out of
//! another; a connection keeps the beginning of an unfinished frame and what the socket did not
//! take. A frame that is larger than the buffer is read into memory of exactly its size, where it
//! is unmasked and sent from.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use socket_flow_bench::frame::Header;
use socket_flow_bench::{MAX_MESSAGE, handshake, server};
use socket_flow_frames::mask;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

/// How much one read takes: it stays in the second-level cache, with what is written out.
const BUFFER: usize = 64 << 10;

/// How much longer a masked header is than the reply's: the key.
const KEY: usize = 4;

fn main() -> ExitCode {
    server::run(&[], |_| {
        |mut stream| async move {
            let partial = handshake::accept(&mut stream).await?;
            let mut echo = Echo {
                stream,
                partial,
                unsent: BytesMut::new(),
                closing: false,
            };
            Ok(poll_fn(|cx| echo.poll(cx)).await?)
        }
    })
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers {
        input: vec![0; BUFFER],
        output: vec![0; BUFFER],
    });
}

/// Of the same size: a reply is never longer than what it answers.
struct Buffers {
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Echo {
    stream: TcpStream,
    /// The beginning of an unfinished frame, header included.
    partial: BytesMut,
    /// What the socket did not take.
    unsent: BytesMut,
    /// A Close was answered.
    closing: bool,
}

impl Echo {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.unsent.has_remaining() {
                let n = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unsent))?;
                self.unsent.advance(n);
                if self.unsent.is_empty() {
                    self.unsent = BytesMut::new();
                }
            }
            if self.closing {
                return Poll::Ready(Ok(()));
            }
            let open = match Header::read(&self.partial) {
                Some(header) if header.size + header.len as usize > BUFFER => {
                    ready!(self.poll_large(cx, header))?
                }
                _ => BUFFERS.with_borrow_mut(|buffers| self.poll_small(cx, buffers))?,
            };
            match open {
                Some(Turn::Again) => {}
                Some(Turn::Wait) => return Poll::Pending,
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Reads what there is and answers every whole frame in it with one write.
    fn poll_small(
        &mut self,
        cx: &mut Context<'_>,
        Buffers { input, output }: &mut Buffers,
    ) -> io::Result<Option<Turn>> {
        let kept = self.partial.len();
        let mut buf = ReadBuf::new(input);
        buf.put_slice(&self.partial);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
            Poll::Pending => return Ok(Some(Turn::Wait)),
            Poll::Ready(result) => result?,
        }
        let end = buf.filled().len();
        if end == kept {
            return Ok(None);
        }
        let mut unread = &input[..end];
        let mut written = 0;
        while let Some(header) = Header::read(unread) {
            let whole = header.size + header.len as usize;
            if whole > unread.len() {
                break;
            }
            let payload = &unread[header.size..whole];
            let size = reply_header(&mut output[written..], &header)?;
            written += size;
            let reply = &mut output[written..written + payload.len()];
            mask::copy(reply, payload, key(&header)?.into(), 0);
            check(&header, reply)?;
            written += payload.len();
            unread = &unread[whole..];
            if header.first == 0x88 {
                self.closing = true;
                unread = &[];
            }
        }
        if self.partial.is_empty() && unread.is_empty() {
            // The common case: nothing is kept.
        } else {
            self.partial = BytesMut::from(unread);
        }
        let mut reply = &output[..written];
        while !reply.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, reply) {
                Poll::Ready(n) => reply = &reply[n?..],
                Poll::Pending => {
                    self.unsent = BytesMut::from(reply);
                    break;
                }
            }
        }
        Ok(Some(Turn::Again))
    }

    /// Reads the rest of one frame into memory of its own and sends the answer from there.
    fn poll_large(
        &mut self,
        cx: &mut Context<'_>,
        header: Header,
    ) -> Poll<io::Result<Option<Turn>>> {
        let len = header.len as usize;
        if len > MAX_MESSAGE {
            return Poll::Ready(Err(io::Error::other("message too long")));
        }
        let whole = header.size + len;
        self.partial.reserve(whole - self.partial.len());
        while self.partial.len() < whole {
            let missing = whole - self.partial.len();
            let stream = Pin::new(&mut self.stream);
            let mut space = (&mut self.partial).limit(missing);
            if ready!(poll_read_buf(stream, cx, &mut space))? == 0 {
                return Poll::Ready(Ok(None));
            }
        }
        let key = key(&header)?;
        let payload = &mut self.partial[header.size..];
        mask::apply(payload, key.into(), 0);
        check(&header, payload)?;
        // The shorter header ends where the payload begins.
        self.unsent = std::mem::take(&mut self.partial).split_off(KEY);
        reply_header(&mut self.unsent, &header)?;
        Poll::Ready(Ok(Some(Turn::Again)))
    }
}

/// What comes next on an open connection.
enum Turn {
    Again,
    Wait,
}

/// Writes the header of the reply to `out` and returns its size.
#[inline]
fn reply_header(out: &mut [u8], to: &Header) -> io::Result<usize> {
    out[0] = match to.first {
        0x81 | 0x82 | 0x88 => to.first,
        0x89 => 0x8a,
        _ => return Err(io::Error::other("no frame of this echo")),
    };
    let size = to.size - KEY;
    match size {
        2 => out[1] = to.len as u8,
        4 => {
            out[1] = 126;
            out[2..4].copy_from_slice(&(to.len as u16).to_be_bytes());
        }
        _ => {
            out[1] = 127;
            out[2..10].copy_from_slice(&to.len.to_be_bytes());
        }
    }
    Ok(size)
}

#[inline]
fn key(header: &Header) -> io::Result<[u8; 4]> {
    header
        .key
        .ok_or_else(|| io::Error::other("an unmasked frame"))
}

#[inline]
fn check(header: &Header, payload: &[u8]) -> io::Result<()> {
    if header.first == 0x81 && simdutf8::basic::from_utf8(payload).is_err() {
        return Err(io::Error::other("text that is not UTF-8"));
    }
    Ok(())
}
