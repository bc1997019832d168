use std::fmt;

use http::HeaderValue;

use crate::extension::{Extension, Param};

/// Writes extensions as the value of one header; `None` for none, where no header is to be sent.
///
/// ```
/// use socket_flow_handshake::extension::{self, Extension};
///
/// let list = [Extension::new("a")?.param("b")?, Extension::new("c")?];
/// assert_eq!(extension::encode(&list).unwrap(), "a; b, c");
/// assert!(extension::encode(&[]).is_none());
/// # Ok::<_, extension::NotAToken>(())
/// ```
pub fn encode(extensions: &[Extension]) -> Option<HeaderValue> {
    if extensions.is_empty() {
        return None;
    }
    let mut text = String::new();
    for (index, extension) in extensions.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&extension.to_string());
    }
    Some(HeaderValue::try_from(text).expect("tokens and separators are visible ASCII"))
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for param in &self.params {
            write!(f, "; {param}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            None => Ok(()),
            // A token holds neither a quote nor a backslash, so nothing is to be escaped.
            Some(value) if self.quoted => write!(f, "=\"{value}\""),
            Some(value) => write!(f, "={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::SEC_WEBSOCKET_EXTENSIONS;
    use proptest::prelude::*;

    use super::*;
    use crate::extension::parse;

    fn token_text() -> impl Strategy<Value = String> {
        "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}"
    }

    fn any_extension() -> impl Strategy<Value = Extension> {
        let param = (
            token_text(),
            proptest::option::of(token_text()),
            any::<bool>(),
        );
        let params = proptest::collection::vec(param, 0..5);
        (token_text(), params).prop_map(|(name, params)| {
            params.iter().fold(
                Extension::new(&name).unwrap(),
                |extension, (name, value, quoted)| {
                    match value {
                        None => extension.param(name),
                        Some(value) if *quoted => extension.param_with_quoted_value(name, value),
                        Some(value) => extension.param_with_value(name, value),
                    }
                    .unwrap()
                },
            )
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(list in proptest::collection::vec(any_extension(), 0..5)) {
            let mut headers = HeaderMap::new();
            if let Some(value) = encode(&list) {
                headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
            }
            prop_assert_eq!(parse(&headers), Ok(list.clone()));

            let mut repeated = HeaderMap::new();
            for extension in &list {
                let value = extension.to_string().parse().unwrap();
                repeated.append(SEC_WEBSOCKET_EXTENSIONS, value);
            }
            prop_assert_eq!(parse(&repeated), Ok(list));
        }
    }
}
