//! What an opening handshake costs, from bytes to bytes; a message here is one handshake.

use std::hint::black_box;

use socket_flow_handshake::client::{Offer, request, verify};
use socket_flow_handshake::head::{
    HeadLimits, RequestDecoder, ResponseDecoder, encode_request, encode_response,
};
use socket_flow_handshake::key::Key;
use socket_flow_handshake::server::{Choices, accept};
use socket_flow_handshake::target::Target;

use crate::Cell;

/// What a browser sends.
pub(crate) const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: https://example.com\r\n\
    Sec-WebSocket-Protocol: chat.v2, chat.v1\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Upgrade: websocket\r\n\r\n";

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("handshake/accept", 50, 1, |rounds| {
            let choices = Choices::default().subprotocols(["chat.v1"]);
            for _ in 0..rounds {
                assert!(
                    black_box(answer(black_box(REQUEST), &choices)).starts_with(b"HTTP/1.1 101")
                );
            }
        }),
        Cell::new("handshake/request and verify", 50, 1, |rounds| {
            let key = Key::new(*b"the sample nonce");
            let offer = Offer::default().subprotocols(["chat.v1"]);
            let answer = answer(REQUEST, &Choices::default().subprotocols(["chat.v1"]));
            for _ in 0..rounds {
                let target = Target::parse(black_box("ws://example.com/chat")).expect("a URL");
                let question = request(&target.uri(), &offer, &key).expect("a request");
                black_box(encode_request(&question));
                let mut decoder = ResponseDecoder::new(HeadLimits::response());
                let decoded = decoder.decode(black_box(&answer)).expect("a response");
                let (response, _) = decoded.expect("a whole response");
                assert!(black_box(verify(&response, &offer, &key)).is_ok());
            }
        }),
    ]
}

fn answer(request: &[u8], choices: &Choices) -> Vec<u8> {
    let mut decoder = RequestDecoder::new(HeadLimits::default());
    let decoded = decoder.decode(request).expect("a request");
    let (request, _) = decoded.expect("a whole request");
    let (response, _) = accept(&request, choices).expect("a handshake");
    encode_response(&response).into()
}
