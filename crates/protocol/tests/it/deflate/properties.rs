//! What holds for any compressed conversation, and beside flate2.

use bytes::Buf;
use flate2::{Decompress, FlushDecompress, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use socket_flow_protocol::{
    Compressed, Config, Deflate, DeflateParams, Event, Message, MessageRef, Negotiated, Prepared,
    ProtocolError, Role, Uncompressed,
};

use crate::support::deflate::{agreed, compressed, flushed};
use crate::support::tokens::{TOO_FAR, Walker};
use crate::support::{self, Endpoint, MODES, Mode, Script, binary, frame, noise};

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

fn mode() -> impl Strategy<Value = Mode> {
    select(MODES.to_vec())
}

prop_compose! {
    fn params()(
        server_no_context_takeover in any::<bool>(),
        client_no_context_takeover in any::<bool>(),
        server_max_window_bits in 8..=15_u8,
        client_max_window_bits in 8..=15_u8,
    ) -> DeflateParams {
        DeflateParams {
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        }
    }
}

prop_compose! {
    fn settings()(
        level in 1..=9_u8,
        memory_level in 1..=9_u8,
        threshold in select(vec![0, 1, 30, 256, usize::MAX]),
    ) -> Deflate {
        Deflate::balanced().level(level).memory_level(memory_level).threshold(threshold)
    }
}

/// Messages that repeat within themselves and among each other, and some
/// that do neither.
fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        4 => "[a-c]{0,60}".prop_map(Message::from),
        3 => "[a-z€😀]{0,30}".prop_map(Message::from),
        2 => vec(any::<u8>(), 0..300).prop_map(Message::from),
        2 => (0..3000_usize).prop_map(|len| Message::from(noise(len))),
        1 => (0..3000_usize).prop_map(|len| Message::from(vec![b'x'; len])),
        1 => (30_000..70_000_usize).prop_map(|len| Message::from(noise(9000).repeat(8)[..len].to_vec())),
    ]
}

/// How a message is sent.
#[derive(Clone, Debug)]
enum Way {
    Ordinary,
    Compressed,
    Uncompressed,
    Prepared,
    /// Part by part, cut at these places; whether a ping follows each part.
    Parts(Vec<(Index, bool)>),
}

fn way() -> impl Strategy<Value = Way> {
    use Way::{Compressed, Ordinary, Prepared, Uncompressed};
    prop_oneof![
        select(vec![Ordinary, Ordinary, Compressed, Uncompressed, Prepared]),
        vec(any::<(Index, bool)>(), 0..5).prop_map(Way::Parts),
    ]
}

/// Queues a message part by part, and a ping behind a part where it is told
/// so; returns how many pings.
fn queue_parts(from: &mut Endpoint, message: &Message, cuts: &[(Index, bool)]) -> usize {
    let bytes = message.as_bytes();
    let mut cuts: Vec<_> = cuts
        .iter()
        .map(|(cut, ping)| (cut.index(bytes.len() + 1), *ping))
        .collect();
    cuts.sort_unstable();
    let part = |from, to| match message.as_text() {
        Some(text) => MessageRef::from(&text[from..to]),
        None => MessageRef::from(&bytes[from..to]),
    };
    let (mut start, mut pings) = (0, 0);
    for (mut end, ping) in cuts {
        while message
            .as_text()
            .is_some_and(|text| !text.is_char_boundary(end))
        {
            end -= 1;
        }
        let outgoing = from.outgoing();
        outgoing.queue_part(part(start, end.max(start))).unwrap();
        start = end.max(start);
        if ping {
            outgoing.ping(b"between").unwrap();
            pings += 1;
        }
        from.compress();
    }
    let outgoing = from.outgoing();
    outgoing.queue_last_part(part(start, bytes.len())).unwrap();
    pings
}

fn keeps_context(sender: Role, params: DeflateParams) -> bool {
    match sender {
        Role::Client => !params.client_no_context_takeover,
        Role::Server => !params.server_no_context_takeover,
    }
}

