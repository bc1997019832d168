//! The other end of a connection, played byte by byte: what it sends is given by the test, what it
//! gets is parsed here, and neither shares code with the library.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket_flow::{
    Acceptor, ClientBuilder, ClientStream, Config, Listener, Role, ServerStream, WebSocket,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub(crate) use crate::support::patience::{bounded, tasks, until};
use crate::support::{REQUEST, switching_protocols};

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;
/// In a frame's first byte.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;

/// The mask of RFC 6455 §5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One end of a stream on which the opening handshake is done.
pub(crate) struct Peer<S = TcpStream> {
    pub(crate) io: S,
    role: Role,
    /// What was read and not yet taken.
    wire: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    fn new(io: S, role: Role) -> Self {
        Self {
            io,
            role,
            wire: Vec::new(),
        }
    }

    /// A client's end, before the handshake.
    pub(crate) fn client(io: S) -> Self {
        Self::new(io, Role::Client)
    }

    /// A server's end, before the handshake.
    pub(crate) fn server(io: S) -> Self {
        Self::new(io, Role::Server)
    }

    /// A whole frame of this end's: its first byte, its payload.
    pub(crate) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.header(first, payload.len() as u64);
        match self.role {
            Role::Client => {
                frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(a, b)| a ^ b));
            }
            Role::Server => frame.extend(payload),
        }
        frame
    }

    /// A header alone, with the mask that a client's has.
    pub(crate) fn header(&self, first: u8, len: u64) -> Vec<u8> {
        let masked = u8::from(self.role == Role::Client) << 7;
        let mut header = vec![first];
        match len {
            0..=125 => header.push(masked | len as u8),
            126..=0xffff => {
                header.push(masked | 126);
                header.extend((len as u16).to_be_bytes());
            }
            _ => {
                header.push(masked | 127);
                header.extend(len.to_be_bytes());
            }
        }
        if self.role == Role::Client {
            header.extend(KEY);
        }
        header
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = parse(&self.wire, self.role) {
                self.wire.drain(..len);
                return Some(frame);
            }
            match self.io.read_buf(&mut self.wire).await {
                Ok(1..) => {}
                Ok(0) => {
                    assert!(self.wire.is_empty(), "{} bytes of a frame", self.wire.len());
                    return None;
                }
                Err(error) => panic!("instead of an end: {error}"),
            }
        }
    }

    /// All frames up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    /// Reads a Close and gives its code; whatever is sent before it is skipped.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            let frame = self.next().await.expect("an end without a Close");
            if frame.opcode == CLOSE {
                return frame.close_code();
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Ends this direction and keeps the other.
    pub(crate) async fn shut_down(&mut self) {
        self.io.shutdown().await.unwrap();
    }

    /// Writes until the other end has held it back for a while; how much went out.
    pub(crate) async fn send_until_blocked(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            let writing = self.io.write(&bytes[sent..]);
            match tokio::time::timeout(BLOCKED, writing).await {
                Ok(count) => sent += count.unwrap(),
                Err(_) => break,
            }
        }
        sent
    }

    /// Sends and reads at once, until this many frames are there.
    pub(crate) async fn exchange(&mut self, bytes: &[u8], count: usize) -> Vec<Frame> {
        let (mut read, mut write) = tokio::io::split(&mut self.io);
        let (role, wire) = (self.role, &mut self.wire);
        let reading = async {
            let mut frames = Vec::new();
            while frames.len() < count {
                if let Some((frame, len)) = parse(wire, role) {
                    wire.drain(..len);
                    frames.push(frame);
                } else {
                    assert_ne!(read.read_buf(wire).await.unwrap(), 0, "an end");
                }
            }
            frames
        };
        let (sent, frames) = tokio::join!(write.write_all(bytes), reading);
        sent.unwrap();
        frames
    }
}

/// Little for what is sent here, and no less than a segment over loopback: smaller windows open late.
const SMALL: u32 = 64 << 10;

