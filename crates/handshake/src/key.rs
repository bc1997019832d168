//! The client's key and the server's proof that it understood it (RFC 6455 §4.1, §4.2.2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sha1::{Digest as _, Sha1};

/// The value of `Sec-WebSocket-Key`: 16 bytes, in base64.
///
/// The bytes must be fresh and unpredictable for every connection; where they come from is the
/// caller's affair, because this crate draws no randomness.
///
/// ```
/// use socket_flow_handshake::key::Key;
///
/// let key = Key::new(*b"the sample nonce");
/// assert_eq!(key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(key.accept().as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; KEY_LEN]);

impl Key {
    /// Encodes 16 random bytes.
    pub fn new(nonce: [u8; NONCE_LEN]) -> Self {
        let mut encoded = [0; KEY_LEN];
        // 16 bytes are 24 characters in base64, so the slice always fits.
        let written = STANDARD.encode_slice(nonce, &mut encoded);
        debug_assert_eq!(written.ok(), Some(KEY_LEN));
        Self(encoded)
    }

    /// Takes the value of a received `Sec-WebSocket-Key` header.
    ///
    /// `None` unless it is `base64-value-non-empty` of RFC 6455 §4.3 and stands for exactly 16
    /// bytes (§4.2.1, item 5): 22 characters of base64 and `==`. The four bits of the 22nd that
    /// stand for nothing may be set, as the grammar allows and some clients do: the key is only
    /// ever used as text.
    ///
    /// ```
    /// use socket_flow_handshake::key::Key;
    ///
    /// assert!(Key::from_header_value(b"dGhlIHNhbXBsZSBub25jZQ==").is_some());
    /// assert!(Key::from_header_value(b"dGhlIHNhbXBsZSBub25jZR==").is_some());
    /// assert!(Key::from_header_value(b"dGhlIHNhbXBsZSBub25jZQ").is_none());
    /// ```
    pub fn from_header_value(value: &[u8]) -> Option<Self> {
        let encoded = <[u8; KEY_LEN]>::try_from(value).ok()?;
        let [data @ .., b'=', b'='] = &encoded else {
            return None;
        };
        data.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
            .then_some(Self(encoded))
    }

    /// The base64 text, 24 characters.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// The value the server must answer this key with.
    pub fn accept(&self) -> Accept {
        Accept::to(&self.0)
    }

    /// The key as the value of a header.
    pub fn to_header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("base64 is visible ASCII")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The value of `Sec-WebSocket-Accept`: 28 characters of base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accept([u8; ACCEPT_LEN]);

impl Accept {
    fn to(key: &[u8]) -> Self {
        let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
        let mut encoded = [0; ACCEPT_LEN];
        // 20 bytes are 28 characters in base64, so the slice always fits.
        let written = STANDARD.encode_slice(digest, &mut encoded);
        debug_assert_eq!(written.ok(), Some(ACCEPT_LEN));
        Self(encoded)
    }

    /// The base64 text, 28 characters.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// The same as bytes.
    pub fn as_bytes(&self) -> &[u8; ACCEPT_LEN] {
        &self.0
    }

    /// The value as that of a header.
    pub fn to_header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("base64 is visible ASCII")
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accept(..)")
    }
}

/// Computes `base64(sha1(key + GUID))`, the answer to a key (RFC 6455 §4.2.2, item 5.4).
///
/// The key is taken as text, as the RFC says: it is not decoded first.
///
/// ```
/// use socket_flow_handshake::key::accept_key;
///
/// let accept = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &str) -> Accept {
    Accept::to(key.as_bytes())
}

/// Both types above hold nothing but base64, which is ASCII: the default is never taken.
fn ascii(encoded: &[u8]) -> &str {
    std::str::from_utf8(encoded).unwrap_or_default()
}

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const NONCE_LEN: usize = 16;
const KEY_LEN: usize = 24;
const ACCEPT_LEN: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §4.2.2.
    #[test]
    fn accept_is_that_of_the_rfc() {
        let key = Key::new(*b"the sample nonce");
        assert_eq!(key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(key.accept().as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(key.accept().as_bytes(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    /// RFC 6455 §4.2.1, §4.3.
    #[test]
    fn only_the_base64_of_16_bytes_is_a_key() {
        for (value, valid) in [
            (&b"dGhlIHNhbXBsZSBub25jZQ=="[..], true),
            (b"AAAAAAAAAAAAAAAAAAAAAA==", true),
            (b"++++++++//////////+++w==", true),
            (b"", false),
            (b"dGhlIHNhbXBsZSBub25jZQ", false),
            (b"dGhlIHNhbXBsZSBub25jZQ=", false),
            (b"dGhlIHNhbXBsZSBub25jZQ===", false),
            // 15, 17 and 18 bytes
            (b"AAAAAAAAAAAAAAAAAAAA", false),
            (b"AAAAAAAAAAAAAAAAAAAAAAA=", false),
            (b"AAAAAAAAAAAAAAAAAAAAAAAA", false),
            // padding in the wrong place
            (b"dGhlIHNhbXBsZSBub25jZ=Q=", false),
            (b"==dGhlIHNhbXBsZSBub25jZQ", false),
            (b"dGhlIHNhbXBsZSBub25jZ===", false),
            // the alphabet for URLs
            (b"--------__________---w==", false),
            (b"dGhlIHNhbXBs ZSBub25jZ==", false),
            (b"dGhlIHNhbXBsZSBub25jZQ=\xff", false),
        ] {
            assert_eq!(
                Key::from_header_value(value).is_some(),
                valid,
                "{}",
                value.escape_ascii()
            );
        }
    }

    /// RFC 6455 §4.2.1, §4.3: all keys of a deployed agent are spelled so.
    #[test]
    fn a_key_whose_last_bits_stand_for_nothing_is_a_key_and_is_answered_as_text() {
        for last in b"QRSTUVWXYZabcdef" {
            let mut value = *b"dGhlIHNhbXBsZSBub25jZ?==";
            value[21] = *last;
            let key = Key::from_header_value(&value).unwrap();
            assert_eq!(key.as_str().as_bytes(), value);
        }
        let key = Key::from_header_value(b"dGhlIHNhbXBsZSBub25jZR==").unwrap();
        assert_eq!(key.accept().as_str(), "Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI=");
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZR=="), key.accept());
    }

    /// RFC 6455 §4.1.
    #[test]
    fn every_key_made_is_a_valid_header_value() {
        for byte in 0..=255 {
            let key = Key::new([byte; 16]);
            assert_eq!(Key::from_header_value(key.as_str().as_bytes()), Some(key));
            assert_eq!(key.to_header_value(), key.as_str());
            assert_eq!(key.accept().to_header_value(), key.accept().as_str());
        }
    }
}