/// Inflates what was sent with flate2: a message's payload, its tail put
/// back, on one codec for a connection that keeps its context.
struct Oracle {
    codec: Decompress,
    keeps_context: bool,
}

impl Oracle {
    fn new(keeps_context: bool) -> Self {
        Self {
            codec: Decompress::new(false),
            keeps_context,
        }
    }

    fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let data = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
        let (output, used, _) = inflate(&mut self.codec, &data).expect("valid data");
        assert_eq!(used, data.len());
        if !self.keeps_context {
            self.codec = Decompress::new(false);
        }
        output
    }
}

/// What flate2 makes of `data`, how much of it it took, and whether a last
/// block ended it.
fn inflate(codec: &mut Decompress, data: &[u8]) -> Option<(Vec<u8>, usize, bool)> {
    let start = codec.total_in();
    let mut output = Vec::new();
    let mut piece = vec![0; 4096];
    loop {
        let used = (codec.total_in() - start) as usize;
        let before = codec.total_out();
        let status = codec.decompress(&data[used..], &mut piece, FlushDecompress::Sync);
        let made = (codec.total_out() - before) as usize;
        output.extend_from_slice(&piece[..made]);
        let now = (codec.total_in() - start) as usize;
        match status.ok()? {
            Status::StreamEnd => return Some((output, now, true)),
            _ if made == 0 && now == used => return Some((output, now, false)),
            _ => {}
        }
    }
}

