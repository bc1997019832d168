//! What permessage-deflate's tests share; what is compressed here is so by
//! flate2 on its default backend, which has nothing in common with ours.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use socket_flow_protocol::{DeflateParams, Negotiated, ProtocolError};

use super::{Outcome, ROLES, Script};

/// Both sides keep their contexts, or neither does.
pub(crate) fn agreed(keeps_context: bool) -> Negotiated {
    Negotiated::default().with_deflate(DeflateParams {
        server_no_context_takeover: !keeps_context,
        client_no_context_takeover: !keeps_context,
        ..DeflateParams::default()
    })
}

/// A script to each role, with contexts kept and not.
pub(crate) fn everywhere(check: impl Fn(Script, bool)) {
    for role in ROLES {
        for keeps_context in [true, false] {
            check(
                Script::to(role).negotiated(agreed(keeps_context)),
                keeps_context,
            );
        }
    }
}

/// What flate2 makes of a message on its own, without the tail.
pub(crate) fn compressed(message: &[u8]) -> Vec<u8> {
    let mut payload = flushed(message, FlushCompress::Sync);
    assert!(payload.ends_with(&[0x00, 0x00, 0xff, 0xff]));
    payload.truncate(payload.len() - 4);
    payload
}

/// A whole DEFLATE stream, its last block marked.
pub(crate) fn finished(message: &[u8]) -> Vec<u8> {
    flushed(message, FlushCompress::Finish)
}

/// What flate2 makes of a message, flushed as told.
pub(crate) fn flushed(message: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() + message.len() / 100 + 100);
    let mut codec = Compress::new(Compression::default(), false);
    codec.compress_vec(message, &mut payload, flush).unwrap();
    assert!(payload.len() < payload.capacity());
    assert_eq!(codec.total_in(), message.len() as u64);
    payload
}

/// A message of this length, read by flate2.
pub(crate) fn inflated(reader: &mut Decompress, payload: &[u8], len: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(len + 1);
    let input = [payload, &[0x00, 0x00, 0xff, 0xff][..]].concat();
    reader
        .decompress_vec(&input, &mut message, FlushDecompress::Sync)
        .unwrap();
    message
}

/// "Hello", as in RFC 7692 §7.2.3.1.
pub(crate) const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// A message that only decodes right with a context in order.
pub(crate) fn then_hello(script: Script) -> Script {
    script.frame(0xc1, &HELLO)
}

/// Runs a script that must fail.
#[track_caller]
pub(crate) fn failed(script: Script, error: ProtocolError, code: u16) -> Outcome {
    let outcome = script.run();
    outcome.assert_failed(error, code);
    outcome
}
