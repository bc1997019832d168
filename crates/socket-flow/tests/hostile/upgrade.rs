//! Requests that are not quite an upgrade, and what hides behind them.

use crate::support::{REQUEST, header};
use crate::victim::{answer, refusal, server, status, with, without};

/// Sends each request with a valid one behind it: one answer, of this status, and the end. That
/// there is one answer and no more, `refusal` sees to.
async fn are_refused(requests: impl IntoIterator<Item = String>, code: u16) {
    let server = server(|builder| builder).await;
    for request in requests {
        let answer = refusal(&server, format!("{request}{REQUEST}")).await;
        assert_eq!(status(&answer), code, "{request}{answer}");
    }
    assert_eq!(server.connections(), 0);
}

fn key(value: &str) -> String {
    with_line("Sec-WebSocket-Key", value)
}

/// [`REQUEST`] with another value in one of its headers.
fn with_line(name: &str, value: &str) -> String {
    let rest = without(name);
    let (head, _) = rest.split_once("\r\n\r\n").unwrap();
    format!("{head}\r\n{name}: {value}\r\n\r\n")
}

/// A key that is not the base64 of 16 bytes (RFC 6455 §4.2.1 item 5).
#[tokio::test]
async fn a_malformed_key_is_refused_with_400() {
    let keys = [
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZ=Q=",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZWVl",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        "dGhl IHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZ-==",
        "\"dGhlIHNhbXBsZSBub25jZQ==\"",
        "========================",
    ];
    are_refused(keys.map(key), 400).await;
    let long = ["A".repeat(1000), "=".repeat(8000)];
    are_refused(long.map(|value| key(&value)), 400).await;
    are_refused([without("Sec-WebSocket-Key")], 400).await;
}

/// Two keys are two requests to somebody, also where they are the same (RFC 6455 §11.3.1).
#[tokio::test]
async fn two_keys_are_refused_with_400() {
    are_refused(
        [
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            with("sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"),
            with("Sec-WebSocket-Key:\r\n"),
        ],
        400,
    )
    .await;
}

/// A token that only contains `upgrade`, and words that only begin with it (RFC 6455 §4.2.1
/// items 3 and 4; RFC 9110 §5.6.1).
#[tokio::test]
async fn upgrade_is_a_token_and_not_a_part_of_one() {
    let connections = [
        "notupgrade",
        "upgraded",
        "keep-alive",
        "x-upgrade, upgrade-x",
        "up grade",
        "\"Upgrade\"",
        "",
    ];
    let connections = connections.map(|value| with_line("Connection", value));
    are_refused(connections, 400).await;
    let upgrades = ["websockets", "xwebsocket", "h2c", "websocket/2", ""];
    let upgrades = upgrades.map(|value| with_line("Upgrade", value));
    are_refused(upgrades, 426).await;
    are_refused([with_line("Upgrade", "web socket")], 400).await;
}

