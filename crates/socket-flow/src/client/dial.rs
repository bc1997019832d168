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

    let mut attempts = Vec::with_capacity(addresses.len());
    for (index, &address) in addresses.iter().enumerate() {
        // An address that swallows packets must leave time for those behind it.
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let error = match deadline.share(left).run(open(address)).await {
            Some(Ok(tcp)) => return Ok(tcp),
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
