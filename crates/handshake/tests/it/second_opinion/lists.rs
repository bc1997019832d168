//! Lists of tokens and of extensions, beside `sfv`: structured fields (RFC 9651), whose lists look
//! like those of RFC 9110 and are stricter.

use http::header::{CONNECTION, SEC_WEBSOCKET_EXTENSIONS};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use sfv::{BareItem, List, ListEntry, Parser};
use socket_flow_handshake::{extension, header};

use super::{one_of, perhaps_spoilt};

fn value() -> impl Strategy<Value = String> {
    let parameter = (
        one_of(&["; ", ";", ";  ", " ; ", ";\t"]),
        prop_oneof![4 => "[a-z][a-z0-9_-]{0,3}", 1 => "[A-Za-z0-9*.!]{0,2}"],
        prop_oneof![
            2 => Just(String::new()),
            1 => "=[a-z][a-z0-9]{0,3}",
            1 => "=[0-9]{1,3}",
            1 => "=\"[a-z0-9]{1,3}\"",
            1 => "=\"[ -~]{0,4}\"?",
            1 => one_of(&["=?1", "=:aa==:", "=1.5", "=-1", "=", " = a"]).boxed(),
        ],
    )
        .prop_map(|(separator, name, value)| format!("{separator}{name}{value}"));
    let element = (
        prop_oneof![4 => "[a-z][a-z0-9.-]{0,3}", 1 => "[A-Z!-~]{0,3}"],
        prop::collection::vec(parameter, 0..3),
    )
        .prop_map(|(name, parameters)| name + &parameters.concat());
    let list = (
        prop::collection::vec(element, 0..3),
        one_of(&[", ", ",", " ,", ",\t", ",,", ", ,"]),
    )
        .prop_map(|(elements, comma)| elements.join(&comma));
    perhaps_spoilt(list, " \t,;=\"\\()é*1A")
}

/// A name, and its parameters with what they are set to.
type Element = (String, Vec<(String, Option<String>)>);

/// The list where all in it are tokens, or strings that hold one.
fn tokens_of(list: List) -> Option<Vec<Element>> {
    list.into_iter()
        .map(|entry| {
            let ListEntry::Item(item) = entry else {
                return None;
            };
            let parameters = item.params.into_iter().map(|(key, value)| {
                let value = match value {
                    BareItem::Boolean(true) => None,
                    BareItem::Token(token) => Some(token.as_str().to_owned()),
                    BareItem::Integer(number) if i64::from(number) >= 0 => Some(number.to_string()),
                    BareItem::String(text) if header::is_token(text.as_str().as_bytes()) => {
                        Some(plain(text.as_str()))
                    }
                    _ => return None,
                };
                Some((key.as_str().to_owned(), value))
            });
            let BareItem::Token(name) = item.bare_item else {
                return None;
            };
            let name = name.as_str().to_owned();
            Some((name, parameters.collect::<Option<_>>()?))
        })
        .collect()
}

/// A number as they keep it: without zeros in front, and -0 as 0.
fn plain(value: &str) -> String {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_number = digits.len() < 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<i64>() {
        Ok(number) if is_number => number.to_string(),
        _ => value.to_owned(),
    }
}

fn headers(name: HeaderName, value: &str) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
    Some(HeaderMap::from_iter([(name, value)]))
}

/// What of RFC 9110 and 6455 is no structured field: empty elements, tokens that begin with neither
/// a letter nor `*`, names of parameters in upper case, numbers that begin with 0, blanks around `=`
/// and before `;`, tabs, escapes in quotes of what needs none.
fn is_no_structured_field(text: &str, elements: &[Element]) -> bool {
    let starts = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*');
    let is_token = |text: &str| starts(text) && !text.contains(['|', '~', '^', '`']);
    let is_key = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c == '*')
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'))
    };
    let is_number = |text: &str| text.len() < 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    let squeezed: String = text.split([' ', '\t']).collect();
    squeezed.contains(",,")
        || squeezed.starts_with(',')
        || squeezed.ends_with(',')
        || text.contains(['\t', '\\'])
        || [" ;", " =", "= ", "\" "]
            .iter()
            .any(|blank| text.contains(blank))
        || elements.iter().any(|(name, parameters)| {
            !is_token(name)
                || parameters.iter().any(|(name, value)| {
                    let is_value = |value: &String| {
                        is_token(value)
                            || is_number(value)
                            || text.contains(&format!("\"{value}\""))
                    };
                    !is_key(name) || !value.as_ref().is_none_or(is_value)
                })
        })
}

