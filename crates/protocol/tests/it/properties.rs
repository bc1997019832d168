//! What holds for any input, however it is cut and however it is read.

use bytes::Buf;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use socket_flow_protocol::{CloseCode, Config, Event, Message, ProtocolError, Role};

use crate::support::{self, Endpoint, MODES, Mode, Outcome, Script, frame, noise, ping};

/// A configuration whose limits random input runs into now and then.
fn config() -> Config {
    Config::new()
        .max_message(150_000)
        .high_water(300)
        .max_pongs(3)
        .fragment(1000)
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

/// Payload of a data frame: mostly short, at times around the sizes where
/// another path begins.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..20),
        4 => "[a-zß€😀]{0,20}".prop_map(String::into_bytes),
        2 => (0..300_usize).prop_map(|len| vec![b'x'; len]),
        1 => (2040..2060_usize).prop_map(|len| vec![b'y'; len]),
        1 => (65_500..65_600_usize).prop_map(|len| vec![b'z'; len]),
        1 => (80_000..120_000_usize).prop_map(|len| vec![b'z'; len]),
    ]
}

/// A frame as first byte and payload, more often right than wrong.
fn any_frame() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let data = prop_oneof![
        Just(0x00),
        Just(0x01),
        Just(0x02),
        Just(0x80),
        Just(0x81),
        Just(0x82)
    ];
    let control = (
        prop_oneof![Just(0x89), Just(0x8a)],
        vec(any::<u8>(), 0..=125),
    );
    let close = vec(any::<u8>(), 0..10).prop_map(|rest| (0x88, [b"\x03\xe8", &rest[..]].concat()));
    prop_oneof![
        20 => (data, payload()),
        10 => control,
        1 => close,
        1 => (any::<u8>(), vec(any::<u8>(), 0..130)),
    ]
}

/// Whole messages, fragmented in any way, with control frames anywhere: the
/// frames, and the events they are.
fn conversation() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let message = (
        any::<bool>(),
        "[a-z€😀]{0,30}",
        vec(any::<Index>(), 0..4),
        payload(),
    );
    vec(message, 1..6).prop_map(|messages| {
        let mut frames = Vec::new();
        for (is_text, text, cuts, bytes) in messages {
            let payload = if is_text { text.into_bytes() } else { bytes };
            let mut cuts: Vec<_> = cuts
                .iter()
                .map(|cut| cut.index(payload.len() + 1))
                .collect();
            cuts.sort_unstable();
            let mut opcode = if is_text { 0x01 } else { 0x02 };
            let mut start = 0;
            for end in cuts {
                frames.push((opcode, payload[start..end].to_vec()));
                if end % 2 == 0 {
                    frames.push((0x89, payload[start..end].iter().take(9).copied().collect()));
                }
                opcode = 0x00;
                start = end;
            }
            frames.push((0x80 | opcode, payload[start..].to_vec()));
        }
        frames
    })
}

fn bytes_of(role: Role, frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let frames = frames.iter();
    frames
        .flat_map(|(first, payload)| frame(role, *first, payload))
        .collect()
}

