use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use socket_flow_connection::Error;
use socket_flow_protocol::CloseFrame;

use crate::client::error::ConnectError;
use crate::client::proxy::ProxyError;
use crate::client::reconnect::worth;

/// Why a reconnecting client has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum DisconnectCause {
    /// The connection ended with a complete closing handshake. With the
    /// peer's Close, if it carried a code.
    Closed(Option<CloseFrame>),
    /// There was no connection to be had.
    Connect(ConnectError),
    /// The connection failed.
    Failed(Error),
}

impl DisconnectCause {
    /// What is worth another try where the application does not say: all but
    /// what would only end the same way.
    ///
    /// What this program was given (URL, headers, credentials, proxy, build) is
    /// not tried again: it stays what it is. What others can mend (servers,
    /// networks, certificates, clocks) is:
    ///
    #[doc = include_str!("retried.md")]
    pub fn is_worth_retrying(&self) -> bool {
        worth::is_worth_retrying(self)
    }

    /// How long the server, or the proxy, wants to be left alone.
    pub(super) fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        match self {
            Self::Connect(
                ConnectError::Rejected(rejected)
                | ConnectError::Proxy(ProxyError::Rejected(rejected)),
            ) => retry_after(rejected.headers(), now),
            _ => None,
        }
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(Some(frame)) => write!(f, "closed with {}", frame.code.as_u16()),
            Self::Closed(None) => f.write_str("closed without a code"),
            Self::Connect(_) => f.write_str("no connection"),
            Self::Failed(_) => f.write_str("connection failed"),
        }
    }
}

impl StdError for DisconnectCause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Closed(_) => None,
            Self::Connect(error) => Some(error),
            Self::Failed(error) => Some(error),
        }
    }
}

/// Whether a reconnecting client tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// After the delay that the [`Backoff`](crate::Backoff) gives, or that
    /// the server asked for.
    Yes,
    /// After this delay.
    After(Duration),
    /// Never: the client ends.
    No,
}

/// RFC 9110 §10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        // More than fits is as long as there is.
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod second_opinion;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// RFC 9110 §5.6.7, §10.2.3.
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // One minute before the example of RFC 9110 §5.6.7.
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 - 60);
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            // The two older forms of RFC 9110 §5.6.7.
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(60)),
            ("Sun Nov  6 08:49:37 1994", Some(60)),
            ("Sun, 06 Nov 1993 08:49:37 GMT", None),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            let delay = retry_after(&headers, now);
            assert_eq!(delay.map(|delay| delay.as_secs()), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
