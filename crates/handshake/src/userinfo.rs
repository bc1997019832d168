//! User and password of a URL (RFC 3986 §3.2.1).

use std::error::Error;
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
    /// Reads what stands before the `@` of an authority; `None` where that is nothing, or a colon
    /// alone.
    ///
    /// # Errors
    /// [`InvalidUserinfo`]: a character, or an escape, that is not allowed there, or what is not
    /// UTF-8 once it is decoded.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidUserinfo> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        for part in [user, password.unwrap_or_default()] {
            decode(part).ok_or(InvalidUserinfo)?;
        }
        if user.is_empty() && password.unwrap_or_default().is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            user: user.into(),
            password: password.map(Into::into),
        }))
    }

    /// The user, percent-decoded.
    pub fn user(&self) -> String {
        decode(&self.user).unwrap_or_default()
    }

    /// The password, percent-decoded; `None` if there was no colon.
    pub fn password(&self) -> Option<String> {
        self.password.as_deref().and_then(decode)
    }

    /// The value of an `Authorization` header with both, marked as sensitive; `None` for what it
    /// cannot carry: a user with a colon, which would end it, and control characters (RFC 7617 §2).
    pub fn basic_authorization(&self) -> Option<HeaderValue> {
        let (user, password) = (self.user(), self.password().unwrap_or_default());
        let has_control = |text: &str| text.contains(char::is_control);
        if user.contains(':') || has_control(&user) || has_control(&password) {
            return None;
        }
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Userinfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Userinfo(..)")
    }
}

/// Userinfo holds what it cannot. Nothing of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUserinfo;

impl fmt::Display for InvalidUserinfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("user or password hold characters or escapes that are not allowed there")
    }
}

impl Error for InvalidUserinfo {}

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
            ("u", "u", None),
            ("u:", "u", Some("")),
            (":p", "", Some("p")),
            ("u:p:q", "u", Some("p:q")),
            ("u%3A%40:%2f", "u:@", Some("/")),
            ("%E2%82%AC", "\u{20ac}", None),
        ] {
            let userinfo = Userinfo::parse(text).unwrap().unwrap();
            assert_eq!(userinfo.user(), user, "{text}");
            assert_eq!(userinfo.password().as_deref(), password, "{text}");
        }
    }

    #[test]
    fn userinfo_with_broken_escapes_or_foreign_characters_is_refused() {
        for text in [
            "%", "%4", "%zz", "%+1", "a b", "a@b", "\u{e9}", "%ff", "u:%ff", "a\"b", "[", "\r",
        ] {
            assert_eq!(Userinfo::parse(text), Err(InvalidUserinfo), "{text}");
        }
    }

    #[test]
    fn nothing_is_no_userinfo() {
        for text in ["", ":"] {
            assert_eq!(Userinfo::parse(text), Ok(None));
        }
    }

    /// RFC 6455 §4.1; RFC 7617 §2.
    #[test]
    fn basic_authentication_carries_no_colon_in_the_user_and_no_control_character() {
        for (text, expected) in [
            ("a%3Ab:c", None),
            ("%3A", None),
            ("a%0D%0AX:y", None),
            ("a%7f", None),
            ("a:b%00", None),
            ("a:%C2%85", None),
            ("a:b%3A:", Some("Basic YTpiOjo=")),
            ("%20:%20", Some("Basic IDog")),
        ] {
            let userinfo = Userinfo::parse(text).unwrap().unwrap();
            let value = userinfo.basic_authorization();
            let value = value.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(value, expected, "{text}");
        }
    }
}
