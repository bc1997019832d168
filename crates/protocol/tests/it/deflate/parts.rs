//! Compressed messages sent part by part: RFC 7692 §7.2.1.

use flate2::{Decompress, FlushDecompress};
use socket_flow_protocol::{
    Compressed, Config, Deflate, DeflateParams, MessageRef, Negotiated, Role, SendError,
    Uncompressed,
};

use crate::support::deflate::{HELLO, agreed};
use crate::support::tokens::Walker;
use crate::support::{Endpoint, ROLES, Script, Sent, binary, noise, ping, text};

/// "He" and "llo", the two blocks of RFC 7692 §7.2.3.5.
const HE: [u8; 8] = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff];
const LLO: [u8; 5] = [0xca, 0xc9, 0xc9, 0x07, 0x00];

/// Compresses everything unless told otherwise.
fn sender(role: Role, keeps_context: bool) -> Endpoint {
    let deflate = Deflate::balanced().threshold(0);
    let config = Config::new().deflate(deflate).high_water(usize::MAX);
    Endpoint::negotiated(role, &config, agreed(keeps_context))
}

fn sent(endpoint: &mut Endpoint) -> Vec<Sent> {
    endpoint.write();
    endpoint.sent()
}

/// Sends a message part by part and returns its frames.
fn parts(endpoint: &mut Endpoint, parts: &[&[u8]]) -> Vec<Sent> {
    let (last, parts) = parts.split_last().unwrap();
    for part in parts {
        endpoint.outgoing().queue_part(*part).unwrap();
    }
    endpoint.outgoing().queue_last_part(*last).unwrap();
    sent(endpoint)
}

fn whole(frames: &[Sent]) -> Vec<u8> {
    let payloads = frames.iter().map(|(_, payload)| &payload[..]);
    payloads.collect::<Vec<_>>().concat()
}

/// RFC 7692 §7.2.1, §7.2.3.5.
#[test]
fn two_parts_are_the_two_blocks_of_the_example_of_7_2_3_5() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut from = sender(role, keeps_context);
            from.outgoing().queue_part("He").unwrap();
            from.outgoing().queue_last_part("llo").unwrap();
            let frames = sent(&mut from);
            assert_eq!(frames, [(0x41, HE.to_vec()), (0x80, LLO.to_vec())]);
        }
    }
}

/// RFC 7692 §7.2.3.6.
#[test]
fn one_part_and_an_empty_last_one_are_a_message_and_an_empty_block() {
    for role in ROLES {
        let mut from = sender(role, true);
        from.outgoing().queue_part("Hello").unwrap();
        from.outgoing().queue_last_part("").unwrap();
        let frames = sent(&mut from);
        let hello = [&HELLO[..], &[0x00, 0x00, 0xff, 0xff]].concat();
        // §7.2.3.6: one byte that the tail makes an empty block.
        assert_eq!(frames, [(0x41, hello), (0x80, vec![0x00])]);
    }
}

#[test]
fn an_empty_part_is_an_empty_frame_and_an_empty_message_the_example_of_7_2_3_6() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut from = sender(role, keeps_context);
            let frames = parts(&mut from, &[b"", b"", b""]);
            assert_eq!(frames, [(0x42, vec![]), (0x00, vec![]), (0x80, vec![0x00])]);
            let frames = parts(&mut from, &[b"", b"He", b"", b"llo"]);
            let expected = [
                (0x42, vec![]),
                (0x00, HE.to_vec()),
                (0x00, vec![]),
                (0x80, LLO.to_vec()),
            ];
            assert_eq!(frames, expected);
        }
    }
}

#[test]
fn a_single_part_is_the_example_of_7_2_3_1_and_again_that_of_7_2_3_2() {
    for role in ROLES {
        let mut from = sender(role, true);
        assert_eq!(parts(&mut from, &[b"Hello"]), [(0xc2, HELLO.to_vec())]);
        // A match of 5 at distance 5.
        let again = vec![0x02, 0x13, 0x00, 0x00];
        assert_eq!(parts(&mut from, &[b"Hello"]), [(0xc2, again)]);
    }
}

