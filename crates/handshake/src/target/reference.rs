//! URLs relative to another (RFC 3986 §5.2), as a redirect gives them.

use crate::target::resource::{path_and_query, text};
use crate::target::{Target, TargetError, is_scheme};

impl Target {
    /// The URL that a reference means here: a whole URL, `//host/path`, `/path`, `path` or
    /// `?query`. This is how the `Location` of a redirect is read (RFC 9110 §10.2.2).
    ///
    /// `http` stands for `ws` and `https` for `wss`, because servers say so. A fragment is
    /// dropped. Userinfo stays where the reference names no host; else it is the reference's own.
    /// Bytes that are not UTF-8, as some servers send them, are percent-encoded as they are.
    ///
    /// # Errors
    /// [`TargetError`], by the rule of [`parse`](Self::parse).
    ///
    /// ```
    /// use socket_flow_handshake::target::Target;
    ///
    /// let target = Target::parse("ws://example.com/a/b?c")?;
    /// assert_eq!(target.join("../d")?.uri().to_string(), "ws://example.com/d");
    /// assert_eq!(target.join("https://b.example/")?.uri().to_string(), "wss://b.example/");
    /// # Ok::<_, socket_flow_handshake::target::TargetError>(())
    /// ```
    pub fn join(&self, reference: impl AsRef<[u8]>) -> Result<Self, TargetError> {
        let reference = text(reference.as_ref());
        let reference = reference.split('#').next().unwrap_or_default();
        let reference = reference.trim_matches(' ');
        if let Some((scheme, rest)) = split_scheme(reference) {
            let scheme = match scheme {
                scheme if scheme.eq_ignore_ascii_case("http") => "ws",
                scheme if scheme.eq_ignore_ascii_case("https") => "wss",
                scheme => scheme,
            };
            return match rest.strip_prefix("//") {
                Some(rest) => Self::parse(&format!("{scheme}://{rest}")),
                None => Err(TargetError::MissingHost),
            };
        }
        if reference.starts_with("//") {
            let scheme = if self.secure { "wss" } else { "ws" };
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let own = self.path_and_query.path();
        let (path, query) = if path.is_empty() {
            (own.to_owned(), query.or(self.path_and_query.query()))
        } else if path.starts_with('/') {
            (remove_dot_segments(path), query)
        } else {
            let (directory, _) = own.rsplit_once('/').unwrap_or_default();
            (remove_dot_segments(&format!("{directory}/{path}")), query)
        };
        let resource = match query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        Ok(Self {
            path_and_query: path_and_query(&resource)?,
            ..self.clone()
        })
    }

    /// Whether both have the same scheme, host and port (RFC 6454 §5): what was meant for one is
    /// then safe with the other.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.secure == other.secure && self.host() == other.host() && self.port() == other.port()
    }
}

/// A colon after a slash or a question mark belongs to the path or the query.
fn split_scheme(reference: &str) -> Option<(&str, &str)> {
    reference
        .split_once(':')
        .filter(|(scheme, _)| is_scheme(scheme))
}

