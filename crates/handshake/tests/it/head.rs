//! Heads on the wire (RFC 9112), each read whole and cut at every byte.

use std::fmt::Debug;

use http::{Method, Request, Response, Version};
use socket_flow_handshake::head::{
    HeadError, HeadLimits, RequestDecoder, ResponseDecoder, encode_request, encode_response,
};

type Decoded<T> = Result<Option<(T, usize)>, HeadError>;

fn request(input: &[u8]) -> Decoded<Request<()>> {
    at_every_cut(input, || {
        let mut decoder = RequestDecoder::new(HeadLimits::default());
        move |buf: &[u8]| decoder.decode(buf)
    })
}

fn response(input: &[u8]) -> Decoded<Response<()>> {
    at_every_cut(input, || {
        let mut decoder = ResponseDecoder::new(HeadLimits::response());
        move |buf: &[u8]| decoder.decode(buf)
    })
}

/// Decodes the input whole, cut once at every place, and byte by byte: all must agree.
fn at_every_cut<T: Debug, D>(input: &[u8], new: impl Fn() -> D) -> Decoded<T>
where
    D: FnMut(&[u8]) -> Decoded<T>,
{
    let whole = new()(input);
    let once = (0..input.len()).map(|cut| vec![cut, input.len()]);
    for ends in once.chain([(0..=input.len()).collect()]) {
        let mut decode = new();
        let mut results = ends.into_iter().map(|end| decode(&input[..end]));
        let decided = results.find(|result| !matches!(result, Ok(None)));
        // `http`'s types do not compare: their `Debug` does.
        let decided = format!("{:?}", decided.unwrap_or(Ok(None)));
        assert_eq!(decided, format!("{whole:?}"), "{}", input.escape_ascii());
    }
    whole
}

#[test]
fn a_request_is_read_at_any_cut_and_what_follows_is_left() {
    let head = b"GET /chat?a=b HTTP/1.1\r\nHost: example.com\r\nX-A:  b c \t\r\nx-a:\r\n\r\n";
    let input = [&head[..], b"\x81\x85\r\n\0"].concat();
    let (request, len) = request(&input).unwrap().unwrap();
    assert_eq!(len, head.len());
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.uri(), "/chat?a=b");
    assert_eq!(request.version(), Version::HTTP_11);
    assert_eq!(request.headers()["host"], "example.com");
    let values: Vec<_> = request.headers().get_all("x-a").iter().collect();
    assert_eq!(values, ["b c", ""]);
}

/// RFC 6455 §4.2.1; RFC 9110 §5.5; RFC 9112 §2.2, §3, §5.1, §5.2.
#[test]
fn request_heads_that_are_not_strict_http_are_refused_with_their_own_error() {
    for (input, error) in [
        (&b"GET / HTTP/1.1\nHost: a\n\n"[..], HeadError::LineEnding),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", HeadError::LineEnding),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", HeadError::LineEnding),
        (
            b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            HeadError::LineEnding,
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            HeadError::ControlCharacter,
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n",
            HeadError::ControlCharacter,
        ),
        (b"GET /\x01 HTTP/1.1\r\n\r\n", HeadError::ControlCharacter),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", HeadError::HeaderName),
        (
            b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
            HeadError::HeaderName,
        ),
        (b"GET / HTTP/1.1\r\nHost\r\n\r\n", HeadError::HeaderName),
        (b"GET / HTTP/1.1\r\n: a\r\n\r\n", HeadError::HeaderName),
        (b"GET / HTTP/1.1\r\nH(st: a\r\n\r\n", HeadError::HeaderName),
        (b"GET / HTTP/1.1\r\nH\xe9: a\r\n\r\n", HeadError::HeaderName),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            HeadError::FoldedLine,
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n",
            HeadError::FoldedLine,
        ),
        (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", HeadError::FoldedLine),
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", HeadError::StartLine),
        (b" GET / HTTP/1.1\r\n\r\n", HeadError::StartLine),
        (b"GET  / HTTP/1.1\r\n\r\n", HeadError::StartLine),
        (b"G(T / HTTP/1.1\r\n\r\n", HeadError::StartLine),
        (b"GET\r\n\r\n", HeadError::StartLine),
        (b"GET / HTTP/2.0\r\n\r\n", HeadError::Version),
        (b"GET / HTTP/1.2\r\n\r\n", HeadError::Version),
        (b"GET / http/1.1\r\n\r\n", HeadError::Version),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HeadError::Version),
        (b"GET /#a HTTP/1.1\r\n\r\n", HeadError::Target),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", HeadError::Target),
        (b"GET a/b HTTP/1.1\r\n\r\n", HeadError::Target),
        (b"GET http:// HTTP/1.1\r\n\r\n", HeadError::Target),
        (b"\x16\x03\x01\x02\x00\x01", HeadError::ControlCharacter),
    ] {
        let got = request(input).map(|_| ());
        assert_eq!(got, Err(error), "{}", input.escape_ascii());
    }
}

