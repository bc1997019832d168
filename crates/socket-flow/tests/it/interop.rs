//! Both sides against an implementation that no one here wrote.

use futures_util::{SinkExt, StreamExt};
use socket_flow::{
    Acceptor, ClientBuilder, ClientStream, CloseCode, CloseFrame, Config, Event, Listener, Message,
    Role, ServerStream, WebSocket,
};
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message as TheirMessage};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const MIB: usize = 1 << 20;
const MIB_16: usize = 16 << 20;

/// Our client and their server over TCP.
async fn our_client(config: Config) -> (WebSocket<ClientStream>, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (ours, theirs) = tokio::join!(ClientBuilder::new(url).config(config).connect(), async {
        let (tcp, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async_with_config(tcp, Some(their_limits())).await
    });
    (ours.unwrap().0, theirs.unwrap())
}

/// Our server and their client over TCP.
async fn our_server(
    config: Config,
) -> (
    WebSocket<ServerStream>,
    WebSocketStream<MaybeTlsStream<TcpStream>>,
) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let acceptor = Acceptor::new().config(config);
    let (theirs, ours) = tokio::join!(
        tokio_tungstenite::connect_async_with_config(url, Some(their_limits()), false),
        async { acceptor.accept(listener.accept().await.0).await },
    );
    (ours.unwrap(), theirs.unwrap().0)
}

/// Frames as large as the largest message.
fn their_limits() -> WebSocketConfig {
    WebSocketConfig::default().max_frame_size(Some(MIB_16))
}

/// Text and binary of every interesting length up to `max` bytes.
fn messages(max: usize) -> Vec<(Message, TheirMessage)> {
    let text = |text: String| (Message::from(text.clone()), TheirMessage::text(text));
    let binary = |len: usize| {
        let bytes: Vec<u8> = (0..len).map(|index| (index * 31 % 251) as u8).collect();
        (Message::from(bytes.clone()), TheirMessage::binary(bytes))
    };
    let mut messages = vec![
        text(String::new()),
        text("Grüße, 世界, 🦀".into()),
        text("é".repeat(1 << 19)),
    ];
    // Around each border of the length field, and of our buffers.
    for len in [
        0,
        1,
        125,
        126,
        127,
        4095,
        16_384,
        65_535,
        65_536,
        1 << 20,
        MIB_16,
    ] {
        messages.push(binary(len));
    }
    messages.retain(|(message, _)| message.len() <= max);
    messages
}

/// They echo what we send; we check it.
async fn they_echo<S, T>(mut ours: WebSocket<S>, mut theirs: WebSocketStream<T>, max: usize)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let echo = tokio::spawn(async move {
        while let Some(message) = theirs.next().await {
            let message = message.unwrap();
            if !message.is_close() {
                theirs.send(message).await.unwrap();
            }
        }
    });
    for (message, _) in messages(max) {
        ours.send(message.clone()).await.unwrap();
        assert_eq!(ours.recv().await.unwrap(), Some(message));
    }
    let outcome = ours.close(CloseCode::NORMAL, "bye").await.unwrap();
    assert!(outcome.clean);
    assert_eq!(outcome.code(), 1000);
    echo.await.unwrap();
}

/// We echo what they send, in fragments where `fragment` says so; they check it.
async fn we_echo<S, T>(
    mut ours: WebSocket<S>,
    mut theirs: WebSocketStream<T>,
    fragment: usize,
    max: usize,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let echo = tokio::spawn(async move {
        while let Some(message) = ours.recv().await.unwrap() {
            ours.queue(message).unwrap();
        }
        ours.close_frame().cloned()
    });
    for (_, message) in messages(max) {
        for frame in fragments(&message, fragment) {
            theirs.send(frame).await.unwrap();
        }
        assert_eq!(theirs.next().await.unwrap().unwrap(), message);
    }
    theirs.close(None).await.unwrap();
    assert!(matches!(
        theirs.next().await,
        Some(Ok(TheirMessage::Close(None)))
    ));
    while theirs.next().await.is_some() {}
    // A server ends TCP first, and we wait for it.
    drop(theirs);
    assert_eq!(echo.await.unwrap(), None);
}

/// A message cut into frames by hand, for a library that does not cut itself.
fn fragments(message: &TheirMessage, len: usize) -> Vec<TheirMessage> {
    let bytes = message.clone().into_data();
    if bytes.len() <= len {
        return vec![message.clone()];
    }
    let first = if message.is_text() {
        Data::Text
    } else {
        Data::Binary
    };
    let count = bytes.len().div_ceil(len);
    bytes
        .chunks(len)
        .enumerate()
        .map(|(index, chunk)| {
            let data = if index == 0 { first } else { Data::Continue };
            let frame = Frame::message(chunk.to_vec(), OpCode::Data(data), index + 1 == count);
            TheirMessage::Frame(frame)
        })
        .collect()
}

