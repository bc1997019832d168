//! Servers and proxies on loopback, each for one test.

use std::net::SocketAddr;

use socket_flow::{CloseCode, ConnectError, Listener, WebSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that echoes; the heads of its requests are forgotten.
pub(crate) async fn echo_server() -> SocketAddr {
    echo_on(Listener::bind("127.0.0.1:0").await.unwrap())
}

pub(crate) fn echo_on(listener: Listener) -> SocketAddr {
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await;
            tokio::spawn(async move {
                let mut ws = socket_flow::accept(stream).await.unwrap();
                while let Some(message) = ws.recv().await.unwrap() {
                    ws.queue(message).unwrap();
                }
            });
        }
    });
    addr
}

/// Says hello, hears it, and says goodbye.
pub(crate) async fn is_echo<S>(ws: &mut WebSocket<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
}

/// A peer that plays its part with one connection, and what that gave.
pub(crate) async fn peer<F, T>(
    play: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, JoinHandle<T>)
where
    F: Future<Output = T> + Send,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { play(listener.accept().await.unwrap().0).await });
    (addr, task)
}

/// Reads up to the empty line behind a head.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Carries bytes to a server and back, until both have ended.
pub(crate) async fn relay(mut stream: impl AsyncRead + AsyncWrite + Unpin, server: SocketAddr) {
    let mut server = TcpStream::connect(server).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
}

/// Writes, ends this direction and waits for the other to end.
pub(crate) async fn say(mut stream: TcpStream, bytes: impl AsRef<[u8]>) {
    stream.write_all(bytes.as_ref()).await.unwrap();
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

pub(crate) fn proxy_error<T: std::fmt::Debug>(
    result: Result<T, ConnectError>,
) -> socket_flow::ProxyError {
    match result.unwrap_err() {
        ConnectError::Proxy(error) => error,
        other => panic!("{other:?}"),
    }
}

/// A port of loopback that takes no connection.
pub(crate) fn closed_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
