//! Peers that are played byte by byte.

#[allow(dead_code)] // `hostile` and `resources` have one beside each attack
pub(crate) mod bystander;
pub(crate) mod patience;
#[allow(dead_code)]
pub(crate) mod side;

use std::time::Duration;

use socket_flow::handshake::key::accept_key;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A request as a browser makes it; the key is that of RFC 6455 §1.3.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// "Hello" from a server and from a client (RFC 6455 §5.7).
pub(crate) const HELLO: &[u8] = b"\x81\x05Hello";
pub(crate) const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

/// The far end of an in-memory stream.
pub(crate) struct Peer {
    pub(crate) io: DuplexStream,
}

impl Peer {
    pub(crate) fn pair() -> (DuplexStream, Self) {
        let (near, io) = tokio::io::duplex(1 << 20);
        (near, Self { io })
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Lets everybody else run after every byte.
    pub(crate) async fn send_slowly(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Reads up to the empty line behind a head.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.io.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads until the other side ends its direction.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.io.read_to_end(&mut rest).await.unwrap();
        String::from_utf8(rest).unwrap()
    }

    /// What has arrived by now.
    pub(crate) async fn arrived(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let at_once = Duration::from_millis(1);
        while let Ok(Ok(1..)) = tokio::time::timeout(at_once, self.io.read_buf(&mut bytes)).await {}
        bytes
    }

    /// Ends our direction and keeps the other.
    pub(crate) async fn shut_down(&mut self) {
        self.io.shutdown().await.unwrap();
    }
}

/// The value of a header in a head, `None` where it is not there.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The lines of a 101 for this request, without the empty one.
pub(crate) fn switching_protocols(request: &str) -> String {
    let accept = accept_key(header(request, "sec-websocket-key").unwrap());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        accept.as_str()
    )
}
