//! The programs that the guide shows, those of tokio-tungstenite and those here: each passes the
//! same test, with the same peer.

use tokio::net::{TcpListener, TcpStream};

/// A port where each connection is given to `serve`, in a task of its own.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> std::net::SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Answers each message with itself.
async fn echo(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let mut ws = socket_flow::accept(stream).await.unwrap();
    while let Ok(Some(message)) = ws.recv().await {
        ws.queue(message).unwrap();
    }
}

/// A sink and a stream, kept in a struct.
mod room {
    macro_rules! test {
        ($name:ident) => {
            #[test]
            fn $name() {
                crate::examples::process::block_on(async {
                    let address = super::super::listen(super::super::echo).await;
                    let mut room = Room::enter(&format!("ws://{address}/")).await.unwrap();
                    room.say(&["one", "two"]).await.unwrap();
                    assert_eq!(room.hear().await.unwrap().as_deref(), Some("one"));
                    assert_eq!(room.hear().await.unwrap().as_deref(), Some("two"));
                    room.leave().await.unwrap();
                });
            }
        };
    }

    mod theirs {
        include!("../../../programs/tungstenite/room.rs");
        test!(a_sink_and_a_stream_in_a_struct_before);
    }

    mod ours {
        include!("../../../programs/room.rs");
        test!(a_sink_and_a_stream_in_a_struct_after);
    }
}

/// A socket that the program opened, encrypted.
mod own_socket {
    use std::net::SocketAddr;

    use socket_flow::Listener;
    use socket_flow::tls::ServerTls;
    use socket_flow::tls::rustls::ClientConfig;

    use crate::pki::Authority;

    /// The URL and the address of a server inside TLS, and what trusts it.
    async fn server() -> (String, SocketAddr, ClientConfig) {
        let authority = Authority::new("theirs and ours");
        let tls = ServerTls::new(authority.issue("chat.example"))
            .build()
            .unwrap();
        let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await;
            super::echo(stream).await;
        });
        let trust = socket_flow::tls::ClientTls::new().roots(authority.roots());
        (
            format!("wss://chat.example:{}/", address.port()),
            address,
            trust.build().unwrap(),
        )
    }

    macro_rules! test {
        ($name:ident, $message:expr) => {
            #[test]
            fn $name() {
                crate::examples::process::block_on(async {
                    use futures_util::{SinkExt, StreamExt};

                    let (url, address, trust) = super::server().await;
                    let mut ws = dial(&url, address, trust).await.unwrap();
                    let message = $message;
                    SinkExt::send(&mut ws, message.clone()).await.unwrap();
                    assert_eq!(ws.next().await.unwrap().unwrap(), message);
                });
            }
        };
    }

    mod theirs {
        include!("../../../programs/tungstenite/own_socket.rs");
        test!(
            a_socket_of_ones_own_inside_tls_before,
            tokio_tungstenite::tungstenite::Message::text("hello")
        );
    }

    mod ours {
        include!("../../../programs/own_socket.rs");
        test!(
            a_socket_of_ones_own_inside_tls_after,
            socket_flow::Message::from("hello")
        );
    }
}

/// A callback that looks at the request.
mod request {
    use socket_flow::{ClientBuilder, ConnectError};

    macro_rules! test {
        ($name:ident) => {
            #[test]
            fn $name() {
                crate::examples::process::block_on(super::refuses_and_accepts(|stream| async {
                    let ws = open(stream).await;
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    drop(ws);
                }));
            }
        };
    }