/// Runs the script whole, and cut at `cuts` in every mode; all must be equal.
fn cut_anywhere(script: &Script, len: usize, cuts: &[Index]) -> Result<Outcome, TestCaseError> {
    let whole = script.run_cut(&[], Mode::Lent);
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    cuts.sort_unstable();
    for mode in MODES {
        prop_assert_eq!(&script.run_cut(&[], mode), &whole, "{:?}, whole", mode);
        prop_assert_eq!(
            &script.run_cut(&cuts, mode),
            &whole,
            "{:?}, {:?}",
            mode,
            cuts
        );
    }
    // Whatever it was, we answered in whole frames, nothing behind a Close.
    let sent = whole.sent();
    let closes = sent.iter().filter(|(first, _)| *first == 0x88).count();
    prop_assert_eq!(closes, usize::from(whole.closing.is_sent()));
    prop_assert!(whole.closing.is_sent() || whole.error.is_none());
    Ok(whole)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// RFC 6455 §10.7.
    #[test]
    fn random_bytes_cut_anywhere_lead_to_the_same(
        role in role(),
        bytes in vec(any::<u8>(), 0..300),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let script = Script::to(role).config(config()).echo().raw(&bytes);
        cut_anywhere(&script, bytes.len(), &cuts)?;
    }

    /// RFC 6455 §6.2.
    #[test]
    fn random_frames_cut_anywhere_lead_to_the_same(
        role in role(),
        frames in vec(any_frame(), 0..12),
        cuts in vec(any::<Index>(), 0..12),
        closing in any::<bool>(),
    ) {
        let bytes = bytes_of(role, &frames);
        let script = Script::to(role).config(config()).raw(&bytes);
        let script = if closing { script.closing() } else { script.echo() };
        let outcome = cut_anywhere(&script, bytes.len(), &cuts)?;
        prop_assert!(!closing || outcome.sent().len() == 1);
        prop_assert!(outcome.events.len() <= frames.len());
    }

    #[test]
    fn valid_frames_with_mutations_cut_anywhere_lead_to_the_same(
        role in role(),
        frames in conversation(),
        mutations in vec((any::<Index>(), any::<u8>()), 0..3),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let mut bytes = bytes_of(role, &frames);
        for (place, value) in mutations {
            let place = place.index(bytes.len());
            bytes[place] ^= value;
        }
        let script = Script::to(role).config(config()).echo().raw(&bytes);
        cut_anywhere(&script, bytes.len(), &cuts)?;
    }

    /// RFC 6455 §5.4, §6.2.
    #[test]
    fn valid_frames_are_received_whatever_their_fragments_and_cuts(
        role in role(),
        frames in conversation(),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let mut events = Vec::new();
        let mut begun = (0, Vec::new());
        for (first, payload) in &frames {
            if *first == 0x89 {
                events.push(ping(payload));
                continue;
            }
            if first & 0x0f != 0 {
                begun = (first & 0x0f, Vec::new());
            }
            begun.1.extend_from_slice(payload);
            if first & 0x80 != 0 {
                events.push(match begun.0 {
                    1 => support::text(std::str::from_utf8(&begun.1).unwrap()),
                    _ => support::binary(&begun.1),
                });
            }
        }
        let bytes = bytes_of(role, &frames);
        let script = Script::to(role).config(config()).echo().raw(&bytes);
        let outcome = cut_anywhere(&script, bytes.len(), &cuts)?;
        prop_assert_eq!(&outcome.events, &events);
        outcome.assert_open();
    }

    /// RFC 6455 §10.4.
    #[test]
    fn a_message_at_its_limit_arrives_and_a_byte_more_is_refused(
        role in role(),
        limit in prop_oneof![0..400_usize, 2040..2060_usize, 65_530..65_550_usize],
        more in 0..3_usize,
        text in any::<bool>(),
        fragments in vec(any::<Index>(), 0..4),
        cuts in vec(any::<Index>(), 0..6),
        mode in prop::sample::select(&MODES[..]),
    ) {
        // One byte less than the limit, as many, and one more.
        let len = (limit + more).saturating_sub(1);
        let payload = vec![b'x'; len];
        let mut ends: Vec<_> = fragments.iter().map(|at| at.index(len + 1)).chain([len]).collect();
        ends.sort_unstable();
        let (mut opcode, mut start) = (if text { 0x01 } else { 0x02 }, 0);
        let mut bytes = Vec::new();
        for (place, end) in ends.iter().enumerate() {
            let fin = if place + 1 == ends.len() { 0x80 } else { 0 };
            bytes.extend(frame(role, opcode | fin, &payload[start..*end]));
            (opcode, start) = (0, *end);
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let script = Script::to(role).config(Config::new().max_message(limit)).raw(&bytes);
        let outcome = script.run_cut(&cuts, mode);
        if len > limit {
            outcome.assert_failed(ProtocolError::MessageTooBig { limit }, 1009);
            prop_assert_eq!(&outcome.events, &[]);
        } else {
            outcome.assert_open();
            let message = match text {
                true => support::text(std::str::from_utf8(&payload).unwrap()),
                false => support::binary(&payload),
            };
            prop_assert_eq!(&outcome.events, &[message]);
        }
    }

    /// RFC 6455 §5.2.
    #[test]
    fn what_one_side_sends_the_other_receives(
        sender in role(),
        messages in vec((any::<bool>(), "[a-z€😀]{0,30}", payload()), 1..8),
        fragment in prop_oneof![0..40_usize, 900..1100_usize, 16_000..70_000_usize, Just(usize::MAX)],
        writes in vec(1..5000_usize, 1..8),
        mode in prop_oneof![Just(Mode::Lent), Just(Mode::Owned), Just(Mode::Direct), Just(Mode::Moved)],
        pings in any::<bool>(),
    ) {
        let mut from = Endpoint::new(sender, &Config::new().fragment(fragment).high_water(usize::MAX));
        let mut to = Endpoint::new(sender.peer(), &Config::new());
        to.mode = mode;
        let mut expected = Vec::new();
        for (is_text, text, bytes) in messages {
            let message = if is_text { Message::from(text) } else { Message::from(bytes) };
            from.sending.queue(message.clone()).unwrap();
            expected.push(Event::Message(message));
            if pings {
                from.outgoing().ping(b"ping").unwrap();
                expected.push(ping(b"ping"));
            }
        }
        from.close(CloseCode::NORMAL, "done").unwrap();
        expected.push(support::closed(1000, "done"));
        let mut writes = writes.iter().cycle();
        while from.sending.queued().has_remaining() {
            from.write_some(*writes.next().unwrap());
            let written = std::mem::take(&mut from.output);
            to.feed(&written);
        }
        prop_assert_eq!(to.events, expected);
        prop_assert_eq!(to.error, None);
    }
}

#[test]
fn the_same_calls_and_seed_give_the_same_bytes() {
    let run = || {
        let mut client = Endpoint::new(Role::Client, &Config::new().fragment(7000));
        client.echo = true;
        client.feed(&frame(Role::Client, 0x82, &noise(100_000)));
        client.feed(&frame(Role::Client, 0x89, b"ping"));
        client.feed(b"\xff");
        client.output
    };
    assert_eq!(run(), run());
}
