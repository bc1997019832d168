//! Each parameter, offered or not, against each kind of answer and each kind of choice.

use socket_flow_handshake::client::{Offer, VerifyError};
use socket_flow_handshake::deflate::DeflateError::{self, *};
use socket_flow_handshake::deflate::Parameter::*;

use super::support::{answered, choose, offer, params, with};

/// What the client offers, what the server answers, and what is agreed on.
type Answer = (
    &'static str,
    &'static str,
    Result<&'static str, DeflateError>,
);

/// What the client offers, what the server chooses, and unless it declines what it answers and
/// what is agreed on.
type Decision = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

const ANSWERS: &[Answer] = &[
    // Not offered: absent, present, bad.
    ("", "", Ok("")),
    ("", SNCT, Ok(SNCT)),
    (
        "",
        "server_no_context_takeover=1",
        Err(UnexpectedValue(ServerNoContextTakeover)),
    ),
    // Offered: absent, present, bad.
    (SNCT, "", Err(MissingParameter(ServerNoContextTakeover))),
    (SNCT, SNCT, Ok(SNCT)),
    (
        SNCT,
        "server_no_context_takeover=true",
        Err(UnexpectedValue(ServerNoContextTakeover)),
    ),
    ("", "", Ok("")),
    ("", CNCT, Ok(CNCT)),
    (
        "",
        "client_no_context_takeover=0",
        Err(UnexpectedValue(ClientNoContextTakeover)),
    ),
    // The client keeps to what it offered.
    (CNCT, "", Ok(CNCT)),
    (CNCT, CNCT, Ok(CNCT)),
    (
        CNCT,
        "client_no_context_takeover=15",
        Err(UnexpectedValue(ClientNoContextTakeover)),
    ),
    // Not offered: absent, smaller than the default, equal, larger, bad.
    ("", "", Ok("")),
    (
        "",
        "server_max_window_bits=8",
        Ok("server_max_window_bits=8"),
    ),
    ("", "server_max_window_bits=15", Ok("")),
    (
        "",
        "server_max_window_bits=16",
        Err(InvalidWindowBits(ServerMaxWindowBits)),
    ),
    (
        "",
        "server_max_window_bits",
        Err(MissingValue(ServerMaxWindowBits)),
    ),
    // Offered: absent, smaller, equal, larger, bad.
    (
        "server_max_window_bits=10",
        "",
        Err(MissingParameter(ServerMaxWindowBits)),
    ),
    (
        "server_max_window_bits=10",
        "server_max_window_bits=9",
        Ok("server_max_window_bits=9"),
    ),
    (
        "server_max_window_bits=10",
        "server_max_window_bits=10",
        Ok("server_max_window_bits=10"),
    ),
    (
        "server_max_window_bits=10",
        "server_max_window_bits=11",
        Err(WindowTooLarge(ServerMaxWindowBits)),
    ),
    (
        "server_max_window_bits=10",
        "server_max_window_bits",
        Err(MissingValue(ServerMaxWindowBits)),
    ),
    (
        "server_max_window_bits=10",
        "server_max_window_bits=7",
        Err(InvalidWindowBits(ServerMaxWindowBits)),
    ),
    (
        "server_max_window_bits=8",
        "server_max_window_bits=8",
        Ok("server_max_window_bits=8"),
    ),
    (
        "server_max_window_bits=15",
        "",
        Err(MissingParameter(ServerMaxWindowBits)),
    ),
    (
        "server_max_window_bits=15",
        "server_max_window_bits=15",
        Ok(""),
    ),
    // Not offered: absent, smaller than the default, equal, larger, bad.
    ("", "", Ok("")),
    (
        "",
        "client_max_window_bits=8",
        Err(UnofferedParameter(ClientMaxWindowBits)),
    ),
    (
        "",
        "client_max_window_bits=15",
        Err(UnofferedParameter(ClientMaxWindowBits)),
    ),
    (
        "",
        "client_max_window_bits=16",
        Err(InvalidWindowBits(ClientMaxWindowBits)),
    ),
    (
        "",
        "client_max_window_bits",
        Err(UnofferedParameter(ClientMaxWindowBits)),
    ),
    // Offered alone.
    ("client_max_window_bits", "", Ok("")),
    (
        "client_max_window_bits",
        "client_max_window_bits=8",
        Ok("client_max_window_bits=8"),
    ),
    (
        "client_max_window_bits",
        "client_max_window_bits=15",
        Ok(""),
    ),
    (
        "client_max_window_bits",
        "client_max_window_bits=16",
        Err(InvalidWindowBits(ClientMaxWindowBits)),
    ),
    (
        "client_max_window_bits",
        "client_max_window_bits",
        Err(MissingValue(ClientMaxWindowBits)),
    ),
    // Offered with a value, which the client keeps to.
    (
        "client_max_window_bits=10",
        "",
        Ok("client_max_window_bits=10"),
    ),
    (
        "client_max_window_bits=10",
        "client_max_window_bits=9",
        Ok("client_max_window_bits=9"),
    ),
    (
        "client_max_window_bits=10",
        "client_max_window_bits=10",
        Ok("client_max_window_bits=10"),
    ),
    (
        "client_max_window_bits=10",
        "client_max_window_bits=11",
        Err(WindowTooLarge(ClientMaxWindowBits)),
    ),
    (
        "client_max_window_bits=10",
        "client_max_window_bits",
        Err(MissingValue(ClientMaxWindowBits)),
    ),
    (
        "client_max_window_bits=10",
        "client_max_window_bits=7",
        Err(InvalidWindowBits(ClientMaxWindowBits)),
    ),
    (
        "client_max_window_bits=8",
        "",
        Ok("client_max_window_bits=8"),
    ),
];