/// RFC 3986 §5.2.4, for a path that begins with a slash.
fn remove_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            // What they stand for is a directory.
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 §10.2.2.
    #[test]
    fn references_are_resolved_as_the_rfc_does() {
        let base = Target::parse("ws://a/b/c/d;p?q").unwrap();
        // RFC 3986 §5.4, without what has another scheme.
        for (reference, expected) in [
            ("g", "ws://a/b/c/g"),
            ("./g", "ws://a/b/c/g"),
            ("g/", "ws://a/b/c/g/"),
            ("/g", "ws://a/g"),
            ("//g", "ws://g/"),
            ("?y", "ws://a/b/c/d;p?y"),
            ("g?y", "ws://a/b/c/g?y"),
            ("#s", "ws://a/b/c/d;p?q"),
            ("g#s", "ws://a/b/c/g"),
            ("g?y#s", "ws://a/b/c/g?y"),
            (";x", "ws://a/b/c/;x"),
            ("g;x", "ws://a/b/c/g;x"),
            ("", "ws://a/b/c/d;p?q"),
            (".", "ws://a/b/c/"),
            ("./", "ws://a/b/c/"),
            ("..", "ws://a/b/"),
            ("../", "ws://a/b/"),
            ("../g", "ws://a/b/g"),
            ("../..", "ws://a/"),
            ("../../g", "ws://a/g"),
            ("../../../g", "ws://a/g"),
            ("/./g", "ws://a/g"),
            ("/../g", "ws://a/g"),
            ("g.", "ws://a/b/c/g."),
            (".g", "ws://a/b/c/.g"),
            ("..g", "ws://a/b/c/..g"),
            ("./../g", "ws://a/b/g"),
            ("g/../h", "ws://a/b/c/h"),
            ("g;x=1/./y", "ws://a/b/c/g;x=1/y"),
            ("g?y/../x", "ws://a/b/c/g?y/../x"),
            ("/g?http://h/", "ws://a/g?http://h/"),
            ("ws://h:9/i", "ws://h:9/i"),
            ("HTTP://h/i", "ws://h/i"),
            ("https://h/i", "wss://h/i"),
            ("https://h:443/i", "wss://h/i"),
            ("wss://h", "wss://h/"),
            (" g h ", "ws://a/b/c/g%20h"),
            ("/\u{e9}?{g}", "ws://a/%C3%A9?%7Bg%7D"),
            ("ws://h/\u{e9} g", "ws://h/%C3%A9%20g"),
            ("https://h/ g", "wss://h/%20g"),
            ("./g:h", "ws://a/b/c/g:h"),
            ("/a, /b", "ws://a/a,%20/b"),
            ("\"/g\"", "ws://a/b/c/%22/g%22"),
            ("?", "ws://a/b/c/d;p?"),
        ] {
            let joined = base.join(reference).unwrap();
            assert_eq!(joined.uri().to_string(), expected, "{reference:?}");
        }
        // Latin-1.
        assert_eq!(base.join(b"/\xe9").unwrap().path_and_query(), "/%E9");
        assert_eq!(base.join(b"//\xe9/"), Err(TargetError::Host));
        let secure = Target::parse("wss://a/").unwrap();
        assert_eq!(secure.join("//g/h").unwrap().uri(), "wss://g/h");
    }

    #[test]
    fn references_that_lead_nowhere_have_their_own_error() {
        let base = Target::parse("ws://a/b").unwrap();
        for (reference, error) in [
            ("ftp://a/", TargetError::Scheme("ftp".into())),
            ("mailto:a", TargetError::MissingHost),
            ("http:g", TargetError::MissingHost),
            ("http:///g", TargetError::MissingHost),
            ("/100%", TargetError::Path),
            ("?100%", TargetError::Query),
            ("\\\\b/c", TargetError::Path),
            ("/\\b/c", TargetError::Path),
            ("/a\tb", TargetError::Path),
            ("/\u{7f}", TargetError::Path),
            ("//", TargetError::MissingHost),
            ("///c", TargetError::MissingHost),
            ("https:/g", TargetError::MissingHost),
            ("about:blank", TargetError::MissingHost),
            ("https://a:99999/", TargetError::Port),
            ("https://[::1/", TargetError::Host),
            ("https://u@v@a/", TargetError::Userinfo),
            ("//b\u{fc}cher.example/", TargetError::NonAsciiHost),
            ("/a\r\nX: y", TargetError::Path),
            ("//a b/", TargetError::Host),
        ] {
            assert_eq!(base.join(reference), Err(error), "{reference:?}");
        }
        let long = "b".repeat(1 << 16);
        assert_eq!(base.join(&long), Err(TargetError::TooLong));
    }

    #[test]
    fn userinfo_stays_with_its_host() {
        let base = Target::parse("ws://u:p@a/b").unwrap();
        assert_eq!(base.join("/c").unwrap().userinfo(), base.userinfo());
        assert_eq!(base.join("//d/c").unwrap().userinfo(), None);
        assert_eq!(base.join("ws://a/c").unwrap().userinfo(), None);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let base = Target::parse("ws://A/b").unwrap();
        for (other, same) in [
            ("ws://a:80/c?d", true),
            ("ws://u:p@a/", true),
            ("ws://a:81/", false),
            ("wss://a/", false),
            ("wss://a:80/", false),
            ("ws://b.a/", false),
        ] {
            let other = Target::parse(other).unwrap();
            assert_eq!(base.is_same_origin(&other), same, "{other:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_reference_is_judged_without_panic(text in "(/|//|\\.\\./|https?:)?[\\PC\r\n]{0,40}") {
            if let Ok(target) = Target::parse("ws://a/b/c").unwrap().join(&text) {
                target.uri();
            }
        }
    }
}