#[tokio::test]
async fn our_client_talks_to_their_server() {
    let (ours, theirs) = our_client(Config::default()).await;
    they_echo(ours, theirs, MIB_16).await;
}

#[tokio::test]
async fn our_server_talks_to_their_client() {
    let (ours, theirs) = our_server(Config::default()).await;
    we_echo(ours, theirs, usize::MAX, MIB_16).await;
}

#[tokio::test]
async fn our_fragments_are_their_messages() {
    let config = Config::default().fragment(10_000);
    let (ours, theirs) = our_client(config.clone()).await;
    they_echo(ours, theirs, MIB).await;
    let (ours, theirs) = our_server(config).await;
    we_echo(ours, theirs, usize::MAX, MIB).await;
}

#[tokio::test]
async fn their_fragments_are_our_messages() {
    // A prime, so that characters are cut, too.
    let (ours, theirs) = our_server(Config::default()).await;
    we_echo(ours, theirs, 9973, MIB).await;
    let (ours, theirs) = our_client(Config::default()).await;
    we_echo(ours, theirs, 9973, MIB).await;
}

#[tokio::test]
async fn pings_are_answered_in_both_directions() {
    let (ours, theirs) = our_client(Config::default()).await;
    ping_each_other(ours, theirs).await;
    let (ours, theirs) = our_server(Config::default()).await;
    ping_each_other(ours, theirs).await;
}

async fn ping_each_other<S, T>(mut ours: WebSocket<S>, mut theirs: WebSocketStream<T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    for data in [&b""[..], b"ping", &[0xff; 125]] {
        let data = bytes::Bytes::copy_from_slice(data);
        ours.ping(&data).await.unwrap();
        let (event, message) = tokio::join!(ours.recv_event(), async {
            let message = theirs.next().await.unwrap().unwrap();
            theirs.flush().await.unwrap();
            message
        });
        assert_eq!(message, TheirMessage::Ping(data.clone()));
        assert_eq!(event.unwrap(), Some(Event::Pong(data.clone())));

        // In the middle of a fragmented message.
        let frame = |text: &'static str, data, fin| {
            TheirMessage::Frame(Frame::message(text, OpCode::Data(data), fin))
        };
        theirs.send(frame("Hel", Data::Text, false)).await.unwrap();
        theirs.send(TheirMessage::Ping(data.clone())).await.unwrap();
        theirs
            .send(frame("lo", Data::Continue, true))
            .await
            .unwrap();
        assert_eq!(
            ours.recv_event().await.unwrap(),
            Some(Event::Ping(data.clone()))
        );
        let hello = Some(Event::Message(Message::from("Hello")));
        assert_eq!(ours.recv_event().await.unwrap(), hello);
        ours.flush().await.unwrap();
        assert_eq!(
            theirs.next().await.unwrap().unwrap(),
            TheirMessage::Pong(data)
        );
    }
}

/// An open connection in memory, as it is behind the handshake.
async fn in_memory(our_role: Role) -> (WebSocket<DuplexStream>, WebSocketStream<DuplexStream>) {
    use tokio_tungstenite::tungstenite::protocol::Role as TheirRole;
    let (near, far) = tokio::io::duplex(1024);
    let (ours, theirs) = match our_role {
        Role::Client => (Role::Client, TheirRole::Server),
        Role::Server => (Role::Server, TheirRole::Client),
    };
    let nothing_read = bytes::BytesMut::new();
    let ours = WebSocket::from_parts(
        near,
        nothing_read,
        ours,
        Default::default(),
        Config::default(),
    );
    (
        ours,
        WebSocketStream::from_raw_socket(far, theirs, None).await,
    )
}

/// Every code that may stand in a Close frame. 1014 is younger than the RFC and left to the tests
/// of our own two ends.
fn codes() -> impl Iterator<Item = CloseCode> {
    (0..=u16::MAX)
        .filter(|code| *code != 1014)
        .filter_map(|code| CloseCode::try_from(code).ok())
}

