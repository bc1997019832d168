//! Line ends in what an application passes on from its users: none of them may begin a line of a
//! head.

use http::Response;
use socket_flow::{Acceptor, ClientBuilder, ConnectError};
use tokio::io::AsyncReadExt;

use crate::support::{Peer, REQUEST, switching_protocols};

/// Ends of a line, or what passes for one somewhere, with a header behind it.
const INJECTIONS: [&str; 12] = [
    "\r\nEvil: 1",
    "\nEvil: 1",
    "\rEvil: 1",
    "x\r\n\r\nGET /evil HTTP/1.1\r\n",
    "x\r\n Evil: 1",
    "x\0Evil: 1",
    "\u{b}Evil: 1",
    "\u{85}Evil: 1",
    "\u{2028}Evil: 1",
    "\u{10a}Evil: 1",
    "\u{560a}\u{560d}Evil: 1",
    "%0d%0aEvil: 1",
];

/// Holds a head to the lines that belong there: these, and no byte that could be read as the end
/// of another.
fn holds_only(head: &str, names: &[&str]) {
    let (first, lines) = head
        .strip_suffix("\r\n\r\n")
        .unwrap()
        .split_once("\r\n")
        .unwrap();
    assert!(!first.contains(['\r', '\n', '\0']), "{head:?}");
    for line in lines.split("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0']), "{head:?}");
        let (name, _) = line.split_once(": ").unwrap();
        assert!(names.contains(&name), "{head:?}");
    }
}

/// A head, or nothing where the other side ends before it has written a byte.
async fn head_or_nothing(peer: &mut Peer) -> String {
    match peer.io.read_u8().await {
        Ok(first) => char::from(first).to_string() + &peer.head().await,
        Err(_) => String::new(),
    }
}

/// What an application sets on a client: the request holds its lines and no other, or is not sent
/// (RFC 9110 §5.5, RFC 9112 §11.1; CVE-2026-1527, RUSTSEC-2017-0002, CVE-2020-35678).
#[tokio::test]
async fn no_setting_of_a_client_writes_a_line_of_the_request() {
    for text in INJECTIONS {
        let url = || ClientBuilder::new("ws://a/");
        for (at, client) in [
            ClientBuilder::new(format!("ws://a/{text}")),
            ClientBuilder::new(format!("ws://a/?{text}")),
            ClientBuilder::new(format!("ws://a{text}/")),
            ClientBuilder::new(format!("ws://{text}@a/")),
            ClientBuilder::new(format!("ws://user:{text}@a/")),
            url().header("X-Value", text),
            url().header(format!("X{text}"), "x"),
            url().headers([("X-Value", text), ("X-Other", "y")]),
            url().origin(text),
            url().subprotocols([text]),
            url().subprotocols(["v1", &format!("v2{text}")]),
        ]
        .into_iter()
        .enumerate()
        {
            let (near, mut peer) = Peer::pair();
            let connecting = tokio::spawn(client.connect_on(near));
            let head = head_or_nothing(&mut peer).await;
            if head.is_empty() {
                let error = connecting.await.unwrap().unwrap_err();
                let is_callers = matches!(
                    error,
                    ConnectError::Target(_)
                        | ConnectError::InvalidHeader(_)
                        | ConnectError::Request(_)
                );
                assert!(is_callers, "{at} {text:?}: {error:?}");
                continue;
            }
            connecting.abort();
            holds_only(
                &head,
                &[
                    "Host",
                    "Upgrade",
                    "Connection",
                    "Sec-WebSocket-Key",
                    "Sec-WebSocket-Version",
                    "Sec-WebSocket-Protocol",
                    "User-Agent",
                    "Authorization",
                    "X-Value",
                    "X-Other",
                    "Origin",
                ],
            );
            assert_eq!(head.matches("\r\n\r\n").count(), 1, "{head:?}");
        }
    }
}

/// What an application sets on a server, and what a client asks for: the answer holds its lines
/// and no other (RFC 9110 §5.5, RFC 9112 §11.1; CVE-2026-1527, RUSTSEC-2017-0002, CVE-2020-35678).
#[tokio::test]
async fn no_setting_of_a_server_writes_a_line_of_the_answer() {
    const NAMES: [&str; 10] = [
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Protocol",
        "X-Value",
        "Content-Length",
        "Content-Type",
        "Date",
        "Location",
        "Www-Authenticate",
    ];
    let offer = |text: &str| {
        let (head, _) = REQUEST.split_once("\r\n\r\n").unwrap();
        format!("{head}\r\nSec-WebSocket-Protocol: v1, {text}\r\n\r\n")
    };
    for text in INJECTIONS {
        for turn in 0..4 {
            let (near, mut peer) = Peer::pair();
            peer.send(offer("v2")).await;
            peer.shut_down().await;
            let acceptor = Acceptor::new().subprotocols([text, "v1"]);
            let pending = acceptor.read(near).await.unwrap();
            match turn {
                0 => drop(pending.header("X-Value", text).accept().await),
                1 => drop(pending.header(format!("X{text}"), "x").accept().await),
                2 => drop(pending.subprotocol(text).accept().await),
                _ => {
                    // `http` itself refuses values of more than one line.
                    let answer = Response::builder()
                        .status(302)
                        .header("Location", text)
                        .body(text.to_owned());
                    let Ok(answer) = answer else { continue };
                    drop(pending.reject(answer).await);
                }
            }
            holds_only(&peer.head().await, &NAMES);
        }
        // What a client wrote is not repeated in its refusal.
        let (near, mut peer) = Peer::pair();
        peer.send(offer(text)).await;
        peer.shut_down().await;
        if socket_flow::accept(near).await.is_ok() {
            holds_only(&peer.head().await, &NAMES);
            continue;
        }
        let answer = peer.rest().await;
        assert!(!answer.contains("Evil"), "{answer:?}");
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        holds_only(&format!("{head}\r\n\r\n"), &NAMES);
    }
}

/// A server's answer cannot be made to look like two, one of which is the client's next
/// (RFC 9112 §11.1).
#[tokio::test]
async fn an_answer_split_in_two_is_one_answer_to_the_client() {
    let split = |ok: String| {
        format!("HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: /\r\n\r\n{ok}\r\n\x01")
            .into_bytes()
    };
    let (connected, sent) = crate::victim::connect_to(|builder| builder, split).await;
    match connected {
        Err(ConnectError::Rejected(rejected)) => assert_eq!(rejected.status(), 302),
        other => panic!("{other:?}"),
    }
    assert_eq!(sent, b"");
    // The 101 is complete where its empty line is: what follows is no header, but a broken frame.
    let (near, mut peer) = Peer::pair();
    let connecting = tokio::spawn(ClientBuilder::new("ws://a/").connect_on(near));
    let head = peer.head().await;
    peer.send(switching_protocols(&head) + "\r\nSec-WebSocket-Protocol: v1\r\n\r\n")
        .await;
    let (mut ws, response) = connecting.await.unwrap().unwrap();
    assert!(!response.headers().contains_key("sec-websocket-protocol"));
    peer.shut_down().await;
    assert_eq!(ws.recv().await.unwrap_err().close_code(), Some(1002));
}
