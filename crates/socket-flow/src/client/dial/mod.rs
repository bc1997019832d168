mod error;
mod happy_eyeballs;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;

use tokio::net::{TcpStream, lookup_host};

use crate::client::dial::happy_eyeballs::race;
use crate::client::stage::ConnectStage;
use crate::deadline::Deadline;

pub use error::DialError;
pub(crate) use error::DialFailure;

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

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(address).await?;
    // Without it a small message waits for the acknowledgement of the one before.
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

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
