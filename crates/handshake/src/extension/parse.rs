use http::HeaderMap;
use http::header::SEC_WEBSOCKET_EXTENSIONS;

use crate::extension::cursor::Cursor;
use crate::extension::{Extension, Param};
use crate::header::{ListError, check_count};

/// Reads all `Sec-WebSocket-Extensions` headers of a request or a response, in order.
///
/// Time is linear in the length of the headers. Without such a header the list is empty.
///
/// # Errors
/// [`ListError`] if a value does not follow the grammar, holds no extension at all, or more
/// extensions and parameters together than [`MAX_ELEMENTS`](crate::header::MAX_ELEMENTS).
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use socket_flow_handshake::extension;
///
/// let mut headers = HeaderMap::new();
/// headers.append("sec-websocket-extensions", HeaderValue::from_static("a; b=\"c\", d"));
/// headers.append("sec-websocket-extensions", HeaderValue::from_static("e"));
/// let offers = extension::parse(&headers)?;
/// let names: Vec<_> = offers.iter().map(extension::Extension::name).collect();
/// assert_eq!(names, ["a", "d", "e"]);
/// assert_eq!(offers[0].params()[0].value(), Some("c"));
/// # Ok::<_, socket_flow_handshake::header::ListError>(())
/// ```
pub fn parse(headers: &HeaderMap) -> Result<Vec<Extension>, ListError> {
    let mut extensions = Vec::new();
    let mut elements = 0;
    read(headers, |extension| {
        let extension = extension.ok_or(ListError::TooMany)?;
        elements += 1 + extension.params().len();
        check_count(elements)?;
        extensions.push(extension);
        Ok(())
    })?;
    Ok(extensions)
}

/// Reads all of them, however many there are, for the first that `choose` has an answer to. One with
/// more parameters than are kept is none of them.
///
/// # Errors
/// [`ListError`] if a value does not follow the grammar, or holds no extension at all.
pub(crate) fn find<T>(
    headers: &HeaderMap,
    choose: impl Fn(&Extension) -> Option<T>,
) -> Result<Option<T>, ListError> {
    let mut chosen = None;
    read(headers, |extension| {
        if chosen.is_none() {
            chosen = extension.as_ref().and_then(&choose);
        }
        Ok(())
    })?;
    Ok(chosen)
}

fn read(
    headers: &HeaderMap,
    mut each: impl FnMut(Option<Extension>) -> Result<(), ListError>,
) -> Result<(), ListError> {
    let (mut is_present, mut is_empty) = (false, true);
    for value in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        is_present = true;
        read_value(&mut Cursor::new(value.as_bytes()), |extension| {
            is_empty = false;
            each(extension)
        })?;
    }
    (!is_present || !is_empty)
        .then_some(())
        .ok_or(ListError::Empty)
}

/// Tells `each` of every extension; one with too many parameters is `None`.
fn read_value(
    cursor: &mut Cursor<'_>,
    mut each: impl FnMut(Option<Extension>) -> Result<(), ListError>,
) -> Result<(), ListError> {
    while cursor.next_element()? {
        let name = cursor.token()?.into();
        let mut params = Vec::new();
        let mut is_kept = true;
        cursor.skip_spaces();
        while cursor.eat(b';') {
            cursor.skip_spaces();
            let param = parse_param(cursor)?;
            is_kept &= check_count(params.len() + 1).is_ok();
            if is_kept {
                params.push(param);
            }
            cursor.skip_spaces();
        }
        cursor.end_element()?;
        each(is_kept.then_some(Extension { name, params }))?;
    }
    Ok(())
}

