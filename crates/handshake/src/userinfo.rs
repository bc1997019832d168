//! User and password of a URL (RFC 3986 §3.2.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// User and password of a [`Target`](crate::target::Target). `Debug` shows neither.
///
/// ```
/// use socket_flow_handshake::target::Target;
///
/// let target = Target::parse("ws://b%C3%A9a:s%3Acret@example.com")?;
/// let userinfo = target.userinfo().unwrap();
/// assert_eq!(userinfo.user(), "béa");
/// assert_eq!(userinfo.password().as_deref(), Some("s:cret"));
/// assert_eq!(format!("{userinfo:?}"), "Userinfo(..)");
/// # Ok::<_, socket_flow_handshake::target::TargetError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Userinfo {
    /// Still percent-encoded; what it decodes to is UTF-8.
    user: Box<str>,
    password: Option<Box<str>>,
}

impl Userinfo {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        decode(user)?;
        if let Some(password) = password {
            decode(password)?;
        }
        Some(Self {
            user: user.into(),
            password: password.map(Into::into),
        })
    }

    /// The user, percent-decoded.
    pub fn user(&self) -> String {
        decode(&self.user).unwrap_or_default()
    }

    /// The password, percent-decoded; `None` if there was no colon.
    pub fn password(&self) -> Option<String> {
        self.password.as_deref().and_then(decode)
    }

    /// The value of an `Authorization` header with both (RFC 7617), marked as sensitive.
    pub fn basic_authorization(&self) -> HeaderValue {
        let credentials = format!("{}:{}", self.user(), self.password().unwrap_or_default());
        let encoded = STANDARD.encode(credentials);
        let mut value =
            HeaderValue::try_from(format!("Basic {encoded}")).expect("base64 is visible ASCII");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Userinfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Userinfo(..)")
    }
}

/// Undoes percent-encoding; `None` for a character or an escape that userinfo cannot hold.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => byte,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b',' | b';' | b'=' | b':' => byte,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_split_at_the_first_colon_and_decoded() {
        for (text, user, password) in [
            ("", "", None),
            ("u", "u", None),
            ("u:", "u", Some("")),
            (":p", "", Some("p")),
            ("u:p:q", "u", Some("p:q")),
            ("u%3A%40:%2f", "u:@", Some("/")),
            ("%E2%82%AC", "\u{20ac}", None),
        ] {
            let userinfo = Userinfo::parse(text).unwrap();
            assert_eq!(userinfo.user(), user, "{text}");
            assert_eq!(userinfo.password().as_deref(), password, "{text}");
        }
    }

    #[test]
    fn userinfo_with_broken_escapes_or_foreign_characters_is_refused() {
        for text in [
            "%", "%4", "%zz", "%+1", "a b", "a@b", "\u{e9}", "%ff", "u:%ff", "a\"b", "[", "\r",
        ] {
            assert_eq!(Userinfo::parse(text), None, "{text}");
        }
    }

    #[test]
    fn decoded_line_breaks_cannot_leave_the_base64() {
        let userinfo = Userinfo::parse("a%0D%0AX:y").unwrap();
        assert_eq!(userinfo.user(), "a\r\nX");
        assert_eq!(userinfo.basic_authorization(), "Basic YQ0KWDp5");
    }
}
