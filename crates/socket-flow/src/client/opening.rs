//! From settings to a connection: what is asked for, of whom, and where redirects lead.

use std::io;
use std::sync::Arc;

use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Response};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::client::{self, Offer};
use socket_flow_handshake::head::encode_request;
use socket_flow_handshake::key::Key;
use socket_flow_handshake::target::Target;

use crate::client::attempt::Attempt;
use crate::client::builder::ClientBuilder;
use crate::client::error::ConnectError;
use crate::client::redirect::{RedirectError, keep_headers, keeps_subprotocols, location};
use crate::client::user_agent;
use crate::deadline::Deadline;
#[cfg(feature = "deflate")]
use crate::deflate;
use crate::invalid_header::InvalidHeader;
use crate::stream::ClientStream;

/// What is asked of one server.
pub(super) struct Asked {
    target: Target,
    headers: HeaderMap,
    subprotocols: Vec<String>,
}

impl ClientBuilder {
    pub(super) async fn dial(
        self,
    ) -> Result<(WebSocket<ClientStream>, Response<()>), ConnectError> {
        let deadline = Deadline::after(self.handshake_timeout);
        let mut asked = self.first_request()?;
        let mut transport = self.transport.clone();
        let mut redirects = 0;
        loop {
            let attempt = self.attempt(&asked)?;
            let mut stream = transport
                .open(&asked.target, self.head_limits, deadline)
                .await?;
            let answer = attempt.ask(&mut stream, deadline).await?;
            // The head says where it leads (RFC 9110 §15.4): its body is not waited for.
            let next = match self.redirects {
                0 => None,
                _ => location(&asked.target, &answer.response).map_err(ConnectError::Redirect)?,
            };
            let Some(next) = next else {
                let (ws, response) = attempt.conclude(stream, answer, deadline).await?;
                if let Ok(peer) = ws.get_ref().peer_addr() {
                    ws.span().record("peer", tracing::field::display(peer));
                }
                return Ok((ws, response));
            };
            if redirects >= self.redirects {
                return Err(ConnectError::Redirect(RedirectError::TooMany));
            }
            redirects += 1;
            tracing::debug!(
                status = answer.response.status().as_u16(),
                "redirect followed"
            );
            if !asked.target.is_same_origin(&next) {
                // From the application's own, and so without the user and password of a URL.
                asked.headers = keep_headers(&self.headers, &self.kept);
                if !keeps_subprotocols(&self.kept) {
                    asked.subprotocols.clear();
                }
                transport.addresses = None;
            }
            asked.target = next;
        }
    }

    /// What to ask the URL's server for: every mistake of the caller's is reported before a socket
    /// is opened.
    pub(super) fn first_request(&self) -> Result<Asked, ConnectError> {
        let target = self.target.clone().map_err(ConnectError::Target)?;
        if let Some(error) = self.invalid_header {
            return Err(ConnectError::InvalidHeader(error));
        }
        let mut headers = self.headers.clone();
        if !headers.contains_key(AUTHORIZATION) {
            if let Some(value) = target.basic_authorization() {
                InvalidHeader::append(&mut headers, AUTHORIZATION, value)
                    .map_err(ConnectError::InvalidHeader)?;
            }
        }
        Ok(Asked {
            target,
            headers,
            subprotocols: self.subprotocols.clone(),
        })
    }

    pub(super) fn attempt(&self, asked: &Asked) -> Result<Attempt, ConnectError> {
        let mut headers = asked.headers.clone();
        if !headers.contains_key(USER_AGENT) {
            InvalidHeader::append(&mut headers, USER_AGENT, user_agent::DEFAULT)
                .map_err(ConnectError::InvalidHeader)?;
        }
        let offer = Offer::default()
            .headers(headers)
            .subprotocols(asked.subprotocols.clone());
        #[cfg(feature = "deflate")]
        let offer = match &self.deflate {
            Some(settings) => offer.deflate(settings.params().into()),
            None => offer,
        };
        let config = Arc::clone(&self.config);
        #[cfg(feature = "deflate")]
        let config = deflate::configured(config, self.deflate.as_ref());
        // RFC 6455 §4.1, item 7: unpredictable, so that no cache can have the answer ready.
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|error| ConnectError::Random(io::Error::other(error.to_string())))?;
        let key = Key::new(nonce);
        let request =
            client::request(&asked.target.uri(), &offer, &key).map_err(ConnectError::Request)?;
        Ok(Attempt {
            request: encode_request(&request),
            offer,
            key,
            config,
            head_limits: self.head_limits,
        })
    }
}