fn parse_param(cursor: &mut Cursor<'_>) -> Result<Param, ListError> {
    let name = cursor.token()?.into();
    // RFC 6455 takes its grammar from RFC 2616, which allows spaces around any separator.
    cursor.skip_spaces();
    if !cursor.eat(b'=') {
        return Ok(Param {
            name,
            value: None,
            quoted: false,
        });
    }
    cursor.skip_spaces();
    let quoted = cursor.eat(b'"');
    let value = if quoted {
        cursor.quoted_token()?.into()
    } else {
        cursor.token()?.into()
    };
    Ok(Param {
        name,
        value: Some(value),
        quoted,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::header::MAX_ELEMENTS;

    /// The values of the headers, and the extensions in them as they are printed.
    type Case = (
        &'static [&'static str],
        Result<&'static [&'static str], ListError>,
    );

    fn parse_all(values: &[&str]) -> Result<Vec<Extension>, ListError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, value.parse().unwrap());
        }
        parse(&headers)
    }

    /// RFC 6455 §4.3, §9.1; RFC 9110 §5.6.3, §5.6.4.
    #[test]
    fn extensions_are_read_over_repeated_headers_and_printed_back() {
        let cases: &[Case] = &[
            (&[], Ok(&[])),
            (&["foo"], Ok(&["foo"])),
            (&["foo, bar; baz=2"], Ok(&["foo", "bar; baz=2"])),
            (&["foo", "bar; baz=2"], Ok(&["foo", "bar; baz=2"])),
            (&["b, a, b"], Ok(&["b", "a", "b"])),
            (&["a;c;b;c=1"], Ok(&["a; c; b; c=1"])),
            (&["\ta ; b = c ,, d\t,"], Ok(&["a; b=c", "d"])),
            (&["a; b=\"c\""], Ok(&["a; b=\"c\""])),
            (&["a; b=\"\\c\\d\""], Ok(&["a; b=\"cd\""])),
            (&["", "a"], Ok(&["a"])),
            (
                &["x; y, permessage-deflate; foo=1, permessage-deflate"],
                Ok(&["x; y", "permessage-deflate; foo=1", "permessage-deflate"]),
            ),
            // A name every object of a scripting language has: here it is only a name.
            (&["constructor; __proto__"], Ok(&["constructor; __proto__"])),
            (&[""], Err(ListError::Empty)),
            (&[",", " "], Err(ListError::Empty)),
            (&["a;"], Err(ListError::Token)),
            (&["a;;b"], Err(ListError::Token)),
            (&["a; =b"], Err(ListError::Token)),
            (&["a; b="], Err(ListError::Token)),
            (&["a; b=,c"], Err(ListError::Token)),
            (&["=a"], Err(ListError::Token)),
            (&["a b"], Err(ListError::Separator)),
            (&["a=b"], Err(ListError::Separator)),
            (&["a; b c"], Err(ListError::Separator)),
            (&["a; b=\"c\"d"], Err(ListError::Separator)),
            (&["a; b=\"\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c d\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c\\\"d\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c,d\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c"], Err(ListError::UnclosedQuote)),
            (&["a; b=\"c\\"], Err(ListError::UnclosedQuote)),
            // A quote does not reach into the next header.
            (&["a; b=\"c", "d\""], Err(ListError::UnclosedQuote)),
            (&["\u{e9}"], Err(ListError::Token)),
        ];
        for (values, expected) in cases {
            let got = parse_all(values)
                .map(|list| list.iter().map(Extension::to_string).collect::<Vec<_>>());
            let expected = expected.map(|list| list.iter().map(ToString::to_string).collect());
            assert_eq!(got, expected, "{values:?}");
        }
    }

    #[test]
    fn hostile_values_are_read_in_steps_linear_in_their_length() {
        for (head, pattern) in [
            ("a; b=\"", "c"),
            ("a; b=\"", "\\"),
            ("a; b=\"", "\\a"),
            ("a; b=\"", " "),
            ("a", ";b"),
            ("a", "; b=\"c\""),
            ("", "a,"),
            ("", " "),
            ("a; b=", " "),
            ("a; b=\"c\"", "\t"),
        ] {
            let value = head.to_owned() + &pattern.repeat(16 * 1024 / pattern.len());
            let mut cursor = Cursor::new(value.as_bytes());
            let _ = read_value(&mut cursor, |_| Ok(()));
            assert!(
                cursor.steps <= 8 * value.len(),
                "{head}{pattern}: {}",
                cursor.steps
            );
        }
    }

    #[test]
    fn extensions_and_parameters_beyond_128_together_are_too_many() {
        for (element, next) in [
            ("a,", "a"),
            ("a;b=c,a;b,", "a;b"),
            ("a;b;c;d;e;f;g;h,", "a"),
        ] {
            let elements = element
                .matches(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
                .count();
            let elements = elements - element.matches("=c").count();
            let most = element.repeat(MAX_ELEMENTS / elements);
            let read = parse_all(&[&most]).unwrap();
            let params: usize = read.iter().map(|one| one.params().len()).sum();
            assert_eq!(read.len() + params, MAX_ELEMENTS, "{element}");
            // Those of all headers count.
            assert_eq!(parse_all(&[&most, next]), Err(ListError::TooMany));
        }
    }

    #[test]
    fn any_number_of_extensions_is_looked_through_and_one_with_129_parameters_is_passed_over() {
        let mut headers = HeaderMap::new();
        let many = "a,".repeat(4 * MAX_ELEMENTS) + &format!("b{}", ";c".repeat(MAX_ELEMENTS + 1));
        headers.append(SEC_WEBSOCKET_EXTENSIONS, many.parse().unwrap());
        let params = |name| {
            let found = |one: &Extension| (one.name() == name).then(|| one.params().len());
            find(&headers, found)
        };
        assert_eq!(params("a"), Ok(Some(0)));
        assert_eq!(params("b"), Ok(None));
        let least = format!("b{}", ";c".repeat(MAX_ELEMENTS));
        headers.append(SEC_WEBSOCKET_EXTENSIONS, least.parse().unwrap());
        let found = find(&headers, |one| {
            (one.name() == "b").then(|| one.params().len())
        });
        assert_eq!(found, Ok(Some(MAX_ELEMENTS)));
        // The grammar of the rest counts.
        headers.append(SEC_WEBSOCKET_EXTENSIONS, "b;".parse().unwrap());
        assert_eq!(find(&headers, |_| Some(())), Err(ListError::Token));
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_panic_and_in_linear_time(value in "[a-c;,=\"\\\\ \t]{0,64}") {
            let mut cursor = Cursor::new(value.as_bytes());
            let mut list = Vec::new();
            let result = read_value(&mut cursor, |extension| {
                list.extend(extension);
                Ok(())
            });
            prop_assert!(cursor.steps <= 8 * (value.len() + 1));
            if result.is_ok() {
                let printed: Vec<_> = list.iter().map(Extension::to_string).collect();
                let printed = printed.join(",");
                let mut again = Vec::new();
                read_value(&mut Cursor::new(printed.as_bytes()), |extension| {
                    again.extend(extension);
                    Ok(())
                }).unwrap();
                prop_assert_eq!(again, list);
            }
        }
    }
}
