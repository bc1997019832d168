//! Payloads of Close frames, RFC 6455 sections 5.5.1 and 7.4.

use std::error::Error as _;

use proptest::prelude::*;
use socket_flow_frames::{
    CloseCode, CloseError, ClosePayload, MAX_CONTROL_PAYLOAD, MAX_REASON_LEN, decode_close,
};

/// RFC 6455 §7.4.1.
#[test]
fn all_65536_codes_are_accepted_or_refused_by_the_registry() {
    for number in 0..=u16::MAX {
        let payload = number.to_be_bytes();
        let expected = match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => {
                Ok(Some((CloseCode::try_from(number).unwrap(), "")))
            }
            _ => Err(CloseError::InvalidCode(number)),
        };
        assert_eq!(decode_close(&payload), expected);
    }
}

#[test]
fn an_empty_payload_has_no_code() {
    assert_eq!(decode_close(b""), Ok(None));
    assert_eq!(ClosePayload::default(), ClosePayload::EMPTY);
    assert_eq!(ClosePayload::EMPTY.as_bytes(), b"");
}

#[test]
fn half_a_code_is_refused() {
    assert_eq!(decode_close(b"\x03"), Err(CloseError::Truncated));
    assert_eq!(
        CloseError::Truncated.close_code(),
        CloseCode::PROTOCOL_ERROR
    );
}

#[test]
fn an_invalid_code_is_judged_before_its_reason() {
    let error = decode_close(b"\x03\xed\xff").unwrap_err();
    assert_eq!(error, CloseError::InvalidCode(1005));
    assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
    assert_eq!(error.to_string(), "close frame with the invalid code 1005");
}

/// RFC 6455 §5.5.1.
#[test]
fn a_reason_that_is_not_utf8_closes_with_1007() {
    for payload in [&b"\x03\xe8\xff"[..], b"\x03\xe8ok\xc3"] {
        let error = decode_close(payload).unwrap_err();
        assert!(matches!(error, CloseError::InvalidReason(_)) && error.source().is_some());
        assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
    }
}

#[test]
fn a_payload_of_125_bytes_is_the_longest() {
    let mut payload = vec![b'a'; 126];
    payload[..2].copy_from_slice(&1000u16.to_be_bytes());
    assert_eq!(decode_close(&payload), Err(CloseError::TooLong));
    assert!(decode_close(&payload[..125]).is_ok());
}

#[test]
fn a_reason_of_123_bytes_is_the_longest() {
    let reason = "a".repeat(2 * MAX_CONTROL_PAYLOAD + 200);
    let longest = ClosePayload::new(CloseCode::NORMAL, &reason[..MAX_REASON_LEN]).unwrap();
    assert_eq!(longest.len(), MAX_CONTROL_PAYLOAD);
    for len in MAX_REASON_LEN + 1..reason.len() {
        let error = ClosePayload::new(CloseCode::NORMAL, &reason[..len]).unwrap_err();
        assert_eq!(error.reason_len(), len);
    }
}

#[test]
fn a_code_alone_makes_a_payload() {
    let payload = ClosePayload::from(CloseCode::GOING_AWAY);
    assert_eq!(
        payload,
        ClosePayload::new(CloseCode::GOING_AWAY, "").unwrap()
    );
    assert_eq!(&*payload, b"\x03\xe9");
}

#[test]
fn payloads_that_differ_in_code_or_reason_are_not_equal() {
    let payload = |code, reason| ClosePayload::new(code, reason).unwrap();
    let bye = payload(CloseCode::NORMAL, "bye");
    assert_eq!(bye, payload(CloseCode::NORMAL, "bye"));
    for other in [
        payload(CloseCode::GOING_AWAY, "bye"),
        payload(CloseCode::NORMAL, "bya"),
        payload(CloseCode::NORMAL, "by"),
        ClosePayload::EMPTY,
    ] {
        assert_ne!(bye, other);
    }
}

proptest! {
    #[test]
    fn what_is_built_is_decoded(code in 3000..5000u16, reason in "[ -~é語\u{1f980}]{0,30}") {
        let code = CloseCode::try_from(code).unwrap();
        let payload = ClosePayload::new(code, &reason).unwrap();
        prop_assert_eq!(decode_close(&payload), Ok(Some((code, &*reason))));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..140)) {
        if let Ok(Some((code, reason))) = decode_close(&payload) {
            let built = ClosePayload::new(code, reason).unwrap();
            prop_assert_eq!(built.as_bytes(), &payload[..]);
        }
    }
}
