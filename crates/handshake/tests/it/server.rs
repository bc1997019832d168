//! What a server accepts, and how it refuses the rest (RFC 6455 §4.2).

use std::error::Error as _;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Version};
use socket_flow_handshake::head::{HeadError, HeadLimits, RequestDecoder};
use socket_flow_handshake::header::ListError;
use socket_flow_handshake::host::HostPolicy;
use socket_flow_handshake::origin::OriginPolicy;
use socket_flow_handshake::server::{Choices, RejectReason, Rejection, accept};

/// A request that every server accepts; each test changes what it is about.
const GOOD: &[&str] = &[
    "GET /chat HTTP/1.1",
    "Host: good.example",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// `GOOD`, with every line that has the name of `without` dropped and `add` put behind.
fn request(without: &str, add: &[&str]) -> Request<()> {
    let mut head = String::new();
    let kept = GOOD.iter().filter(|line| {
        without.is_empty()
            || !line
                .to_ascii_lowercase()
                .starts_with(&without.to_ascii_lowercase())
    });
    for line in kept.chain(add) {
        head += line;
        head += "\r\n";
    }
    head += "\r\n";
    let decoded = RequestDecoder::new(HeadLimits::default()).decode(head.as_bytes());
    decoded.unwrap().unwrap().0
}

fn with_start_line(start: &str, host: &str) -> Request<()> {
    let lines = [&[start, host], &GOOD[2..]].concat().join("\r\n") + "\r\n\r\n";
    let decoded = RequestDecoder::new(HeadLimits::default()).decode(lines.as_bytes());
    decoded.unwrap().unwrap().0
}

fn refused(request: &Request<()>) -> RejectReason {
    let rejection = accept(request, &Choices::default()).unwrap_err();
    rejection.reason().clone()
}

/// RFC 6455 §4.2.2, §11.3.3; RFC 9110 §7.8, §15.2.2.
#[test]
fn the_rfcs_request_gets_the_rfcs_answer() {
    let request = request(
        "",
        &[
            "Origin: http://good.example",
            "Sec-WebSocket-Protocol: chat, superchat",
        ],
    );
    let choices = Choices::default().subprotocols(["superchat", "chat"]);
    let (response, negotiated) = accept(&request, &choices).unwrap();
    assert_eq!(response.status(), 101);
    let headers = response.headers();
    assert_eq!(headers["upgrade"], "websocket");
    assert_eq!(headers["connection"], "Upgrade");
    assert_eq!(
        headers["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(headers["sec-websocket-protocol"], "superchat");
    assert_eq!(headers.len(), 4);
    assert_eq!(negotiated.subprotocol(), Some("superchat"));
    assert_eq!(negotiated.deflate(), None);
}

/// RFC 6455 §4.2.1, §4.2.2; RFC 9110 §5.3, §8.6.
#[test]
fn requests_spelled_in_any_legal_way_are_accepted() {
    for (without, add) in [
        ("", &[][..]),
        ("upgrade", &["UPGRADE: WebSocket"]),
        ("upgrade", &["upgrade: h2c, websocket"]),
        ("upgrade", &["upgrade: h2c", "upgrade: websocket"]),
        ("connection", &["Connection: keep-alive, Upgrade"]),
        (
            "connection",
            &["Connection: keep-alive", "Connection: upgrade"],
        ),
        ("connection", &["connection:,UPGRADE ,"]),
        (
            "sec-websocket-key",
            &["sec-websocket-key:\tdGhlIHNhbXBsZSBub25jZQ== "],
        ),
        ("", &["Content-Length: 0"]),
        ("", &["Content-Length: 00"]),
        ("host", &["Host: [::1]:9001"]),
        (
            "",
            &[
                "Sec-WebSocket-Extensions: a; b=\"c\", d",
                "Sec-WebSocket-Extensions: e",
            ],
        ),
        (
            "",
            &["Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c"],
        ),
    ] {
        let (response, negotiated) = accept(&request(without, add), &Choices::default()).unwrap();
        assert_eq!(response.status(), 101, "{add:?}");
        assert_eq!(negotiated.subprotocol(), None);
        // No extension is accepted, whatever is offered.
        assert!(!response.headers().contains_key("sec-websocket-extensions"));
        assert!(!response.headers().contains_key("content-length"));
    }
}

/// RFC 6455 §4.2.1, §9.1, §11.3.1; RFC 9110 §5.3; RFC 9112 §3.2, §6.3.
#[test]
fn every_doubt_is_a_400_with_its_own_reason() {
    for (without, add, reason) in [
        ("host", &[][..], RejectReason::MissingHost),
        ("", &["Host: good.example"], RejectReason::RepeatedHost),
        ("host", &["Host: a, b"], RejectReason::InvalidHost),
        ("host", &["Host: user@a"], RejectReason::InvalidHost),
        ("host", &["Host: a/b"], RejectReason::InvalidHost),
        ("host", &["Host:"], RejectReason::InvalidHost),
        ("host", &["Host: a:99999"], RejectReason::InvalidHost),
        ("connection", &[], RejectReason::NotAnUpgrade),
        (
            "connection",
            &["Connection: keep-alive"],
            RejectReason::NotAnUpgrade,
        ),
        (
            "connection",
            &["Connection: notupgrade"],
            RejectReason::NotAnUpgrade,
        ),
        (
            "connection",
            &["Connection: upgrade-insecure"],
            RejectReason::NotAnUpgrade,
        ),
        (
            "connection",
            &["Connection: a b, upgrade"],
            RejectReason::Connection(ListError::Separator),
        ),
        (
            "upgrade",
            &["Upgrade: websocket, ("],
            RejectReason::Upgrade(ListError::Token),
        ),
        ("", &["Content-Length: 1"], RejectReason::Body),
        (
            "",
            &["Content-Length: 18446744073709551616"],
            RejectReason::Body,
        ),
        ("", &["Content-Length:"], RejectReason::ContentLength),
        ("", &["Content-Length: -0"], RejectReason::ContentLength),
        ("", &["Content-Length: 0x0"], RejectReason::ContentLength),
        ("", &["Content-Length: 0, 0"], RejectReason::ContentLength),
        (
            "",
            &["Content-Length: 0", "Content-Length: 5"],
            RejectReason::ContentLength,
        ),
        (
            "",
            &["Content-Length: 0", "Content-Length: 0"],
            RejectReason::ContentLength,
        ),
        ("", &["Transfer-Encoding: chunked"], RejectReason::Body),
        ("", &["Transfer-Encoding: identity"], RejectReason::Body),
        ("", &["Transfer-Encoding:"], RejectReason::Body),
        ("sec-websocket-key", &[], RejectReason::MissingKey),
        (
            "",
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
            RejectReason::RepeatedKey,
        ),
        (
            "sec-websocket-key",
            &["Sec-WebSocket-Key:"],
            RejectReason::InvalidKey,
        ),
        (
            "sec-websocket-key",
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"],
            RejectReason::InvalidKey,
        ),
        (
            "sec-websocket-key",
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=?"],
            RejectReason::InvalidKey,
        ),
        (
            "sec-websocket-key",
            &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="],
            RejectReason::InvalidKey,
        ),
        ("sec-websocket-version", &[], RejectReason::MissingVersion),
        (
            "",
            &["Sec-WebSocket-Protocol: a b"],
            RejectReason::Subprotocols(ListError::Separator),
        ),
        (
            "",
            &["Sec-WebSocket-Protocol:"],
            RejectReason::Subprotocols(ListError::Empty),
        ),
        (
            "",
            &["Sec-WebSocket-Extensions: a; b=\"c"],
            RejectReason::Extensions(ListError::UnclosedQuote),
        ),
        (
            "",
            &["Sec-WebSocket-Extensions: a;;"],
            RejectReason::Extensions(ListError::Token),
        ),
    ] {
        assert_eq!(reason.status(), 400);
        assert_eq!(refused(&request(without, add)), reason, "{add:?}");
    }
}

/// RFC 6455 §4.2.1; RFC 9110 §7.8, §15.5.6, §15.5.22, §15.6.6.
#[test]
fn methods_versions_and_missing_upgrades_have_statuses_of_their_own() {
    for (start, status) in [
        ("POST /chat HTTP/1.1", 405),
        ("HEAD /chat HTTP/1.1", 405),
        ("get /chat HTTP/1.1", 405),
        ("CONNECT good.example:80 HTTP/1.1", 405),
        ("OPTIONS * HTTP/1.1", 405),
        ("GET /chat HTTP/1.0", 505),
        ("POST /chat HTTP/1.0", 505),
    ] {
        let rejection = accept(&with_start_line(start, GOOD[1]), &Choices::default()).unwrap_err();
        assert_eq!(rejection.status(), status, "{start}");
        let allow = rejection.response().headers().get("allow").cloned();
        assert_eq!(
            allow,
            (status == 405).then(|| HeaderValue::from_static("GET"))
        );
    }
    let mut newer = request("", &[]);
    *newer.version_mut() = Version::HTTP_2;
    assert_eq!(refused(&newer).status(), 505);

    for add in [
        &[][..],
        &["Upgrade: h2c"],
        &["Upgrade: websocket/13"],
        &["Upgrade:"],
        &["Upgrade: websockets"],
    ] {
        let rejection = accept(&request("upgrade", add), &Choices::default()).unwrap_err();
        assert_eq!(*rejection.reason(), RejectReason::NoUpgrade, "{add:?}");
        assert_eq!(rejection.response().headers()["upgrade"], "websocket");
    }
}

/// RFC 6455 §4.2.1, §4.2.2, §4.4, §11.3.5; RFC 9110 §15.5.22.
#[test]
fn another_protocol_version_is_told_which_one_is_spoken() {
    for add in [
        &["Sec-WebSocket-Version: 8"][..],
        &["Sec-WebSocket-Version: 013"],
        &["Sec-WebSocket-Version: 13, 8"],
        &["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"],
        &["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"],
        &["Sec-WebSocket-Version:"],
    ] {
        let request = request("sec-websocket-version", add);
        let rejection = accept(&request, &Choices::default()).unwrap_err();
        assert_eq!(rejection.status(), 426, "{add:?}");
        let response = rejection.response();
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        assert_eq!(response.headers()["upgrade"], "websocket");
    }
}

/// RFC 6455 §4.2.1; RFC 9112 §3.2.2.
#[test]
fn targets_in_absolute_form_stand_in_place_of_host() {
    for (start, host, origin, expected) in [
        (
            "GET http://good.example/chat HTTP/1.1",
            "Host: other.example",
            "http://good.example",
            Ok(()),
        ),
        (
            "GET WSS://good.example HTTP/1.1",
            "Host: good.example",
            "https://good.example",
            Ok(()),
        ),
        (
            "GET http://good.example/ HTTP/1.1",
            "Host: evil.example",
            "http://evil.example",
            Err(403),
        ),
        (
            "GET ftp://good.example/ HTTP/1.1",
            "Host: good.example",
            "http://good.example",
            Err(400),
        ),
        (
            "GET http://user@good.example/ HTTP/1.1",
            "Host: good.example",
            "http://good.example",
            Err(400),
        ),
        (
            "GET http://good.example/ HTTP/1.1",
            "Host: a b",
            "http://good.example",
            Err(400),
        ),
        (
            "GET good.example:80 HTTP/1.1",
            "Host: good.example",
            "http://good.example",
            Err(400),
        ),
        (
            "GET good.example HTTP/1.1",
            "Host: good.example",
            "http://good.example",
            Err(400),
        ),
        (
            "GET * HTTP/1.1",
            "Host: good.example",
            "http://good.example",
            Err(400),
        ),
    ] {
        let mut request = with_start_line(start, host);
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        let got = accept(&request, &Choices::default()).map(|_| ());
        let got = got.map_err(|rejection| rejection.status().as_u16());
        assert_eq!(got, expected, "{start}");
    }
}

/// RFC 6455 §4.2.2, §10.2.
#[test]
fn a_foreign_origin_is_forbidden_and_stays_so_over_several_headers() {
    let reason = refused(&request("", &["Origin: https://evil.example"]));
    assert_eq!(reason.status(), 403);
    assert_eq!(
        reason,
        RejectReason::Origin(Some(HeaderValue::from_static("https://evil.example")))
    );
    let twice = &[
        "Origin: https://good.example",
        "Origin: https://evil.example",
    ];
    assert_eq!(refused(&request("", twice)).status(), 403);
    let any = Choices::default().origin(OriginPolicy::Any);
    assert!(accept(&request("", twice), &any).is_ok());
    let list = OriginPolicy::allow_list(["https://evil.example"]).unwrap();
    let list = Choices::default().origin(list);
    assert!(accept(&request("", &["Origin: https://evil.example"]), &list).is_ok());
    assert!(accept(&request("", &["Origin: https://good.example"]), &list).is_err());
}

/// RFC 9110 §7.4, §15.5.20.
#[test]
fn a_request_for_another_host_is_misdirected_whatever_it_asks_for() {
    let choices = Choices::default().hosts(HostPolicy::Local);
    for (start, host, status) in [
        ("GET /chat HTTP/1.1", "Host: localhost:9001", None),
        ("GET /chat HTTP/1.1", "Host: [::1]:9001", None),
        ("GET /chat HTTP/1.1", "Host: evil.example", Some(421)),
        ("POST /chat HTTP/1.1", "Host: evil.example", Some(421)),
        ("POST /chat HTTP/1.1", "Host: localhost", Some(405)),
        ("GET /chat HTTP/1.0", "Host: evil.example", Some(421)),
        ("GET /chat HTTP/1.0", "Host: a b", Some(421)),
        ("GET /chat HTTP/1.0", "Host: localhost", Some(505)),
        // A page's requests have `Host`; those of an old health check have none.
        ("GET /chat HTTP/1.0", "X: y", Some(505)),
        (
            "GET http://evil.example/ HTTP/1.1",
            "Host: localhost",
            Some(421),
        ),
        ("GET http://localhost/ HTTP/1.1", "Host: evil.example", None),
        (
            "POST http://evil.example/ HTTP/1.1",
            "Host: localhost",
            Some(421),
        ),
        (
            "POST http://localhost/ HTTP/1.1",
            "Host: evil.example",
            Some(405),
        ),
        ("GET http://evil.example/ HTTP/1.0", "X: y", Some(421)),
        ("GET http://localhost/ HTTP/1.0", "X: y", Some(505)),
    ] {
        let request = with_start_line(start, host);
        let got = accept(&request, &choices)
            .err()
            .map(|rejection| rejection.status().as_u16());
        assert_eq!(got, status, "{start} {host}");
    }
    // Its own name in `Origin` helps it nothing.
    let page = ["Host: evil.example", "Origin: http://evil.example"];
    let reason = accept(&request("host", &page), &choices)
        .unwrap_err()
        .reason()
        .clone();
    assert_eq!(reason, RejectReason::ForeignHost);
    assert!(accept(&request("host", &page), &Choices::default()).is_ok());
    let listed = HostPolicy::allow_list(["*.evil.example", "good.example"]).unwrap();
    let listed = Choices::default().hosts(listed);
    assert!(accept(&request("host", &page), &listed).is_err());
    assert!(accept(&request("", &[]), &listed).is_ok());
}

/// RFC 6455 §4.2.2, §11.3.4.
#[test]
fn one_subprotocol_is_answered_or_none() {
    let choices = Choices::default().subprotocols(["b", "a"]);
    for (offer, picked) in [
        (&["Sec-WebSocket-Protocol: a, b, c"][..], Some("b")),
        (
            &["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"],
            Some("b"),
        ),
        (&["Sec-WebSocket-Protocol: c, a"], Some("a")),
        (&["Sec-WebSocket-Protocol: A, B"], None),
        (&[], None),
    ] {
        let (response, negotiated) = accept(&request("", offer), &choices).unwrap();
        let answered: Vec<_> = response
            .headers()
            .get_all("sec-websocket-protocol")
            .iter()
            .collect();
        assert_eq!(answered, picked.as_slice(), "{offer:?}");
        assert_eq!(negotiated.subprotocol(), picked);

        let required = choices.clone().require_subprotocol(true);
        let got =
            accept(&request("", offer), &required).map_err(|rejection| rejection.reason().clone());
        match picked {
            Some(_) => assert!(got.is_ok()),
            None => assert_eq!(got.unwrap_err(), RejectReason::NoCommonSubprotocol),
        }
    }
}

/// RFC 9112 §6.1.
#[test]
fn headers_of_the_server_are_added_and_those_of_the_handshake_refused() {
    let value = HeaderValue::from_static("a");
    let choices = Choices::default()
        .header("set-cookie".parse().unwrap(), value.clone())
        .header("set-cookie".parse().unwrap(), value.clone());
    let (response, _) = accept(&request("", &[]), &choices).unwrap();
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    for name in [
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let choices = Choices::default().header(name.parse().unwrap(), value.clone());
        let rejection = accept(&request("", &[]), &choices).unwrap_err();
        assert_eq!(rejection.status(), 500);
        assert_eq!(
            *rejection.reason(),
            RejectReason::ReservedHeader(name.parse().unwrap())
        );
    }
}

/// RFC 6455 §4.2.2; RFC 9110 §7.8.
#[test]
fn every_rejection_closes_and_says_how_long_it_is() {
    let application = Response::builder()
        .status(302)
        .header("location", "/elsewhere")
        .header("connection", "keep-alive")
        .header("connection", "upgrade")
        .header("content-length", "99")
        .header("transfer-encoding", "chunked")
        .body(Bytes::from_static(b"moved"))
        .unwrap();
    for (rejection, start) in [
        (
            Rejection::from(HeadError::TooLong),
            "HTTP/1.1 431 Request Header Fields Too Large\r\n",
        ),
        (
            Rejection::from(HeadError::StartLineTooLong),
            "HTTP/1.1 414 URI Too Long\r\n",
        ),
        (
            Rejection::from(HeadError::Version),
            "HTTP/1.1 505 HTTP Version Not Supported\r\n",
        ),
        (
            Rejection::from(HeadError::LineEnding),
            "HTTP/1.1 400 Bad Request\r\n",
        ),
        (
            Rejection::from(RejectReason::NoUpgrade),
            "HTTP/1.1 426 Upgrade Required\r\n",
        ),
        (
            Rejection::from(RejectReason::Origin(None)),
            "HTTP/1.1 403 Forbidden\r\n",
        ),
        (
            Rejection::with_response(application).unwrap(),
            "HTTP/1.1 302 Found\r\n",
        ),
    ] {
        let bytes = rejection.encode();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.starts_with(start), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let lines: Vec<_> = head
            .to_ascii_lowercase()
            .lines()
            .map(String::from)
            .collect();
        assert!(
            lines.contains(&format!("content-length: {}", body.len())),
            "{text}"
        );
        let connection: Vec<_> = lines
            .iter()
            .filter(|line| line.starts_with("connection:"))
            .collect();
        let upgrade = lines.iter().any(|line| line.starts_with("upgrade:"));
        let expected = if upgrade {
            "connection: close, upgrade"
        } else {
            "connection: close"
        };
        assert_eq!(connection, [expected], "{text}");
        assert!(!text.to_ascii_lowercase().contains("transfer-encoding"));
        assert!(rejection.source().is_some());
    }
}

/// RFC 9110 §8.6; RFC 9112 §6.1.
#[test]
fn responses_that_cannot_have_a_body_have_none() {
    for status in [204, 304] {
        let response = Response::builder()
            .status(status)
            .header("content-length", "1")
            .header("transfer-encoding", "chunked")
            .body(Bytes::from_static(b"x"))
            .unwrap();
        let bytes = Rejection::with_response(response).unwrap().encode();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.ends_with("\r\n\r\n"), "{text}");
        for name in ["Content-Length", "Transfer-Encoding"] {
            assert!(!text.contains(name), "{text}");
        }
    }
    for status in [100, 101, 103] {
        let response = Response::builder()
            .status(status)
            .body(Bytes::new())
            .unwrap();
        assert!(Rejection::with_response(response).is_err());
    }
}

#[test]
fn requests_of_other_libraries_are_accepted_whatever_their_body() {
    let (parts, ()) = request("", &[]).into_parts();
    let request = Request::from_parts(parts, Box::new([0_u8; 3]));
    assert_eq!(request.method(), Method::GET);
    assert!(accept(&request, &Choices::default()).is_ok());
}

#[test]
fn choices_are_shown_without_the_values_of_their_headers() {
    let secret = HeaderValue::from_static("session=hunter2");
    let choices = Choices::default()
        .subprotocols(["v2"])
        .header(http::header::SET_COOKIE, secret);
    let shown = format!("{choices:?}");
    for part in [
        "Choices",
        "\"set-cookie\"",
        "subprotocols: 1",
        "origin: ",
        "deflate: None",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    for part in ["hunter2", "v2"] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}
