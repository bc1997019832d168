use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::client::{self, Offer};
use socket_flow_handshake::head::HeadLimits;
use socket_flow_handshake::key::Key;
use socket_flow_protocol::{Config, Role};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::answer::ask;
use crate::client::body::read_body;
use crate::client::error::ConnectError;
use crate::client::stage::ConnectStage;
use crate::deadline::Deadline;

/// A request ready to be sent, and what its answer is judged by.
pub(crate) struct Attempt {
    pub(crate) request: Bytes,
    pub(crate) offer: Offer,
    pub(crate) key: Key,
    pub(crate) config: Arc<Config>,
    pub(crate) head_limits: HeadLimits,
}

/// The head of the server's answer.
pub(crate) struct Answer {
    pub(crate) response: Response<()>,
    /// What came after it.
    unread: BytesMut,
}

impl Attempt {
    /// Sends the request and reads the head of the answer.
    pub(crate) async fn ask<S>(
        &self,
        stream: &mut S,
        deadline: Deadline,
    ) -> Result<Answer, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut unread = BytesMut::new();
        let asking = ask(stream, &self.request, self.head_limits, &mut unread);
        let response = deadline
            .run(pin!(asking))
            .await
            .unwrap_or(Err(ConnectError::Timeout(ConnectStage::Handshake)))?;
        Ok(Answer { response, unread })
    }

    /// Makes of the answer what it says: a connection, or a refusal with its body.
    pub(crate) async fn conclude<S>(
        self,
        mut stream: S,
        answer: Answer,
        deadline: Deadline,
    ) -> Result<(WebSocket<S>, Response<()>), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Answer { response, unread } = answer;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            tracing::debug!(
                status = response.status().as_u16(),
                "opening handshake rejected"
            );
            let rejected = read_body(&mut stream, response, unread, deadline).await;
            return Err(ConnectError::Rejected(Box::new(rejected)));
        }
        let verified = client::verify(&response, &self.offer, &self.key);
        let (negotiated, _) = verified.map_err(|error| {
            tracing::debug!(%error, "opening handshake failed");
            ConnectError::Verify(error)
        })?;
        tracing::debug!(
            subprotocol = negotiated.subprotocol().map(|_| true),
            "opening handshake complete"
        );
        // RFC 6455 §4.1 lets the server send frames after its 101 at once.
        let ws = WebSocket::from_parts(stream, unread, Role::Client, negotiated, self.config);
        Ok((ws, response))
    }
}
