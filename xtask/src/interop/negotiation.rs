//! permessage-deflate as it must be negotiated (RFC 7692 §7.1), read and reckoned apart from the
//! library's own code.

use serde::Deserialize;

use crate::interop::script::{Parameters, Window};

const LARGEST: u8 = 15;

/// What both ends hold for agreed, under the names of RFC 7692.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Agreed {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: u8,
    pub(crate) client_max_window_bits: u8,
}

/// What must be agreed where a client asks for `asked` and a server that demands `demanded` accepts:
/// of two windows the smaller one, of two wishes for less context either.
pub(crate) fn agreement(asked: &Parameters, demanded: &Parameters) -> Agreed {
    let client_max_window_bits = match asked.client_max_window_bits {
        // §7.1.2.2: who does not offer it cannot be limited.
        None => LARGEST,
        Some(_) => bits(asked.client_max_window_bits).min(bits(demanded.client_max_window_bits)),
    };
    Agreed {
        server_no_context_takeover: asked.server_no_context_takeover
            || demanded.server_no_context_takeover,
        client_no_context_takeover: asked.client_no_context_takeover
            || demanded.client_no_context_takeover,
        server_max_window_bits: asked
            .server_max_window_bits
            .unwrap_or(LARGEST)
            .min(demanded.server_max_window_bits.unwrap_or(LARGEST)),
        client_max_window_bits,
    }
}

/// What is wrong with an answer to an offer, by the rules for a client (§7.1), and with what it
/// comes to.
pub(crate) fn judge_answer(asked: &Parameters, answer: &str, must: &Agreed) -> Vec<String> {
    let answered = match parse(answer) {
        Ok(answered) => answered,
        Err(what) => return vec![format!("the answer '{answer}' {what}")],
    };
    let mut wrong = Vec::new();
    if asked.server_no_context_takeover && !answered.server_no_context_takeover {
        wrong.push("does not repeat server_no_context_takeover (§7.1.1.1)");
    }
    match (
        asked.server_max_window_bits,
        answered.server_max_window_bits,
    ) {
        (Some(_), None) => wrong.push("does not repeat server_max_window_bits (§7.1.2.1)"),
        (Some(asked), Some(bits)) if bits > asked => {
            wrong.push("has a larger server_max_window_bits than asked (§7.1.2.1)");
        }
        _ => {}
    }
    match (
        asked.client_max_window_bits,
        answered.client_max_window_bits,
    ) {
        (_, None) => {}
        (None, _) => wrong.push("has a client_max_window_bits nobody asked for (§7.1.2.2)"),
        (_, Some(Window::Any)) => wrong.push("has client_max_window_bits without a value"),
        (Some(Window::Bits(asked)), Some(Window::Bits(bits))) if bits > asked => {
            wrong.push("has a larger client_max_window_bits than asked (§7.1.2.2)");
        }
        _ => {}
    }
    let mut wrong: Vec<String> = wrong
        .into_iter()
        .map(|what| format!("the answer '{answer}' {what}"))
        .collect();
    // What a client said of itself holds where the answer is silent (§7.1.1.2, §7.1.2.2).
    let comes_to = Agreed {
        server_no_context_takeover: answered.server_no_context_takeover,
        client_no_context_takeover: answered.client_no_context_takeover
            || asked.client_no_context_takeover,
        server_max_window_bits: answered.server_max_window_bits.unwrap_or(LARGEST),
        client_max_window_bits: bits(
            answered
                .client_max_window_bits
                .or(asked.client_max_window_bits),
        ),
    };
    if comes_to != *must {
        wrong.push(format!(
            "the answer '{answer}' comes to {comes_to:?}, not {must:?}"
        ));
    }
    wrong
}

/// Whether a header offers `asked`. Saying the defaults aloud changes nothing.
pub(crate) fn offers(header: &str, asked: Option<&Parameters>) -> bool {
    match (asked, parse(header)) {
        (None, _) => header.is_empty(),
        (Some(asked), Ok(offered)) => offered == *asked,
        (Some(_), Err(_)) => false,
    }
}

fn bits(window: Option<Window>) -> u8 {
    match window {
        Some(Window::Bits(bits)) => bits,
        Some(Window::Any) | None => LARGEST,
    }
}