#[tokio::test]
async fn every_close_code_of_ours_arrives_verbatim_and_comes_back() {
    let mut count = 0;
    for role in [Role::Client, Role::Server] {
        for code in codes() {
            let (mut ours, mut theirs) = in_memory(role).await;
            let (outcome, received) = tokio::join!(ours.close(code, "the reason"), async {
                let received = theirs.next().await.unwrap().unwrap();
                while theirs.next().await.is_some() {}
                drop(theirs);
                received
            });
            let TheirMessage::Close(Some(close)) = received else {
                panic!("{code}: {received:?}");
            };
            assert_eq!(
                (u16::from(close.code), &*close.reason),
                (code.as_u16(), "the reason")
            );
            let outcome = outcome.unwrap();
            assert!(outcome.clean, "{code}");
            assert_eq!(outcome.code(), code.as_u16());
            count += 1;
        }
    }
    assert_eq!(count, 2 * (4 + 7 + 2000));
}

#[tokio::test]
async fn every_close_code_of_theirs_arrives_verbatim_and_is_sent_back() {
    for role in [Role::Client, Role::Server] {
        for code in codes() {
            let (mut ours, mut theirs) = in_memory(role).await;
            let close = tungstenite::protocol::CloseFrame {
                code: code.as_u16().into(),
                reason: "the reason".into(),
            };
            let (received, answer) = tokio::join!(ours.recv(), async {
                theirs.close(Some(close.clone())).await.unwrap();
                let answer = theirs.next().await;
                while theirs.next().await.is_some() {}
                drop(theirs);
                answer
            });
            assert_eq!(received.unwrap(), None, "{code}");
            let expected = CloseFrame {
                code,
                reason: "the reason".into(),
            };
            assert_eq!(ours.close_frame(), Some(&expected));
            let Some(Ok(TheirMessage::Close(Some(answer)))) = answer else {
                panic!("{code}: {answer:?}");
            };
            assert_eq!(u16::from(answer.code), code.as_u16());
        }
    }
}

#[tokio::test]
async fn every_close_code_passes_between_our_own_two_ends() {
    for code in (0..=u16::MAX).filter_map(|code| CloseCode::try_from(code).ok()) {
        let (near, far) = tokio::io::duplex(1024);
        let open = |io, role| {
            let nothing_read = bytes::BytesMut::new();
            WebSocket::from_parts(
                io,
                nothing_read,
                role,
                Default::default(),
                Config::default(),
            )
        };
        let (mut client, mut server) = (open(near, Role::Client), open(far, Role::Server));
        let (outcome, received) = tokio::join!(client.close(code, "r"), async {
            let received = server.recv().await;
            let close = server.close_frame().cloned();
            drop(server);
            received.map(|message| (message, close))
        });
        let outcome = outcome.unwrap();
        assert!(outcome.clean);
        assert_eq!(outcome.code(), code.as_u16());
        let expected = CloseFrame {
            code,
            reason: "r".into(),
        };
        assert_eq!(received.unwrap(), (None, Some(expected)));
    }
}

#[tokio::test]
async fn close_codes_that_may_not_be_sent_are_answered_with_1002() {
    let forbidden = (0..=u16::MAX).filter(|code| CloseCode::try_from(*code).is_err());
    for code in forbidden.filter(|code| !(5100..65_000).contains(code)) {
        let (mut ours, mut theirs) = in_memory(Role::Server).await;
        let frame = Frame::from_payload(close_header(), code.to_be_bytes().to_vec().into());
        let (received, answer) = tokio::join!(ours.recv(), async {
            theirs.send(TheirMessage::Frame(frame)).await.unwrap();
            let answer = theirs.next().await;
            drop(theirs);
            answer
        });
        let error = received.unwrap_err();
        assert_eq!(error.close_code(), Some(1002), "{code}: {error:?}");
        let Some(Ok(TheirMessage::Close(Some(answer)))) = answer else {
            panic!("{code}: {answer:?}");
        };
        assert_eq!(u16::from(answer.code), 1002, "{code}");
    }
}

fn close_header() -> tungstenite::protocol::frame::FrameHeader {
    tungstenite::protocol::frame::FrameHeader {
        opcode: OpCode::Control(Control::Close),
        ..Default::default()
    }
}

#[tokio::test]
async fn their_client_sees_our_refusal() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (theirs, ours) = tokio::join!(tokio_tungstenite::connect_async(url), async {
        let pending = Acceptor::new()
            .read(listener.accept().await.0)
            .await
            .unwrap();
        let response = http::Response::builder()
            .status(403)
            .body("not you")
            .unwrap();
        pending.reject(response).await
    });
    let tungstenite::Error::Http(response) = theirs.unwrap_err() else {
        panic!("connected");
    };
    assert_eq!(response.status(), 403);
    assert_eq!(response.body().as_deref(), Some(&b"not you"[..]));
    ours.unwrap();
}