    async fn refuses_and_accepts<F>(serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = super::listen(serve).await;
        let client = |path: &str| ClientBuilder::new(format!("ws://{address}{path}"));
        let (ws, response) = client("/chat")
            .subprotocols(["v2", "v1"])
            .connect()
            .await
            .unwrap();
        assert_eq!(response.headers()["x-room"], "chat");
        assert_eq!(ws.negotiated().subprotocol(), Some("v1"));
        let (ws, response) = client("/chat").connect().await.unwrap();
        assert_eq!(response.headers()["x-room"], "chat");
        assert_eq!(ws.negotiated().subprotocol(), None);
        let Err(ConnectError::Rejected(rejected)) = client("/other").connect().await else {
            panic!("it is refused");
        };
        assert_eq!(rejected.status(), 404);
        assert_eq!(rejected.body(), "no such room");
    }

    #[allow(clippy::result_large_err)] // the callback's type is theirs
    mod theirs {
        include!("../../../programs/tungstenite/request.rs");
        test!(a_callback_at_accept_before);
    }

    mod ours {
        include!("../../../programs/request.rs");
        test!(a_callback_at_accept_after);
    }
}

/// A connection that an HTTP server has upgraded.
mod behind_hyper {
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use socket_flow::{ClientBuilder, CloseCode, Deflate, Message};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    macro_rules! test {
        ($name:ident, $is_compressed:literal) => {
            #[test]
            fn $name() {
                crate::examples::process::block_on(async {
                    let address = super::super::listen(|stream| async {
                        let connection = super::http1::Builder::new().serve_connection(
                            super::TokioIo::new(stream),
                            super::service_fn(respond),
                        );
                        connection.with_upgrades().await.unwrap();
                    });
                    super::echoes(address.await, $is_compressed).await;
                });
            }
        };
    }

    async fn echoes(address: std::net::SocketAddr, is_compressed: bool) {
        let client = ClientBuilder::new(format!("ws://{address}/")).deflate(Deflate::balanced());
        let (mut ws, _) = client.connect().await.unwrap();
        assert_eq!(ws.negotiated().deflate().is_some(), is_compressed);
        for len in [1, 255, 256, 257, 5_000, 100_000] {
            let message = Message::from("abc".repeat(len));
            ws.send(message.clone()).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(message));
        }
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);

        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }

    mod theirs {
        include!("../../../programs/tungstenite/behind_hyper.rs");
        test!(a_connection_that_hyper_upgraded_before, false);
    }

    mod ours {
        include!("../../../programs/behind_hyper.rs");
        test!(a_connection_that_hyper_upgraded_after, true);
    }
}

/// Limits.
mod settings {
    const LIMIT: usize = 1 << 20;

    macro_rules! test {
        ($name:ident) => {
            #[test]
            fn $name() {
                crate::examples::process::block_on(async {
                    use futures_util::StreamExt;

                    let address = super::super::listen(super::sends_one_too_long);
                    let mut ws = connect(&format!("ws://{}/", address.await)).await.unwrap();
                    assert_eq!(ws.next().await.unwrap().unwrap().len(), super::LIMIT);
                    assert!(ws.next().await.unwrap().is_err());

                    let (told, mut lens) = tokio::sync::mpsc::unbounded_channel();
                    let address = super::super::listen(move |stream| {
                        let told = told.clone();
                        async move {
                            let mut ws = accept(stream).await.unwrap();
                            while let Some(message) = ws.next().await {
                                told.send(message.map(|message| message.len()).ok())
                                    .unwrap();
                            }
                        }
                    });
                    let url = format!("ws://{}/", address.await);
                    let (ws, _) = socket_flow::connect(url).await.unwrap();
                    super::send_one_too_long(ws).await;
                    assert_eq!(lens.recv().await, Some(Some(super::LIMIT)));
                    assert_eq!(lens.recv().await, Some(None));
                });
            }
        };
    }

    async fn sends_one_too_long(stream: tokio::net::TcpStream) {
        send_one_too_long(socket_flow::accept(stream).await.unwrap()).await;
    }

