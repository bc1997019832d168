//! What is decided once and changed before it is answered (RFC 6455 §4.2.2).

use http::header::{HeaderName, SERVER, SET_COOKIE};
use http::{HeaderValue, Request};
use socket_flow_handshake::DeflateParams;
use socket_flow_handshake::head::encode_response;
use socket_flow_handshake::origin::OriginPolicy;
use socket_flow_handshake::server::{Acceptance, Choices, RejectReason, accept, decide};

/// A request that every server accepts, with these lines in it.
fn request(lines: &[(&str, &str)]) -> Request<()> {
    let request = Request::get("/chat")
        .header("host", "good.example")
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    let request = lines.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(()).unwrap()
}

fn answer(acceptance: Acceptance) -> String {
    let (response, _) = acceptance.answer().unwrap();
    String::from_utf8(encode_response(&response).to_vec()).unwrap()
}

fn refused(acceptance: Acceptance) -> RejectReason {
    acceptance.answer().unwrap_err().reason().clone()
}

#[test]
fn an_answer_holds_what_was_agreed_and_the_headers_in_their_order() {
    const CHANGES: [fn(Acceptance) -> Acceptance; 3] = [
        |acceptance| acceptance.subprotocol("v2"),
        |mut acceptance| {
            let value = HeaderValue::from_static("b=2");
            acceptance.headers_mut().append(SET_COOKIE, value);
            acceptance
        },
        |mut acceptance| {
            let value = HeaderValue::from_static("chat");
            acceptance.headers_mut().append(SERVER, value);
            acceptance
        },
    ];
    let request = request(&[
        ("sec-websocket-protocol", "v3, v2"),
        ("sec-websocket-protocol", "v1"),
        (
            "sec-websocket-extensions",
            "permessage-deflate; client_max_window_bits",
        ),
    ]);
    let choices = Choices::default()
        .subprotocols(["v1"])
        .deflate(DeflateParams {
            client_max_window_bits: 10,
            ..DeflateParams::default()
        })
        .header(SET_COOKIE, HeaderValue::from_static("a=1"));
    let decided = decide(&request, &choices).unwrap();
    assert_eq!(
        answer(decided.clone()),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: v1\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n\
         Set-Cookie: a=1\r\n\r\n"
    );
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let changed = order
            .into_iter()
            .fold(decided.clone(), |acceptance, index| {
                CHANGES[index](acceptance)
            });
        assert_eq!(
            answer(changed),
            "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Protocol: v2\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n\
             Set-Cookie: a=1\r\n\
             Set-Cookie: b=2\r\n\
             Server: chat\r\n\r\n",
            "{order:?}"
        );
    }
}

/// RFC 6455 §4.2.2.
#[test]
fn a_subprotocol_is_agreed_on_where_it_was_offered_in_exact_case() {
    for (offered, picked, agreed) in [
        (&["v1, v2"][..], "v1", Some("v1")),
        (&["v1, v2"], "v2", Some("v2")),
        (&["v1", "v2"], "v2", Some("v2")),
        (&["v1,, v2 ,"], "v2", Some("v2")),
        (&["v1, v2"], "v3", None),
        (&["v1, v2"], "V1", None),
        (&["v1, v2"], "v", None),
        (&["v1, v2"], "", None),
        (&["v1, v2"], "v1,v2", None),
        (&["v1, v2"], " v2", None),
        (&[], "v1", None),
        (&[], "", None),
    ] {
        let lines: Vec<_> = offered
            .iter()
            .map(|value| ("sec-websocket-protocol", *value))
            .collect();
        let choices = Choices::default().subprotocols(["v1"]);
        let acceptance = decide(&request(&lines), &choices).unwrap();
        let own = acceptance.negotiated().subprotocol();
        assert_eq!(own.is_some(), !offered.is_empty());

        let acceptance = acceptance.subprotocol(picked);
        assert_eq!(acceptance.negotiated().subprotocol(), agreed);
        let (response, negotiated) = acceptance.answer().unwrap();
        assert_eq!(negotiated.subprotocol(), agreed);
        let answered = response.headers().get("sec-websocket-protocol");
        assert_eq!(answered.map(|value| value.to_str().unwrap()), agreed);
    }
}

