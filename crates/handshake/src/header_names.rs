use std::fmt;

use http::{HeaderMap, HeaderName};

/// Shows, with `Debug`, the names of headers and no value: any of them may be a credential.
///
/// (`Debug` of [`HeaderMap`] shows all values that are not marked as sensitive, and so does that of
/// a request.)
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::COOKIE};
/// use socket_flow_handshake::header::HeaderNames;
///
/// let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("session=1"))]);
/// assert_eq!(format!("{:?}", HeaderNames::new(&headers)), r#"["cookie"]"#);
/// ```
pub struct HeaderNames<'a>(&'a HeaderMap);

impl<'a> HeaderNames<'a> {
    /// The names of these headers.
    pub fn new(headers: &'a HeaderMap) -> Self {
        Self(headers)
    }
}

impl fmt::Debug for HeaderNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.keys().map(HeaderName::as_str))
            .finish()
    }
}