#[test]
fn one_hundred_header_lines_are_read_and_one_more_is_refused() {
    for (name, lines, ok) in [("a", 100, true), ("a", 101, false), ("b", 101, false)] {
        let distinct = name == "b";
        let mut head = String::from("GET / HTTP/1.1\r\n");
        for index in 0..lines {
            let suffix = if distinct {
                index.to_string()
            } else {
                String::new()
            };
            head += &format!("{name}{suffix}: c\r\n");
        }
        head += "\r\n";
        let got = RequestDecoder::new(HeadLimits::default()).decode(head.as_bytes());
        match got {
            Ok(Some((request, _))) => assert!(ok && request.headers().len() == 100),
            Err(error) => assert!(!ok && error == HeadError::TooManyHeaders),
            Ok(None) => panic!("the head is complete"),
        }
    }
}

/// RFC 9112 §3.
#[test]
fn heads_and_lines_over_the_limit_have_their_status() {
    let limits = HeadLimits::default();
    let line = "b".repeat(8 * 1024);
    for (head, error, status) in [
        (format!("GET /{line}"), HeadError::StartLineTooLong, 414),
        (
            format!("GET / HTTP/1.1\r\na:{line}"),
            HeadError::LineTooLong,
            431,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\n{}",
                format!("a:{}\r\n", &line[..8000]).repeat(3)
            ),
            HeadError::TooLong,
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\n{}", "a:b\r\n".repeat(101)),
            HeadError::TooManyHeaders,
            431,
        ),
    ] {
        let mut decoder = RequestDecoder::new(limits);
        let got = decoder.decode(head.as_bytes()).map(|_| ());
        assert_eq!(got, Err(error));
        assert_eq!(error.status(), status);
        // It stays an error, whatever comes.
        assert_eq!(decoder.decode(b"").map(|_| ()), Err(error));
    }
    let target = "b".repeat(70_000);
    let none = limits.max_bytes(usize::MAX).max_line(usize::MAX);
    let head = format!("GET /{target} HTTP/1.1\r\n\r\n");
    let got = RequestDecoder::new(none)
        .decode(head.as_bytes())
        .map(|_| ());
    assert_eq!(got, Err(HeadError::StartLineTooLong));
    let name = "b".repeat(70_000);
    let head = format!("GET / HTTP/1.1\r\n{name}: a\r\n\r\n");
    let got = RequestDecoder::new(none)
        .decode(head.as_bytes())
        .map(|_| ());
    assert_eq!(got, Err(HeadError::HeaderName));
}

#[test]
fn more_header_names_than_the_map_can_hold_are_an_error() {
    let mut head = String::from("GET / HTTP/1.1\r\n");
    for index in 0..40_000 {
        head += &format!("a{index}:\r\n");
    }
    head += "\r\n";
    let limits = HeadLimits::default()
        .max_bytes(usize::MAX)
        .max_headers(usize::MAX);
    let got = RequestDecoder::new(limits)
        .decode(head.as_bytes())
        .map(|_| ());
    assert_eq!(got, Err(HeadError::TooManyHeaders));
}

#[test]
fn a_decoder_is_as_new_after_a_request() {
    let mut decoder = RequestDecoder::new(HeadLimits::default());
    for _ in 0..2 {
        let (request, len) = decoder
            .decode(b"GET / HTTP/1.1\r\na: b\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!((request.headers().len(), len), (1, 24));
    }
}

/// RFC 9110 §15.2; RFC 9112 §4.
#[test]
fn a_response_is_read_at_any_cut_and_over_interim_responses() {
    for (before, status, reason) in [
        ("", 101, " Switching Protocols"),
        ("", 101, " "),
        ("", 101, ""),
        ("", 403, " Nope \u{e9}"),
        ("HTTP/1.1 100 Continue\r\n\r\n", 101, " X"),
        ("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", 101, " X"),
        ("HTTP/1.1 100 \r\n\r\nHTTP/1.1 102 \r\n\r\n", 500, " X"),
    ] {
        let head = format!("{before}HTTP/1.1 {status}{reason}\r\nA: b\r\n\r\n");
        let input = format!("{head}body\r\n\r\n");
        let (response, len) = response(input.as_bytes()).unwrap().unwrap();
        assert_eq!(len, head.len());
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().len(), 1);
    }
}