/// A write that waits as long as this waits for good.
const BLOCKED: Duration = Duration::from_millis(100);

/// A frame off the wire, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a Close; 1005 where it has none.
    pub(crate) fn close_code(&self) -> u16 {
        assert_eq!(self.opcode, CLOSE, "{self:?}");
        match self.payload[..] {
            [high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 1005,
        }
    }
}

/// The frame at the start of the wire, if it is whole, as `receiver` gets it.
fn parse(wire: &[u8], receiver: Role) -> Option<(Frame, usize)> {
    let [first, second, rest @ ..] = wire else {
        return None;
    };
    assert_eq!(first & 0x30, 0, "reserved bits");
    let is_masked = second & 0x80 != 0;
    assert_eq!(is_masked, receiver == Role::Server, "who masks");
    let (len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (u16::from_be_bytes(*len).into(), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*len) as usize, rest)
        }
        len => (len as usize, rest),
    };
    let (key, rest) = match is_masked {
        true => rest.split_first_chunk::<4>()?,
        false => (&[0; 4], rest),
    };
    let (payload, behind) = rest.split_at_checked(len)?;
    let frame = Frame {
        fin: first & FIN != 0,
        rsv1: first & RSV1 != 0,
        opcode: first & 0x0f,
        payload: payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect(),
    };
    Some((frame, wire.len() - behind.len()))
}

/// What the kernel keeps for a socket.
#[derive(Clone, Copy)]
pub(crate) enum Buffers {
    Usual,
    Small,
    SmallToSend,
    SmallToReceive,
}

/// Our server's end of a TCP connection, and its client.
pub(crate) async fn server(config: Config) -> (WebSocket<ServerStream>, Peer) {
    server_with(Acceptor::new().config(config), "").await
}

/// The same over sockets of ours and of the peer's that the kernel keeps this for.
pub(crate) async fn server_over(
    config: Config,
    ours: Buffers,
    theirs: Buffers,
) -> (WebSocket<ServerStream>, Peer) {
    open_server(Acceptor::new().config(config), "", (ours, theirs)).await
}

/// The same, where the client's request has these lines too.
pub(crate) async fn server_with(
    acceptor: Acceptor,
    lines: &str,
) -> (WebSocket<ServerStream>, Peer) {
    open_server(acceptor, lines, (Buffers::Usual, Buffers::Usual)).await
}

pub(crate) async fn open_server(
    acceptor: Acceptor,
    lines: &str,
    (ours, theirs): (Buffers, Buffers),
) -> (WebSocket<ServerStream>, Peer) {
    let listener = Listener::from(listen(ours));
    let address = listener.local_addr().unwrap();
    let ((stream, _), io) = tokio::join!(listener.accept(), dial(address, theirs));
    let mut peer = Peer::new(io, Role::Client);
    let (ws, ()) = tokio::join!(acceptor.accept(stream), ask(&mut peer, lines));
    (ws.unwrap(), peer)
}

/// Our client's end of a TCP connection, and its server.
pub(crate) async fn client(config: Config) -> (WebSocket<ClientStream>, Peer) {
    client_with(|builder| builder.config(config), "").await
}

/// The same with other settings, where the server's answer has these lines too.
pub(crate) async fn client_with(
    settings: impl FnOnce(ClientBuilder) -> ClientBuilder,
    lines: &str,
) -> (WebSocket<ClientStream>, Peer) {
    let listener = listen(Buffers::Usual);
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let accept = async {
        let mut peer = Peer::new(listener.accept().await.unwrap().0, Role::Server);
        answer(&mut peer, lines).await;
        peer
    };
    let (ws, peer) = tokio::join!(settings(ClientBuilder::new(url)).connect(), accept);
    (ws.unwrap().0, peer)
}

