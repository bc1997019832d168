//! What a client offers, and which answers fail its handshake.

use std::error::Error as _;

use http::Uri;
use socket_flow_handshake::client::{Offer, RequestError, VerifyError, request};
use socket_flow_handshake::deflate::{
    ClientWindow, DeflateError, DeflateOffer, InvalidWindowBits, Parameter,
};
use socket_flow_handshake::extension::Extension;
use socket_flow_handshake::header::ListError;

use super::support::{NAME, answered, ask, key, offer, params, with, with_extensions};

fn everything() -> Offer {
    Offer::default().deflate(offer(
        "server_no_context_takeover client_no_context_takeover server_max_window_bits=15 \
         client_max_window_bits",
    ))
}

fn error(offer: &Offer, headers: &[&str]) -> VerifyError {
    answered(offer, headers).expect_err(&headers.join(" | "))
}

/// RFC 6455 §9.1; RFC 7692 §5, §7.3.
#[test]
fn an_offer_is_written_as_it_was_made() {
    for (offer, expected) in [
        (
            DeflateOffer::default(),
            "permessage-deflate; client_max_window_bits",
        ),
        (offer(""), "permessage-deflate"),
        (
            offer(
                "server_no_context_takeover client_no_context_takeover server_max_window_bits=8 \
                 client_max_window_bits=15",
            ),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=8; client_max_window_bits=15",
        ),
        (
            offer("server_no_context_takeover").server_no_context_takeover(false),
            "permessage-deflate",
        ),
    ] {
        let request = ask(&Offer::default().deflate(offer));
        assert_eq!(request.headers()["sec-websocket-extensions"], expected);
    }
    let silent = ask(&Offer::default());
    assert!(!silent.headers().contains_key("sec-websocket-extensions"));
}

/// RFC 7692 §7.1.2.1.
#[test]
fn windows_outside_of_8_to_15_cannot_be_offered() {
    for bits in 0..=u8::MAX {
        let expected = match bits {
            8..=15 => Ok(()),
            _ => Err(InvalidWindowBits(bits)),
        };
        let server = DeflateOffer::default().server_max_window_bits(bits);
        assert_eq!(server.map(drop), expected);
        let client = DeflateOffer::default().client_max_window_bits(ClientWindow::Bits(bits));
        assert_eq!(client.map(drop), expected);
    }
    assert_eq!(
        InvalidWindowBits(99).to_string(),
        "window of 99 bits, 8 to 15 are possible"
    );
}

/// RFC 7692 §7.1.2.1, §7.1.2.2.
#[test]
fn parameters_are_offered_where_they_are_not_what_the_bare_name_means() {
    for (wished, expected) in [
        ("", "permessage-deflate; client_max_window_bits"),
        (
            "server_max_window_bits=15 client_max_window_bits=15",
            "permessage-deflate; client_max_window_bits",
        ),
        (
            "server_no_context_takeover server_max_window_bits=14",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=14; \
             client_max_window_bits",
        ),
        (
            "client_no_context_takeover client_max_window_bits=8",
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=8",
        ),
        (
            "server_max_window_bits=7 client_max_window_bits=0",
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8",
        ),
        (
            "server_max_window_bits=16 client_max_window_bits=255",
            "permessage-deflate; client_max_window_bits",
        ),
    ] {
        let request = ask(&Offer::default().deflate(params(wished).into()));
        assert_eq!(request.headers()["sec-websocket-extensions"], expected);
    }
}