#[test]
fn streamed_messages_cut_at_every_byte_arrive_among_others() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut from = sender(role, keeps_context);
            let outgoing = from.outgoing();
            outgoing.queue("Hello").unwrap();
            outgoing.queue_part("Hello, ").unwrap();
            outgoing.ping(b"one").unwrap();
            outgoing.queue_part("").unwrap();
            outgoing.queue_part("gr\u{fc}\u{df} Hello").unwrap();
            outgoing.ping(b"two").unwrap();
            outgoing.queue_last_part("").unwrap();
            outgoing.queue(Uncompressed("plain")).unwrap();
            outgoing.queue_part(Uncompressed("Hello, ")).unwrap();
            outgoing.queue_last_part("plain").unwrap();
            outgoing.queue("Hello, gr\u{fc}\u{df}").unwrap();
            from.write();
            let script = Script::to(role.peer())
                .negotiated(agreed(keeps_context))
                .raw(&from.output);
            let outcome = script.run();
            let expected = [
                text("Hello"),
                ping(b"one"),
                ping(b"two"),
                text("Hello, gr\u{fc}\u{df} Hello"),
                text("plain"),
                text("Hello, plain"),
                text("Hello, gr\u{fc}\u{df}"),
            ];
            outcome.assert_events(&expected).assert_open();
        }
    }
}

#[test]
fn the_first_part_decides_for_the_message() {
    for role in ROLES {
        let config = Config::new().deflate(Deflate::balanced().threshold(100));
        let mut from = Endpoint::negotiated(role, &config, agreed(true));
        let (short, long) = (&[b'x'; 99][..], &[b'x'; 100][..]);
        let mut firsts = |first: &[u8], always: Option<bool>, second: &[u8]| {
            let first = MessageRef::from(first);
            match always {
                Some(true) => from.outgoing().queue_part(Compressed(first)).unwrap(),
                Some(false) => from.outgoing().queue_part(Uncompressed(first)).unwrap(),
                None => from.outgoing().queue_part(first).unwrap(),
            }
            from.outgoing().queue_part(Compressed(second)).unwrap();
            from.outgoing()
                .queue_last_part(Uncompressed(second))
                .unwrap();
            let frames = sent(&mut from);
            assert_eq!((frames[1].0, frames[2].0), (0x00, 0x80));
            let plain = frames[1].1 == second && frames[2].1 == second;
            assert_eq!(plain, frames[0].0 == 0x02);
            frames[0].0
        };
        assert_eq!(firsts(short, None, long), 0x02);
        assert_eq!(firsts(long, None, short), 0x42);
        assert_eq!(firsts(short, Some(true), long), 0x42);
        assert_eq!(firsts(long, Some(false), long), 0x02);
        assert_eq!(firsts(b"", None, long), 0x02);
    }
}

#[test]
fn a_part_that_is_given_back_is_not_seen_by_the_compressor() {
    for role in ROLES {
        let deflate = Deflate::balanced().threshold(0);
        let config = Config::new().deflate(deflate).high_water(1);
        let mut from = Endpoint::negotiated(role, &config, agreed(true));
        from.outgoing().queue_part("He").unwrap();
        assert_eq!(
            from.outgoing().queue_part("llo"),
            Err(SendError::Full("llo"))
        );
        assert_eq!(
            from.outgoing().queue_last_part(&b"llo"[..]),
            Err(SendError::WrongKind(&b"llo"[..]))
        );
        let mut frames = sent(&mut from);
        let refused = from.sending.queue("llo");
        assert!(matches!(refused, Err(SendError::Unfinished("llo"))));
        from.outgoing().queue_last_part("llo").unwrap();
        frames.extend(sent(&mut from));
        assert_eq!(frames, [(0x41, HE.to_vec()), (0x80, LLO.to_vec())]);
    }
}

#[test]
fn without_takeover_parts_share_a_context_and_messages_do_not() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut from = sender(role, keeps_context);
            let mut walker = Walker::new(keeps_context);
            let first = parts(&mut from, &[b"a sentence", b"a sentence", b"!"]);
            let tokens = walker.message(&whole(&first)).unwrap();
            assert_eq!(tokens.output, b"a sentencea sentence!");
            assert!(tokens.matches.contains(&(10, 10)), "{:?}", tokens.matches);
            let second = parts(&mut from, &[b"a sentence", b""]);
            let tokens = walker.message(&whole(&second)).unwrap();
            assert_eq!(tokens.output, b"a sentence");
            assert_eq!(tokens.matches.is_empty(), !keeps_context);
        }
    }
}

