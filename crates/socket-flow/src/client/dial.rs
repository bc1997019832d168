use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpStream, lookup_host};

use crate::client::error::{ConnectError, ConnectStage};
use crate::deadline::Deadline;

/// Opens a TCP connection to the first address of the host that takes one.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    deadline: Deadline,
) -> Result<TcpStream, ConnectError> {
    let addresses: Vec<_> = deadline
        .run(lookup_host((host, port)))
        .await
        .ok_or(ConnectError::Timeout(ConnectStage::Resolve))?
        .map_err(ConnectError::Resolve)?
        .collect();
    try_each(&addresses, deadline, open).await
}

/// Opens the addresses in turn, each within its share of the time left.
async fn try_each<T, F>(
    addresses: &[SocketAddr],
    deadline: Deadline,
    open: impl Fn(SocketAddr) -> F,
) -> Result<T, ConnectError>
where
    F: Future<Output = io::Result<T>>,
{
    let mut attempts = Vec::with_capacity(addresses.len());
    for (index, &address) in addresses.iter().enumerate() {
        // An address that swallows packets must leave time for those behind it.
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let error = match deadline.share(left).run(open(address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => error,
            None if left == 1 => return Err(ConnectError::Timeout(ConnectStage::Connect)),
            None => io::ErrorKind::TimedOut.into(),
        };
        tracing::debug!(%address, %error, "connecting failed");
        attempts.push((address, error));
    }
    Err(ConnectError::Connect(DialError { attempts }))
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
    /// The addresses in the order they were tried, with what happened. Empty where the name
    /// exists but has no address.
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
    use std::future::pending;
    use std::time::Duration;

    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    const REFUSED: SocketAddr = address(1);
    const SILENT: SocketAddr = address(2);
    const OPEN: SocketAddr = address(3);

    const fn address(host: u8) -> SocketAddr {
        SocketAddr::new(
            std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, host)),
            80,
        )
    }

    /// Tries these addresses for 12 s.
    async fn try_them(addresses: &[SocketAddr]) -> Result<SocketAddr, ConnectError> {
        let deadline = Deadline::after(Duration::from_secs(12));
        let open = async |address| match address {
            OPEN => Ok(address),
            SILENT => pending().await,
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        try_each(addresses, deadline, open).await
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_tried_in_turn_until_one_takes_the_connection() {
        for (addresses, seconds) in [
            (&[OPEN, REFUSED][..], 0),
            (&[REFUSED, OPEN], 0),
            // Silence costs an address its share, and no more.
            (&[SILENT, REFUSED, OPEN], 4),
            (&[REFUSED, SILENT, OPEN], 6),
            (&[SILENT, SILENT, OPEN], 8),
        ] {
            let start = Instant::now();
            assert_eq!(try_them(addresses).await.unwrap(), OPEN);
            assert_eq!(start.elapsed().as_secs(), seconds, "{addresses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_addresses_are_reported_in_their_order() {
        let addresses = [SILENT, REFUSED];
        let Err(ConnectError::Connect(error)) = try_them(&addresses).await else {
            panic!("connected to nobody");
        };
        let attempts: Vec<_> = error
            .attempts()
            .iter()
            .map(|(address, error)| (*address, error.kind()))
            .collect();
        let expected = [
            (SILENT, io::ErrorKind::TimedOut),
            (REFUSED, io::ErrorKind::ConnectionRefused),
        ];
        assert_eq!(attempts, expected);
        let text = "192.0.2.2:80: timed out, 192.0.2.1:80: connection refused";
        assert_eq!(error.to_string(), text);
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_an_error_of_its_own() {
        let Err(ConnectError::Connect(error)) = try_them(&[]).await else {
            panic!("connected to nobody");
        };
        assert!(error.attempts().is_empty());
        assert_eq!(error.to_string(), "host has no address");
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_is_up_is_a_timeout() {
        let start = Instant::now();
        let error = try_them(&[REFUSED, SILENT]).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::Timeout(ConnectStage::Connect)),
            "{error:?}"
        );
        assert_eq!(start.elapsed().as_secs(), 12);
    }

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
