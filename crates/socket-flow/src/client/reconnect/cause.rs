use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use socket_flow_connection::Error;
use socket_flow_protocol::CloseFrame;

use crate::client::error::ConnectError;
use crate::client::proxy::ProxyError;

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

/// RFC 9110 §10.2.3: seconds, or a date. Of several the longest: each was told to whoever asked,
/// and to come back sooner than one of them wants is what the header is against.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    // A date is one of the server's clock, which `Date` shows: ours may be wrong (RFC 9110 §6.6.1).
    let shown = headers
        .get(DATE)
        .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?.trim()).ok());
    let now = shown.unwrap_or(now);
    let values = headers.get_all(RETRY_AFTER).iter();
    values.filter_map(|value| delay(value, now)).max()
}

fn delay(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Some(seconds) = seconds(value) {
        return Some(seconds);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Digits, or several of them in what was two headers once (RFC 9110 §5.3).
fn seconds(value: &str) -> Option<Duration> {
    let elements = value.split(',').map(str::trim);
    let numbers = elements.filter(|element| !element.is_empty());
    let numbers = numbers.map(|digits| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        // More than fits is as long as there is.
        is_number.then(|| digits.parse().map_or(Duration::MAX, Duration::from_secs))
    });
    numbers.collect::<Option<Vec<_>>>()?.into_iter().max()
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
            // Written by two on the way.
            ("60, 120", Some(120)),
            ("120,60,", Some(120)),
            ("60, soon", None),
            ("60, Sun, 06 Nov 1994 08:49:37 GMT", None),
            (",", None),
            ("-1", None),
            ("+60", None),
            ("1.5", None),
            ("1e3", None),
            ("60s", None),
            ("PT60S", None),
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

    /// RFC 9110 §5.3, §10.2.3.
    #[test]
    fn of_several_headers_the_longest_delay_counts() {
        for (values, expected) in [
            (&["60", "5"][..], Some(60)),
            (&["5", "60"], Some(60)),
            (&["soon", "60"], Some(60)),
            (&["60", ""], Some(60)),
            (&["7", "Thu, 01 Jan 1970 00:01:00 GMT"], Some(60)),
            (&["soon", "-1"], None),
        ] {
            let headers = values
                .iter()
                .map(|value| (RETRY_AFTER, value.parse().unwrap()));
            let delay = retry_after(&headers.collect(), UNIX_EPOCH);
            assert_eq!(delay.map(|delay| delay.as_secs()), expected, "{values:?}");
        }
    }

    /// RFC 9110 §6.6.1, §10.2.3.
    #[test]
    fn a_date_is_one_of_the_servers_clock() {
        let at = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (date, expected) in [
            ("Sun, 06 Nov 1994 08:48:37 GMT", 60),
            ("Sunday, 06-Nov-94 08:48:37 GMT", 60),
            ("Sun, 06 Nov 1994 08:50:00 GMT", 0),
            // Without a date of the server's there is ours.
            ("now", 784_111_777),
        ] {
            let headers = [(RETRY_AFTER, at), (DATE, date)];
            let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
            let delay = retry_after(&HeaderMap::from_iter(headers), UNIX_EPOCH);
            assert_eq!(delay.map(|delay| delay.as_secs()), Some(expected), "{date}");
        }
        let seconds = [(RETRY_AFTER, "60"), (DATE, at)];
        let seconds = seconds.map(|(name, value)| (name, value.parse().unwrap()));
        let delay = retry_after(&HeaderMap::from_iter(seconds), UNIX_EPOCH);
        assert_eq!(delay, Some(Duration::from_secs(60)));
    }
}
