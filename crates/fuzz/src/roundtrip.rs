//! F3: messages, from one end to the other.

use bytes::Buf;
use socket_flow_protocol::{
    Compressed, Config, Event, Message, MessageRef, Negotiated, Prepared, Role, Uncompressed,
};

use crate::conversation::{deflate, params};
use crate::source::Source;
use crate::support::{Endpoint, MODES, ROLES, ping, pong};

/// What one end sends, in any of the ways there are, the other receives: the same messages and
/// pings in the same order, however frames and bytes are cut; every ping comes back as its pong.
pub(crate) fn roundtrip(data: &[u8]) {
    let mut source = Source::new(data);
    let role = source.pick(&ROLES);
    let mode = source.pick(&MODES);
    let negotiated = match source.flag() {
        true => Negotiated::default().with_deflate(params(&mut source)),
        false => Negotiated::default(),
    };
    let config = Config::new()
        .deflate(deflate(&mut source))
        .fragment(source.pick(&[usize::MAX, 1, 7, 125, 126, 1000, 16_384, 65_536]))
        .high_water(usize::MAX);
    let writes = 1 + source.word();
    let mut from = Endpoint::negotiated(role, &config, negotiated.clone());
    let mut to = Endpoint::negotiated(role.peer(), &Config::new(), negotiated);
    to.mode = mode;

    let mut expected = Vec::new();
    let mut pings = 0;
    let mut bytes = 0;
    while !source.is_empty() && expected.len() < 40 && bytes < 300_000 {
        let way = source.below(7);
        let message = match source.flag() {
            true => Message::from(source.text()),
            false => Message::from(source.payload()),
        };
        bytes += message.len();
        let outgoing = from.outgoing();
        match way {
            0 => outgoing.queue(message.clone()).unwrap(),
            1 => outgoing.queue(message.as_ref()).unwrap(),
            2 => outgoing.queue(Compressed(message.clone())).unwrap(),
            3 => outgoing.queue(Uncompressed(message.clone())).unwrap(),
            4 => outgoing.queue(&Prepared::new(message.clone())).unwrap(),
            5 => {
                let sent = in_parts(&mut from, &message, &mut source);
                pings += sent.len();
                expected.extend(sent);
            }
            _ => {
                let data = &message.as_bytes()[..message.len().min(125)];
                outgoing.ping(data).unwrap();
                pings += 1;
                expected.push(ping(data));
                continue;
            }
        }
        expected.push(Event::Message(message));
    }
    while from.sending.queued().has_remaining() {
        // A byte at a time is for short conversations.
        let least = from.sending.queued().remaining() / 200;
        from.write_some(writes.max(least));
        let written = std::mem::take(&mut from.output);
        to.feed(&written);
    }
    assert_eq!(to.error, None);
    assert_eq!(to.events, expected);

    // And back: the pongs, with the pings' data.
    let answers = std::mem::take(&mut to.output);
    from.feed(&answers);
    let of_pings: Vec<_> = expected
        .iter()
        .filter_map(|event| match event {
            Event::Ping(data) => Some(pong(data)),
            _ => None,
        })
        .collect();
    assert_eq!((from.error, of_pings.len()), (None, pings));
    assert_eq!(from.events, of_pings);
    let masked = role == Role::Client;
    assert_eq!(from.receiving.incoming().role().masks(), masked);
}

/// Sends a message part by part, with pings between the parts.
fn in_parts(from: &mut Endpoint, message: &Message, source: &mut Source<'_>) -> Vec<Event> {
    let mut pings = Vec::new();
    let bytes = message.as_bytes();
    let part = |from: usize, to: usize| match message.as_text() {
        Some(text) => MessageRef::from(&text[from..to]),
        None => MessageRef::from(&bytes[from..to]),
    };
    let mut start = 0;
    for cut in source.cuts().within(bytes.len()) {
        let end = match message.as_text() {
            Some(text) => (0..=cut).rfind(|at| text.is_char_boundary(*at)),
            None => Some(cut),
        };
        let end = end.unwrap_or(0).max(start);
        from.outgoing().queue_part(part(start, end)).unwrap();
        start = end;
        if source.flag() {
            from.outgoing().ping(b"between").unwrap();
            pings.push(ping(b"between"));
        }
    }
    let last = part(start, bytes.len());
    from.outgoing().queue_last_part(last).unwrap();
    pings
}
