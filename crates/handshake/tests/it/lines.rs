//! A line of a head is judged when its CR LF is there, and the end changes no verdict.

use http::{Request, Response};
use proptest::prelude::*;
use socket_flow_handshake::head::{HeadError, HeadLimits, RequestDecoder, ResponseDecoder};

type Decoded<T> = Result<Option<(T, usize)>, HeadError>;

fn request() -> impl FnMut(&[u8]) -> Decoded<Request<()>> {
    let mut decoder = RequestDecoder::new(HeadLimits::default());
    move |buf| decoder.decode(buf)
}

fn response() -> impl FnMut(&[u8]) -> Decoded<Response<()>> {
    let mut decoder = ResponseDecoder::new(HeadLimits::response());
    move |buf| decoder.decode(buf)
}

/// The error, and how many bytes had arrived, one by one, when it was told.
fn first_error<T>(
    mut decode: impl FnMut(&[u8]) -> Decoded<T>,
    input: &[u8],
) -> Option<(usize, HeadError)> {
    (0..=input.len()).find_map(|len| decode(&input[..len]).err().map(|error| (len, error)))
}

/// RFC 9112 §3, §4, §5.1; RFC 9110 §2.5.
#[test]
fn what_is_no_http_is_told_by_the_end_of_its_first_wrong_line() {
    let requests = [
        ("EHLO x\r\n", HeadError::StartLine),
        ("GET / HTTP/3.0\r\n", HeadError::Version),
        ("GET / HTTP/2.0\r\n", HeadError::Version),
        ("GET /\r\n", HeadError::StartLine),
        ("SSH-2.0-OpenSSH_9.6\r\n", HeadError::StartLine),
        ("USER anonymous\r\n", HeadError::StartLine),
        ("{\"jsonrpc\":\"2.0\"}\r\n", HeadError::StartLine),
        ("GET /#a HTTP/1.1\r\n", HeadError::Target),
        ("GET /\u{e9} HTTP/1.1\r\n", HeadError::Target),
        ("\r\nGET / HTTP/3.0\r\n", HeadError::Version),
        ("GET  / HTTP/1.1\r\n", HeadError::StartLine),
        (" GET / HTTP/1.1\r\n", HeadError::StartLine),
        ("GET\t/ HTTP/1.1\r\n", HeadError::StartLine),
        ("\u{feff}GET / HTTP/1.1\r\n", HeadError::StartLine),
        ("GET / http/1.1\r\n", HeadError::Version),
        ("GET /a b HTTP/1.1\r\n", HeadError::Version),
        ("PRI * HTTP/2.0\r\n", HeadError::Version),
        ("OPTIONS rtsp://a RTSP/1.0\r\n", HeadError::Version),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", HeadError::Version),
        ("*1\r\n", HeadError::StartLine),
        ("GET / HTTP/1.1\n", HeadError::LineEnding),
        ("{\"a\":1}\n", HeadError::LineEnding),
        // A ClientHello, MQTT: no text at all.
        ("\u{16}", HeadError::ControlCharacter),
        ("\u{10}", HeadError::ControlCharacter),
        ("GET / HTTP/1.1\r\nHost\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\n: a\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nH\u{e9}: a\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nA: b\r\n ", HeadError::FoldedLine),
        ("GET / HTTP/1.1\r\nHost : a\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nA: b\r\n(: c\r\n", HeadError::HeaderName),
    ];
    for (input, error) in requests {
        let told = first_error(request(), input.as_bytes());
        assert_eq!(told, Some((input.len(), error)), "{input:?}");
    }
    let responses = [
        ("SSH-2.0-OpenSSH_9.6\r\n", HeadError::Version),
        ("HTTP/2.0 101 X\r\n", HeadError::Version),
        ("HTTP/1.2 101 X\r\n", HeadError::Version),
        ("220 mail.example ESMTP\r\n", HeadError::Version),
        ("+OK ready\r\n", HeadError::Version),
        ("ICY 200 OK\r\n", HeadError::Version),
        ("RTSP/1.0 200 OK\r\n", HeadError::Version),
        ("HTTPS/1.1 101 X\r\n", HeadError::Version),
        ("http/1.1 101 X\r\n", HeadError::Version),
        ("HTTP/1.12 101 X\r\n", HeadError::Version),
        ("HTTP/3 101 X\r\n", HeadError::Version),
        ("HTTP/1.1\r\n", HeadError::Version),
        ("<html>\r\n", HeadError::Version),
        ("* OK IMAP4rev1\r\n", HeadError::Version),
        (" HTTP/1.1 101 X\r\n", HeadError::Version),
        ("\r\n", HeadError::StartLine),
        ("HTTP/1.1 101 X\n", HeadError::LineEnding),
        ("RFB 003.008\n", HeadError::LineEnding),
        // An alert of TLS, an answer of MySQL.
        ("\u{15}", HeadError::ControlCharacter),
        ("J\0", HeadError::ControlCharacter),
        ("HTTP/1.1 \r\n", HeadError::Status),
        ("HTTP/1.1 10\r\n", HeadError::Status),
        ("HTTP/1.1 1010 X\r\n", HeadError::Status),
        ("HTTP/1.1  101 X\r\n", HeadError::Status),
        ("HTTP/1.1 000 X\r\n", HeadError::Status),
        ("HTTP/1.1 1x1 X\r\n", HeadError::Status),
        ("HTTP/1.1 099 X\r\n", HeadError::Status),
        ("HTTP/1.1 101 X\r\nUpgrade\r\n", HeadError::HeaderName),
        (
            "HTTP/1.1 101 X\r\nA: b\r\nA b: c\r\n",
            HeadError::HeaderName,
        ),
        (
            "HTTP/1.1 100 X\r\n\r\nHTTP/2.0 101 X\r\n",
            HeadError::Version,
        ),
    ];
    for (input, error) in responses {
        let told = first_error(response(), input.as_bytes());
        assert_eq!(told, Some((input.len(), error)), "{input:?}");
    }
}

