//! Talks to a fuzzing server: each command is the path of a WebSocket connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A server on the same machine that has not answered by then is not ready.
const ANSWER: Duration = Duration::from_secs(1);

/// A port that was free a moment ago.
pub(crate) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Opens a WebSocket connection for `path` and says whether the server accepted it.
pub(crate) fn accepts(port: u16, path: &str) -> bool {
    open(port, path).unwrap_or(false)
}

fn open(port: u16, path: &str) -> io::Result<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(&status == b"HTTP/1.1 101")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let len = stream.read(&mut request).unwrap();
            assert!(request[..len].starts_with(b"GET /getCaseCount HTTP/1.1\r\n"));
            stream.write_all(answer).unwrap();
        });
        port
    }

    #[test]
    fn switching_protocols_means_accepted() {
        let port = server(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        assert!(accepts(port, "/getCaseCount"));
    }

    #[test]
    fn another_status_or_nobody_there_means_not_accepted() {
        let port = server(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert!(!accepts(port, "/getCaseCount"));
        assert!(!accepts(free_port().unwrap(), "/getCaseCount"));
    }
}
