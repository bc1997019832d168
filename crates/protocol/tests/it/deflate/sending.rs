//! permessage-deflate as its sender: what is compressed, and how.

use socket_flow_protocol::{
    Compressed, Config, Deflate, DeflateParams, Message, Negotiated, Prepared, Role, SendError,
    Uncompressed,
};

use crate::support::deflate::{HELLO, agreed};
use crate::support::tokens::Walker;
use crate::support::{self, Endpoint, ROLES, Sent, noise, text};

/// "Hello" behind "Hello": a match of 5 at distance 5. The RFC's example has
/// a literal in front of it, which is a byte longer.
const AGAIN: [u8; 4] = [0x02, 0x13, 0x00, 0x00];

/// Compresses everything unless told otherwise.
fn sender(role: Role, deflate: Deflate, keeps_context: bool) -> Endpoint {
    let config = Config::new().deflate(deflate).high_water(usize::MAX);
    Endpoint::negotiated(role, &config, agreed(keeps_context))
}

fn all() -> Deflate {
    Deflate::balanced().threshold(0)
}

fn sent(endpoint: &mut Endpoint) -> Vec<Sent> {
    endpoint.write();
    endpoint.sent()
}

/// Whether the endpoint holds contexts, as (sending, receiving).
fn holds_contexts(endpoint: &Endpoint) -> (bool, bool) {
    let holds = |debug: String| {
        assert!(debug.contains("holds_context"));
        debug.contains("holds_context: true")
    };
    (
        holds(format!("{:?}", endpoint.sending.outgoing())),
        holds(format!("{:?}", endpoint.receiving.incoming())),
    )
}

/// RFC 7692 §6.1, §7.2.1.
#[test]
fn a_message_is_compressed_as_in_the_examples_of_7_2_3() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut sender = sender(role, all(), keeps_context);
            for message in ["Hello", "", "Hello"] {
                sender.sending.queue(message).unwrap();
            }
            let frames = sent(&mut sender);
            assert_eq!(frames[0], (0xc1, HELLO.to_vec()));
            assert_eq!(frames[1], (0xc1, vec![0x00]));
            let again = if keeps_context {
                AGAIN.to_vec()
            } else {
                HELLO.to_vec()
            };
            assert_eq!(frames[2], (0xc1, again));
        }
    }
}

#[test]
fn the_threshold_is_the_shortest_length_that_is_compressed() {
    for role in ROLES {
        for threshold in [0, 1, 5, 256, 5000] {
            let mut sender = sender(role, all().threshold(threshold), true);
            for len in [0, 1, 4, 5, 255, 256, 4999, 5000, 5001] {
                sender.sending.queue(vec![b'x'; len]).unwrap();
                let frames = sent(&mut sender);
                let first = if len < threshold { 0x82 } else { 0xc2 };
                assert_eq!((frames.len(), frames[0].0), (1, first), "{len}");
            }
        }
    }
}

/// RFC 7692 §6.1.
#[test]
fn a_message_below_the_threshold_is_not_seen_by_the_compressor() {
    let mut sender = sender(Role::Server, Deflate::balanced().threshold(6), true);
    sender.sending.queue("Hello").unwrap();
    sender.sending.queue(Compressed("Hello")).unwrap();
    let frames = sent(&mut sender);
    assert_eq!(frames, [(0x81, b"Hello".to_vec()), (0xc1, HELLO.to_vec())]);
}

/// RFC 7692 §6.1, §8.
#[test]
fn a_wrapper_decides_for_its_message_whatever_the_threshold_says() {
    for role in ROLES {
        let mut sender = sender(role, Deflate::balanced(), true);
        let long = "long ".repeat(100);
        sender.sending.queue(Compressed("a")).unwrap();
        sender.sending.queue(Uncompressed(&long[..])).unwrap();
        sender.sending.queue(Compressed("")).unwrap();
        sender.sending.queue(&long[..]).unwrap();
        let frames = sent(&mut sender);
        let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0xc1, 0x81, 0xc1, 0xc1]);
        assert_eq!(frames[1].1, long.as_bytes());
        let mut walker = Walker::new(true);
        assert_eq!(walker.message(&frames[0].1).unwrap().output, b"a");
        assert_eq!(walker.message(&frames[2].1).unwrap().output, b"");
        let tokens = walker.message(&frames[3].1).unwrap();
        assert_eq!(tokens.output, long.as_bytes());
    }
}

