//! Differences in what becomes of a request, and of the answer to one.

use crate::replay::corpus::{Side, Stage};
use crate::replay::differences::{Difference, Pair};
use crate::replay::http;

/// A difference of servers, in what they make of a request.
const fn request(what: &'static str, applies: fn(&Pair<'_>) -> bool) -> Difference {
    Difference {
        what,
        stage: Stage::Opening,
        side: Some(Side::Server),
        applies,
    }
}

/// A difference of clients, in what they make of an answer.
const fn answer(what: &'static str, applies: fn(&Pair<'_>) -> bool) -> Difference {
    Difference {
        what,
        stage: Stage::Opening,
        side: Some(Side::Client),
        applies,
    }
}

/// Of servers, then of clients.
pub(super) const OPENINGS: &[Difference] = &[
    request(
        "a request that ends before its head does is given no answer",
        |pair| {
            pair.because(&["client closed the connection during the opening handshake"])
                && pair.ours.status.is_none()
                && pair.theirs.status == Some(400)
                && http::head(&pair.case.bytes).is_none()
        },
    ),
    request(
        "a refusal for the form of a request has the status 400",
        |pair| pair.refused_by_both(400),
    ),
    request(
        "any other method than GET is refused with 405 (RFC 9110 §15.5.6)",
        |pair| pair.refused_by_both(405),
    ),
    request(
        "a request without an upgrade to websocket, or for another version of it, is refused with \
         426 (RFC 9110 §15.5.22, RFC 6455 §4.4)",
        |pair| pair.refused_by_both(426),
    ),
    request(
        "more than 100 header lines are refused with 431 (RFC 6585 §5)",
        |pair| pair.refused_by_both(431),
    ),
    request(
        "any other version of HTTP is refused with 505 (RFC 9110 §15.6.6)",
        |pair| pair.refused_by_both(505),
    ),
    request(
        "there must be one Host, and a valid one (RFC 9112 §3.2)",
        |pair| pair.opened_elsewhere(&["no Host", "invalid Host", "more than one Host"]),
    ),
    request(
        "a request head has no control characters (RFC 9110 §5.5, RFC 9112 §3)",
        |pair| pair.opened_elsewhere(&["request head cannot be read: control character"]),
    ),
    request(
        "a request line has a method, a target and a version (RFC 9112 §3)",
        |pair| pair.opened_elsewhere(&["request head cannot be read: invalid start line"]),
    ),
    request(
        "a request target must be a path or an absolute HTTP URI, of the characters that a URI may \
         have (RFC 6455 §4.2.1, RFC 9112 §3.2)",
        |pair| pair.opened_elsewhere(&["invalid request target"]),
    ),
    request(
        "Sec-WebSocket-Version must be 13 (RFC 6455 §4.2.1)",
        |pair| pair.opened_elsewhere(&["Sec-WebSocket-Version is not 13"]),
    ),
    request(
        "Connection must be a list of tokens (RFC 9110 §7.6.1)",
        |pair| pair.opened_elsewhere(&["invalid Connection"]),
    ),
    request(
        "Sec-WebSocket-Extensions must follow its grammar, of extensions that nobody uses as well \
         (RFC 6455 §9.1)",
        |pair| pair.opened_elsewhere(&["invalid Sec-WebSocket-Extensions"]),
    ),
    request(
        "a request that announces a body in any way is refused",
        |pair| pair.opened_elsewhere(&["request has a body"]),
    ),
    request(
        "Upgrade may name other protocols beside websocket (RFC 9110 §7.8)",
        |pair| pair.opened_here("Upgrade", |values| values.join(",").contains(',')),
    ),
    request(
        "a server that admits every origin does not look at Origin",
        |pair| pair.opened_here("Origin", |values| values.len() > 1),
    ),
    request(
        "a Content-Length of zero is no body, however many zeros it has (RFC 9110 §8.6)",
        |pair| {
            pair.opened_here("Content-Length", |values| {
                values
                    .iter()
                    .all(|value| value.bytes().all(|digit| digit == b'0'))
                    && !values.is_empty()
            })
        },
    ),
    request(
        "what lies behind a request is read once the answer is written, and a fault in it is \
         answered by a Close",
        |pair| {
            pair.ours.opened.is_some()
                && pair.because(&["peer violated the protocol"])
                && pair.theirs.opened.is_none()
                && pair.theirs.status.is_none()
        },
    ),
    answer(
        "interim answers are waited through (RFC 9110 §15.2)",
        |pair| {
            let interim = pair.theirs.status.is_some_and(|status| status < 200);
            interim && pair.theirs.opened.is_none() && pair.case.bytes.starts_with(b"HTTP/1.1 1")
        },
    ),
    answer(
        "a server that chooses none of the subprotocols offered opens the connection without one \
         (RFC 6455 §4.2.2)",
        |pair| {
            let chosen = http::values(&pair.case.bytes, "Sec-WebSocket-Protocol");
            pair.case.offers_subprotocols
                && chosen.is_empty()
                && pair.ours.opened.is_some()
                && pair.theirs.opened.is_none()
        },
    ),
    answer(
        "an answer has no control characters in its head (RFC 9110 §5.5, RFC 9112 §4)",
        |pair| {
            pair.because(&["server's answer cannot be read: control character in the head"])
                && (pair.theirs.opened.is_some() || pair.theirs.refusal().is_some())
        },
    ),
    answer(
        "a status from 600 to 999 is told as what it is (RFC 9110 §15)",
        |pair| {
            pair.ours
                .status
                .is_some_and(|status| (600..=999).contains(&status))
                && pair.theirs.opened.is_none()
                && pair.theirs.status.is_none()
        },
    ),
    answer(
        "Connection of an answer must be a list of tokens with upgrade in it (RFC 9110 §7.6.1)",
        |pair| pair.opened_elsewhere(&["response has no Connection: Upgrade"]),
    ),
    answer(
        "only HTTP/1.1 can switch protocols (RFC 9110 §7.8)",
        |pair| pair.opened_elsewhere(&["response is not HTTP/1.1"]),
    ),
    answer(
        "a window must be a number without leading zeros (RFC 7692 §7.1.2)",
        |pair| pair.opened_elsewhere(&["client_max_window_bits is not a number from 8 to 15"]),
    ),
];
