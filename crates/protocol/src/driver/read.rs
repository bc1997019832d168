use std::io;
use std::task::Poll;

/// What a read found.
#[derive(Debug)]
pub(super) enum Read {
    Some(usize),
    End,
    /// Nothing: the next read would wait.
    Blocked,
    /// Nothing: it is to be tried again.
    Interrupted,
    Failed(io::Error),
}

impl From<Poll<io::Result<usize>>> for Read {
    fn from(read: Poll<io::Result<usize>>) -> Self {
        let error = match read {
            Poll::Pending => return Self::Blocked,
            Poll::Ready(Ok(0)) => return Self::End,
            Poll::Ready(Ok(count)) => return Self::Some(count),
            Poll::Ready(Err(error)) => error,
        };
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Interrupted,
            // A socket that does not wait says so.
            io::ErrorKind::WouldBlock => Self::Blocked,
            // TLS that ends without its `close_notify`: whether something is
            // missing is what the peer's Close tells.
            io::ErrorKind::UnexpectedEof => Self::End,
            _ => Self::Failed(error),
        }
    }
}
