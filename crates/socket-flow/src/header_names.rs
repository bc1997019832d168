use std::fmt;

use http::HeaderMap;

/// Shows the names of headers and no value: any of them may be a credential.
///
/// ([`HeaderMap::keys`] shows the values too.)
pub(crate) struct HeaderNames<'a>(pub(crate) &'a HeaderMap);

impl fmt::Debug for HeaderNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.keys().map(http::HeaderName::as_str))
            .finish()
    }
}