/// RFC 6455 §9.1.
#[test]
fn the_offer_stands_behind_other_extensions_and_not_beside_itself() {
    let others = || [Extension::new("x").unwrap(), Extension::new("y").unwrap()];
    let offer = Offer::default()
        .deflate(DeflateOffer::default())
        .extensions(others());
    assert_eq!(
        ask(&offer).headers()["sec-websocket-extensions"],
        "x, y, permessage-deflate; client_max_window_bits"
    );
    let (negotiated, extensions) =
        with_extensions(&offer, &["y", "permessage-deflate, x"]).unwrap();
    assert_eq!(negotiated.deflate(), Some(params("")));
    let names: Vec<_> = extensions.iter().map(Extension::name).collect();
    assert_eq!(names, ["y", NAME, "x"]);
    assert_eq!(answered(&offer, &["x"]).unwrap().deflate(), None);

    let twice = offer.extensions([Extension::new(NAME).unwrap()]);
    let error = request(&Uri::from_static("ws://a/"), &twice, &key()).unwrap_err();
    assert_eq!(error, RequestError::DeflateTwice);
}

#[test]
fn an_offer_written_by_hand_is_left_to_the_hand_that_wrote_it() {
    let offer = Offer::default().extensions([Extension::new(NAME).unwrap()]);
    let (negotiated, extensions) =
        with_extensions(&offer, &["permessage-deflate; anything=1"]).unwrap();
    assert_eq!(negotiated.deflate(), None);
    assert_eq!(extensions.len(), 1);
}

/// RFC 6455 §9.1.
#[test]
fn silence_about_the_extension_leaves_it_out() {
    for offer in [everything(), Offer::default().deflate(offer(""))] {
        assert_eq!(answered(&offer, &[]).unwrap().deflate(), None);
    }
}

/// RFC 7692 §5.
#[test]
fn an_extension_that_was_not_offered_fails_the_handshake() {
    for (offer, header, name) in [
        (Offer::default(), NAME, NAME),
        (everything(), "permessage-bzip2", "permessage-bzip2"),
        (everything(), "Permessage-Deflate", "Permessage-Deflate"),
        (
            everything(),
            "x-webkit-deflate-frame",
            "x-webkit-deflate-frame",
        ),
    ] {
        let expected = VerifyError::UnofferedExtension(name.into());
        assert_eq!(error(&offer, &[header]), expected);
    }
}

/// RFC 7692 §5.
#[test]
fn two_answers_fail_the_handshake_in_one_header_and_in_two() {
    let offer = Offer::default().deflate(DeflateOffer::default());
    let expected = VerifyError::RepeatedExtension(NAME.into());
    for headers in [
        &["permessage-deflate, permessage-deflate"][..],
        &["permessage-deflate", "permessage-deflate"],
        &["permessage-deflate; client_max_window_bits=9, permessage-deflate"],
        // A second one is not looked into.
        &["permessage-deflate", "permessage-deflate; x"],
    ] {
        assert_eq!(error(&offer, headers), expected);
    }
}

/// RFC 7692 §7, §7.1.2.1.
#[test]
fn bad_values_fail_the_handshake_on_every_parameter() {
    use DeflateError::{InvalidWindowBits, UnexpectedValue};
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
        for (parameter, expected) in [
            (
                Parameter::ServerNoContextTakeover,
                UnexpectedValue(Parameter::ServerNoContextTakeover),
            ),
            (
                Parameter::ClientNoContextTakeover,
                UnexpectedValue(Parameter::ClientNoContextTakeover),
            ),
            (
                Parameter::ServerMaxWindowBits,
                InvalidWindowBits(Parameter::ServerMaxWindowBits),
            ),
            (
                Parameter::ClientMaxWindowBits,
                InvalidWindowBits(Parameter::ClientMaxWindowBits),
            ),
        ] {
            let answer = with(&format!("{parameter}={value}"));
            let offers = [
                everything(),
                Offer::default().deflate(offer("")),
                Offer::default().deflate(DeflateOffer::default()),
            ];
            for offer in offers {
                let expected = VerifyError::Deflate(expected.clone());
                assert_eq!(error(&offer, &[&answer]), expected);
            }
        }
    }
}

