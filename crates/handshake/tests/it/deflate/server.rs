//! Which offers a server takes, and what it answers.

use socket_flow_handshake::DeflateParams;
use socket_flow_handshake::header::ListError;
use socket_flow_handshake::server::{Choices, RejectReason};

use super::support::{NAME, choose, params, serve, with};

/// What a server that wants nothing for itself answers.
fn answer(headers: &[&str]) -> Option<String> {
    let chosen = choose(headers, DeflateParams::default()).unwrap();
    chosen.map(|(answer, _)| answer)
}

const PARAMETERS: [&str; 4] = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
];

/// RFC 6455 §9; RFC 7692 §5.
#[test]
fn nothing_is_accepted_unless_the_server_chose_to() {
    let (answer, negotiated) = serve(&[NAME], &Choices::default()).unwrap();
    assert_eq!(answer, None);
    assert_eq!(negotiated.deflate(), None);
    assert_eq!(choose(&[], DeflateParams::default()), Ok(None));
}

/// RFC 7692 §7.1.2.
#[test]
fn a_window_outside_of_8_to_15_is_answered_with_the_nearest() {
    let offer = "permessage-deflate; server_max_window_bits=15; client_max_window_bits";
    for (bits, answer) in [
        (0, "server_max_window_bits=8 client_max_window_bits=8"),
        (7, "server_max_window_bits=8 client_max_window_bits=8"),
        (16, "server_max_window_bits=15"),
        (255, "server_max_window_bits=15"),
    ] {
        let wished = DeflateParams {
            server_max_window_bits: bits,
            client_max_window_bits: bits,
            ..DeflateParams::default()
        };
        let chosen = choose(&[offer], wished).unwrap();
        assert_eq!(chosen, Some((with(answer), params(answer))), "{bits}");
    }
}

/// RFC 7692 §5.
#[test]
fn a_browser_is_told_what_the_server_needs_of_it() {
    let offer = "permessage-deflate; client_max_window_bits";
    for (chosen, answer, agreed) in [
        ("", "", ""),
        // A server that empties its inflater between messages must say so, or the second message
        // fails.
        (
            "client_no_context_takeover",
            "client_no_context_takeover",
            "client_no_context_takeover",
        ),
        (
            "server_no_context_takeover client_no_context_takeover server_max_window_bits=9 \
             client_max_window_bits=8",
            "server_no_context_takeover client_no_context_takeover server_max_window_bits=9 \
             client_max_window_bits=8",
            "server_no_context_takeover client_no_context_takeover server_max_window_bits=9 \
             client_max_window_bits=8",
        ),
    ] {
        let got = choose(&[offer], params(chosen)).unwrap();
        assert_eq!(got, Some((with(answer), params(agreed))), "{chosen}");
    }
}

/// RFC 7692 §5, §7.1.1.1.
#[test]
fn offers_of_the_autobahn_suite_are_answered() {
    let base = "client_no_context_takeover client_max_window_bits";
    for (demanded, answered) in [
        ("", ""),
        ("server_no_context_takeover", "server_no_context_takeover"),
        ("server_max_window_bits=9", "server_max_window_bits=9"),
        ("server_max_window_bits=15", "server_max_window_bits=15"),
        (
            "server_no_context_takeover server_max_window_bits=9",
            "server_no_context_takeover server_max_window_bits=9",
        ),
        (
            "server_no_context_takeover server_max_window_bits=15",
            "server_no_context_takeover server_max_window_bits=15",
        ),
    ] {
        let expected = params(&format!("{answered} client_no_context_takeover"));
        let offer = with(&format!("{base} {demanded}"));
        let (answer, agreed) = choose(&[&offer], DeflateParams::default())
            .unwrap()
            .unwrap();
        assert_eq!(agreed, expected, "{offer}");
        for param in answered.split_whitespace() {
            assert!(answer.contains(&format!("; {param}")), "{answer}");
        }
        assert!(!answer.contains("client_max_window_bits"), "{answer}");
    }
}

