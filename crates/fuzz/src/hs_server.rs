//! F4: bytes as a request to open a WebSocket.

use socket_flow_handshake::head::{HeadError, HeadLimits, RequestDecoder, encode_response};
use socket_flow_handshake::origin::OriginPolicy;
use socket_flow_handshake::server::{self, Choices, Rejection};

use crate::checker::{Head, accept};
use crate::source::Source;

/// A 101 only for what the checker calls an opening request, and for every such request with a
/// plain path; the answer is one response that `httparse` reads, with no line that is not ours;
/// the same however the request is cut, and bytes behind it are left alone.
pub(crate) fn hs_server(data: &[u8]) {
    let mut source = Source::new(data);
    let any_origin = source.flag();
    let cuts = source.cuts();
    let bytes = source.rest();
    let policy = match any_origin {
        true => OriginPolicy::Any,
        false => OriginPolicy::SameOrigin,
    };
    let choices = Choices::default()
        .subprotocols(["chat", "superchat"])
        .origin(policy);

    let answer = answer(&[bytes], &choices);
    assert_eq!(self::answer(&cuts.pieces(bytes), &choices), answer);
    if bytes.len() <= 2000 {
        let everywhere: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(self::answer(&everywhere, &choices), answer);
    }
    let checked = Head::read(bytes, true, 4);
    let Some((response, end)) = answer else {
        assert!(checked.is_none(), "a whole head, and no answer");
        return;
    };

    // RFC 9112 §2.1: a head of lines that are ours, and a body as long as it says.
    let head = Head::read(&response, false, 3).expect("a head");
    let mut lines = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Response::new(&mut lines);
    assert!(
        parsed
            .parse(&response)
            .is_ok_and(|status| status.is_complete())
    );
    let status = parsed.code.expect("a status");
    let body = &response[head.len..];
    let Some(request) = checked else {
        assert!((400..600).contains(&status), "{status} for no request");
        return;
    };
    let opening = request.is_opening(any_origin);
    if status != 101 {
        assert!((400..600).contains(&status));
        assert_eq!(
            head.single("connection")
                .map(|value| value.starts_with(b"close")),
            Some(true)
        );
        let len = head.single("content-length").expect("a length");
        assert_eq!(len, body.len().to_string().as_bytes());
        assert!(!opening || !has_plain_path(&request), "refused: {status}");
        return;
    }
    assert!(opening, "a 101 to what is no opening request");
    assert_eq!((end, body), (Some(request.len), &b""[..]));
    let key = request.single("sec-websocket-key").expect("a key");
    let key = std::str::from_utf8(key).expect("a key in ASCII");
    assert_eq!(
        head.single("sec-websocket-accept"),
        Some(accept(key).as_bytes())
    );
    let offered = request.subprotocols().expect("a list");
    let expected = [&b"chat"[..], b"superchat"]
        .into_iter()
        .find(|name| offered.contains(name));
    assert_eq!(head.single("sec-websocket-protocol"), expected);
    let names = ["upgrade", "connection"].map(|name| head.single(name));
    assert_eq!(names, [Some(&b"websocket"[..]), Some(b"Upgrade")]);
    assert_eq!(parsed.headers.len(), 3 + usize::from(expected.is_some()));
}

/// What the server sends, once it sends anything, and where the request ended, if it had an end.
fn answer(pieces: &[&[u8]], choices: &Choices) -> Option<(Vec<u8>, Option<usize>)> {
    let mut decoder = RequestDecoder::new(HeadLimits::default());
    let mut buf = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        match decoder.decode(&buf) {
            Ok(None) => {}
            Ok(Some((request, end))) => {
                return Some(match server::accept(&request, choices) {
                    Ok((response, _)) => (encode_response(&response).to_vec(), Some(end)),
                    Err(rejection) => (rejection.encode().to_vec(), Some(end)),
                });
            }
            Err(error) => return Some((refused(error), None)),
        }
    }
    None
}

fn refused(error: HeadError) -> Vec<u8> {
    Rejection::from(error).encode().to_vec()
}

/// Whether nobody could find anything about the target to refuse.
fn has_plain_path(request: &Head<'_>) -> bool {
    let path = request.start[1];
    path.starts_with(b"/")
        && path
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'/')
}
