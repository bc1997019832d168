//! What clients without this library compress and inflate.

use std::io;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

/// The payload of a compressed message (RFC 7692 §7.2.1), as small as it gets. It refers to no message
/// before it.
///
/// # Errors
/// It cannot be compressed.
pub(crate) fn deflated(message: &[u8]) -> io::Result<Vec<u8>> {
    let mut deflate = Compress::new(flate2::Compression::best(), false);
    // Stored blocks, where nothing else helps, have a header of five bytes.
    let mut output = Vec::with_capacity(message.len() + message.len() / 1024 + 1024);
    let status = deflate
        .compress_vec(message, &mut output, FlushCompress::Sync)
        .map_err(io::Error::other)?;
    let is_whole = status == Status::Ok && deflate.total_in() == message.len() as u64;
    match output.strip_suffix(TAIL) {
        Some(payload) if is_whole => Ok(payload.to_vec()),
        _ => Err(io::Error::other("a message cannot be compressed")),
    }
}

/// Inflates the messages of a server, one after the other: they may refer to each other.
#[derive(Debug)]
pub(crate) struct Inflate(Decompress);

impl Inflate {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// The message of this payload.
    ///
    /// # Errors
    /// It is not compressed so.
    pub(crate) fn inflate(&mut self, payload: &[u8]) -> io::Result<Vec<u8>> {
        let Self(inflate) = self;
        let input = [payload, TAIL].concat();
        let (start, mut output) = (inflate.total_in(), Vec::new());
        loop {
            output.reserve(PIECE);
            let taken = (inflate.total_in() - start) as usize;
            inflate
                .decompress_vec(&input[taken..], &mut output, FlushDecompress::Sync)
                .map_err(io::Error::other)?;
            // What is left in the codec fills all the room there is.
            if output.len() < output.capacity() {
                return Ok(output);
            }
        }
    }
}

/// So much room there is for more, at least.
const PIECE: usize = 4 << 10;

/// The end of what is compressed, which is not sent.
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff];

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(payload: &[u8], len: usize) -> Vec<u8> {
        let message = Inflate::new().inflate(payload).unwrap();
        assert_eq!(message.len(), len);
        message
    }

    #[test]
    fn a_bomb_is_a_thousandth_of_what_it_becomes() {
        let zeros = vec![0; (16 << 20) - 1];
        let bomb = deflated(&zeros).unwrap();
        assert!(bomb.len() < 17_000, "{} bytes", bomb.len());
        assert!(inflated(&bomb, zeros.len()) == zeros);
    }

    #[test]
    fn what_does_not_compress_is_hardly_longer() {
        let mut numbers = crate::seed::Seed::new(1).numbers(0);
        let noise = numbers.bytes(1 << 20);
        let payload = deflated(&noise).unwrap();
        assert!((1 << 20..(1 << 20) + 1024).contains(&payload.len()));
        assert!(inflated(&payload, noise.len()) == noise);
    }
}
