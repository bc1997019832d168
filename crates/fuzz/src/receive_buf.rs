//! F16: the buffer that remembers what it validated, beside one that remembers nothing.

use socket_flow_frames::{ReceiveBuf, Utf8Bytes, mask};

use crate::source::Source;

/// Whatever is done to a `ReceiveBuf` between validating and lending, what it lends as text is
/// what `str::from_utf8` says of the bytes as they are.
pub(crate) fn receive_buf(data: &[u8]) {
    let mut source = Source::new(data);
    let mut buf = ReceiveBuf::new();
    let mut plain: Vec<u8> = Vec::new();
    while !source.is_empty() {
        let op = source.below(13);
        let (a, b) = (source.byte() as usize, source.byte() as usize);
        let range = a.min(b)..a.max(b);
        let within = range.start.min(plain.len())..range.end.min(plain.len());
        match op {
            0 | 1 => {
                let bytes = source.bytes();
                buf.extend_from_slice(bytes);
                plain.extend_from_slice(bytes);
            }
            2 | 3 => {
                let judged = buf.check_utf8(range, b & 1 != 0).is_ok();
                let bytes = &plain[within];
                let expected = match std::str::from_utf8(bytes) {
                    Ok(_) => true,
                    Err(error) => b & 1 == 0 && error.error_len().is_none(),
                };
                assert_eq!(judged, expected);
            }
            4 => {
                let part = buf.slice_mut(range);
                assert_eq!(part.len(), within.len());
                for (to, also) in part.iter_mut().zip(&mut plain[within]) {
                    *to ^= 0x80;
                    *also ^= 0x80;
                }
            }
            5 => {
                buf.advance(a);
                plain.drain(..a.min(plain.len()));
            }
            6 => {
                let split = buf.split_to(a);
                let rest = plain.split_off(a.min(plain.len()));
                assert_eq!(split.as_slice(), plain);
                let text = split.freeze_text().ok();
                let expected = std::str::from_utf8(&plain).ok();
                assert_eq!(text.as_ref().map(Utf8Bytes::as_str), expected);
                plain = rest;
            }
            7 => {
                buf.truncate(a);
                plain.truncate(a);
            }
            8 => buf.reserve(a),
            9 => drop(buf.try_reclaim(a)),
            10 | 11 => {
                let start = range.start.saturating_sub(source.below(32));
                // Of a key that changes no high bit much is still text.
                let key = [source.byte() & 0x1F, 0, source.byte() & 0x1F, 0];
                mask::apply(&mut plain[within.clone()], key.into(), a);
                let judged = buf.unmask_text(start, range, key.into(), a, b & 1 != 0);
                let bytes = &plain[start.min(within.end)..within.end];
                let expected = match std::str::from_utf8(bytes) {
                    Ok(_) => true,
                    Err(error) => b & 1 == 0 && error.error_len().is_none(),
                };
                assert_eq!(judged.is_ok(), expected);
            }
            _ => {
                let expected = std::str::from_utf8(&plain[within]).ok();
                assert_eq!(buf.text(range).ok(), expected);
            }
        }
        assert_eq!(buf.as_slice(), plain);
    }
    let text = buf.freeze_text().ok();
    let expected = std::str::from_utf8(&plain).ok();
    assert_eq!(text.as_ref().map(Utf8Bytes::as_str), expected);
}
