//! What a client sends, and which answers it takes (RFC 6455 §4.1).

use http::{HeaderMap, HeaderValue, Response, Uri, Version};
use socket_flow_handshake::client::{Offer, RequestError, VerifyError, request, verify};
use socket_flow_handshake::extension::Extension;
use socket_flow_handshake::head::encode_request;
use socket_flow_handshake::header::ListError;
use socket_flow_handshake::key::Key;
use socket_flow_handshake::subprotocol::SubprotocolError;
use socket_flow_handshake::target::Target;

fn key() -> Key {
    Key::new(*b"the sample nonce")
}

fn offer() -> Offer {
    Offer::default()
        .subprotocols(["v2", "v1"])
        .extensions([Extension::new("x").unwrap(), Extension::new("y").unwrap()])
}

/// The answer to `key`; a line whose name is in `add` replaces the line of that name.
fn response(add: &[(&str, &[u8])]) -> Response<()> {
    let mut response = Response::builder()
        .status(101)
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .body(())
        .unwrap();
    for (name, _) in add {
        response.headers_mut().remove(*name);
    }
    for (name, value) in add {
        let name: http::HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value).unwrap();
        response.headers_mut().append(name, value);
    }
    response
}

/// RFC 6455 §4.1, §11.3.1, §11.3.5; RFC 9110 §7.2, §7.8.
#[test]
fn the_request_on_the_wire_is_that_of_the_rfc() {
    let target = Target::parse("ws://user:secret@Server.example:8080/chat?a=b").unwrap();
    let offer = offer()
        .origin(HeaderValue::from_static("http://example.com"))
        .header("cookie".parse().unwrap(), HeaderValue::from_static("a=b"));
    let request = request(&target.uri(), &offer, &key()).unwrap();
    assert_eq!(
        encode_request(&request),
        "GET /chat?a=b HTTP/1.1\r\n\
         Host: server.example:8080\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: v2, v1\r\n\
         Sec-WebSocket-Extensions: x, y\r\n\
         Origin: http://example.com\r\n\
         Cookie: a=b\r\n\r\n"
    );
}

/// RFC 6455 §3, §4.1; RFC 9110 §4.2.4, §7.2; RFC 9112 §3.2.1.
#[test]
fn host_has_the_port_only_where_it_is_not_the_schemes_own() {
    for (uri, host, target) in [
        ("ws://a", "a", "/"),
        ("ws://a:80/", "a", "/"),
        ("wss://a:443/b", "a", "/b"),
        ("wss://a:80/b", "a:80", "/b"),
        ("ws://a:443?c", "a:443", "/?c"),
        ("WS://A:80/", "a", "/"),
        ("ws://[::1]:9/a?b", "[::1]:9", "/a?b"),
        ("ws://[::1]:80/", "[::1]", "/"),
        ("ws://user:pass@a:9/b@c", "a:9", "/b@c"),
        // `http` takes it, and no URL may hold it.
        ("ws://a/b{c}\"?{d}", "a", "/b%7Bc%7D%22?%7Bd%7D"),
    ] {
        let uri: Uri = uri.parse().unwrap();
        let request = request(&uri, &Offer::default(), &key()).unwrap();
        assert_eq!(request.headers()["host"], host, "{uri}");
        assert_eq!(request.uri(), target, "{uri}");
        assert_eq!(request.headers().len(), 5);
    }
}

