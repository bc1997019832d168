//! F9: text in pieces, beside the standard library.

use socket_flow_frames::{ReceiveBuf, Utf8Bytes, Utf8Validator, utf8};

use crate::source::Source;

/// Text in pieces is judged as `str::from_utf8` judges the whole, and refused in the piece that
/// holds the first impossible byte.
pub(crate) fn utf8_stream(data: &[u8]) {
    let mut source = Source::new(data);
    let cuts = source.cuts();
    // What is short is checked byte by byte, what is long by vectors.
    let padding = [0, 0, 0, 15, 31, 64, 200, 1000];
    let padding = source.pick(&padding);
    let mut bytes = vec![b'a'; padding];
    bytes.extend_from_slice(source.rest());

    let whole = std::str::from_utf8(&bytes);
    assert_eq!(utf8::validate(&bytes).ok(), whole.ok());
    let owned = Utf8Bytes::try_from(bytes.clone()).ok();
    assert_eq!(owned.as_ref().map(Utf8Bytes::as_str), whole.ok());

    let everywhere: Vec<_> = (0..=bytes.len()).collect();
    for places in [cuts.within(bytes.len()), Vec::new(), everywhere] {
        let mut validator = Utf8Validator::new();
        let mut buf = ReceiveBuf::new();
        let mut start = 0;
        let mut failed = false;
        for end in places.into_iter().chain([bytes.len()]) {
            let refused = validator.push(&bytes[start..end]).is_err();
            buf.extend_from_slice(&bytes[start..end]);
            let len = buf.len();
            let refused_in_place = buf.check_utf8(0..len, false).is_err();
            failed = impossible_at(&bytes).is_some_and(|place| place < end);
            assert_eq!((refused, refused_in_place), (failed, failed), "up to {end}");
            if failed {
                break;
            }
            start = end;
        }
        assert_eq!(validator.finish().is_ok(), whole.is_ok());
        if !failed {
            let len = buf.len();
            assert_eq!(buf.check_utf8(0..len, true).is_ok(), whole.is_ok());
            assert_eq!(buf.text(0..len).ok(), whole.ok());
            let frozen = buf.freeze_text().ok();
            assert_eq!(frozen.as_ref().map(Utf8Bytes::as_str), whole.ok());
        }
    }
}

/// The place of the first byte with which no text goes on.
fn impossible_at(bytes: &[u8]) -> Option<usize> {
    let error = std::str::from_utf8(bytes).err()?;
    let start = error.valid_up_to();
    // The bytes that could have begun a character are `error_len`; the next one proves it, unless
    // already the first can begin none.
    let begun = matches!(bytes[start], 0xc2..=0xf4);
    Some(start + if begun { error.error_len()? } else { 0 })
}