/// What any message without last blocks is, by flate2 alone: its payload,
/// and behind it the tail and one more empty block, the last one, which add
/// nothing and are there only if the blocks before them are complete.
fn by_flate2(payload: &[u8]) -> Option<Vec<u8>> {
    let mut codec = Decompress::new(false);
    let (output, used, _) = inflate(&mut codec, payload)?;
    if used < payload.len() {
        return None;
    }
    if payload.is_empty() {
        return Some(output);
    }
    for (ending, ends) in [
        (&[0x00, 0x00, 0xff, 0xff][..], false),
        (&[0x01, 0x00, 0x00, 0xff, 0xff], true),
    ] {
        if inflate(&mut codec, ending)? != (Vec::new(), ending.len(), ends) {
            return None;
        }
    }
    Some(output)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// RFC 7692 §5, §7.2.1.
    #[test]
    fn what_one_side_sends_the_other_receives_and_flate2_inflates(
        sender in role(),
        params in params(),
        settings in settings(),
        messages in vec((message(), way()), 1..10),
        fragment in prop_oneof![0..40_usize, 900..1100_usize, 16_000..70_000_usize, Just(usize::MAX)],
        writes in vec(1..5000_usize, 1..8),
        mode in mode(),
    ) {
        let config = Config::new().deflate(settings).fragment(fragment).high_water(usize::MAX);
        let negotiated = Negotiated::default().with_deflate(params);
        let mut from = Endpoint::negotiated(sender, &config, negotiated.clone());
        let mut to = Endpoint::negotiated(sender.peer(), &Config::new(), negotiated);
        to.mode = mode;
        let mut expected = Vec::new();
        for (message, way) in &messages {
            let message = message.clone();
            if let Way::Parts(cuts) = way {
                let pings = queue_parts(&mut from, &message, cuts);
                expected.extend(std::iter::repeat_n(support::ping(b"between"), pings));
            }
            expected.push(Event::Message(message.clone()));
            match way {
                Way::Parts(_) => {}
                Way::Ordinary => from.sending.queue(message).unwrap(),
                Way::Compressed => from.sending.queue(Compressed(message)).unwrap(),
                Way::Uncompressed => from.sending.queue(Uncompressed(message)).unwrap(),
                Way::Prepared => from.sending.queue(&Prepared::new(message)).unwrap(),
            }
            from.compress();
        }
        let mut writes = writes.iter().cycle();
        let mut wire = Vec::new();
        while from.sending.queued().has_remaining() {
            from.write_some(*writes.next().unwrap());
            let written = std::mem::take(&mut from.output);
            to.feed(&written);
            wire.extend(written);
        }
        prop_assert_eq!(&to.events, &expected);
        prop_assert_eq!(to.error, None);

        // The same bytes, as two others read them.
        let keeps_context = keeps_context(sender, params);
        let bits = match sender {
            Role::Client => params.client_max_window_bits,
            Role::Server => params.server_max_window_bits,
        };
        let mut walker = Walker::new(keeps_context);
        let mut oracle = Oracle::new(keeps_context);
        let mut begun = None;
        let mut message = Vec::new();
        let mut messages = messages.iter();
        for (first, payload) in support::parse(sender, &wire) {
            if first == 0x89 {
                continue;
            }
            let compressed = *begun.get_or_insert(first & 0x40 != 0);
            message.extend(payload);
            if first & 0x80 == 0 {
                continue;
            }
            let (expected, _) = messages.next().unwrap();
            if compressed {
                let tokens = walker.message(&message).unwrap();
                prop_assert!(tokens.farthest() <= 1 << bits);
                prop_assert!(tokens.output == expected.as_bytes());
                prop_assert!(oracle.message(&message) == expected.as_bytes());
            } else {
                prop_assert!(message == expected.as_bytes());
            }
            message.clear();
            begun = None;
        }
    }

    #[test]
    fn prepared_and_ordinary_messages_mixed_never_drift(
        deflate in settings(),
        news in vec(message(), 1..4),
        sends in vec((any::<Index>(), any::<Index>(), proptest::option::of(message())), 1..25),
        bits in 8..=15_u8,
    ) {
        // One set of prepared messages, many kinds of connection.
        let news: Vec<_> = news.into_iter().map(Prepared::new).collect();
        let mut pairs = Vec::new();
        for role in [Role::Server, Role::Client] {
            for alone in [false, true] {
                for bits in [bits, 15] {
                    let negotiated = Negotiated::default().with_deflate(DeflateParams {
                        server_no_context_takeover: alone,
                        client_no_context_takeover: alone,
                        server_max_window_bits: bits,
                        client_max_window_bits: bits,
                    });
                    let config = Config::new().deflate(deflate.clone()).high_water(usize::MAX);
                    let from = Endpoint::negotiated(role, &config, negotiated.clone());
                    let to = Endpoint::negotiated(role.peer(), &config, negotiated);
                    pairs.push((from, to));
                }
            }
        }
        for (pair, which, message) in sends {
            let len = pairs.len();
            let (from, to) = &mut pairs[pair.index(len)];
            let expected = match message {
                Some(message) => {
                    from.sending.queue(message.clone()).unwrap();
                    message
                }
                None => {
                    let prepared = which.get(&news);
                    from.sending.queue(prepared).unwrap();
                    prepared.message().clone()
                }
            };
            from.write();
            to.feed(&std::mem::take(&mut from.output));
            prop_assert_eq!(to.error, None);
            prop_assert_eq!(to.events.pop(), Some(Event::Message(expected)));
        }
    }

    #[test]
    fn a_compressed_conversation_with_mutations_cut_anywhere_leads_to_the_same(
        role in role(),
        keeps_context in any::<bool>(),
        messages in vec(("[a-zß€😀]{0,60}", any::<bool>(), vec(any::<Index>(), 0..3)), 1..5),
        mutations in vec((any::<Index>(), any::<u8>()), 0..3),
        cuts in vec(any::<Index>(), 0..12),
        limit in select(vec![3, 40, 100_000]),
    ) {
        let mut bytes = Vec::new();
        for (message, finish, places) in messages {
            let flush = if finish { flate2::FlushCompress::Finish } else { flate2::FlushCompress::Sync };
            let mut payload = flushed(message.as_bytes(), flush);
            if !finish {
                payload.truncate(payload.len() - 4);
            }
            let mut places: Vec<_> = places.iter().map(|at| at.index(payload.len())).collect();
            places.sort_unstable();
            let (mut first, mut start) = (0x41, 0);
            for end in places {
                bytes.extend(frame(role, first, &payload[start..end]));
                (first, start) = (0x00, end);
            }
            bytes.extend(frame(role, 0x80 | first, &payload[start..]));
        }
        for (place, value) in mutations {
            let place = place.index(bytes.len());
            bytes[place] ^= value;
        }
        let script = Script::to(role)
            .config(Config::new().max_message(limit))
            .negotiated(agreed(keeps_context))
            .raw(&bytes);
        let whole = script.run_cut(&[], Mode::Lent);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let each: Vec<_> = (1..bytes.len()).collect();
        for mode in MODES {
            prop_assert_eq!(&script.run_cut(&[], mode), &whole);
            prop_assert_eq!(&script.run_cut(&cuts, mode), &whole);
            prop_assert_eq!(&script.run_cut(&each, mode), &whole);
        }
    }

    /// RFC 6455 §10.4: the limit is one on what comes out.
    #[test]
    fn a_compressed_message_at_its_limit_arrives_and_a_byte_more_is_refused(
        role in role(),
        keeps_context in any::<bool>(),
        limit in prop_oneof![0..400_usize, 4090..4100_usize, 65_530..65_550_usize],
        more in 0..3_usize,
        pattern in vec(any::<u8>(), 1..40),
        mode in mode(),
        cut in any::<Index>(),
    ) {
        let len = (limit + more).saturating_sub(1);
        let message: Vec<u8> = pattern.iter().copied().cycle().take(len).collect();
        let bytes = frame(role, 0xc2, &compressed(&message));
        let script = Script::to(role)
            .config(Config::new().max_message(limit))
            .negotiated(agreed(keeps_context))
            .raw(&bytes);
        let outcome = script.run_cut(&[cut.index(bytes.len() + 1)], mode);
        if len > limit {
            outcome.assert_failed(ProtocolError::MessageTooBig { limit }, 1009);
            prop_assert_eq!(&outcome.events, &[]);
        } else {
            outcome.assert_open();
            prop_assert_eq!(&outcome.events, &[binary(&message)]);
        }
    }

    #[test]
    fn mutated_data_is_inflated_as_flate2_and_the_walker_do_or_refused_as_by_them(
        message in message(),
        level in 1..=9_u32,
        finish in any::<bool>(),
        mutations in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<Index>()),
        keeps_context in any::<bool>(),
    ) {
        let flush = if finish { flate2::FlushCompress::Finish } else { flate2::FlushCompress::Sync };
        let mut payload = Vec::with_capacity(message.len() * 2 + 100);
        flate2::Compress::new(flate2::Compression::new(level), false)
            .compress_vec(message.as_bytes(), &mut payload, flush)
            .unwrap();
        if !finish {
            payload.truncate(payload.len() - 4);
        }
        for (place, value) in mutations {
            let place = place.index(payload.len());
            payload[place] ^= value;
        }
        if let Some(cut) = cut {
            payload.truncate(cut.index(payload.len() + 1));
        }
        let mut client = Endpoint::negotiated(
            Role::Client,
            &Config::new().max_message(usize::MAX),
            agreed(keeps_context),
        );
        client.feed(&frame(Role::Client, 0xc2, &payload));
        let ours = match client.error {
            None => {
                prop_assert_eq!(client.events.len(), 1);
                Some(client.events.pop().unwrap())
            }
            error => {
                prop_assert_eq!(error, Some(ProtocolError::InvalidCompression));
                None
            }
        };
        let walked = if payload.is_empty() {
            Ok(support::tokens::Tokens::default())
        } else {
            Walker::new(keeps_context).message(&payload)
        };
        let tokens = walked.as_ref().ok();
        prop_assert_eq!(&ours, &tokens.map(|tokens| binary(&tokens.output)), "{:?} {:02x?}", walked, payload);
        // Two things flate2's backend does otherwise: it cannot be given a
        // window back behind a last block, and takes zeros for what lies
        // before the beginning.
        if tokens.is_none_or(|tokens| tokens.last_blocks == 0) && walked != Err(TOO_FAR) {
            prop_assert_eq!(ours, by_flate2(&payload).map(|output| binary(&output)), "{:?} {:02x?}", walked, payload);
        }
    }
}
