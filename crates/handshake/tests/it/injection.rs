//! No value given to the library can write a line of a head.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use proptest::prelude::*;
use socket_flow_handshake::client::{Offer, request, verify};
use socket_flow_handshake::extension::Extension;
use socket_flow_handshake::head::{
    HeadLimits, RequestDecoder, ResponseDecoder, encode_request, encode_response,
};
use socket_flow_handshake::key::Key;
use socket_flow_handshake::origin::OriginPolicy;
use socket_flow_handshake::server::{Choices, Rejection, accept};
use socket_flow_handshake::target::Target;

/// Text with everything in it that ends a line or a header somewhere.
fn hostile() -> impl Strategy<Value = String> {
    "[a-c:,;=\"/?#@%\r\n\t \0\u{85}\u{2028}\u{e9}]{0,12}"
}

/// Every line ends in CR LF, and there are exactly as many as one start line, the headers and the
/// empty line.
fn assert_lines(head: &[u8], headers: usize) {
    let text = head.escape_ascii();
    assert!(head.ends_with(b"\r\n\r\n"), "{text}");
    let count = |byte| head.iter().filter(|other| **other == byte).count();
    assert_eq!(count(b'\n'), headers + 2, "{text}");
    assert_eq!(count(b'\r'), headers + 2, "{text}");
    assert_eq!(count(0), 0, "{text}");
}

proptest! {
    /// RFC 6455 §4.1; RFC 9112 §11.1.
    #[test]
    fn no_input_writes_a_line_of_the_request(
        path in hostile(),
        user in hostile(),
        subprotocol in hostile(),
        extension in hostile(),
        name in hostile(),
        value in hostile(),
    ) {
        let urls = [
            format!("ws://{user}@a/{path}"),
            format!("ws://a/{path}"),
            format!("ws://a{path}"),
            String::from("ws://a/"),
        ];
        let mut offers = vec![Offer::default(), Offer::default().subprotocols([&subprotocol])];
        if let Ok(extension) = Extension::new("a").unwrap().param_with_value("b", &extension) {
            offers.push(Offer::default().extensions([extension]));
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&name), HeaderValue::try_from(&value)) {
            offers.push(Offer::default().header(name, value.clone()).origin(value));
        }
        for target in urls.iter().filter_map(|url| Target::parse(url).ok()) {
            for offer in &offers {
                if let Ok(request) = request(&target.uri(), offer, &Key::new([0; 16])) {
                    let head = encode_request(&request);
                    assert_lines(&head, request.headers().len());
                    let mut decoder = RequestDecoder::new(HeadLimits::default());
                    let (decoded, len) = decoder.decode(&head).unwrap().unwrap();
                    prop_assert_eq!(len, head.len());
                    prop_assert_eq!(decoded.uri(), request.uri());
                    prop_assert_eq!(decoded.headers().len(), request.headers().len());
                }
            }
        }
    }

    /// RFC 6455 §4.2.2; RFC 9112 §11.1.
    #[test]
    fn no_input_writes_a_line_of_the_response(
        subprotocol in hostile(),
        offered in hostile(),
        name in hostile(),
        value in hostile(),
        body in hostile(),
    ) {
        let key = Key::new([0; 16]);
        let uri = Target::parse("ws://a/").unwrap().uri();
        let mut request = request(&uri, &Offer::default(), &key).unwrap();
        if let Ok(value) = HeaderValue::try_from(&offered) {
            request.headers_mut().insert("sec-websocket-protocol", value.clone());
            request.headers_mut().insert("origin", value);
        }
        let mut choices = Choices::default()
            .subprotocols([subprotocol, offered])
            .origin(OriginPolicy::Any);
        let mut refusal = Response::builder().status(403);
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&name), HeaderValue::try_from(&value)) {
            choices = choices.header(name.clone(), value.clone());
            refusal = refusal.header(name, value);
        }
        match accept(&request, &choices) {
            Ok((response, _)) => {
                assert_lines(&encode_response(&response), response.headers().len());
            }
            Err(rejection) => {
                let response = rejection.response();
                assert_lines(&encode_response(&response), response.headers().len());
            }
        }
        let refusal = Rejection::with_response(refusal.body(Bytes::from(body)).unwrap()).unwrap();
        let response = refusal.response();
        assert_lines(&encode_response(&response), response.headers().len());
    }

    /// RFC 6455 §10.7.
    #[test]
    fn any_bytes_are_decoded_and_judged_without_panic(
        start in prop::sample::select(vec!["GET / HTTP/1.1\r\n", "HTTP/1.1 101 X\r\n", ""]),
        lines in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Accept",
                    "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions",
                    "Origin", "Content-Length", "A",
                ]),
                prop::collection::vec(any::<u8>().prop_map(|byte| byte | 0x20), 0..24),
            ),
            0..8,
        ),
        tail in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let mut input = start.as_bytes().to_vec();
        for (name, value) in lines {
            input.extend_from_slice(name.as_bytes());
            input.extend_from_slice(b": ");
            input.extend_from_slice(&value);
            input.extend_from_slice(b"\r\n");
        }
        input.extend_from_slice(b"\r\n");
        input.extend_from_slice(&tail);
        if let Ok(Some((request, _))) = RequestDecoder::new(HeadLimits::default()).decode(&input) {
            if let Err(rejection) = accept(&request, &Choices::default()) {
                let response = rejection.response();
                assert_lines(&encode_response(&response), response.headers().len());
            }
        }
        if let Ok(Some((response, _))) = ResponseDecoder::new(HeadLimits::response()).decode(&input) {
            let _ = verify(&response, &Offer::default(), &Key::new([0; 16]));
        }
    }
}