/// RFC 7692 §7.
#[test]
fn repeated_parameters_fail_the_handshake() {
    for (parameter, first, second) in [
        (Parameter::ServerNoContextTakeover, "", ""),
        (Parameter::ClientNoContextTakeover, "", ""),
        (Parameter::ServerMaxWindowBits, "=10", "=10"),
        (Parameter::ServerMaxWindowBits, "=10", "=9"),
        (Parameter::ClientMaxWindowBits, "=10", "=10"),
        (Parameter::ClientMaxWindowBits, "=10", ""),
        (Parameter::ClientMaxWindowBits, "", "=10"),
    ] {
        let answer = with(&format!("{parameter}{first} {parameter}{second}"));
        let expected = VerifyError::Deflate(DeflateError::RepeatedParameter(parameter));
        assert_eq!(error(&everything(), &[&answer]), expected);
    }
}

/// RFC 6455 §9.1; RFC 7692 §7.
#[test]
fn unknown_parameters_fail_the_handshake() {
    for name in [
        "x",
        "foo=1",
        "Server_No_Context_Takeover",
        "SERVER_MAX_WINDOW_BITS=10",
        "server-max-window-bits=10",
        "no_context_takeover",
        "max_window_bits=10",
        "__proto__",
    ] {
        let offer = Offer::default().deflate(DeflateOffer::default());
        let name_alone = name.split('=').next().unwrap();
        let expected = DeflateError::UnknownParameter(name_alone.into());
        let got = error(&offer, &[&with(name)]);
        assert_eq!(got, VerifyError::Deflate(expected));
    }
}

#[test]
fn values_that_are_empty_or_no_tokens_break_the_grammar() {
    for parameter in [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
    ] {
        for (value, expected) in [
            ("=", ListError::Token),
            ("=\"\"", ListError::QuotedValue),
            ("=\" 8\"", ListError::QuotedValue),
            ("=\"8,9\"", ListError::QuotedValue),
            ("=\"8", ListError::UnclosedQuote),
            ("=8 9", ListError::Separator),
        ] {
            let answer = format!("{NAME}; {parameter}{value}");
            let expected = VerifyError::Extensions(expected);
            assert_eq!(error(&everything(), &[&answer]), expected, "{answer}");
        }
    }
}

/// RFC 7692 §5.2.
#[test]
fn a_quoted_window_is_the_same_window() {
    let offer = Offer::default().deflate(offer("server_max_window_bits=12 client_max_window_bits"));
    let answer =
        "permessage-deflate ;server_max_window_bits = \"10\";client_max_window_bits=\"\\9\"";
    let expected = params("server_max_window_bits=10 client_max_window_bits=9");
    let negotiated = answered(&offer, &[answer]).unwrap();
    assert_eq!(negotiated.deflate(), Some(expected));
    let error = error(
        &offer,
        &["permessage-deflate; server_max_window_bits=\"13\""],
    );
    let too_large = DeflateError::WindowTooLarge(Parameter::ServerMaxWindowBits);
    assert_eq!(error, VerifyError::Deflate(too_large));
}

#[test]
fn errors_say_one_level_each() {
    use DeflateError::*;
    let parameter = Parameter::ServerMaxWindowBits;
    for (error, text) in [
        (
            InvalidWindowBits(parameter),
            "server_max_window_bits is not a number from 8 to 15",
        ),
        (
            MissingParameter(parameter),
            "server_max_window_bits was demanded and is missing",
        ),
        (
            MissingValue(parameter),
            "server_max_window_bits has no value",
        ),
        (
            RepeatedParameter(parameter),
            "server_max_window_bits is repeated",
        ),
        (
            UnexpectedValue(parameter),
            "server_max_window_bits has a value",
        ),
        (UnknownParameter("x".into()), "unknown parameter \"x\""),
        (
            UnofferedParameter(parameter),
            "server_max_window_bits was not offered",
        ),
        (
            WindowTooLarge(parameter),
            "server_max_window_bits is larger than offered",
        ),
    ] {
        let outer = VerifyError::Deflate(error);
        assert_eq!(
            outer.to_string(),
            "response has an invalid permessage-deflate"
        );
        assert_eq!(outer.source().unwrap().to_string(), text);
    }
}
