//! F2: what a peer sends, cut anywhere.

use socket_flow_protocol::{CloseCode, Config, DeflateParams, Negotiated, Role};

use crate::source::Source;
use crate::support::{Endpoint, MODES, Mode, ROLES, Script, frame};

/// The same bytes give the same events, the same answers and the same error however they are cut
/// and read; and an error comes with the byte that proves it, not earlier and not later.
pub(crate) fn split_invariance(data: &[u8]) {
    let mut source = Source::new(data);
    let role = source.pick(&ROLES);
    let negotiated = source.pick(&[None, Some(true), Some(false)]);
    let negotiated = negotiated.map_or(Negotiated::default(), agreed);
    let config = source.pick(&[(16 << 20, 64 << 10, 16), (300, 100, 1), (70_000, 300, 3)]);
    let config = Config::new()
        .max_message(config.0)
        .high_water(config.1)
        .max_pongs(config.2);
    let (echoes, closes, framed) = (source.flag(), source.flag(), source.flag());
    let cuts = source.cuts();
    let bytes = match framed {
        true => frames(&mut source, role),
        false => source.rest().to_vec(),
    };

    let mut script = Script::to(role)
        .config(config.clone())
        .negotiated(negotiated.clone())
        .raw(&bytes);
    if echoes {
        script = script.echo();
    }
    if closes && !echoes {
        script = script.closing();
    }
    let whole = script.run_cut(&[], Mode::Lent);
    let cuts = cuts.within(bytes.len());
    for mode in MODES {
        assert_eq!(script.run_cut(&[], mode), whole, "{mode:?}, whole");
        assert_eq!(script.run_cut(&cuts, mode), whole, "{mode:?}, {cuts:?}");
    }
    // What was written parses, with nothing behind a Close; one at most.
    let sent = whole.sent();
    let count = sent.iter().filter(|(first, _)| *first == 0x88).count();
    assert_eq!(count, usize::from(whole.closing.is_sent()));
    assert!(whole.error.is_none() || whole.closing.is_sent());

    if bytes.len() <= 600 {
        let everywhere: Vec<_> = (1..bytes.len()).collect();
        assert_eq!(script.run_cut(&everywhere, Mode::Owned), whole, "each byte");
        let Some(proof) = first_error(role, &config, &negotiated, closes && !echoes, &bytes) else {
            assert_eq!(whole.error, None);
            return;
        };
        for (end, fails) in [(proof, false), (proof + 1, true)] {
            let mut endpoint = Endpoint::negotiated(role, &config, negotiated.clone());
            if closes && !echoes {
                endpoint.close(CloseCode::NORMAL, "").unwrap();
            }
            endpoint.feed(&bytes[..end]);
            assert_eq!(endpoint.error.is_some(), fails, "at byte {proof}");
        }
    }
}

/// The place of the byte with which the connection fails, fed one by one.
fn first_error(
    role: Role,
    config: &Config,
    negotiated: &Negotiated,
    closes: bool,
    bytes: &[u8],
) -> Option<usize> {
    let mut endpoint = Endpoint::negotiated(role, config, negotiated.clone());
    if closes {
        endpoint.close(CloseCode::NORMAL, "").unwrap();
    }
    bytes.chunks(1).position(|byte| {
        endpoint.feed(byte);
        endpoint.error.is_some()
    })
}

/// The rest of an input as frames: first byte and payload, mostly valid ones.
fn frames(source: &mut Source<'_>, role: Role) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !source.is_empty() && bytes.len() < 300_000 {
        let choice = source.byte();
        let first = match FIRST.get(usize::from(choice % 32)) {
            Some(first) => *first,
            None => source.byte(),
        };
        bytes.extend(frame(role, first, &source.payload()));
    }
    bytes
}

fn agreed(keeps_context: bool) -> Negotiated {
    let params = DeflateParams {
        server_no_context_takeover: !keeps_context,
        client_no_context_takeover: !keeps_context,
        ..DeflateParams::default()
    };
    Negotiated::default().with_deflate(params)
}

const FIRST: [u8; 14] = [
    0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88, 0xc1, 0xc2, 0x41, 0x42, 0x81,
];