/// RFC 6455 §4.2.2.
#[test]
fn where_a_subprotocol_is_required_the_last_one_picked_decides() {
    let request = request(&[("sec-websocket-protocol", "v1, v2")]);
    let choices = Choices::default().require_subprotocol(true);
    let rejection = decide(&request, &choices).unwrap_err();
    assert_eq!(*rejection.reason(), RejectReason::NoCommonSubprotocol);

    let decided = decide(&request, &choices.subprotocols(["v1"])).unwrap();
    let changed = decided.subprotocol("v3");
    assert_eq!(changed.negotiated().subprotocol(), None);
    assert_eq!(refused(changed.clone()), RejectReason::NoCommonSubprotocol);
    let (_, negotiated) = changed.subprotocol("v2").answer().unwrap();
    assert_eq!(negotiated.subprotocol(), Some("v2"));
}

/// RFC 9112 §6.1.
#[test]
fn headers_of_the_handshake_are_refused_in_the_answer_whoever_added_them() {
    let value = HeaderValue::from_static("a");
    for name in [
        "upgrade",
        "connection",
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "content-length",
        "transfer-encoding",
    ] {
        let name = HeaderName::from_static(name);
        let mut late = decide(&request(&[]), &Choices::default()).unwrap();
        late.headers_mut().append(name.clone(), value.clone());
        let choices = Choices::default().header(name.clone(), value.clone());
        let mut early = decide(&request(&[]), &choices).unwrap();
        for acceptance in [late, early.clone()] {
            let reason = refused(acceptance);
            assert_eq!(reason.status(), 500);
            assert_eq!(reason, RejectReason::ReservedHeader(name.clone()));
        }
        early.headers_mut().remove(name);
        assert!(early.answer().is_ok());
    }
}

#[test]
fn more_headers_than_a_response_can_hold_are_refused() {
    let mut acceptance = decide(&request(&[]), &Choices::default()).unwrap();
    let headers = acceptance.headers_mut();
    let mut index = 0;
    while headers
        .try_append(
            HeaderName::try_from(format!("x-{index}")).unwrap(),
            HeaderValue::from_static("a"),
        )
        .is_ok()
    {
        index += 1;
    }
    let reason = refused(acceptance);
    assert_eq!(reason.status(), 500);
    assert_eq!(reason, RejectReason::TooManyHeaders);
}

#[test]
fn what_cannot_be_accepted_is_refused_by_the_decision_as_by_the_answer() {
    for (lines, reason) in [
        (
            &[("sec-websocket-protocol", "a b")][..],
            "invalid Sec-WebSocket-Protocol",
        ),
        (
            &[("origin", "https://evil.example")],
            "origin is not allowed",
        ),
        (&[("host", "good.example")], "more than one Host"),
    ] {
        let request = request(lines);
        let choices = Choices::default().origin(OriginPolicy::SameOrigin);
        for rejection in [
            decide(&request, &choices).unwrap_err(),
            accept(&request, &choices).unwrap_err(),
        ] {
            assert_eq!(rejection.reason().to_string(), reason);
        }
    }
}

#[test]
fn an_acceptance_is_shown_without_the_values_of_its_headers() {
    let secret = HeaderValue::from_static("session=hunter2");
    let choices = Choices::default()
        .subprotocols(["v1"])
        .header(SET_COOKIE, secret);
    let request = request(&[("sec-websocket-protocol", "v1")]);
    let shown = format!("{:?}", decide(&request, &choices).unwrap());
    for part in ["Acceptance", "\"set-cookie\"", "subprotocol: true"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    for part in ["hunter2", "v1"] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}
