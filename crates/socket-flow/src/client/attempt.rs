use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::client::{self, Offer};
use socket_flow_handshake::head::{HeadLimits, ResponseDecoder};
use socket_flow_handshake::key::Key;
use socket_flow_protocol::{Config, Role};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::body::read_body;
use crate::client::error::{ConnectError, ConnectStage};
use crate::deadline::Deadline;
use crate::head_io::{left_over, read_head, write_head};
use crate::negotiated::negotiated;

/// A request ready to be sent, and what its answer is judged by.
pub(crate) struct Attempt {
    pub(crate) request: Bytes,
    pub(crate) offer: Offer,
    pub(crate) key: Key,
    pub(crate) config: Arc<Config>,
    pub(crate) head_limits: HeadLimits,
}

impl Attempt {
    pub(crate) async fn open<S>(
        self,
        mut stream: S,
        deadline: Deadline,
    ) -> Result<(WebSocket<S>, Response<()>), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buf = BytesMut::new();
        let response = deadline
            .run(self.exchange(&mut stream, &mut buf))
            .await
            .unwrap_or(Err(ConnectError::Timeout(ConnectStage::Handshake)))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            tracing::debug!(
                status = response.status().as_u16(),
                "opening handshake rejected"
            );
            let rejected = read_body(&mut stream, response, buf, deadline).await;
            return Err(ConnectError::Rejected(Box::new(rejected)));
        }
        let agreed = client::verify(&response, &self.offer, &self.key).map_err(|error| {
            tracing::debug!(%error, "opening handshake failed");
            ConnectError::Verify(error)
        })?;
        tracing::debug!(
            subprotocol = agreed.subprotocol.as_deref(),
            "opening handshake complete"
        );
        let negotiated = negotiated(agreed);
        // RFC 6455 §4.1 lets the server send frames behind its 101 at once.
        let ws = WebSocket::from_parts(
            stream,
            left_over(buf),
            Role::Client,
            negotiated,
            self.config,
        );
        Ok((ws, response))
    }

    async fn exchange<S>(
        &self,
        stream: &mut S,
        buf: &mut BytesMut,
    ) -> Result<Response<()>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // A server may refuse before it has read the request: its answer says more than our
        // failure to write.
        let written = write_head(stream, &self.request).await;
        let mut decoder = ResponseDecoder::new(self.head_limits);
        match (
            read_head(stream, buf, |bytes| decoder.decode(bytes)).await,
            written,
        ) {
            (Ok(response), _) => Ok(response),
            (Err(read), Err(written)) => Err(match ConnectError::from(read) {
                // Why the server does not want us, and its end made writing fail.
                #[cfg(feature = "rustls")]
                alert @ ConnectError::Tls(_) => alert,
                _ => written.into(),
            }),
            (Err(error), Ok(())) => Err(error.into()),
        }
    }
}