/// RFC 6455 §4.1; RFC 9110 §5.5; RFC 9112 §2.2.
#[test]
fn response_heads_that_are_not_strict_http_are_refused_with_their_own_error() {
    for (input, error) in [
        (&b"\r\nHTTP/1.1 101 X\r\n\r\n"[..], HeadError::StartLine),
        (b"HTTP/1.1 101 X\nA: b\n\n", HeadError::LineEnding),
        (b"HTTP/1.1 101 X\r\nA: b\rc\r\n\r\n", HeadError::LineEnding),
        (b"HTTP/1.1 101 X\r\nA : b\r\n\r\n", HeadError::HeaderName),
        (
            b"HTTP/1.1 101 X\r\nA: b\r\n c\r\n\r\n",
            HeadError::FoldedLine,
        ),
        (
            b"HTTP/1.1 101 X\r\nA: \x00\r\n\r\n",
            HeadError::ControlCharacter,
        ),
        (b"HTTP/1.1 10 X\r\n\r\n", HeadError::Status),
        (b"HTTP/1.1 099 X\r\n\r\n", HeadError::Status),
        (b"HTTP/1.1 1011 X\r\n\r\n", HeadError::Status),
        (b"HTTP/2.0 101 X\r\n\r\n", HeadError::Version),
        (b"ICY 200 OK\r\n\r\n", HeadError::Version),
        (b"SSH-2.0-x\r\n\r\n", HeadError::Version),
    ] {
        let got = response(input).map(|_| ());
        assert_eq!(got, Err(error), "{}", input.escape_ascii());
    }
}

#[test]
fn eight_interim_responses_are_skipped_and_no_more() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    for (count, ok) in [(8, true), (9, false)] {
        let input = interim.repeat(count) + "HTTP/1.1 101 X\r\n\r\n";
        let got = response(input.as_bytes());
        match got {
            Ok(Some((response, len))) => {
                assert!(ok && response.status() == 101 && len == input.len());
            }
            got => assert!(!ok && matches!(got, Err(HeadError::TooManyInterimResponses))),
        }
    }
    // The decoder starts to count anew for the next answer.
    let mut decoder = ResponseDecoder::new(HeadLimits::response());
    let input = interim.repeat(8) + "HTTP/1.1 200 X\r\n\r\n";
    for _ in 0..2 {
        assert!(decoder.decode(input.as_bytes()).unwrap().is_some());
    }
}

#[test]
fn a_response_without_end_is_refused_at_the_limit() {
    let mut input = b"HTTP/1.1 101 X\r\nA: ".to_vec();
    input.resize(1 << 20, b'b');
    let mut decoder = ResponseDecoder::new(HeadLimits::response());
    let got = decoder.decode(&input).map(|_| ());
    assert_eq!(got, Err(HeadError::LineTooLong));
}

/// RFC 9112 §4.
#[test]
fn heads_are_written_with_the_capitals_of_the_rfcs() {
    let request = Request::get("ws://user@example.com/a?b")
        .header("host", "example.com")
        .header("sec-websocket-key", "k")
        .header("x--a", "b")
        .header("x--a", "c")
        .body(())
        .unwrap();
    assert_eq!(
        encode_request(&request),
        "GET /a?b HTTP/1.1\r\nHost: example.com\r\nSec-WebSocket-Key: k\r\n\
         X--A: b\r\nX--A: c\r\n\r\n"
    );
    let response = Response::builder()
        .status(799)
        .header("te", "x")
        .body(())
        .unwrap();
    assert_eq!(encode_response(&response), "HTTP/1.1 799 \r\nTe: x\r\n\r\n");
}

/// RFC 9112 §3.2.3.
#[test]
fn a_tunnel_is_asked_for_by_its_authority() {
    let request = Request::connect("example.com:443")
        .header("host", "example.com:443")
        .body(())
        .unwrap();
    assert_eq!(
        encode_request(&request),
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
    );
}