proptest! {
    /// RFC 6455 §9.1.
    #[test]
    fn extensions_are_read_as_structured_fields_are(text in value()) {
        let Some(headers) = headers(SEC_WEBSOCKET_EXTENSIONS, &text) else {
            return Ok(());
        };
        let ours = extension::parse(&headers).map(|list| {
            let element = |one: &extension::Extension| {
                let parameter = |param: &extension::Param| {
                    (param.name().to_owned(), param.value().map(plain))
                };
                (one.name().to_owned(), one.params().iter().map(parameter).collect())
            };
            list.iter().map(element).collect::<Vec<Element>>()
        });
        let theirs = Parser::new(&text).parse::<List>().ok().map(tokens_of);
        match (ours, theirs) {
            (Ok(ours), Some(Some(theirs))) => {
                let repeats = ours.iter().any(|(_, parameters)| {
                    let names = parameters.iter().map(|(name, _)| name);
                    names.collect::<std::collections::HashSet<_>>().len() < parameters.len()
                });
                // They keep the last of two parameters with a name.
                prop_assert!(repeats || ours == theirs, "{ours:?} {theirs:?}");
            }
            // A string, a number or a list where we read tokens: what of it looks like one is `1.5`
            // or `-1`.
            (Ok(ours), Some(None)) => {
                let odd = |value: &String| value.contains(['-', '.']) && !value.starts_with(|c: char| c.is_ascii_alphabetic());
                let is_odd = |(name, parameters): &Element| {
                    odd(name) || name.starts_with(|c: char| c.is_ascii_digit())
                        || parameters.iter().filter_map(|(_, value)| value.as_ref()).any(odd)
                };
                prop_assert!(ours.iter().any(is_odd), "{ours:?}");
            }
            (Ok(ours), None) => {
                prop_assert!(is_no_structured_field(&text, &ours), "{ours:?}");
            }
            // No element at all is no list of extensions; `/` and `:` may stand in their tokens; a
            // flag may be written out, and what is no token be hidden by a later parameter of the
            // same name.
            (Err(error), Some(Some(theirs))) => {
                let is_wider = |text: &str| text.contains(['/', ':']);
                let wider = theirs.iter().any(|(name, parameters)| {
                    let mut values = parameters.iter().filter_map(|(_, value)| value.as_deref());
                    is_wider(name) || values.any(is_wider)
                });
                let is_more = ["=?", "=:", "=\"", "=-", "=("].iter().any(|start| text.contains(start));
                prop_assert!(theirs.is_empty() || wider || is_more, "{error}: {theirs:?}");
            }
            (Err(_), _) => {}
        }
    }

    /// RFC 9110 §5.6.1.
    #[test]
    fn lists_of_tokens_are_read_as_structured_fields_are(text in value()) {
        let Some(headers) = headers(CONNECTION, &text) else {
            return Ok(());
        };
        let plain = |text: &str| vec![(text.to_owned(), Vec::new())];
        let ours = header::tokens(&headers, &CONNECTION)
            .map(|tokens| tokens.into_iter().flat_map(plain).collect::<Vec<Element>>());
        let theirs = Parser::new(&text).parse::<List>().ok().map(tokens_of);
        match (ours, theirs) {
            (Ok(ours), Some(Some(theirs))) => prop_assert_eq!(ours, theirs),
            (Ok(ours), Some(None)) => {
                let is_number = |(name, _): &Element| name.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                prop_assert!(ours.iter().any(is_number), "{ours:?}");
            }
            (Ok(ours), None) => prop_assert!(is_no_structured_field(&text, &ours), "{ours:?}"),
            (Err(error), Some(Some(theirs))) => {
                let has_more = |(name, parameters): &Element| {
                    name.contains(['/', ':']) || !parameters.is_empty()
                };
                prop_assert!(theirs.iter().any(has_more), "{error}: {theirs:?}");
            }
            (Err(_), _) => {}
        }
    }
}
