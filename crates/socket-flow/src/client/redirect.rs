use std::error::Error;
use std::fmt;

use http::header::{LOCATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use socket_flow_handshake::target::{Target, TargetError};

/// Where a redirect leads; `None` for an answer that is none.
pub(crate) fn location(
    target: &Target,
    response: &Response<()>,
) -> Result<Option<Target>, RedirectError> {
    if !is_redirect(response.status()) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let next = target.join(location).map_err(RedirectError::Location)?;
    if target.is_secure() && !next.is_secure() {
        return Err(RedirectError::Downgrade);
    }
    Ok(Some(next))
}

/// What goes to another origin: any header may be a credential, whatever its name.
pub(crate) fn keep_headers(headers: &HeaderMap, kept: &[HeaderName]) -> HeaderMap {
    let is_kept = |name: &HeaderName| *name == USER_AGENT || kept.contains(name);
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Subprotocols may be tokens, as browsers cannot send them in another way.
pub(crate) fn keeps_subprotocols(kept: &[HeaderName]) -> bool {
    kept.contains(&SEC_WEBSOCKET_PROTOCOL)
}

/// The request is the same for all of them: it is a GET already (RFC 9110 §15.4).
fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Why a redirect was not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// It leads from `wss` to `ws`.
    Downgrade,
    /// Its `Location` is not a URL to connect to.
    Location(TargetError),
    /// There were more of them than
    /// [`ClientBuilder::redirects`](crate::ClientBuilder::redirects) allows.
    TooMany,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Downgrade => "redirect leads from wss to ws",
            Self::Location(_) => "redirect leads to no url",
            Self::TooMany => "too many redirects",
        })
    }
}

impl Error for RedirectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Location(error) => Some(error),
            Self::Downgrade | Self::TooMany => None,
        }
    }
}