#[test]
fn without_takeover_a_context_is_held_until_the_last_part() {
    let holds = |endpoint: &Endpoint| {
        let outgoing = format!("{:?}", endpoint.sending.outgoing());
        outgoing.contains("holds_context: true")
    };
    for last in ["", "last"] {
        let mut from = sender(Role::Server, false);
        from.outgoing().queue_part("").unwrap();
        assert!(!holds(&from));
        from.outgoing().queue_part("first").unwrap();
        assert!(holds(&from));
        from.outgoing().queue_last_part(last).unwrap();
        assert!(!holds(&from));
    }
}

/// RFC 7692 §7.2.1.
#[test]
fn every_part_can_be_inflated_as_soon_as_it_is_there() {
    for role in ROLES {
        for len in [1, 10, 3000, 100_000] {
            let mut from = sender(role, true);
            let mut oracle = Decompress::new(false);
            for part in [&noise(len)[..], b"in between", &noise(len)[..]] {
                from.outgoing().queue_part(part).unwrap();
                let payload = whole(&sent(&mut from));
                assert!(payload.ends_with(&[0x00, 0x00, 0xff, 0xff]));
                let mut out = vec![0; part.len() + 1];
                let before = oracle.total_out();
                oracle
                    .decompress(&payload, &mut out, FlushDecompress::Sync)
                    .unwrap();
                out.truncate((oracle.total_out() - before) as usize);
                assert!(out == part);
            }
        }
    }
}

#[test]
fn a_compressed_part_beyond_the_fragment_limit_leaves_in_several_frames() {
    for role in ROLES {
        for fragment in [0, 1, 3, 8] {
            let config = Config::new()
                .deflate(Deflate::balanced().threshold(0))
                .fragment(fragment);
            let mut from = Endpoint::negotiated(role, &config, agreed(true));
            from.outgoing().queue_part("He").unwrap();
            from.outgoing().queue_last_part("llo").unwrap();
            let frames = sent(&mut from);
            let (last, others) = frames.split_last().unwrap();
            assert_eq!((others[0].0, last.0), (0x41, 0x80));
            assert!(others[1..].iter().all(|(first, _)| *first == 0x00));
            let most = fragment.max(1);
            assert!(frames.iter().all(|(_, payload)| payload.len() <= most));
            assert_eq!(whole(&frames), [&HE[..], &LLO[..]].concat());
        }
    }
}

#[test]
fn no_match_of_a_part_reaches_beyond_the_window() {
    for bits in 8..=15_u8 {
        for level in [1, 2, 6, 9] {
            let role = ROLES[usize::from(level) % 2];
            let params = DeflateParams {
                server_max_window_bits: bits,
                client_max_window_bits: bits,
                ..DeflateParams::default()
            };
            let deflate = Deflate::balanced().threshold(0).level(level);
            let config = Config::new().deflate(deflate).high_water(usize::MAX);
            let negotiated = Negotiated::default().with_deflate(params);
            let mut from = Endpoint::negotiated(role, &config, negotiated);
            let mut walker = Walker::new(true);
            // Noise that comes again in the next part, at the edge.
            let reach = (1 << bits.max(9)) - 262;
            let mut farthest = 0;
            for period in [reach - 10, reach, reach + 1, 1 << bits, (1 << bits) + 1] {
                let once = noise(period);
                let frames = parts(&mut from, &[&once, &once, b"", &once[..period / 2]]);
                let tokens = walker.message(&whole(&frames)).unwrap();
                assert!(tokens.farthest() <= 1 << bits);
                farthest = farthest.max(tokens.farthest());
            }
            assert!(farthest > reach - 40, "only {farthest} with {bits} bits");
        }
    }
}

#[test]
fn without_the_extension_parts_are_not_compressed() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        from.outgoing().queue_part(Compressed(&b"one"[..])).unwrap();
        from.outgoing().queue_last_part(&b"two"[..]).unwrap();
        let mut to = Endpoint::new(role.peer(), &Config::new());
        from.write();
        to.feed(&from.output);
        assert_eq!(to.events, [binary(b"onetwo")]);
    }
}
