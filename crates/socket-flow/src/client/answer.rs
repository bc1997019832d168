//! A request, and the head of its answer: what a server and an HTTP proxy are asked alike.

use std::io;

use bytes::{Buf, BytesMut};
use http::Response;
use socket_flow_handshake::head::{HeadLimits, ResponseDecoder};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::head_io::{ReadHeadError, read_more, write_head};
#[cfg(feature = "rustls")]
use crate::tls::TlsError;

/// Sends a request and reads the head of the answer. What came after it is left in `unread`.
pub(crate) async fn ask<S, E>(
    io: &mut S,
    request: &[u8],
    limits: HeadLimits,
    unread: &mut BytesMut,
) -> Result<Response<()>, E>
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: From<ReadHeadError> + From<io::Error>,
{
    // Whoever is asked may refuse before the request is read: that answer says more than our
    // failure to write.
    let written = write_head(io, request).await;
    match (read_answer(io, limits, unread).await, written) {
        (Ok(response), _) => Ok(response),
        // Why we are not wanted; the end of the peer made writing fail.
        #[cfg(feature = "rustls")]
        (Err(ReadHeadError::Io(alert)), _) if TlsError::inside(&alert).is_some() => {
            Err(alert.into())
        }
        (Err(_), Err(error)) => Err(error.into()),
        (Err(error), Ok(())) => Err(error.into()),
    }
}

/// An interim head is dropped once it is read, so that no more than one is held.
async fn read_answer<S>(
    io: &mut S,
    limits: HeadLimits,
    unread: &mut BytesMut,
) -> Result<Response<()>, ReadHeadError>
where
    S: AsyncRead + Unpin,
{
    let mut decoder = ResponseDecoder::new(limits);
    loop {
        if let Some((response, len)) = decoder.decode(unread).map_err(ReadHeadError::Head)? {
            // An idle connection must not hold on to the memory of its handshake.
            *unread = BytesMut::from(unread.get(len..).unwrap_or_default());
            return Ok(response);
        }
        unread.advance(decoder.take_interim());
        if read_more(io, unread).await.map_err(ReadHeadError::Io)? == 0 {
            return Err(ReadHeadError::Eof);
        }
    }
}
