//! What both sides of the opening handshake do with their stream.

use std::{io, mem};

use bytes::BytesMut;
use socket_flow_frames::ReceiveBuf;
use socket_flow_handshake::head::HeadError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Reads once into `buf`, which grows where it is full; an interrupted read is tried again, as the open
/// connection does.
///
/// It grows for one read and no more: a peer that sends half a head decides how long that is kept. A
/// decoder refuses a head over its limit at the byte that goes over, so it grows to that limit and one
/// read beyond it at most.
pub(crate) async fn read_more<S>(io: &mut S, buf: &mut BytesMut) -> io::Result<usize>
where
    S: AsyncRead + Unpin,
{
    if buf.len() == buf.capacity() {
        let step = read_step(buf);
        let mut grown = ReceiveBuf::from(mem::take(buf));
        grown.reserve_exact(step);
        *buf = grown.into_inner();
    }
    loop {
        match io.read_buf(buf).await {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// A large head grows by a quarter at a time, so that copying it stays linear.
pub(crate) fn read_step(buf: &[u8]) -> usize {
    READ_STEP.max(buf.len() / 4)
}

pub(crate) async fn write_head<S>(io: &mut S, mut head: &[u8]) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    while !head.is_empty() {
        match io.write(head).await {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            // A stream of the user's may say anything.
            Ok(count) => head = head.get(count..).ok_or(io::ErrorKind::InvalidData)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // A stream with a buffer of its own, such as TLS, may hold the bytes back until told.
    loop {
        match io.flush().await {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            flushed => return flushed,
        }
    }
}

#[derive(Debug)]
pub(crate) enum ReadHeadError {
    Eof,
    Head(HeadError),
    Io(io::Error),
}

/// An ordinary head arrives in one read of this size.
pub(crate) const READ_STEP: usize = 4096;
