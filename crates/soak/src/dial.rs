//! Opening connections, from more addresses than one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use socket_flow::{ClientBuilder, ConnectError, Deflate, WebSocket};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::options::Options;
use crate::raw::{self, Compression, Reader, Transport};
use crate::tls;

/// So many addresses of ours, 127.0.0.2 and on, share the connections: one has ports for fewer
/// than 30,000.
const SOURCES: u64 = 8;

/// Opens connections to the server.
#[derive(Clone, Debug)]
pub struct Dial {
    addr: SocketAddr,
    buffer: u32,
    reset: bool,
    deflate_every: u64,
    tls: Option<PathBuf>,
    /// How many may be in their handshake at once: beyond the server's backlog the kernel drops
    /// them, and what is measured is its patience.
    parallel: Arc<Semaphore>,
}

impl Dial {
    /// To the server the options name.
    pub fn new(options: &Options) -> Self {
        Self {
            addr: options.addr,
            buffer: options.buffer,
            reset: options.reset,
            deflate_every: options.deflate_every,
            tls: options.tls.clone(),
            parallel: Arc::new(Semaphore::new(options.parallel)),
        }
    }

    /// Opens a TCP connection, from the address of this number.
    ///
    /// # Errors
    /// The system or the server does not let it.
    pub async fn tcp(&self, number: u64) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self.buffer > 0 {
            socket.set_recv_buffer_size(self.buffer)?;
        }
        if self.addr.ip().is_loopback() {
            let host = 2 + (number % SOURCES) as u8;
            socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
        }
        let stream = socket.connect(self.addr).await?;
        stream.set_nodelay(true)?;
        if self.reset {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        }
        Ok(stream)
    }

    /// Opens a TCP connection and encrypts it, if the server does: what a WebSocket connection is then
    /// opened on.
    ///
    /// # Errors
    /// The system or the server does not let it.
    pub async fn transport(&self, number: u64) -> io::Result<Box<dyn Transport>> {
        // It is never closed.
        let _permit = self.parallel.acquire().await;
        self.connect(number).await
    }

    async fn connect(&self, number: u64) -> io::Result<Box<dyn Transport>> {
        let stream = self.tcp(number).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(directory) => Box::new(tls::connect(directory, self.addr.ip(), stream).await?),
        })
    }

    /// Opens a WebSocket connection on a path, without this library.
    ///
    /// # Errors
    /// There is none to be had, or the server does not agree to compress.
    pub async fn raw(
        &self,
        number: u64,
        path: &str,
        compression: Compression,
    ) -> io::Result<Reader<Box<dyn Transport>>> {
        let request = raw::request_for(self.addr, path, compression);
        self.raw_by(number, &request, compression).await
    }

    /// The same by a request of one's own.
    ///
    /// # Errors
    /// There is none to be had, or the server does not agree to compress.
    pub async fn raw_by(
        &self,
        number: u64,
        request: &[u8],
        compression: Compression,
    ) -> io::Result<Reader<Box<dyn Transport>>> {
        match self.raw_as_agreed(number, request).await? {
            (reader, agreed) if agreed == compression => Ok(reader),
            _ => Err(io::Error::other("compression is not as it was offered")),
        }
    }

    /// The same, whether the server agrees to compress or not.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn raw_as_agreed(
        &self,
        number: u64,
        request: &[u8],
    ) -> io::Result<(Reader<Box<dyn Transport>>, Compression)> {
        // It is never closed.
        let _permit = self.parallel.acquire().await;
        let mut stream = self.connect(number).await?;
        let head = raw::open_by(&mut stream, request).await?;
        let head = head.to_ascii_lowercase();
        let agreed = match head.windows(DEFLATE.len()).any(|it| it == DEFLATE) {
            true => Compression::Deflate,
            false => Compression::None,
        };
        Ok((Reader::new(stream), agreed))
    }

    /// Opens a WebSocket connection on a path.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn open(
        &self,
        number: u64,
        path: &str,
    ) -> Result<WebSocket<TcpStream>, ConnectError> {
        // It is never closed.
        let _permit = self.parallel.acquire().await;
        let stream = self.tcp(number).await.map_err(ConnectError::Io)?;
        let (ws, _) = self.builder(number, path).connect_on(stream).await?;
        Ok(ws)
    }

    /// The client of this number.
    pub fn builder(&self, number: u64, path: &str) -> ClientBuilder {
        let builder = ClientBuilder::new(format!("ws://{}{path}", self.addr));
        match self.deflate_every > 0 && number % self.deflate_every == 0 {
            true => builder.deflate(Deflate::balanced()),
            false => builder,
        }
    }
}

/// What stands in the answer of a server that agrees to it.
const DEFLATE: &[u8] = b"permessage-deflate";
