//! What holds for any spelling of a handshake.

use http::{Request, Response};
use proptest::prelude::*;
use socket_flow_handshake::client::{Offer, request, verify};
use socket_flow_handshake::deflate::DeflateOffer;
use socket_flow_handshake::head::{
    HeadLimits, RequestDecoder, ResponseDecoder, encode_request, encode_response,
};
use socket_flow_handshake::key::Key;
use socket_flow_handshake::server::{Choices, accept};
use socket_flow_handshake::{DeflateParams, Negotiated};

/// Another spelling of a head: its header lines in another order, the letters of their names in
/// another case, other spaces and tabs around their values, and lines between that mean nothing.
#[derive(Clone, Debug)]
struct Spelling {
    order: Vec<usize>,
    upper: Vec<bool>,
    spaces: Vec<(String, String)>,
    fillers: Vec<(usize, String)>,
}

impl Spelling {
    fn of(&self, head: &[u8]) -> Vec<u8> {
        let head = std::str::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let start = lines.next().unwrap();
        let mut upper = self.upper.iter().cycle();
        let mut spaces = self.spaces.iter().cycle();
        let mut respelled: Vec<String> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                let letters = name.chars().map(|letter| match upper.next() {
                    Some(true) => letter.to_ascii_uppercase(),
                    _ => letter.to_ascii_lowercase(),
                });
                let name: String = letters.collect();
                let (before, behind) = spaces.next().unwrap();
                format!("{name}:{before}{value}{behind}")
            })
            .collect();
        for (at, filler) in &self.fillers {
            let at = at % (respelled.len() + 1);
            respelled.insert(at, format!("X-Filler: {filler}"));
        }
        let mut ordered = vec![start.to_owned()];
        for place in &self.order {
            if !respelled.is_empty() {
                ordered.push(respelled.remove(place % respelled.len()));
            }
        }
        ordered.extend(respelled);
        (ordered.join("\r\n") + "\r\n\r\n").into_bytes()
    }
}

fn spelling() -> impl Strategy<Value = Spelling> {
    let spaces = || "[ \t]{0,3}";
    (
        proptest::collection::vec(any::<usize>(), 0..20),
        proptest::collection::vec(any::<bool>(), 1..60),
        proptest::collection::vec((spaces(), spaces()), 1..8),
        proptest::collection::vec((any::<usize>(), "[ -~]{0,20}"), 0..4),
    )
        .prop_map(|(order, upper, spaces, fillers)| Spelling {
            order,
            upper,
            spaces,
            fillers,
        })
}

/// Lists whose elements mean the same however they are spelled.
fn connection() -> impl Strategy<Value = String> {
    prop::sample::select(&[
        "Upgrade",
        "upgrade",
        "keep-alive, UPGRADE",
        ",keep-alive ,\tupgrade,",
    ])
    .prop_map(ToOwned::to_owned)
}

fn decoded_request(bytes: &[u8]) -> Request<()> {
    let mut decoder = RequestDecoder::new(HeadLimits::default());
    let (request, len) = decoder.decode(bytes).unwrap().unwrap();
    assert_eq!(len, bytes.len());
    request
}

fn decoded_response(bytes: &[u8]) -> Response<()> {
    let mut decoder = ResponseDecoder::new(HeadLimits::response());
    let (response, len) = decoder.decode(bytes).unwrap().unwrap();
    assert_eq!(len, bytes.len());
    response
}

proptest! {
    /// RFC 9110 §5.1, §5.3, §5.5; RFC 6455 §4.2.1: neither the order of headers, nor the case of
    /// their names, nor the whitespace around their values means anything.
    #[test]
    fn a_handshake_survives_any_order_case_and_whitespace(
        asked in spelling(),
        answered in spelling(),
        connection in connection(),
        websocket in prop::sample::select(&["websocket", "WebSocket", "WEBSOCKET"][..]),
        deflate in any::<bool>(),
    ) {
        let key = Key::new([7; 16]);
        let mut offer = Offer::default().subprotocols(["v2", "v1"]);
        let mut choices = Choices::default().subprotocols(["v1"]);
        if deflate {
            offer = offer.deflate(DeflateOffer::default());
            choices = choices.deflate(DeflateParams::default());
        }
        let mut plain = request(&"ws://example.com/chat".parse().unwrap(), &offer, &key).unwrap();
        let (expected, at_server) = accept(&plain, &choices).unwrap();

        plain.headers_mut().insert("connection", connection.parse().unwrap());
        plain.headers_mut().insert("upgrade", websocket.parse().unwrap());
        let respelled = asked.of(&encode_request(&plain));
        let (response, negotiated) = accept(&decoded_request(&respelled), &choices).unwrap();
        prop_assert_eq!(encode_response(&response), encode_response(&expected));
        prop_assert_eq!(&negotiated, &at_server);

        let mut response = response;
        response.headers_mut().insert("connection", connection.parse().unwrap());
        response.headers_mut().insert("upgrade", websocket.parse().unwrap());
        let respelled = answered.of(&encode_response(&response));
        let (at_client, _) = verify(&decoded_response(&respelled), &offer, &key).unwrap();
        prop_assert_eq!(&at_client, &at_server);
        prop_assert_eq!(at_client.deflate().is_some(), deflate);
        prop_assert_eq!(subprotocol(&at_client), Some("v1"));
    }
}

fn subprotocol(negotiated: &Negotiated) -> Option<&str> {
    negotiated.subprotocol()
}
