use bytes::{Buf, BytesMut};
use http::Request;
use socket_flow_handshake::head::RequestDecoder;
use socket_flow_protocol::Budget;
use tokio::io::AsyncRead;

use crate::head_io::{ReadHeadError, grow, read_head, read_more, read_step};
use crate::server::head_memory::{HeadMemory, is_usual, request_memory};

/// Reads the head of a request, and leaves in `buf` what was sent after it. Where there is a budget,
/// the memory for it is charged before it is taken.
pub(crate) async fn read_request<S>(
    io: &mut S,
    buf: &mut BytesMut,
    decoder: &mut RequestDecoder,
    memory: Option<&mut HeadMemory>,
) -> Result<Request<()>, RequestFailure>
where
    S: AsyncRead + Unpin,
{
    let request = match memory {
        None => read_head(io, buf, |bytes| decoder.decode(bytes)).await?,
        Some(memory) => read_within(io, buf, decoder, memory).await?,
    };
    // Whoever decides about it may take long.
    *buf = BytesMut::from(&buf[..]);
    Ok(request)
}

async fn read_within<S>(
    io: &mut S,
    buf: &mut BytesMut,
    decoder: &mut RequestDecoder,
    memory: &mut HeadMemory,
) -> Result<Request<()>, RequestFailure>
where
    S: AsyncRead + Unpin,
{
    // The share of a connection, which is charged already.
    grow(buf, Budget::SHARE);
    loop {
        if let Some((request, len)) = decoder.decode(buf).map_err(ReadHeadError::Head)? {
            let takes = request_memory(&request, len);
            let needed = buf.capacity() + takes;
            if is_usual(len, takes) || memory.try_reserve(needed) {
                buf.advance(len);
                memory.settle(takes, buf.len());
                return Ok(request);
            }
            // It is made again once there is room for it.
            drop(request);
            wait_for(memory, needed).await?;
            continue;
        }
        if buf.len() == buf.capacity() {
            let step = read_step(buf);
            wait_for(memory, buf.len() + step).await?;
            grow(buf, step);
        }
        read_more(io, buf).await?;
    }
}

async fn wait_for(memory: &mut HeadMemory, bytes: usize) -> Result<(), RequestFailure> {
    let is_there = memory.reserve(bytes).await;
    is_there.then_some(()).ok_or(RequestFailure::Memory)
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum RequestFailure {
    Read(ReadHeadError),
    Memory,
}

impl From<ReadHeadError> for RequestFailure {
    fn from(error: ReadHeadError) -> Self {
        Self::Read(error)
    }
}
