//! F8: what we compress, beside a reader that tells each match.

use flate2::{Decompress, FlushDecompress};
use socket_flow_protocol::{Config, Message, Negotiated, Prepared};

use crate::conversation::{context, deflate as settings, params};
use crate::source::Source;
use crate::support::tokens::Walker;
use crate::support::{Endpoint, ROLES, parse};

/// Of what an end compresses no match reaches beyond the window that was agreed on, and none into
/// an earlier message where contexts are not kept; no tail is left on it; a plain reader and zlib
/// give the message back.
pub(crate) fn deflate(data: &[u8]) {
    let mut source = Source::new(data);
    let role = source.pick(&ROLES);
    let params = params(&mut source);
    let config = Config::new()
        .deflate(settings(&mut source).threshold(0))
        .fragment(source.pick(&[usize::MAX, 1, 100, 5000]))
        .high_water(usize::MAX);
    let negotiated = Negotiated::default().with_deflate(params);
    let mut endpoint = Endpoint::negotiated(role, &config, negotiated);
    let (keeps_context, bits) = context(role, params);
    let mut walker = Walker::new(keeps_context);
    let mut zlib = Decompress::new(false);

    let mut sum = 0;
    while !source.is_empty() && sum < 300_000 {
        let prepared = source.byte() % 8 == 0;
        let message = match source.flag() {
            true => Message::from(source.text()),
            false => Message::from(source.payload()),
        };
        sum += message.len() + 1;
        let outgoing = endpoint.outgoing();
        match prepared {
            true => outgoing.queue(&Prepared::new(message.clone())).unwrap(),
            false => outgoing.queue(message.as_ref()).unwrap(),
        }
        endpoint.write();
        let frames = parse(role, &std::mem::take(&mut endpoint.output));
        let compressed = frames[0].0 & 0x40 != 0;
        let later = frames.iter().skip(1);
        assert!(later.into_iter().all(|(first, _)| first & 0x7f == 0));
        let payload: Vec<u8> = frames
            .into_iter()
            .flat_map(|(_, payload)| payload)
            .collect();
        if !compressed {
            assert_eq!(payload, message.as_bytes());
            continue;
        }
        assert!(!payload.ends_with(&[0x00, 0x00, 0xff, 0xff]), "a tail");
        let tokens = walker.message(&payload).unwrap();
        assert!(tokens.farthest() <= 1 << bits, "beyond the window");
        assert!(tokens.output == message.as_bytes());

        let mut output = Vec::with_capacity(message.len() + 64);
        let stream = [&payload[..], &[0x00, 0x00, 0xff, 0xff]].concat();
        zlib.decompress_vec(&stream, &mut output, FlushDecompress::Sync)
            .unwrap();
        assert!(output == message.as_bytes());
        if !keeps_context {
            zlib = Decompress::new(false);
        }
    }
}
