use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;

use tokio::net::{TcpStream, lookup_host};

use crate::client::error::ConnectStage;
use crate::client::race::race;
use crate::deadline::Deadline;

/// Opens a TCP connection to whichever address of the host takes one first.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    deadline: Deadline,
) -> Result<TcpStream, DialFailure> {
    let addresses = deadline
        .run(pin!(lookup_host((host, port))))
        .await
        .ok_or(DialFailure::Timeout(ConnectStage::Resolve))?
        .map_err(DialFailure::Resolve)?;
    dial_addresses(addresses, deadline).await
}

/// Opens a TCP connection to whichever of the addresses takes one first.
pub(crate) async fn dial_addresses(
    addresses: impl IntoIterator<Item = SocketAddr>,
    deadline: Deadline,
) -> Result<TcpStream, DialFailure> {
    deadline
        .run(pin!(race(addresses, open)))
        .await
        .ok_or(DialFailure::Timeout(ConnectStage::Connect))?
        .map_err(DialFailure::Connect)
}

/// Why there is no socket; whose it was to be, the server's or the proxy's, the caller knows.
#[derive(Debug)]
pub(crate) enum DialFailure {
    Connect(DialError),
    Resolve(io::Error),
    Timeout(ConnectStage),
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(address).await?;
    // Without it a small message waits for the acknowledgement of the one before.
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// None of the host's addresses took a TCP connection.
#[derive(Debug)]
pub struct DialError {
    attempts: Vec<(SocketAddr, io::Error)>,
}

impl DialError {
    pub(crate) fn new(attempts: Vec<(SocketAddr, io::Error)>) -> Self {
        Self { attempts }
    }

    /// The addresses in the order they failed, with what happened. Empty where the name exists
    /// but has no address.
    pub fn attempts(&self) -> &[(SocketAddr, io::Error)] {
        &self.attempts
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.attempts.is_empty() {
            return f.write_str("host has no address");
        }
        for (index, (address, error)) in self.attempts.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl Error for DialError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn opened_sockets_send_small_messages_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let deadline = Deadline::after(Duration::from_secs(10));
        let tcp = dial("127.0.0.1", address.port(), deadline).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), address);
        assert!(tcp.nodelay().unwrap());
    }
}
