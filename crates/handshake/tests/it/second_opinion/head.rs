//! Heads, beside `httpcodec`, which parses HTTP/1.1 without `httparse`.

use bytecodec::io::IoDecodeExt;
use http::HeaderMap;
use httpcodec::{HttpVersion, NoBodyDecoder, RequestDecoder, ResponseDecoder};
use proptest::prelude::*;
use socket_flow_handshake::head::{self, HeadLimits};

use super::one_of;

/// The lines of headers, some of them broken.
fn fields() -> impl Strategy<Value = String> {
    let name = prop_oneof![4 => "[A-Za-z-]{1,6}", 1 => "[!-~]{1,3}", 1 => "[ -~é]{0,3}"];
    let value = prop_oneof![4 => "[!-~ ]{0,8}", 1 => "[\t -~é\u{7f}]{0,6}"];
    let line = (
        name,
        one_of(&[": ", ":", " : ", ":\t", ":  ", " ", ""]),
        value,
        one_of(&[
            "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", " \r\n", "\r\n ", "\n", "\r",
        ]),
    )
        .prop_map(|(name, colon, value, end)| format!("{name}{colon}{value}{end}"));
    prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat())
}

fn request() -> impl Strategy<Value = String> {
    let target = prop_oneof![
        4 => "/[a-z0-9/?=&%._-]{0,8}",
        1 => "/[!-~]{0,6}",
        1 => "[!-~ é]{0,6}",
        1 => "(http|ws)://[a-z]{1,3}(:[0-9]{1,2})?/[a-z]{0,2}",
    ];
    let start = (
        one_of(&["", "", "", "", "", "\r\n", "\n", " "]),
        prop_oneof![3 => one_of(&["GET", "POST", "get", "OPTIONS"]).boxed(), 1 => "[!-~]{0,4}".boxed()],
        one_of(&[" ", " ", " ", " ", "  ", "\t", ""]),
        target,
        one_of(&[" ", " ", " ", " ", "  ", "\t", ""]),
        one_of(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 "]),
        one_of(&["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"]),
    )
        .prop_map(|(before, method, gap, target, space, version, end)| {
            format!("{before}{method}{gap}{target}{space}{version}{end}")
        });
    (start, fields()).prop_map(|(start, fields)| format!("{start}{fields}\r\nrest"))
}

fn response() -> impl Strategy<Value = String> {
    let start = (
        one_of(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "http/1.1", "HTTP/1.1 "]),
        one_of(&[" ", " ", " ", " ", "  ", "\t", ""]),
        prop_oneof![4 => "[2-5][0-9]{2}", 1 => "[0-9]{0,4}", 1 => one_of(&["101", "+20", "2a0"]).boxed()],
        one_of(&[" ", " ", " ", "", "  ", "\t"]),
        prop_oneof![3 => one_of(&["OK", "", "Switching Protocols"]).boxed(), 1 => "[\t -~é\u{1}]{0,4}".boxed()],
        one_of(&["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"]),
    )
        .prop_map(|(version, gap, code, space, reason, end)| {
            format!("{version}{gap}{code}{space}{reason}{end}")
        });
    (start, fields()).prop_map(|(start, fields)| format!("{start}{fields}\r\nrest"))
}

/// Name and value of each line, names in lower case, in the order of each name.
type Fields = Vec<(String, String)>;

fn sorted(mut fields: Fields) -> Fields {
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

fn ours(headers: &HeaderMap) -> Fields {
    let fields = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    sorted(fields.collect())
}

fn theirs(header: httpcodec::Header<'_>) -> Fields {
    let fields = header
        .fields()
        .map(|field| (field.name().to_ascii_lowercase(), field.value().to_owned()));
    sorted(fields.collect())
}

fn version(version: HttpVersion) -> http::Version {
    match version {
        HttpVersion::V1_0 => http::Version::HTTP_10,
        HttpVersion::V1_1 => http::Version::HTTP_11,
    }
}

/// Whether they stop at what is taken here: bytes above ASCII in a value or a reason, an empty line
/// before a request, a status line that ends after its code.
fn is_stricter_there(text: &str) -> bool {
    let (start, _) = text.split_once("\r\n").unwrap_or_default();
    let is_short = start.starts_with("HTTP/") && start.split(' ').count() == 2;
    !text.is_ascii() || text.starts_with("\r\n") || is_short
}

/// Whether a head that they take, and we refuse, is one of those that the page lists.
fn is_listed(text: &str, target: &str) -> bool {
    let head = text.split("\r\n\r\n").next().unwrap_or(text);
    // Their state machine goes on after a CR alone, and after an empty name.
    let is_bare_cr = head.replace("\r\n", "").contains('\r');
    let is_empty_name = head.contains("\r\n:") || head.starts_with(' ');
    let is_no_uri = target.parse::<http::Uri>().is_err() || target.contains('#');
    is_bare_cr || is_empty_name || is_no_uri
}

proptest! {
    /// RFC 9112 §2 to 5.
    #[test]
    fn a_request_head_is_read_as_another_parser_reads_it(text in request()) {
        let mut decoder = head::RequestDecoder::new(HeadLimits::default());
        let mut rest = text.as_bytes();
        let second = RequestDecoder::<NoBodyDecoder>::default().decode_exact(&mut rest);
        match (decoder.decode(text.as_bytes()), second) {
            (Ok(Some((request, len))), Ok(second)) => {
                prop_assert_eq!(&text.as_bytes()[len..], rest);
                prop_assert_eq!(request.method().as_str(), second.method().as_str());
                let target = second.request_target().as_str();
                prop_assert_eq!(request.uri(), &target.parse::<http::Uri>().unwrap());
                prop_assert_eq!(request.version(), version(second.http_version()));
                prop_assert_eq!(ours(request.headers()), theirs(second.header()));
            }
            (Ok(Some(_)), Err(error)) => prop_assert!(is_stricter_there(&text), "{error}"),
            (first, Ok(second)) => {
                let target = second.request_target();
                prop_assert!(is_listed(&text, target.as_str()), "{first:?}");
            }
            (_, Err(_)) => {}
        }
    }

    /// RFC 9112 §4.
    #[test]
    fn a_response_head_is_read_as_another_parser_reads_it(text in response()) {
        let mut decoder = head::ResponseDecoder::new(HeadLimits::default());
        let mut rest = text.as_bytes();
        let second = ResponseDecoder::<NoBodyDecoder>::default().decode_exact(&mut rest);
        match (decoder.decode(text.as_bytes()), second) {
            (Ok(Some((response, len))), Ok(second)) => {
                prop_assert_eq!(&text.as_bytes()[len..], rest);
                prop_assert_eq!(response.status().as_u16(), second.status_code().as_u16());
                prop_assert_eq!(response.version(), version(second.http_version()));
                prop_assert_eq!(ours(response.headers()), theirs(second.header()));
            }
            (Ok(Some(_)), Err(error)) => prop_assert!(is_stricter_there(&text), "{error}"),
            // An interim response only announces another one.
            (Ok(None), Ok(second)) if second.status_code().as_u16() < 200 => {}
            (first, Ok(_)) => prop_assert!(is_listed(&text, "/"), "{first:?}"),
            (_, Err(_)) => {}
        }
    }
}
