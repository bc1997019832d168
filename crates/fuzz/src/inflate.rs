//! F7: compressed messages, beside a reader of DEFLATE without tricks and beside zlib.

use flate2::{Decompress, FlushDecompress, Status};
use socket_flow_protocol::{
    Config, DeflateParams, Event, Message, Negotiated, ProtocolError, Role,
};

use crate::source::Source;
use crate::support::tokens::{Tokens, Walker};
use crate::support::{Endpoint, MODES, ROLES, frame};

/// Any bytes as compressed messages: the output is that of two other readers, or all refuse; a
/// message over the limit is refused as that.
pub(crate) fn inflate(data: &[u8]) {
    let mut source = Source::new(data);
    let role = source.pick(&ROLES);
    let mode = source.pick(&MODES);
    let keeps_context = source.flag();
    let limit = source.pick(&[1 << 20, 0, 1, 100, 4096, 70_000]);
    let cuts = source.cuts();
    let params = DeflateParams {
        server_no_context_takeover: !keeps_context,
        client_no_context_takeover: !keeps_context,
        ..DeflateParams::default()
    };
    let mut endpoint = Endpoint::negotiated(
        role,
        &Config::new().max_message(limit),
        Negotiated::default().with_deflate(params),
    );
    endpoint.mode = mode;
    let mut walker = Walker::new(keeps_context);
    let mut zlib = Zlib::new();
    let mut restarts = 0;

    while !source.is_empty() {
        // The last message has no length before it, so that the input may be a stream as it is.
        let fragments = 1 + source.below(3);
        let payload = match source.byte() {
            0 => source.rest(),
            len => source.take(usize::from(len)),
        };
        let message = fragmented(role, payload, fragments);
        for piece in cuts.pieces(&message) {
            endpoint.feed(piece);
        }
        let walked = match payload {
            // Not what §7.2.3.6 asks for, but senders do it, and it can mean one thing only.
            [] => Ok(Tokens::default()),
            _ => walker.message(payload),
        };
        let Ok(tokens) = walked else {
            // It may have grown over the limit, or restarted too often, before it broke.
            assert!(matches!(
                endpoint.error,
                Some(
                    ProtocolError::InvalidCompression
                        | ProtocolError::MessageTooBig { .. }
                        | ProtocolError::TooManyRestarts
                )
            ));
            return;
        };
        restarts += tokens.last_blocks;
        if tokens.output.len() > limit {
            let error = Some(ProtocolError::MessageTooBig { limit });
            assert!(endpoint.error == error || is_restarts(&endpoint, restarts));
            return;
        }
        if is_restarts(&endpoint, restarts) {
            return;
        }
        assert_eq!(endpoint.error, None);
        let event = endpoint.events.pop();
        assert_eq!(
            event,
            Some(Event::Message(Message::from(&tokens.output[..])))
        );
        // zlib takes a stream: one that never ends, and as long as the context is kept.
        if restarts == 0 && !payload.is_empty() {
            let mut stream = payload.to_vec();
            stream.extend_from_slice(&[0x00, 0x00, 0xff, 0xff]);
            assert!(zlib.inflate(&stream) == tokens.output);
        }
        if !keeps_context {
            zlib = Zlib::new();
        }
    }
}

/// Whether the connection failed because streams ended too often, which is a bound of ours and
/// may only come after many of them.
fn is_restarts(endpoint: &Endpoint, restarts: usize) -> bool {
    let is_it = endpoint.error == Some(ProtocolError::TooManyRestarts);
    assert!(!is_it || restarts > 8, "after {restarts}");
    is_it
}

fn fragmented(role: Role, payload: &[u8], count: usize) -> Vec<u8> {
    let step = payload.len() / count + 1;
    let mut bytes = Vec::new();
    let mut pieces = payload.chunks(step).peekable();
    let mut first = 0x42;
    while let Some(piece) = pieces.next() {
        let fin = if pieces.peek().is_none() { 0x80 } else { 0 };
        bytes.extend(frame(role, first | fin, piece));
        first = 0;
    }
    if payload.is_empty() {
        bytes.extend(frame(role, 0xc2, b""));
    }
    bytes
}

struct Zlib(Decompress);

impl Zlib {
    fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// What a valid part of a stream inflates to.
    fn inflate(&mut self, data: &[u8]) -> Vec<u8> {
        let start = self.0.total_in();
        let mut output = Vec::new();
        let mut piece = vec![0; 16 << 10];
        loop {
            let used = (self.0.total_in() - start) as usize;
            let before = self.0.total_out();
            let status = self
                .0
                .decompress(&data[used..], &mut piece, FlushDecompress::Sync);
            let made = (self.0.total_out() - before) as usize;
            output.extend_from_slice(&piece[..made]);
            let now = (self.0.total_in() - start) as usize;
            match status {
                Ok(Status::Ok) if made > 0 || now > used => {}
                Ok(Status::Ok | Status::BufError) => break,
                other => panic!("zlib: {other:?}"),
            }
        }
        assert_eq!(self.0.total_in() - start, data.len() as u64, "all of it");
        output
    }
}