/// RFC 6455 §5.8, §9.1.
#[test]
fn without_the_extension_a_wrapper_changes_nothing() {
    for role in ROLES {
        let mut sender = Endpoint::new(role, &Config::new());
        sender.sending.queue(Compressed("a")).unwrap();
        sender.sending.queue(Uncompressed("b")).unwrap();
        assert_eq!(
            sent(&mut sender),
            [(0x81, b"a".to_vec()), (0x81, b"b".to_vec())]
        );
    }
}

/// Elsewhere such a message was sent as it is after the compressor had seen
/// it: from then on the two windows differed.
#[test]
fn an_incompressible_message_that_is_repeated_arrives_both_times() {
    for role in ROLES {
        let mut from = sender(role, all(), true);
        let mut to = Endpoint::negotiated(role.peer(), &Config::new(), agreed(true));
        let message = noise(3000);
        let mut expected = Vec::new();
        for _ in 0..3 {
            from.sending.queue(&message[..]).unwrap();
            from.sending.queue("between").unwrap();
            from.write();
            expected.push(support::binary(&message));
            expected.push(text("between"));
        }
        to.feed(&from.output);
        assert_eq!(to.events, expected);
        let frames = from.sent();
        assert!(frames[0].1.len() >= 3000);
        assert!(frames[2].1.len() < 100, "the window was not used");
    }
}

/// RFC 7692 §6.1.
#[test]
fn a_compressed_message_is_cut_into_fragments_with_rsv1_on_the_first() {
    for role in ROLES {
        for fragment in [0, 1, 7, 1000] {
            let config = Config::new().deflate(all()).fragment(fragment);
            let mut from = Endpoint::negotiated(role, &config, agreed(true));
            let message = "many fragments, ".repeat(20) + "and noise: 3141592653589793";
            from.sending.queue(&message[..]).unwrap();
            from.write();
            let mut to = Endpoint::negotiated(role.peer(), &Config::new(), agreed(true));
            to.feed(&from.output);
            assert_eq!(to.events, [text(&message)]);
            let frames = from.sent();
            let last = frames.len() - 1;
            for (at, (first, payload)) in frames.iter().enumerate() {
                let fin = if at == last { 0x80 } else { 0 };
                assert_eq!(*first, fin | if at == 0 { 0x41 } else { 0x00 });
                assert!(payload.len() <= fragment.max(1));
            }
            assert_eq!(last == 0, fragment == 1000);
        }
    }
}

#[test]
fn a_message_that_is_given_back_is_not_seen_by_the_compressor() {
    for role in ROLES {
        let config = Config::new().deflate(all()).high_water(1);
        let mut sender = Endpoint::negotiated(role, &config, agreed(true));
        sender.sending.queue("first").unwrap();
        let refused = sender.sending.queue("Hello");
        assert!(matches!(refused, Err(SendError::Full("Hello"))));
        let frames = sent(&mut sender);
        sender.sending.queue("Hello").unwrap();
        let mut walker = Walker::new(true);
        walker.message(&frames[0].1).unwrap();
        let frames = sent(&mut sender);
        let tokens = walker.message(&frames[0].1).unwrap();
        assert_eq!((&tokens.output[..], tokens.literals), (&b"Hello"[..], 5));
    }
}

/// RFC 7692 §6.1.
#[test]
fn control_frames_are_never_compressed() {
    for role in ROLES {
        let mut sender = sender(role, all(), true);
        sender.outgoing().ping(&[b'x'; 125]).unwrap();
        let close = socket_flow_protocol::CloseCode::NORMAL;
        sender.close(close, &"y".repeat(100)).unwrap();
        let firsts: Vec<_> = sent(&mut sender).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x89, 0x88]);
    }
}

