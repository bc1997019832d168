//! F5: bytes as the answer to our request.

use socket_flow_handshake::client::{self, Offer, VerifyError};
use socket_flow_handshake::deflate::DeflateOffer;
use socket_flow_handshake::extension::Extension;
use socket_flow_handshake::head::{HeadError, HeadLimits, ResponseDecoder};
use socket_flow_handshake::key::Key;

use crate::checker::Head;
use crate::source::Source;

/// A connection opens only if the checker calls it opened, and always then; bytes behind the head
/// are left exactly; a refusal keeps its status; the same however the answer is cut.
pub(crate) fn hs_client(data: &[u8]) {
    let mut source = Source::new(data);
    let options = source.byte();
    let cuts = source.cuts();
    let bytes = source.rest();
    let key = Key::from_header_value(b"dGhlIHNhbXBsZSBub25jZQ==").expect("the RFC's own key");
    let mut offer = Offer::default();
    let mut subprotocols = Vec::new();
    let mut extensions = Vec::new();
    if options & 1 != 0 {
        subprotocols = vec!["chat", "superchat"];
        offer = offer.subprotocols(subprotocols.clone());
    }
    if options & 2 != 0 {
        extensions.push("x-first");
        offer = offer.extensions(Extension::new("x-first"));
    }
    if options & 4 != 0 {
        extensions.push("permessage-deflate");
        offer = offer.deflate(DeflateOffer::default());
    }

    let outcome = outcome(&[bytes], &offer, &key);
    assert_eq!(self::outcome(&cuts.pieces(bytes), &offer, &key), outcome);
    if bytes.len() <= 2000 {
        let everywhere: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(self::outcome(&everywhere, &offer, &key), outcome);
    }

    // The final answer, behind those that only announce it.
    let mut start = 0;
    let mut head = None;
    for _ in 0..=8 {
        head = Head::read(&bytes[start..], false, 3);
        match &head {
            Some(interim) if is_interim(interim) => start += interim.len,
            _ => break,
        }
    }
    let opened = head
        .as_ref()
        .is_some_and(|head| head.is_opened(key.as_str(), &subprotocols, &extensions));
    match outcome {
        Outcome::Open { end, subprotocol } => {
            let head = head.expect("a head");
            assert!(opened, "open, by what is no answer to the offer");
            assert_eq!(end, start + head.len);
            let chosen = head.subprotocols().and_then(|names| names.first().copied());
            assert_eq!(subprotocol.as_deref().map(str::as_bytes), chosen);
        }
        Outcome::Status(status, end) => {
            let head = head.expect("a head");
            assert_eq!(head.start[1], status.to_string().as_bytes());
            assert_eq!(end, start + head.len);
        }
        // Whether the parameters of permessage-deflate answer the offer is F6's question.
        Outcome::Deflate => assert!(opened),
        Outcome::Refused => assert!(!opened, "refused, though it answers the offer"),
        Outcome::Head(_) => assert!(!opened || head.is_some_and(|head| is_odd_line(&head))),
        Outcome::Incomplete => assert!(head.is_none() || start > 0),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Incomplete,
    Head(HeadError),
    Status(u16, usize),
    Deflate,
    Refused,
    Open {
        end: usize,
        subprotocol: Option<Box<str>>,
    },
}

fn outcome(pieces: &[&[u8]], offer: &Offer, key: &Key) -> Outcome {
    let mut decoder = ResponseDecoder::new(HeadLimits::response());
    let mut buf = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        let (response, end) = match decoder.decode(&buf) {
            Ok(None) => continue,
            Ok(Some(found)) => found,
            Err(error) => {
                assert_eq!(decoder.decode(&buf).err(), Some(error), "errors stay");
                return Outcome::Head(error);
            }
        };
        return match client::verify(&response, offer, key) {
            Ok((negotiated, _)) => Outcome::Open {
                end,
                subprotocol: negotiated.subprotocol().map(Into::into),
            },
            Err(VerifyError::Status(status)) => Outcome::Status(status.as_u16(), end),
            Err(VerifyError::Deflate(_)) => Outcome::Deflate,
            Err(_) => Outcome::Refused,
        };
    }
    Outcome::Incomplete
}

fn is_interim(head: &Head<'_>) -> bool {
    let [version, status] = [0, 1].map(|at| head.start.get(at).copied().unwrap_or_default());
    matches!(version, b"HTTP/1.0" | b"HTTP/1.1")
        && matches!(status, [b'1', b'0'..=b'9', b'0'..=b'9'])
        && status != b"101"
}

/// Whether the reason holds what a parser may refuse or let pass.
fn is_odd_line(head: &Head<'_>) -> bool {
    let reason = head.start.get(2).copied().unwrap_or_default();
    !reason.iter().all(|byte| matches!(byte, b' '..=b'~'))
}