/// RFC 6455 §4.1.
#[test]
fn offers_that_cannot_be_made_are_typed_errors() {
    for (uri, error) in [
        ("http://a/", RequestError::Scheme("http".into())),
        ("/a", RequestError::MissingScheme),
        ("a:80", RequestError::MissingScheme),
        ("ws://user@:80/", RequestError::MissingHost),
        ("ws://a%20b/", RequestError::InvalidHost),
        ("ws://a..b/", RequestError::InvalidHost),
        ("ws://a/100%", RequestError::Path),
        ("ws://a/?%zz", RequestError::Path),
        ("ws://a:99999/", RequestError::InvalidHost),
    ] {
        // `http` itself refuses some of these; then there is nothing left to refuse.
        if let Ok(uri) = uri.parse::<Uri>() {
            assert_eq!(
                request(&uri, &Offer::default(), &key()).unwrap_err(),
                error,
                "{uri}"
            );
        }
    }
    let uri = Uri::from_static("ws://a/");
    for (names, error) in [
        (&["a", "a"][..], SubprotocolError::Repeated("a".into())),
        (&["a,b"], SubprotocolError::Invalid("a,b".into())),
        (
            &["a\r\nX: y"],
            SubprotocolError::Invalid("a\r\nX: y".into()),
        ),
    ] {
        let offer = Offer::default().subprotocols(names.iter().copied());
        assert_eq!(
            request(&uri, &offer, &key()).unwrap_err(),
            RequestError::Subprotocol(error)
        );
    }
    for name in [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(
            name.parse::<http::HeaderName>().unwrap(),
            HeaderValue::from_static("a"),
        );
        let offer = Offer::default().headers(headers);
        let error = request(&uri, &offer, &key()).unwrap_err();
        assert_eq!(error, RequestError::ReservedHeader(name.parse().unwrap()));
    }
}

/// RFC 6455 §4.1, §9.1, §11.3.2.
#[test]
fn answers_spelled_in_any_legal_way_are_taken() {
    for (add, subprotocol, extensions) in [
        (&[][..], None, &[][..]),
        (&[("upgrade", &b"WebSocket"[..])], None, &[]),
        (&[("connection", b"keep-alive, Upgrade")], None, &[]),
        (
            &[("connection", b"x"), ("connection", b"upgrade")],
            None,
            &[],
        ),
        (
            &[("sec-websocket-accept", b" s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\t")],
            None,
            &[],
        ),
        (&[("sec-websocket-protocol", b"v1")], Some("v1"), &[]),
        (
            &[("sec-websocket-extensions", b"y; a=\"b\", x")],
            None,
            &["y; a=\"b\"", "x"],
        ),
        (
            &[
                ("sec-websocket-extensions", b"y"),
                ("sec-websocket-extensions", b"x"),
            ],
            None,
            &["y", "x"],
        ),
    ] {
        let (negotiated, accepted) = verify(&response(add), &offer(), &key()).unwrap();
        assert_eq!(negotiated.subprotocol(), subprotocol);
        let got: Vec<_> = accepted.iter().map(Extension::to_string).collect();
        assert_eq!(got, extensions);
    }
}

