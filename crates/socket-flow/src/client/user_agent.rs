use http::HeaderValue;

/// What a request says it comes from (RFC 9110 §10.1.5), unless the application says something else:
/// firewalls refuse requests that say nothing.
pub(crate) const DEFAULT: HeaderValue =
    HeaderValue::from_static(concat!("socket-flow/", env!("CARGO_PKG_VERSION")));
