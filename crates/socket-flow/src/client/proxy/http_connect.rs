//! A tunnel by `CONNECT` (RFC 9110 §9.3.6).

use bytes::BytesMut;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use socket_flow_handshake::head::{HeadLimits, encode_request};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::answer::ask;
use crate::client::body::read_body;
use crate::client::proxy::Proxy;
use crate::client::proxy::error::ProxyError;
use crate::client::user_agent;
use crate::deadline::Deadline;

/// Asks for a tunnel to `authority`, which always names a port.
pub(crate) async fn connect<S>(
    stream: &mut S,
    proxy: &Proxy,
    authority: &str,
    limits: HeadLimits,
    deadline: Deadline,
) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(proxy, authority).ok_or(ProxyError::FieldLength)?;
    let mut buf = BytesMut::new();
    let request = encode_request(&request);
    let response = ask::<_, ProxyError>(stream, &request, limits, &mut buf).await?;
    if !response.status().is_success() {
        tracing::debug!(status = response.status().as_u16(), "proxy refused");
        let rejected = read_body(stream, response, buf, deadline).await;
        return Err(ProxyError::Rejected(Box::new(rejected)));
    }
    // Behind a 2xx there is no body whatever its headers say (RFC 9110 §9.3.6); and the server
    // says nothing before it is asked.
    if !buf.is_empty() {
        return Err(ProxyError::UnexpectedData);
    }
    Ok(())
}

/// `None` where the host is longer than a URI holds, or the headers are more than a map holds.
fn request(proxy: &Proxy, authority: &str) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = authority.parse::<Uri>().ok()?;
    *request.headers_mut() = proxy.headers.clone();
    let headers = request.headers_mut();
    let host = HeaderValue::try_from(authority).ok()?;
    headers.try_insert(HOST, host).ok()?;
    if let Some(value) = proxy.authorization() {
        headers.try_insert(PROXY_AUTHORIZATION, value).ok()?;
    }
    if !headers.contains_key(USER_AGENT) {
        headers.try_insert(USER_AGENT, user_agent::DEFAULT).ok()?;
    }
    Some(request)
}
