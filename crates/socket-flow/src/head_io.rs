//! What both sides of the opening handshake do with their stream.

use std::{io, mem};

use bytes::{Buf, BytesMut};
use socket_flow_frames::ReceiveBuf;
use socket_flow_handshake::head::HeadError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Reads until `decode` finds a whole head and drops that from `buf`: what is left there was sent
/// after it.
///
/// `buf` grows to the decoder's limit and one read beyond it at most, because the decoder refuses
/// a head over its limit at the byte that goes over.
pub(crate) async fn read_head<S, T>(
    io: &mut S,
    buf: &mut BytesMut,
    mut decode: impl FnMut(&[u8]) -> Result<Option<(T, usize)>, HeadError>,
) -> Result<T, ReadHeadError>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some((head, len)) = decode(buf).map_err(ReadHeadError::Head)? {
            buf.advance(len);
            return Ok(head);
        }
        if buf.len() == buf.capacity() {
            grow(buf, read_step(buf));
        }
        read_more(io, buf).await?;
    }
}

/// Reads what has room in `buf`.
pub(crate) async fn read_more<S>(io: &mut S, buf: &mut BytesMut) -> Result<(), ReadHeadError>
where
    S: AsyncRead + Unpin,
{
    match read_some(io, buf).await {
        Ok(0) => Err(ReadHeadError::Eof),
        Ok(_) => Ok(()),
        Err(error) => Err(ReadHeadError::Io(error)),
    }
}

/// Makes room for a read and no more: a client that sends half a head decides how long that is kept.
pub(crate) fn grow(buf: &mut BytesMut, additional: usize) {
    let mut grown = ReceiveBuf::from(mem::take(buf));
    grown.reserve_exact(additional);
    *buf = grown.into_inner();
}

/// A large head grows by a quarter at a time, so that copying it stays linear.
pub(crate) fn read_step(buf: &[u8]) -> usize {
    READ_STEP.max(buf.len() / 4)
}

/// Reads once; an interrupted read is tried again, as the open connection does.
pub(crate) async fn read_some<S>(io: &mut S, buf: &mut BytesMut) -> io::Result<usize>
where
    S: AsyncRead + Unpin,
{
    loop {
        match io.read_buf(buf).await {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
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

/// What the connection starts with: an idle one must not hold on to the memory of its handshake.
pub(crate) fn left_over(buf: BytesMut) -> BytesMut {
    if buf.is_empty() { BytesMut::new() } else { buf }
}

#[derive(Debug)]
pub(crate) enum ReadHeadError {
    Eof,
    Head(HeadError),
    Io(io::Error),
}

/// An ordinary head arrives in one read of this size.
pub(crate) const READ_STEP: usize = 4096;