/// RFC 6455 §4.1, §9.1, §11.3.3, §11.3.4; RFC 9110 §5.3.
#[test]
fn every_wrong_answer_has_its_own_error() {
    for (add, error) in [
        (&[("upgrade", &b""[..])][..], VerifyError::Upgrade),
        (&[("upgrade", b"h2c")], VerifyError::Upgrade),
        (&[("upgrade", b"websocket, h2c")], VerifyError::Upgrade),
        (&[("connection", b"")], VerifyError::Connection),
        (&[("connection", b"keep-alive")], VerifyError::Connection),
        (&[("connection", b"notupgrade")], VerifyError::Connection),
        (&[("connection", b"upgrade; x")], VerifyError::Connection),
        (&[("sec-websocket-accept", b"")], VerifyError::WrongAccept),
        // Of another key, in another case, as part of a longer value.
        (
            &[("sec-websocket-accept", b"ICX+Yqv66kxgM0FcWaLWlFLwTAI=")],
            VerifyError::WrongAccept,
        ),
        (
            &[("sec-websocket-accept", b"S3PPLMBITXAQ9KYGZZHZRBK+XOO=")],
            VerifyError::WrongAccept,
        ),
        (
            &[("sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, x")],
            VerifyError::WrongAccept,
        ),
        (
            &[
                ("sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                ("sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ],
            VerifyError::RepeatedAccept,
        ),
        (
            &[("sec-websocket-protocol", b"v3")],
            VerifyError::UnofferedSubprotocol("v3".into()),
        ),
        (
            &[("sec-websocket-protocol", b"V1")],
            VerifyError::UnofferedSubprotocol("V1".into()),
        ),
        (
            &[("sec-websocket-protocol", b"v2, v1")],
            VerifyError::RepeatedSubprotocol,
        ),
        (
            &[
                ("sec-websocket-protocol", b"v1"),
                ("sec-websocket-protocol", b""),
            ],
            VerifyError::RepeatedSubprotocol,
        ),
        (
            &[
                ("sec-websocket-protocol", b"v1"),
                ("sec-websocket-protocol", b"v1"),
            ],
            VerifyError::RepeatedSubprotocol,
        ),
        (
            &[("sec-websocket-protocol", b"")],
            VerifyError::Subprotocol(ListError::Empty),
        ),
        (
            &[("sec-websocket-protocol", b"v1 v2")],
            VerifyError::Subprotocol(ListError::Separator),
        ),
        (
            &[("sec-websocket-extensions", b"z")],
            VerifyError::UnofferedExtension("z".into()),
        ),
        (
            &[("sec-websocket-extensions", b"x, z")],
            VerifyError::UnofferedExtension("z".into()),
        ),
        (
            &[("sec-websocket-extensions", b"x, x")],
            VerifyError::RepeatedExtension("x".into()),
        ),
        (
            &[("sec-websocket-extensions", b"x;")],
            VerifyError::Extensions(ListError::Token),
        ),
        (
            &[("sec-websocket-extensions", b"")],
            VerifyError::Extensions(ListError::Empty),
        ),
    ] {
        let got = verify(&response(add), &offer(), &key());
        assert_eq!(got, Err(error), "{add:?}");
    }
    for (name, error) in [
        ("upgrade", VerifyError::Upgrade),
        ("connection", VerifyError::Connection),
        ("sec-websocket-accept", VerifyError::MissingAccept),
    ] {
        let mut response = response(&[]);
        response.headers_mut().remove(name);
        assert_eq!(verify(&response, &offer(), &key()), Err(error));
    }
    let mut old = response(&[]);
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(verify(&old, &offer(), &key()), Err(VerifyError::Version));
}

/// RFC 6455 §4.1.
#[test]
fn nothing_is_accepted_that_an_empty_offer_did_not_ask_for() {
    for (name, value, error) in [
        (
            "sec-websocket-protocol",
            "v1",
            VerifyError::UnofferedSubprotocol("v1".into()),
        ),
        (
            "sec-websocket-extensions",
            "permessage-deflate",
            VerifyError::UnofferedExtension("permessage-deflate".into()),
        ),
    ] {
        let response = response(&[(name, value.as_bytes())]);
        assert_eq!(verify(&response, &Offer::default(), &key()), Err(error));
    }
}

/// RFC 6455 §4.1.
#[test]
fn every_status_but_101_is_handed_to_the_caller() {
    for status in [200, 204, 301, 302, 401, 403, 426, 500, 503, 999] {
        let mut response = response(&[]);
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        let got = verify(&response, &offer(), &key());
        assert_eq!(got, Err(VerifyError::Status(response.status())));
    }
}

/// RFC 6455 §4.1.
#[test]
fn accept_values_of_any_length_are_typed_errors() {
    for len in 1..=200 {
        for byte in [b'A', b'=', b'/', 0xff] {
            let value = vec![byte; len];
            let response = response(&[("sec-websocket-accept", &value)]);
            let got = verify(&response, &offer(), &key());
            assert_eq!(got, Err(VerifyError::WrongAccept), "{len}");
        }
    }
}

#[test]
fn an_offer_is_shown_without_the_values_of_its_headers() {
    let secret = HeaderValue::from_static("session=hunter2");
    let shown = format!("{:?}", offer().header(http::header::COOKIE, secret));
    for part in [
        "Offer",
        "\"cookie\"",
        "subprotocols: 2",
        "\"x\"",
        "deflate: None",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    for part in ["hunter2", "v2"] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}