const DECISIONS: &[Decision] = &[
    // Not wanted by the server: absent, present, bad.
    ("", "", Some(("", ""))),
    (SNCT, "", Some((SNCT, SNCT))),
    ("server_no_context_takeover=1", "", None),
    // Wanted by the server: absent, present, bad.
    ("", SNCT, Some((SNCT, SNCT))),
    (SNCT, SNCT, Some((SNCT, SNCT))),
    ("server_no_context_takeover=true", SNCT, None),
    (CNCT, "", Some((CNCT, CNCT))),
    ("client_no_context_takeover=0", "", None),
    ("", CNCT, Some((CNCT, CNCT))),
    (CNCT, CNCT, Some((CNCT, CNCT))),
    ("client_no_context_takeover=15", CNCT, None),
    // The server's own choice is the default: offered smaller, equal, larger, bad.
    (
        "server_max_window_bits=8",
        "",
        same("server_max_window_bits=8"),
    ),
    (
        "server_max_window_bits=14",
        "",
        same("server_max_window_bits=14"),
    ),
    (
        "server_max_window_bits=15",
        "",
        Some(("server_max_window_bits=15", "")),
    ),
    ("server_max_window_bits=16", "", None),
    ("server_max_window_bits", "", None),
    // The server wants 10 for itself: absent, smaller, equal, larger, bad.
    (
        "",
        "server_max_window_bits=10",
        same("server_max_window_bits=10"),
    ),
    (
        "server_max_window_bits=9",
        "server_max_window_bits=10",
        same("server_max_window_bits=9"),
    ),
    (
        "server_max_window_bits=10",
        "server_max_window_bits=10",
        same("server_max_window_bits=10"),
    ),
    (
        "server_max_window_bits=11",
        "server_max_window_bits=10",
        same("server_max_window_bits=10"),
    ),
    (
        "server_max_window_bits=16",
        "server_max_window_bits=10",
        None,
    ),
    ("server_max_window_bits", "server_max_window_bits=10", None),
    // The server leaves the client's window alone: alone, smaller, equal, larger, bad.
    ("client_max_window_bits", "", Some(("", ""))),
    (
        "client_max_window_bits=8",
        "",
        same("client_max_window_bits=8"),
    ),
    (
        "client_max_window_bits=14",
        "",
        same("client_max_window_bits=14"),
    ),
    (
        "client_max_window_bits=15",
        "",
        Some(("client_max_window_bits=15", "")),
    ),
    ("client_max_window_bits=16", "", None),
    // The server wants 10 of the client: absent (which cannot be limited), alone, smaller, equal,
    // larger, bad.
    ("", "client_max_window_bits=10", Some(("", ""))),
    (
        "client_max_window_bits",
        "client_max_window_bits=10",
        same("client_max_window_bits=10"),
    ),
    (
        "client_max_window_bits=9",
        "client_max_window_bits=10",
        same("client_max_window_bits=9"),
    ),
    (
        "client_max_window_bits=10",
        "client_max_window_bits=10",
        same("client_max_window_bits=10"),
    ),
    (
        "client_max_window_bits=11",
        "client_max_window_bits=10",
        same("client_max_window_bits=10"),
    ),
    (
        "client_max_window_bits=7",
        "client_max_window_bits=10",
        None,
    ),
    // One parameter says nothing about the other.
    (
        "client_max_window_bits=9",
        "server_max_window_bits=10",
        same("server_max_window_bits=10 client_max_window_bits=9"),
    ),
    (
        SNCT,
        CNCT,
        same("server_no_context_takeover client_no_context_takeover"),
    ),
];

const SNCT: &str = "server_no_context_takeover";
const CNCT: &str = "client_no_context_takeover";

const fn same(text: &'static str) -> Option<(&'static str, &'static str)> {
    Some((text, text))
}

/// RFC 6455 §9; RFC 7692 §5, §7.1.1.1, §7.1.1.2, §7.1.2.1, §7.1.2.2, §7.2.2,
/// §7.3.
#[test]
fn each_parameter_is_judged_by_each_role_in_each_constellation() {
    for (offered, answer, expected) in ANSWERS {
        let offer = Offer::default().deflate(offer(offered));
        let got = answered(&offer, &[&with(answer)]);
        let expected = expected.clone().map(params);
        let got = got.map(|negotiated| negotiated.deflate().expect("it was accepted"));
        let expected = expected.map_err(VerifyError::Deflate);
        assert_eq!(got, expected, "client: {offered:?} is answered {answer:?}");
    }
    for (offered, chosen, expected) in DECISIONS {
        let got = choose(&[&with(offered)], params(chosen)).unwrap();
        let expected = expected.map(|(answer, agreed)| (with(answer), params(agreed)));
        assert_eq!(got, expected, "server: {offered:?} meets {chosen:?}");
    }
}