    async fn send_one_too_long<S>(mut ws: socket_flow::WebSocket<S>)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        ws.send(vec![7; LIMIT]).await.unwrap();
        // The peer may end the connection before it has all of it.
        let _ = ws.send(vec![7; LIMIT + 1]).await;
        while let Ok(Some(_)) = ws.recv().await {}
    }

    mod theirs {
        include!("../../../programs/tungstenite/settings.rs");
        test!(a_limit_of_messages_before);
    }

    mod ours {
        include!("../../../programs/settings.rs");
        test!(a_limit_of_messages_after);
    }
}

/// Streams and sinks put together by the combinators of `futures-util`.
mod streams {
    macro_rules! test {
        ($name:ident) => {
            #[test]
            fn $name() {
                crate::examples::process::block_on(async {
                    // What ends it is that the other end closes.
                    let shouting = |stream| async { drop(shout(stream).await) };
                    let address = super::super::listen(shouting).await;
                    let lines = ["one", "h\u{e9}", ""];
                    let replies = ask(&format!("ws://{address}/"), &lines).await.unwrap();
                    let expected = ["ONE", "H\u{c9}", ""].map(Message::text);
                    assert_eq!(replies, expected);
                });
            }
        };
    }

    mod theirs {
        include!("../../../programs/tungstenite/streams.rs");
        test!(combinators_on_a_stream_and_a_sink_before);
    }

    mod ours {
        include!("../../../programs/streams.rs");
        test!(combinators_on_a_stream_and_a_sink_after);
    }
}

/// How it was refused, and how it ended.
mod ends {
    use http::Response;
    use socket_flow::Acceptor;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    /// A server that opens a connection, writes these bytes and ends its direction.
    async fn opens(stream: DuplexStream, frames: &[u8]) {
        let mut parts = socket_flow::accept(stream).await.unwrap().into_parts();
        parts.io.write_all(frames).await.unwrap();
        parts.io.shutdown().await.unwrap();
        let _ = parts.io.read_to_end(&mut Vec::new()).await;
    }

    async fn refuses(stream: DuplexStream) {
        let pending = Acceptor::new().read(stream).await.unwrap();
        let headers = pending.request().headers();
        let status = match headers["authorization"].as_bytes() {
            b"Bearer 42" => 503,
            _ => 401,
        };
        let answer = Response::builder().status(status).body("no").unwrap();
        pending.reject(answer).await.unwrap();
    }

    const ENDS: [(&[u8], &str); 7] = [
        (b"\x81\x01a\x88\x02\x03\xe8", "in order"),
        (b"\x88\x05\x03\xe9bye", "1001: bye"),
        (b"\x88\x02\x0f\xa0", "4000: "),
        (b"\x89\x00\x8a\x00\x88\x00", "without a code"),
        (b"\x81\x01a", "cut off"),
        (b"\x81\x05hal", "cut off"),
        (b"\xc1\x00", "broken"),
    ];

    macro_rules! test {
        ($name:ident) => {
            #[test]
            fn $name() {
                crate::examples::process::block_on(async {
                    for (token, expected) in [
                        ("Bearer 42", "refused with 503 Service Unavailable"),
                        ("", "refused with 401 Unauthorized"),
                    ] {
                        let (near, far) = tokio::io::duplex(1 << 16);
                        let (refused, ()) = tokio::join!(dial(near, token), super::refuses(far));
                        assert_eq!(refused.map(drop), Err(expected.to_owned()));
                    }
                    for (frames, expected) in super::ENDS {
                        let (near, far) = tokio::io::duplex(1 << 16);
                        let ending = async {
                            let mut socket = dial(near, "Bearer 42").await.unwrap();
                            end(&mut socket).await
                        };
                        let (ended, ()) = tokio::join!(ending, super::opens(far, frames));
                        assert_eq!(ended, expected, "{frames:x?}");
                    }
                });
            }
        };
    }

    mod theirs {
        include!("../../../programs/tungstenite/ends.rs");
        test!(refusals_and_ends_before);
    }

    mod ours {
        include!("../../../programs/ends.rs");
        test!(refusals_and_ends_after);
    }
}