/// Lists over several lines, in any case, with whatever else stands in them (RFC 9110 §5.3,
/// §5.6.1; RFC 6455 §4.2.1).
#[tokio::test]
async fn lists_in_any_case_over_several_lines_open_a_connection() {
    let server = server(|builder| builder).await;
    for request in [
        with_line("Connection", "keep-alive, Upgrade"),
        with_line("Connection", "keep-alive\r\nConnection: UPGRADE"),
        with_line("connection", ",, uPGRADE ,\t, x"),
        with_line("Upgrade", "h2c, WebSocket"),
        with_line("Upgrade", "h2c\r\nUPGRADE: websocket"),
        with("Sec-WebSocket-Extensions: x; y=\"z\", constructor; __proto__\r\n"),
        with("Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b; c=d\r\n"),
        REQUEST
            .to_ascii_lowercase()
            .replacen("get", "GET", 1)
            .replacen("http", "HTTP", 1)
            .replace("dghlihnhbxbszsbub25jzq==", "dGhlIHNhbXBsZSBub25jZQ=="),
        REQUEST.replace(": ", ":"),
        REQUEST.replace(": ", ":\t \t"),
    ] {
        let (head, _wire) = answer(&server, &request).await;
        assert_eq!(status(&head), 101, "{request}");
        assert_eq!(
            header(&head, "sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        assert_eq!(header(&head, "sec-websocket-extensions"), None);
    }
}

/// Spellings of a header that two readers understand in two ways (RFC 9112 §5.1, §5.2, §2.2).
#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused_with_400() {
    are_refused(
        [
            REQUEST.replace("Upgrade: ", "Upgrade : "),
            REQUEST.replace("Host: ", "Host\t: "),
            with("X: folded\r\n into two\r\n"),
            with("\tX: folded\r\n"),
            with("no colon\r\n"),
            with(": no name\r\n"),
            with("X: a\rb\r\n"),
            with("X: a\nY: b\r\n"),
            with("X: a\0b\r\n"),
            with("X(Y): z\r\n"),
            REQUEST.replace("\r\n", "\n"),
            REQUEST.replacen("GET /chat", "GET  /chat", 1),
            REQUEST.replacen("GET /chat", "GET chat", 1),
            REQUEST.replacen("GET /chat", "GET *", 1),
            REQUEST.replacen("GET /chat", "GET /chat#x", 1),
            REQUEST.replacen("/chat", "http://user@server.example.com/chat", 1),
            without("Host"),
            with("Host: other.example.com\r\n"),
            with_line("Host", "a, b"),
            with_line("Host", "a/b"),
            with_line("Host", "user@a"),
        ],
        400,
    )
    .await;
}

/// A body on an upgrade is read as frames by one server and as a body by the one before it; the
/// request hidden in it is never answered (RFC 9112 §11.2, RFC 6455 §4.2.1, RFC 9931;
/// CVE-2026-69243, CVE-2026-58055).
#[tokio::test]
async fn an_upgrade_with_a_body_is_refused_with_400_and_nothing_behind_it_is_answered() {
    are_refused(
        [
            with(&format!("Content-Length: {}\r\n", REQUEST.len())),
            with("Content-Length: 1\r\n"),
            with("Transfer-Encoding: chunked\r\n"),
            with("Transfer-Encoding: identity\r\n"),
            with("transfer-encoding:\r\n"),
            with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
            with("Content-Length: 0\r\nContent-Length: 5\r\n"),
            with("Content-Length: 0\r\nContent-Length: 0\r\n"),
            with("Content-Length: 0, 5\r\n"),
            with("Content-Length: +0\r\n"),
            with("Content-Length: -1\r\n"),
            with("Content-Length: 0x0\r\n"),
            with("Content-Length: 18446744073709551616\r\n"),
            with("Content-Length:\r\n"),
            with("Transfer-Encoding : chunked\r\n"),
        ],
        400,
    )
    .await;
    let body = format!(
        "{}0\r\n\r\n",
        with("Transfer-Encoding: chunked\r\nX: y\r\n")
    );
    are_refused([body], 400).await;
    let server = server(|builder| builder).await;
    let (head, _wire) = answer(&server, &with("Content-Length: 0\r\n")).await;
    assert_eq!(status(&head), 101);
}

/// Whatever a request is refused for, the next one on its socket is not served
/// (RFC 9112 §11.2, RFC 9110 §7.8; CVE-2026-58055).
#[tokio::test]
async fn a_refused_request_is_the_last_one_of_its_socket() {
    are_refused([REQUEST.replacen("GET", "POST", 1)], 405).await;
    are_refused(
        [REQUEST.replace(": 13", ": 8"), with_line("Upgrade", "x")],
        426,
    )
    .await;
    are_refused([with_line("Sec-WebSocket-Version", "13, 8")], 426).await;
    are_refused([without("Sec-WebSocket-Version")], 400).await;
    are_refused([with("Origin: https://evil.example\r\n")], 403).await;
    are_refused(
        [
            REQUEST.replace("HTTP/1.1", "HTTP/1.0"),
            REQUEST.replace("HTTP/1.1", "HTTP/2.0"),
            REQUEST.replace("HTTP/1.1", "HTTP/1.2"),
            REQUEST.replacen("GET /chat", "GET /ch at", 1),
        ],
        505,
    )
    .await;
    are_refused(["GET / HTTP/1.1\r\nHost: a\r\n\r\n".into()], 426).await;
}

/// Behind an upgrade that was accepted there are frames: a request there is none, and is not
/// answered as one (RFC 6455 §4.2.2, RFC 9110 §7.8; CVE-2026-69243).
#[tokio::test]
async fn a_request_behind_an_accepted_upgrade_is_a_broken_frame() {
    let server = server(|builder| builder).await;
    for behind in [REQUEST, "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let (head, mut wire) = answer(&server, &format!("{REQUEST}{behind}")).await;
        assert_eq!(status(&head), 101);
        let frames = wire.frames().await;
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(frames[0].close_code(), 1002);
    }
}

/// HTTP/2 is not spoken: its preface is an HTTP version like any other, and gets an answer that
/// its client can tell from HTTP/2 (RFC 9113 §3.4, RFC 8441).
#[tokio::test]
async fn the_preface_of_http_2_is_refused_with_505() {
    let server = server(|builder| builder).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    assert_eq!(status(&refusal(&server, preface).await), 505);
}
