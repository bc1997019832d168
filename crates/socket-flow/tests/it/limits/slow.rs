//! A client that takes its time, on loopback, with a clock that the test alone moves.

use std::io::ErrorKind::WouldBlock;
use std::time::Duration;

use socket_flow::ServerHandle;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::patience::tasks;

/// What lies between two bytes of a client that trickles.
pub(crate) const HALF: Duration = Duration::from_millis(500);

/// What tokio's timers count in.
pub(crate) const LATE: Duration = Duration::from_millis(1);

/// Far more than anything here may take.
const TOO_LONG: Duration = Duration::from_secs(120);

/// The stopped clock of this runtime, moved by hand.
pub(crate) struct Clock {
    /// Dropped at the end, which ends the thread that holds the clock.
    _held: std::sync::mpsc::Sender<()>,
}

impl Clock {
    pub(crate) fn stop() -> Self {
        tokio::time::pause();
        let (held, free) = std::sync::mpsc::channel();
        // While a blocking task runs, tokio does not move the clock where it finds
        // nothing to do: it would also do so where bytes are on their way.
        tokio::task::spawn_blocking(move || free.recv());
        Self { _held: held }
    }

    /// Everybody deals with what has been sent.
    pub(crate) async fn settle(&self) {
        for _ in 0..3 {
            // The kernel may deliver it on another processor.
            std::thread::sleep(Duration::from_micros(100));
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(crate) async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
        self.settle().await;
    }
}

/// A client, played byte by byte. It never waits.
pub(crate) struct Client {
    tcp: TcpStream,
    /// What it has read and not looked at.
    unread: Vec<u8>,
    /// Whether the server has ended its direction, or both.
    is_ended: bool,
}

impl Client {
    pub(crate) async fn connect(server: &ServerHandle, clock: &Clock) -> Self {
        let address = server.local_addr().unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        clock.settle().await;
        Self {
            tcp,
            unread: Vec::new(),
            is_ended: false,
        }
    }

    /// One whose opening handshake is done.
    pub(crate) async fn open(server: &ServerHandle, clock: &Clock) -> Self {
        let mut client = Self::connect(server, clock).await;
        client.send(crate::support::REQUEST);
        clock.settle().await;
        let head = client.received();
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
        let end = head.windows(4).position(|four| four == b"\r\n\r\n");
        client.unread = head[end.unwrap() + 4..].to_vec();
        client
    }

    /// Sends; a server that is gone takes nothing.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match self.tcp.try_write(bytes.as_ref()) {
            Ok(count) => assert_eq!(count, bytes.as_ref().len()),
            Err(error) => assert_ne!(error.kind(), WouldBlock),
        }
    }

    /// Sends more than the kernel may take at once.
    pub(crate) async fn send_all(&mut self, mut bytes: &[u8], clock: &Clock) {
        while !bytes.is_empty() {
            match self.tcp.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => assert_eq!(error.kind(), WouldBlock),
            }
            clock.settle().await;
        }
    }

    /// Reads so many bytes at most and throws them away; how many there were.
    pub(crate) fn received_of_at_most(&mut self, count: usize) -> usize {
        let mut part = vec![0; 1 << 16];
        let mut received = 0;
        while received < count {
            match self.tcp.try_read(&mut part) {
                Ok(count) => received += count,
                Err(error) => {
                    assert_eq!(error.kind(), WouldBlock);
                    break;
                }
            }
        }
        received
    }

    /// Takes one byte of what has arrived.
    pub(crate) fn takes_a_byte(&mut self) {
        assert_eq!(self.tcp.try_read(&mut [0]).unwrap(), 1);
    }

    /// What has arrived since the last call.
    pub(crate) fn received(&mut self) -> Vec<u8> {
        let mut part = [0; 1 << 16];
        while !self.is_ended {
            match self.tcp.try_read(&mut part) {
                Ok(count @ 1..) => self.unread.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == WouldBlock => break,
                Ok(_) | Err(_) => self.is_ended = true,
            }
        }
        std::mem::take(&mut self.unread)
    }

    /// Sends these bytes each half second, until the server has nothing more to do than `idle`
    /// tasks; how long that took.
    pub(crate) async fn trickle_until_gone(
        &mut self,
        each: &[u8],
        idle: usize,
        clock: &Clock,
    ) -> Duration {
        clock.settle().await;
        // Timers may be late by a millisecond.
        let start = Instant::now() + LATE;
        clock.advance(LATE).await;
        while tasks() > idle {
            assert!(start.elapsed() < TOO_LONG, "it is never over");
            self.send(each);
            clock.settle().await;
            clock.advance(HALF).await;
        }
        start.elapsed()
    }
}