/// RFC 6455 §4.2.2, §9, §9.1, §11.3.2; RFC 7692 §5.
#[test]
fn the_first_valid_offer_wins_in_one_header_and_in_many() {
    let autobahn = [
        "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
         server_no_context_takeover; server_max_window_bits=9",
        "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
         server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_max_window_bits",
    ];
    let first = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=9";
    assert_eq!(answer(&autobahn).as_deref(), Some(first));
    assert_eq!(answer(&[&autobahn.join(", ")]).as_deref(), Some(first));
    let split = [autobahn[0].into(), autobahn[1..].join(",")];
    assert_eq!(answer(&[&split[0], &split[1]]).as_deref(), Some(first));

    // The same with the better offers made unacceptable, one after the other.
    let bad = autobahn[0].replace("=9", "=16");
    let rest = [bad.as_str(), autobahn[1], autobahn[2]];
    let second = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(answer(&rest).as_deref(), Some(second));
    assert_eq!(answer(&[&rest.join(", ")]).as_deref(), Some(second));
    let worse = autobahn[1].to_owned() + "; server_no_context_takeover";
    let rest = [bad.as_str(), &worse, autobahn[2]];
    let third = "permessage-deflate; client_no_context_takeover";
    assert_eq!(answer(&rest).as_deref(), Some(third));
    assert_eq!(answer(&[&rest.join(", ")]).as_deref(), Some(third));

    for (headers, expected) in [
        (
            &["x; y, permessage-deflate; foo=1, permessage-deflate"][..],
            Some("permessage-deflate"),
        ),
        (
            &["x; server_no_context_takeover, permessage-deflate"],
            Some("permessage-deflate"),
        ),
        (
            &["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            &["permessage-deflate, permessage-deflate; server_max_window_bits=10"],
            Some("permessage-deflate"),
        ),
        (
            &["permessage-deflate; server_max_window_bits=10", NAME],
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (&["", "x", NAME], Some("permessage-deflate")),
        (&["permessage-deflate; foo, x"], None),
        (&["x", "y; z=1"], None),
        // The name is another one in another case.
        (&["Permessage-Deflate"], None),
        (&["permessage-deflate2", "deflate-frame"], None),
    ] {
        assert_eq!(answer(headers).as_deref(), expected, "{headers:?}");
    }
}

/// RFC 7692 §7.1.3.
#[test]
fn the_offers_of_section_7_1_3_are_answered_as_there() {
    for (offer, expected) in [
        ("permessage-deflate", "permessage-deflate"),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
             permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate",
        ),
    ] {
        assert_eq!(answer(&[offer]).as_deref(), Some(expected), "{offer}");
    }
}

#[test]
fn an_offer_behind_a_thousand_bad_ones_is_found() {
    let header = "permessage-deflate; x, ".repeat(1000) + NAME;
    assert_eq!(answer(&[&header]).as_deref(), Some(NAME));
    let params = "; server_max_window_bits=10".repeat(1000);
    let header = format!("{NAME}{params}, {NAME}");
    assert_eq!(answer(&[&header]).as_deref(), Some(NAME));
}

/// RFC 7692 §5, §7, §7.1.2.1, §7.1.2.2.
#[test]
fn bad_values_decline_the_offer_and_not_the_next_one() {
    for value in [
        "0",
        "7",
        "16",
        "99",
        "255",
        "256",
        "08",
        "015",
        "+8",
        "-8",
        "8.0",
        "0x8",
        "1e1",
        "8bits",
        "a",
        "\"0\"",
        "\"7\"",
        "\"08\"",
        "\"16\"",
        "18446744073709551624",
    ] {
        for parameter in PARAMETERS {
            let offer = with(&format!("{parameter}={value}"));
            assert_eq!(answer(&[&offer]), None, "{offer}");
            let next = format!("{offer}, permessage-deflate");
            assert_eq!(answer(&[&next]).as_deref(), Some(NAME), "{offer}");
        }
    }
    // A window where none is taken, and none where one is needed.
    for param in [
        "server_no_context_takeover=8",
        "client_no_context_takeover=\"15\"",
        "server_max_window_bits",
    ] {
        assert_eq!(answer(&[&with(param)]), None, "{param}");
    }
}

/// RFC 7692 §5, §5.2.
#[test]
fn windows_of_8_to_15_are_honoured_however_they_are_spelled() {
    for bits in 8..=15 {
        for parameter in ["server_max_window_bits", "client_max_window_bits"] {
            let expected = with(&format!("{parameter}={bits}"));
            for spelling in [
                format!("{NAME}; {parameter}={bits}"),
                format!("{NAME}; {parameter}=\"{bits}\""),
                format!("{NAME};{parameter} =\t\"{bits}\""),
            ] {
                assert_eq!(answer(&[&spelling]), Some(expected.clone()), "{spelling}");
            }
        }
    }
    let escaped = "permessage-deflate; server_max_window_bits=\"\\1\\0\"";
    assert_eq!(
        answer(&[escaped]).as_deref(),
        Some("permessage-deflate; server_max_window_bits=10")
    );
}

/// RFC 6455 §9.1; RFC 7692 §7.
#[test]
fn repeated_and_unknown_parameters_decline_the_offer() {
    for params in [
        "server_no_context_takeover server_no_context_takeover",
        "client_no_context_takeover client_no_context_takeover",
        "server_max_window_bits=10 server_max_window_bits=10",
        "server_max_window_bits=10 server_max_window_bits=11",
        "client_max_window_bits client_max_window_bits",
        "client_max_window_bits=10 client_max_window_bits",
        "client_max_window_bits client_max_window_bits=10",
        "client_max_window_bits=10 client_max_window_bits=10",
        "server_no_context_takeover client_no_context_takeover server_no_context_takeover",
        "x",
        "x=1",
        "client_max_window_bits x",
        "Client_Max_Window_Bits",
        "server-max-window-bits=10",
        "max_window_bits=10",
    ] {
        assert_eq!(answer(&[&with(params)]), None, "{params}");
    }
}

#[test]
fn values_that_are_empty_or_no_tokens_are_a_bad_request() {
    for parameter in PARAMETERS {
        for (value, error) in [
            ("=", ListError::Token),
            ("=\"\"", ListError::QuotedValue),
            ("=\" 8\"", ListError::QuotedValue),
            ("=\"8,9\"", ListError::QuotedValue),
            ("=\"8", ListError::UnclosedQuote),
            ("=8 9", ListError::Separator),
        ] {
            let offer = format!("{NAME}; {parameter}{value}");
            let got = choose(&[NAME, &offer], DeflateParams::default());
            assert_eq!(got, Err(RejectReason::Extensions(error)), "{offer}");
        }
    }
}
