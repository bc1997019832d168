//! permessage-deflate on the load generator's side (RFC 7692): its messages are compressed once,
//! before anything is measured.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::server::Takeover;

/// What ends every flushed block and is left out of a message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The value of the header that offers it.
pub fn offer(takeover: Takeover) -> &'static str {
    match takeover {
        Takeover::Both => "permessage-deflate",
        Takeover::None => {
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
        }
    }
}

/// Whether the server's answer is what was asked for: nothing else could be compared.
pub fn is_accepted(takeover: Takeover, answer: Option<&str>) -> bool {
    answer.is_some_and(|answer| {
        answer.starts_with("permessage-deflate")
            && answer.contains("no_context_takeover") == (takeover == Takeover::None)
    })
}

/// Compresses messages, one after the other.
#[derive(Debug)]
pub struct Deflater {
    stream: Compress,
    takeover: Takeover,
}

impl Deflater {
    /// One that has seen nothing.
    pub fn new(takeover: Takeover) -> Self {
        Self {
            stream: Compress::new(Compression::new(6), false),
            takeover,
        }
    }

    /// The payload of a compressed message.
    pub fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        if self.takeover == Takeover::None {
            self.stream.reset();
        }
        let mut out = Vec::with_capacity(2 * payload.len() + 64);
        let before = self.stream.total_in();
        // Twice the input and a few bytes are enough for any.
        let done = self
            .stream
            .compress_vec(payload, &mut out, FlushCompress::Sync);
        debug_assert!(done.is_ok());
        debug_assert_eq!(self.stream.total_in() - before, payload.len() as u64);
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        out
    }
}

/// Inflates replies, to compare them with what was sent.
#[derive(Debug)]
pub struct Inflater(Decompress);

impl Inflater {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Whether a compressed message holds this payload.
    ///
    /// # Errors
    /// It is no compressed message.
    pub fn holds(&mut self, message: &[u8], payload: &[u8]) -> io::Result<bool> {
        let mut out = Vec::with_capacity(payload.len() + 64);
        for piece in [message, &TAIL] {
            let status = self
                .0
                .decompress_vec(piece, &mut out, FlushDecompress::Sync)
                .map_err(io::Error::other)?;
            if status == Status::StreamEnd {
                self.0.reset(false);
            }
        }
        Ok(out == payload)
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_is_inflated() {
        for takeover in [Takeover::Both, Takeover::None] {
            let mut deflater = Deflater::new(takeover);
            let mut inflater = Inflater::new();
            for text in ["Hello, Hello, Hello", "Hello, world", "Hello, Hello, Hello"] {
                let message = deflater.message(text.as_bytes());
                assert!(inflater.holds(&message, text.as_bytes()).unwrap(), "{text}");
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_inflated() {
        // RFC 7692 §7.2.3.1 and §7.2.3.2: the second refers to the first.
        let mut inflater = Inflater::new();
        let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert!(inflater.holds(&first, b"Hello").unwrap());
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert!(inflater.holds(&second, b"Hello").unwrap());
        assert!(!inflater.holds(&first, b"Hallo").unwrap());
    }

    #[test]
    fn a_repetition_costs_nothing_where_the_context_is_kept() {
        let text = b"{\"user\":\"ada\",\"text\":\"good morning, all of you\"}";
        let size = |takeover| {
            let mut deflater = Deflater::new(takeover);
            deflater.message(text);
            deflater.message(text).len()
        };
        assert!(size(Takeover::Both) < size(Takeover::None) / 2);
    }

    #[test]
    fn only_what_was_asked_for_is_accepted() {
        let both = Some("permessage-deflate");
        let none = Some(offer(Takeover::None));
        assert!(is_accepted(Takeover::Both, both) && is_accepted(Takeover::None, none));
        assert!(!is_accepted(Takeover::Both, none) && !is_accepted(Takeover::None, both));
        assert!(!is_accepted(Takeover::Both, None));
    }
}