#[test]
fn the_first_wrong_line_gives_the_error_wherever_the_bytes_were_cut() {
    for (input, error) in [
        ("GET /#a HTTP/1.1\r\nA b\r\n\r\n", HeadError::Target),
        ("GET / HTTP/3.0\r\nA: b\0", HeadError::Version),
        ("GET / HTTP/1.1\r\nA b\r\n c\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nA b\r\nC: d\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nC: d\nA b\r\n", HeadError::LineEnding),
    ] {
        for cut in 0..=input.len() {
            let mut decode = request();
            let first = decode(&input.as_bytes()[..cut]).map(drop);
            let both = first.and_then(|()| decode(input.as_bytes()).map(drop));
            assert_eq!(both, Err(error), "{input:?} cut at {cut}");
        }
    }
}

/// RFC 9110 §15.2.
#[test]
fn interim_responses_that_are_dropped_change_nothing_at_any_cut() {
    let heads = "HTTP/1.1 100 A\r\nB: c\r\n\r\n".repeat(8) + "HTTP/1.1 101 X\r\nD: e\r\n\r\n";
    let input = [heads.as_bytes(), b"\x81\0"].concat();
    for step in 1..=input.len() {
        let mut decoder = ResponseDecoder::new(HeadLimits::response());
        let (mut buf, mut longest, mut found) = (Vec::new(), 0, None);
        for piece in input.chunks(step) {
            buf.extend_from_slice(piece);
            longest = longest.max(buf.len());
            found = decoder.decode(&buf).unwrap();
            if found.is_some() {
                break;
            }
            buf.drain(..decoder.take_interim());
        }
        let (response, len) = found.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers().len()),
            (101, 1)
        );
        assert!(b"\x81\0".starts_with(&buf[len..]), "{step}");
        // One head, and what came in one piece.
        assert!(longest <= 28 + step, "{longest} bytes by {step}");
    }
}

/// RFC 9110 §5.4.
#[test]
fn answers_may_be_larger_than_requests() {
    let of_lines = |lines: usize| format!("HTTP/1.1 101 X\r\n{}\r\n", "a:b\r\n".repeat(lines));
    let of_line = |len: usize| format!("HTTP/1.1 101 X\r\na:{}\r\n\r\n", "b".repeat(len - 2));
    let of_bytes = |bytes: usize| {
        let line = format!("a:{}\r\n", "b".repeat(8188));
        let head = format!("HTTP/1.1 101 X\r\n{}", line.repeat(7));
        let rest = "b".repeat(bytes - head.len() - 6);
        format!("{head}a:{rest}\r\n\r\n")
    };
    assert_eq!(of_bytes(65_536).len(), 65_536);
    for (head, expected) in [
        (of_lines(256), Ok(())),
        (of_lines(257), Err(HeadError::TooManyHeaders)),
        (of_line(16_384), Ok(())),
        (of_line(16_385), Err(HeadError::LineTooLong)),
        (of_bytes(65_536), Ok(())),
        (of_bytes(65_537), Err(HeadError::TooLong)),
    ] {
        let got = response()(head.as_bytes()).map(|found| assert!(found.is_some()));
        assert_eq!(got, expected, "{} bytes", head.len());
    }
}

/// Lines of which about half are valid, and ends of lines that mostly are.
fn head(start: &'static str) -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => "[a-c-]{1,3}: ?[ a-c\t\"(]{0,4}",
        1 => "[a:( \t\u{e9}\"\\\\{}]{0,4}",
    ];
    let ending = prop_oneof![20 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("")];
    let lines = prop::collection::vec((line, ending), 0..4);
    (start, lines).prop_map(|(start, lines)| {
        let lines: String = lines
            .iter()
            .map(|(line, end)| format!("{line}{end}"))
            .collect();
        format!("{start}{lines}\r\n")
    })
}

fn at_every_cut<T: std::fmt::Debug, D: FnMut(&[u8]) -> Decoded<T>>(
    new: impl Fn() -> D,
    input: &[u8],
) -> Result<(), TestCaseError> {
    let whole = format!("{:?}", new()(input));
    let mut by_byte = new();
    let decided = (0..=input.len())
        .map(|len| by_byte(&input[..len]))
        .find(|result| !matches!(result, Ok(None)))
        .unwrap_or(Ok(None));
    prop_assert_eq!(format!("{decided:?}"), whole.clone());
    for cut in 0..input.len() {
        let mut decode = new();
        let decided = match decode(&input[..cut]) {
            Ok(None) => decode(input),
            decided => decided,
        };
        prop_assert_eq!(format!("{decided:?}"), whole.clone(), "cut at {}", cut);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_request_is_judged_alike_at_every_cut(
        input in head("(\r\n)?(GET|P/|P\\(|) {0,2}(/a?|/#|a/b|http://a|\u{e9}|\\*) ?HTTP/[1-2]\\.[0-2]\r\n")
    ) {
        at_every_cut(request, input.as_bytes())?;
    }

    #[test]
    fn a_response_is_judged_alike_at_every_cut(
        input in head("(HTTP/1\\.1 100 A\r\n\r\n)?(HTTP|ICY)/1\\.[0-2] {0,2}[0-2][09]?1( X| \u{e9}|)\r\n")
    ) {
        at_every_cut(response, input.as_bytes())?;
    }
}
