//! F14: masking, beside a loop over bytes.

use bytes::BytesMut;
use socket_flow_frames::{MaskKey, mask};

use crate::source::Source;

/// Masking in place, while copying and while appending is the RFC's loop over bytes, at any length,
/// alignment and offset, whole or in two, and touches nothing else; doing it twice undoes it.
pub(crate) fn mask(data: &[u8]) {
    let mut source = Source::new(data);
    let key = [source.byte(), source.byte(), source.byte(), source.byte()];
    let offset = source.word();
    let (before, behind) = (source.below(64), source.below(64));
    let (cut, shift) = (source.word(), source.below(64));
    let payload = source.payload();
    let len = payload.len();
    let expected: Vec<u8> = (0..len)
        .map(|at| payload[at] ^ key[(offset + at) % 4])
        .collect();
    let key = MaskKey::from(key);

    let mut frame = vec![0xaa; before];
    frame.extend_from_slice(&payload);
    frame.resize(before + len + behind, 0xbb);
    mask::apply(&mut frame[before..before + len], key, offset);
    assert_eq!(&frame[before..before + len], expected);
    assert!(frame[..before].iter().all(|byte| *byte == 0xaa));
    assert!(frame[before + len..].iter().all(|byte| *byte == 0xbb));
    mask::apply(&mut frame[before..before + len], key, offset);
    assert_eq!(&frame[before..before + len], payload);

    let cut = cut % (len + 1);
    let mut halves = payload.clone();
    mask::apply(&mut halves[..cut], key, offset);
    mask::apply(&mut halves[cut..], key, offset + cut);
    assert_eq!(halves, expected);

    let mut appended = BytesMut::from(&frame[..before]);
    mask::append(&mut appended, &payload, key, offset);
    assert!(appended[..before].iter().all(|byte| *byte == 0xaa));
    assert_eq!(appended[before..], expected);

    // Between places of different alignment, the destination a byte longer or shorter.
    for room in [len, len + 1, len.saturating_sub(1)] {
        let mut to = vec![0xcc; shift + room];
        let copied = mask::copy(&mut to[shift..], &frame[before..before + len], key, offset);
        assert_eq!(copied, len.min(room));
        assert_eq!(&to[shift..shift + copied], &expected[..copied]);
        let around = to[..shift].iter().chain(&to[shift + copied..]);
        assert!(around.into_iter().all(|byte| *byte == 0xcc));
    }
}