/// Reads a header that has one extension, permessage-deflate.
fn parse(header: &str) -> Result<Parameters, &'static str> {
    let mut items = header.split(';').map(str::trim);
    if items.next() != Some("permessage-deflate") {
        return Err("is not permessage-deflate");
    }
    let mut parameters = Parameters::default();
    let mut seen = Vec::new();
    for item in items {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(window_bits(value.trim_start())?)),
            None => (item, None),
        };
        if seen.contains(&name) {
            return Err("has a parameter twice");
        }
        seen.push(name);
        match (name, value) {
            ("server_no_context_takeover", None) => parameters.server_no_context_takeover = true,
            ("client_no_context_takeover", None) => parameters.client_no_context_takeover = true,
            ("server_max_window_bits", Some(_)) => parameters.server_max_window_bits = value,
            ("client_max_window_bits", None) => {
                parameters.client_max_window_bits = Some(Window::Any);
            }
            ("client_max_window_bits", Some(bits)) => {
                parameters.client_max_window_bits = Some(Window::Bits(bits));
            }
            _ => return Err("has a parameter that RFC 7692 does not have so"),
        }
    }
    Ok(parameters)
}

/// A window as it is written: 8 to 15 without leading zeros (§7.1.2).
fn window_bits(value: &str) -> Result<u8, &'static str> {
    (8..=LARGEST)
        .find(|bits| bits.to_string() == value)
        .ok_or("has a window outside of 8 to 15")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Parameters = Parameters {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: None,
        client_max_window_bits: None,
    };

    fn agreed(server: u8, client: u8) -> Agreed {
        Agreed {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: server,
            client_max_window_bits: client,
        }
    }

    #[test]
    fn the_smaller_window_and_the_smaller_context_are_agreed() {
        let asked = Parameters {
            client_no_context_takeover: true,
            server_max_window_bits: Some(10),
            client_max_window_bits: Some(Window::Any),
            ..NONE
        };
        let demanded = Parameters {
            server_no_context_takeover: true,
            server_max_window_bits: Some(12),
            client_max_window_bits: Some(Window::Bits(9)),
            ..NONE
        };
        assert_eq!(
            agreement(&asked, &demanded),
            Agreed {
                server_no_context_takeover: true,
                client_no_context_takeover: true,
                server_max_window_bits: 10,
                client_max_window_bits: 9,
            }
        );
        assert_eq!(agreement(&NONE, &demanded).client_max_window_bits, 15);
    }

    #[test]
    fn an_answer_by_the_rules_is_right() {
        let asked = Parameters {
            server_no_context_takeover: true,
            server_max_window_bits: Some(12),
            client_max_window_bits: Some(Window::Bits(11)),
            ..NONE
        };
        let must = Agreed {
            server_no_context_takeover: true,
            ..agreed(10, 11)
        };
        let answer = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
        assert_eq!(judge_answer(&asked, answer, &must), [""; 0]);
    }

    #[test]
    fn an_answer_against_the_rules_is_found() {
        let asked = Parameters {
            server_no_context_takeover: true,
            server_max_window_bits: Some(12),
            client_max_window_bits: Some(Window::Bits(11)),
            ..NONE
        };
        let must = agreement(&asked, &NONE);
        for (answer, what) in [
            ("", "is not permessage-deflate"),
            (
                "permessage-deflate",
                "does not repeat server_no_context_takeover",
            ),
            (
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=13",
                "larger server_max_window_bits",
            ),
            (
                "permessage-deflate; server_no_context_takeover",
                "does not repeat server_max_window_bits",
            ),
            (
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; \
                 client_max_window_bits=12",
                "larger client_max_window_bits",
            ),
            (
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; \
                 client_max_window_bits",
                "without a value",
            ),
            (
                "permessage-deflate; server_max_window_bits=012",
                "outside of 8 to 15",
            ),
            (
                "permessage-deflate; server_max_window_bits",
                "does not have so",
            ),
            (
                "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
                "twice",
            ),
            (
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
                "comes to",
            ),
        ] {
            let wrong = judge_answer(&asked, answer, &must).join("\n");
            assert!(wrong.contains(what), "{answer}: {wrong}");
        }
        let unasked = "permessage-deflate; client_max_window_bits=10";
        let wrong = judge_answer(&NONE, unasked, &agreed(15, 10)).join("\n");
        assert!(wrong.contains("nobody asked for"), "{wrong}");
    }

    #[test]
    fn an_offer_is_what_was_asked_for_and_nothing_else() {
        let asked = Parameters {
            client_max_window_bits: Some(Window::Any),
            ..NONE
        };
        assert!(offers(
            "permessage-deflate; client_max_window_bits",
            Some(&asked)
        ));
        assert!(!offers("permessage-deflate", Some(&asked)));
        assert!(!offers("", Some(&asked)));
        assert!(offers("", None));
        assert!(!offers("permessage-deflate", None));
    }
}