#[test]
fn contexts_are_made_on_first_use_and_without_takeover_not_kept() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut from = sender(role, all(), keeps_context);
            let mut to = Endpoint::negotiated(role.peer(), &Config::new(), agreed(keeps_context));
            assert_eq!(holds_contexts(&from), (false, false));
            for _ in 0..3 {
                from.sending.queue("a message").unwrap();
                from.write();
                let bytes = std::mem::take(&mut from.output);
                to.feed(&bytes[..bytes.len() - 2]);
                // In the middle of a message it has one in any case.
                assert_eq!(holds_contexts(&to), (false, true));
                to.feed(&bytes[bytes.len() - 2..]);
                assert_eq!(holds_contexts(&from), (keeps_context, false));
                assert_eq!(holds_contexts(&to), (false, keeps_context));
            }
            assert_eq!(to.events.len(), 3);
        }
    }
}

#[test]
fn a_message_that_is_not_compressed_makes_no_context() {
    for role in ROLES {
        let mut from = sender(role, Deflate::balanced(), true);
        let mut to = Endpoint::negotiated(role.peer(), &Config::new(), agreed(true));
        from.sending.queue("short").unwrap();
        from.sending.queue(Uncompressed(vec![0; 5000])).unwrap();
        from.sending.queue(Compressed("")).unwrap();
        from.write();
        to.feed(&from.output);
        assert_eq!(to.events.len(), 3);
        assert_eq!(holds_contexts(&from), (false, false));
    }
}

// Prepared messages.

#[test]
fn a_prepared_message_is_the_same_on_every_connection_and_shared_by_servers() {
    let prepared = Prepared::new("to everyone ".repeat(3000));
    let mut frames = Vec::new();
    for keeps_context in [true, false, true] {
        let mut server = sender(Role::Server, Deflate::balanced(), keeps_context);
        server.sending.queue("first, an ordinary message").unwrap();
        server.sending.queue(&prepared).unwrap();
        frames.push(sent(&mut server).pop().unwrap());
    }
    assert!(
        frames
            .iter()
            .all(|frame| *frame == frames[0] && frame.0 == 0xc1)
    );
    let mut plain = Endpoint::new(Role::Server, &Config::new());
    plain.sending.queue(&prepared).unwrap();
    assert_eq!(sent(&mut plain)[0].0, 0x81);
}

#[test]
fn behind_a_prepared_message_nothing_refers_to_what_was_before_it() {
    for role in ROLES {
        let prepared = Prepared::new("prepared");
        let mut from = sender(role, all(), true);
        from.sending.queue("Hello").unwrap();
        from.sending.queue(&prepared).unwrap();
        from.sending.queue("Hello").unwrap();
        from.sending.queue("Hello").unwrap();
        let frames = sent(&mut from);
        let alone = Walker::new(false).message(&frames[1].1).unwrap();
        assert_eq!(alone.output, b"prepared");
        assert_eq!(frames[2].1, HELLO);
        assert_eq!(frames[3].1, AGAIN);
    }
}

#[test]
fn a_prepared_message_has_an_encoding_for_each_window() {
    let message = noise(2000).repeat(2);
    let prepared = Prepared::new(message.clone());
    for bits in [15, 8, 12, 15, 8] {
        for role in ROLES {
            let params = DeflateParams {
                server_max_window_bits: bits,
                client_max_window_bits: bits,
                ..DeflateParams::default()
            };
            let config = Config::new().deflate(all().level(6));
            let negotiated = Negotiated::default().with_deflate(params);
            let mut from = Endpoint::negotiated(role, &config, negotiated);
            from.sending.queue(&prepared).unwrap();
            let frames = sent(&mut from);
            let tokens = Walker::new(false).message(&frames[0].1).unwrap();
            assert!(tokens.output == message);
            assert!(tokens.farthest() <= 1 << bits);
            assert_eq!(tokens.farthest() == 2000, bits >= 12, "{bits} bits");
        }
    }
}

#[test]
fn a_prepared_message_below_the_threshold_goes_out_as_it_is() {
    for role in ROLES {
        let mut from = sender(role, Deflate::balanced(), true);
        from.sending.queue(&Prepared::new("short")).unwrap();
        let empty = Prepared::new(Message::from(""));
        from.sending.queue(&empty).unwrap();
        let frames = sent(&mut from);
        assert_eq!(frames, [(0x81, b"short".to_vec()), (0x81, Vec::new())]);
        assert_eq!(holds_contexts(&from), (false, false));
    }
}
