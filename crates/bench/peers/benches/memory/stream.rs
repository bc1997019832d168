//! The messages and the stream they travel through.

use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What one read yields at most.
const READ: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Binary,
    /// Text, one byte for each character.
    Ascii,
    /// Text, one to four bytes for each character.
    MultiByte,
}

/// A message, and how many of them one round has.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) messages: usize,
    pub(crate) payload: Bytes,
    /// A round as a client sends it.
    wire: Arc<[u8]>,
}

impl Sample {
    /// The sizes of the performance goals.
    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::new("32 B", Kind::Binary, 32, 1500),
            Self::new("125 B", Kind::Binary, 125, 500),
            Self::new("1 KiB", Kind::Binary, 1 << 10, 60),
            Self::new("1 KiB text", Kind::Ascii, 1 << 10, 60),
            Self::new("1 KiB multi-byte text", Kind::MultiByte, 1 << 10, 60),
            Self::new("16 KiB", Kind::Binary, 16 << 10, 8),
            Self::new("1 MiB", Kind::Binary, 1 << 20, 1),
            Self::new("1 MiB text", Kind::Ascii, 1 << 20, 1),
            Self::new("1 MiB multi-byte text", Kind::MultiByte, 1 << 20, 1),
        ]
    }

    fn new(name: &'static str, kind: Kind, len: usize, messages: usize) -> Self {
        let unit = match kind {
            Kind::MultiByte => "aé語\u{1f980} ",
            Kind::Binary | Kind::Ascii => "plain words, ",
        };
        let mut payload = unit.repeat(len / unit.len());
        payload.extend(std::iter::repeat_n('.', len - payload.len()));
        let payload = payload.into_bytes();
        let mut wire = Vec::new();
        for _ in 0..messages {
            wire.push(if kind == Kind::Binary { 0x82 } else { 0x81 });
            match len {
                0..=125 => wire.push(0x80 | len as u8),
                126..=0xffff => {
                    wire.push(0xfe);
                    wire.extend_from_slice(&(len as u16).to_be_bytes());
                }
                _ => {
                    wire.push(0xff);
                    wire.extend_from_slice(&(len as u64).to_be_bytes());
                }
            }
            wire.extend_from_slice(&KEY);
            wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(a, b)| a ^ b));
        }
        Self {
            name,
            kind,
            messages,
            payload: payload.into(),
            wire: wire.into(),
        }
    }

    /// A stream of these messages without end.
    pub(crate) fn stream(&self) -> Memory {
        Memory {
            wire: self.wire.clone(),
            at: 0,
        }
    }

    /// Compares a received payload with what was sent.
    pub(crate) fn check(received: &[u8], expected: Option<&[u8]>) {
        if let Some(expected) = expected {
            assert!(received == expected, "the payload is another one");
        }
        std::hint::black_box(received);
    }
}

/// A stream whose peer never stops sending and takes all that is written.
#[derive(Debug)]
pub(crate) struct Memory {
    wire: Arc<[u8]>,
    at: usize,
}

impl Memory {
    fn next(&mut self, len: usize) -> &[u8] {
        if self.at == self.wire.len() {
            self.at = 0;
        }
        let start = self.at;
        self.at += len.min(READ).min(self.wire.len() - start);
        &self.wire[start..self.at]
    }
}

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(buf.len());
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(std::hint::black_box(buf).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = self.next(buf.remaining());
        buf.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(std::hint::black_box(buf).len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = std::hint::black_box(bufs);
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls to the end. The stream never makes anybody wait, so a few polls suffice even for a
/// library that yields in between.
pub(crate) fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the library waits for what never comes");
}