/// The same over sockets of ours and of the peer's that the kernel keeps this for.
pub(crate) async fn client_over(
    config: Config,
    ours: Buffers,
    theirs: Buffers,
) -> (WebSocket<TcpStream>, Peer) {
    let listener = listen(theirs);
    let address = listener.local_addr().unwrap();
    let (io, accepted) = tokio::join!(dial(address, ours), listener.accept());
    let mut peer = Peer::new(accepted.unwrap().0, Role::Server);
    let builder = ClientBuilder::new(format!("ws://{address}/chat")).config(config);
    let (ws, ()) = tokio::join!(builder.connect_on(io), answer(&mut peer, ""));
    (ws.unwrap().0, peer)
}

/// Our server's end of a pipe of this size, for tests that need another clock.
pub(crate) async fn server_on_pipe(
    size: usize,
    config: Config,
) -> (WebSocket<DuplexStream>, Peer<DuplexStream>) {
    let (near, far) = tokio::io::duplex(size);
    let mut peer = Peer::new(far, Role::Client);
    let acceptor = Acceptor::new().config(config);
    let (ws, ()) = tokio::join!(acceptor.accept(near), ask(&mut peer, ""));
    (ws.unwrap(), peer)
}

/// Our client's end of a pipe of this size.
pub(crate) async fn client_on_pipe(
    size: usize,
    config: Config,
) -> (WebSocket<DuplexStream>, Peer<DuplexStream>) {
    let (near, far) = tokio::io::duplex(size);
    let mut peer = Peer::new(far, Role::Server);
    let builder = ClientBuilder::new("ws://server.example.com/chat").config(config);
    let (ws, ()) = tokio::join!(builder.connect_on(near), answer(&mut peer, ""));
    (ws.unwrap().0, peer)
}

/// Asks for a WebSocket.
pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<S>, lines: &str) {
    let (head, _) = REQUEST.split_once("\r\n\r\n").unwrap();
    peer.send(format!("{head}\r\n{lines}\r\n")).await;
    let head = head_of(peer).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
}

/// Grants a WebSocket.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<S>, lines: &str) {
    let request = head_of(peer).await;
    peer.send(switching_protocols(&request) + lines + "\r\n")
        .await;
}

async fn head_of<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<S>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.io.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

pub(crate) fn listen(buffers: Buffers) -> TcpListener {
    let socket = socket(buffers);
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(64).unwrap()
}

async fn dial(address: std::net::SocketAddr, buffers: Buffers) -> TcpStream {
    let stream = socket(buffers).connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Connects to a running server and asks for a WebSocket.
pub(crate) async fn visit(address: std::net::SocketAddr, buffers: Buffers) -> Peer {
    let mut peer = Peer::new(dial(address, buffers).await, Role::Client);
    ask(&mut peer, "").await;
    peer
}

fn socket(buffers: Buffers) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    if matches!(buffers, Buffers::Small | Buffers::SmallToSend) {
        socket.set_send_buffer_size(SMALL).unwrap();
    }
    if matches!(buffers, Buffers::Small | Buffers::SmallToReceive) {
        socket.set_recv_buffer_size(SMALL).unwrap();
    }
    socket
}

/// Receives a message with something right behind it, answers it, and goes on until it waits.
/// Before anything is counted, this puts in place what a thread keeps for all its connections.
pub(crate) async fn greet<S>(ws: &mut WebSocket<S>, peer: &mut Peer, text: &str, behind: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = peer.frame(FIN | TEXT, text.as_bytes());
    wire.extend(behind);
    peer.send(wire).await;
    let message = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some(text));
    ws.send(message).await.unwrap();
    assert_eq!(bounded(peer.next()).await.unwrap().payload, text.as_bytes());
    assert!(poll_once(ws.recv()).is_pending());
}

/// Polls a future once and drops it.
pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Sends back what comes, until the end.
pub(crate) async fn echo<S>(ws: &mut WebSocket<S>) -> Result<(), socket_flow::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}
