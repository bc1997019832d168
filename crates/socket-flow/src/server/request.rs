use bytes::BytesMut;
use http::Request;
use socket_flow_handshake::head::{HeadLimits, RequestDecoder};
use socket_flow_protocol::Budget;
use tokio::io::AsyncRead;

use crate::head_io::{ReadHeadError, read_more, read_step};
use crate::server::head_memory::{HeadMemory, is_usual, request_memory};
use crate::server::paced::Pace;

/// A client whose request is read, and then answered.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    /// What it sent after its request, before it had an answer.
    pub(crate) buf: BytesMut,
    /// What the request and `buf` are charged, where there is a budget.
    pub(crate) memory: Option<HeadMemory>,
    /// How fast it must take a refusal.
    pub(crate) pace: Pace,
}

impl<S: AsyncRead + Unpin> Client<S> {
    /// Reads the head of its request. Where there is a budget, the memory for it is charged before it
    /// is taken.
    pub(crate) async fn read_request(
        &mut self,
        limits: HeadLimits,
    ) -> Result<Request<()>, RequestFailure> {
        let buf = &mut self.buf;
        let mut decoder = RequestDecoder::new(limits);
        if self.memory.is_some() {
            // The share of a connection, which is charged already.
            *buf = BytesMut::with_capacity(Budget::SHARE);
        }
        loop {
            if let Some((request, len)) = decoder.decode(buf).map_err(ReadHeadError::Head)? {
                if let Some(memory) = &mut self.memory {
                    let takes = request_memory(&request, len);
                    let needed = buf.capacity() + takes;
                    if !is_usual(len, takes) && !memory.try_reserve(needed) {
                        // It is made again once there is room for it.
                        drop(request);
                        wait_for(memory, needed).await?;
                        continue;
                    }
                    memory.settle(takes, buf.len() - len);
                }
                // The decision may take long: until then the memory of the head is free.
                *buf = BytesMut::from(buf.get(len..).unwrap_or_default());
                return Ok(request);
            }
            if let Some(memory) = self.memory.as_mut().filter(|_| buf.len() == buf.capacity()) {
                wait_for(memory, buf.len() + read_step(buf)).await?;
            }
            let read = read_more(&mut self.stream, buf).await;
            if read.map_err(ReadHeadError::Io)? == 0 {
                return Err(ReadHeadError::Eof.into());
            }
        }
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
