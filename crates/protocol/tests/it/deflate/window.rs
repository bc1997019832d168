//! No match reaches beyond the window that was agreed on: RFC 7692 §7.1.2.

use socket_flow_protocol::{
    Compressed, Config, Deflate, DeflateParams, MessageRef, Negotiated, Role,
};

use crate::support::tokens::{Tokens, Walker};
use crate::support::{Endpoint, ROLES, noise};

/// JSON that repeats its keys, and some of its values.
fn json(len: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut number = 7_u32;
    while text.len() < len {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(&format!(
            r#"{{"id":{number},"name":"item {}","price":{}.{:02},"tags":["a","b"]}},"#,
            number % 97,
            number % 1000,
            number % 100,
        ));
    }
    text.truncate(len);
    text.into_bytes()
}

/// Sends each message compressed, and walks what goes out.
fn walk(role: Role, deflate: Deflate, params: DeflateParams, messages: &[Vec<u8>]) -> Vec<Tokens> {
    let config = Config::new().deflate(deflate).high_water(usize::MAX);
    let mut sender =
        Endpoint::negotiated(role, &config, Negotiated::default().with_deflate(params));
    let keeps_context = match role {
        Role::Client => !params.client_no_context_takeover,
        Role::Server => !params.server_no_context_takeover,
    };
    let mut walker = Walker::new(keeps_context);
    let walk = |message: &Vec<u8>| {
        let message = Compressed(MessageRef::from(&message[..]));
        sender.sending.queue(message).unwrap();
        sender.write();
        let sent = sender.sent();
        let [(0xc2, payload)] = &sent[..] else {
            panic!("one compressed frame");
        };
        assert!(!payload.ends_with(&[0x00, 0x00, 0xff, 0xff]), "a tail left");
        walker.message(payload).unwrap()
    };
    messages.iter().map(walk).collect()
}

/// Parameters that bind one role only; the other's must not matter.
fn params(role: Role, bits: u8, alone: bool) -> DeflateParams {
    let (mine, other) = ((alone, bits), (!alone, if bits == 15 { 8 } else { 15 }));
    let (server, client) = match role {
        Role::Server => (mine, other),
        Role::Client => (other, mine),
    };
    DeflateParams {
        server_no_context_takeover: server.0,
        server_max_window_bits: server.1,
        client_no_context_takeover: client.0,
        client_max_window_bits: client.1,
    }
}

/// How far zlib reaches back at most: it keeps 262 bytes for looking ahead,
/// and has no window of 8 bits, for which it takes the one of 9.
fn reach(bits: u8) -> usize {
    (1 << bits.max(9)) - 262
}

/// Walks the messages with every level and memory level, contexts kept and
/// not; returns the farthest match.
fn farthest(bits: u8, memory_levels: &[u8], messages: &[Vec<u8>]) -> usize {
    let mut farthest = 0;
    for level in 1..=9 {
        for memory_level in memory_levels {
            for alone in [false, true] {
                let role = ROLES[usize::from(level) % 2];
                let deflate = Deflate::balanced().level(level).memory_level(*memory_level);
                let walked = walk(role, deflate, params(role, bits, alone), messages);
                for (tokens, message) in walked.iter().zip(messages) {
                    let far = tokens.farthest();
                    assert!(
                        far <= 1 << bits && far <= reach(bits),
                        "{far} bytes back with {bits} bits, level {level}, \
                         memory level {memory_level}, {role:?}, alone {alone}",
                    );
                    assert!(tokens.output == *message);
                    assert_eq!(tokens.last_blocks, 0);
                    farthest = farthest.max(far);
                }
            }
        }
    }
    farthest
}

/// RFC 7692 §7.2.1, §7.2.2.
#[test]
fn no_match_reaches_beyond_the_window_at_any_level() {
    for bits in 8..=15_u8 {
        let reach = reach(bits);
        // Noise that comes again just inside the reach, at its edge, and just
        // beyond it: a match is there to be found, or to be forbidden.
        let mut tempting = Vec::new();
        for period in [
            reach - 40,
            reach - 3,
            reach,
            reach + 1,
            1 << bits,
            (1 << bits) + 1,
        ] {
            let once = noise(period);
            tempting.push([&once[..], &once[..], &once[..once.len().min(300)]].concat());
            // Again in the next message: what a kept context remembers.
            tempting.push(once[..period.min(300)].to_vec());
        }
        tempting.extend([json(2000), vec![b'x'; 3000], b"a".to_vec()]);
        let farthest = farthest(bits, &[1, 9], &tempting);
        assert!(
            farthest > reach - 40,
            "only {farthest} with {bits} bits: no test at all"
        );
    }
}

/// RFC 7692 §7.2.1.
#[test]
fn eight_bits_are_kept_to_with_the_reach_of_250_bytes() {
    let periods = (100..=600).step_by(10).chain(245..=262);
    let messages: Vec<_> = periods.map(|period| noise(period).repeat(3)).collect();
    assert_eq!(farthest(8, &[1, 8], &messages), 250);
}

#[test]
fn large_messages_stay_within_the_window() {
    let mut mixed = json(70_000);
    mixed.extend(noise(40_000));
    mixed.extend(vec![0; 70_000]);
    mixed.extend(json(20_000));
    for bits in [8, 9, 12, 15] {
        farthest(bits, &[8], &[mixed.clone(), json(300)]);
    }
}

/// RFC 7692 §7.1.1.2, §7.2.1.
#[test]
fn without_a_kept_context_no_match_reaches_before_its_message() {
    for role in ROLES {
        let messages = vec![json(3000); 4];
        let kept = walk(
            role,
            Deflate::balanced(),
            params(role, 15, false),
            &messages,
        );
        let alone = walk(role, Deflate::balanced(), params(role, 15, true), &messages);
        assert!(kept[1].literals < 20, "the context was not used");
        assert!(alone.iter().all(|tokens| *tokens == alone[0]));
        assert_eq!(alone[0], kept[0]);
    }
}

#[test]
fn window_bits_out_of_range_count_as_the_nearest() {
    let messages = vec![noise(40_000).repeat(2)];
    for (bits, nearest) in [(0, 8), (7, 8), (16, 15), (255, 15)] {
        let deflate = Deflate::balanced().level(6);
        let role = Role::Server;
        let odd = walk(role, deflate.clone(), params(role, bits, false), &messages);
        let even = walk(role, deflate, params(role, nearest, false), &messages);
        assert!(odd == even);
    }
}
