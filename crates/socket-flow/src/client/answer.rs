//! A request, and the head of its answer: what a server and an HTTP proxy are asked alike.

use std::io;

use bytes::BytesMut;
use http::Response;
use socket_flow_handshake::head::{HeadLimits, ResponseDecoder};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::head_io::{ReadHeadError, read_head, write_head};
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
        let found = read_head(io, unread, |bytes| {
            let found = decoder.decode(bytes)?;
            Ok(match found {
                Some((response, len)) => Some((Some(response), len)),
                None => match decoder.take_interim() {
                    0 => None,
                    len => Some((None, len)),
                },
            })
        });
        if let Some(response) = found.await? {
            return Ok(response);
        }
    }
}
