//! HTTP/1.1 heads: read from bytes under limits, and written (RFC 9112).
//!
//! ```text
//!  bytes as they arrive ──> scanner: each byte once, limits ──end found──> httparse, once
//!                                                                              │
//!        encode_request / encode_response ──> bytes             http::{Request, Response}
//! ```
//!
//! Reading is strict where leniency has led to request smuggling: lines end in CR LF and in
//! nothing else, no space stands before a colon, no line is folded, no control character is let
//! through.

mod decoder;
mod encode;
mod error;
mod scanner;

pub use decoder::{RequestDecoder, ResponseDecoder};
pub use encode::{encode_request, encode_response};
pub use error::HeadError;

/// How large a head may be. `usize::MAX` stands for no limit.
///
/// ```
/// use socket_flow_handshake::head::HeadLimits;
///
/// let limits = HeadLimits::default().max_bytes(64 * 1024).max_headers(200);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    max_bytes: usize,
    max_headers: usize,
    max_line: usize,
}

impl HeadLimits {
    /// Bytes of the whole head, its last empty line included. Default: 16,384.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Header *lines*: ten times the same name count as ten. Default: 100.
    #[must_use]
    pub fn max_headers(mut self, lines: usize) -> Self {
        self.max_headers = lines;
        self
    }

    /// Bytes of one line, the request or status line included, its CR LF not. Default: 8,192.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            max_bytes: 16 * 1024,
            max_headers: 100,
            max_line: 8 * 1024,
        }
    }
}
