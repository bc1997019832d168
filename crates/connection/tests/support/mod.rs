//! What the tests of the connection share.

pub(crate) mod frames;
pub(crate) mod record;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::BytesMut;
use socket_flow_connection::{Config, Negotiated, WebSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};

pub(crate) use socket_flow_connection::Role::{self, Client, Server};

/// A connection over any transport.
pub(crate) fn open<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    role: Role,
    config: Config,
) -> WebSocket<S> {
    WebSocket::from_parts(io, BytesMut::new(), role, Negotiated::default(), config)
}

/// A connection and the raw end of its transport.
pub(crate) fn raw(
    role: Role,
    size: usize,
    config: Config,
) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(size);
    (open(near, role, config), far)
}

/// Two connections over one in-memory pipe: client and server.
pub(crate) fn pair(size: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (client, server) = tokio::io::duplex(size);
    (
        open(client, Client, Config::new()),
        open(server, Server, Config::new()),
    )
}

/// Two ends of a TCP connection over loopback.
pub(crate) async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// A configuration without any deadline.
pub(crate) fn no_deadlines() -> Config {
    use socket_flow_connection::NEVER;
    Config::new()
        .ping_interval(NEVER)
        .stall_timeout(NEVER)
        .close_timeout(NEVER)
}

/// All that arrives until the transport ends.
pub(crate) async fn read_all<S: AsyncRead + Unpin>(io: &mut S) -> Vec<u8> {
    let mut bytes = Vec::new();
    io.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// All that is there now.
pub(crate) fn read_now<S: AsyncRead + Unpin>(io: &mut S) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        let mut space = [0; 4096];
        let mut buf = tokio::io::ReadBuf::new(&mut space);
        match Pin::new(&mut *io).poll_read(&mut cx, &mut buf) {
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => bytes.extend(buf.filled()),
            _ => return bytes,
        }
    }
}

/// Polls a future once and drops it.
pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = std::pin::pin!(future);
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls until something is ready, and gives up when there is nothing to do: a turn may have ended
/// with work left.
pub(crate) fn poll_dry<T>(mut poll: impl FnMut() -> Poll<T>) -> Poll<T> {
    match poll() {
        Poll::Pending => poll(),
        ready => ready,
    }
}

/// Polls a future at most `times`, then drops it: the budget of a caller who
/// loses interest.
pub(crate) async fn poll_at_most<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut left = times;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Fails a test that hangs; the real clock, for tests over sockets.
pub(crate) async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), future)
        .await
        .expect("the test hangs")
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::<Self>::default();
        (wakes.clone(), wakes.into())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
