//! HTTP/1.1 heads: read from bytes under limits, and written (RFC 9112).
//!
//! ```text
//!  bytes as they arrive ──> scanner: each byte once, limits ──end found──> httparse, once
//!                              │                                                │
//!                              └─ a line complete, no end yet: judged           │
//!                                                                               │
//!        encode_request / encode_response ──> bytes             http::{Request, Response}
//! ```
//!
//! Reading is strict where leniency has led to request smuggling: lines end in CR LF and in
//! nothing else, no space stands before a colon, no line is folded, no control character is let
//! through.

mod decoder;
mod encode;
mod error;
mod parse;
mod scanner;

pub use decoder::{RequestDecoder, ResponseDecoder};
pub use encode::{encode_request, encode_response};
pub use error::HeadError;

/// How large a head may be. `usize::MAX` stands for no limit.
///
/// | | bytes in all | header lines | bytes of a line |
/// |---|---|---|---|
/// | [`default`](Self::default), for requests | 16,384 | 100 | 8,192 |
/// | [`response`](Self::response) | 65,536 | 256 | 16,384 |
///
/// A server holds the heads of clients it knows nothing of, as many as connect. A client holds one,
/// of a server it has chosen, and servers say more in their answers than is asked of them: cookies,
/// policies for browsers, the traces of every proxy in between.
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
    /// The limits for answers.
    pub const fn response() -> Self {
        Self {
            max_bytes: 64 * 1024,
            max_headers: 256,
            max_line: 16 * 1024,
        }
    }

    /// Bytes of the whole head, its last empty line included.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Header *lines*: ten times the same name count as ten.
    #[must_use]
    pub fn max_headers(mut self, lines: usize) -> Self {
        self.max_headers = lines;
        self
    }

    /// Bytes of one line, the request or status line included, its CR LF not.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }
}

impl Default for HeadLimits {
    /// The limits for requests.
    fn default() -> Self {
        Self {
            max_bytes: 16 * 1024,
            max_headers: 100,
            max_line: 8 * 1024,
        }
    }
}
