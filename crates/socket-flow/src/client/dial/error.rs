use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::client::stage::ConnectStage;

/// Why there is no socket; whose it was to be, the server's or the proxy's, the caller knows.
#[derive(Debug)]
pub(crate) enum DialFailure {
    Connect(DialError),
    Resolve(io::Error),
    Timeout(ConnectStage),
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
