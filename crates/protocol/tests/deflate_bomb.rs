//! What a decompression bomb costs, measured on the process; alone in its
//! file, for other tests would be counted too.

#![cfg(all(feature = "deflate", target_os = "linux"))]

#[path = "support/peak.rs"]
mod peak;
#[allow(dead_code, unused_imports)] // a part of it is used here
mod support;

use socket_flow_protocol::{Config, ProtocolError, Role};

use peak::peak;
use support::deflate::{agreed, flushed};
use support::{Endpoint, frame, header};

#[test]
fn a_megabyte_that_would_inflate_to_a_gigabyte_never_holds_more_than_the_limit() {
    // A whole stream that inflates to 1 MiB, again and again.
    let stream = flushed(&vec![0; 1 << 20], flate2::FlushCompress::Sync);
    let times = 1 << 10;
    assert!((500_000..2_000_000).contains(&(stream.len() * times)));
    let limit = Config::new().limits().message;
    for keeps_context in [true, false] {
        for step in [usize::MAX, 3000] {
            let mut server =
                Endpoint::negotiated(Role::Server, &Config::new(), agreed(keeps_context));
            let before = peak();
            if step == usize::MAX {
                // In one frame; what is fed is only as much as it takes.
                let whole = stream.repeat(17);
                let masked = frame(Role::Server, 0xc2, &whole);
                let masked = &masked[masked.len() - whole.len()..];
                let len = (stream.len() * times) as u64;
                server.feed(&header(Role::Server, 0xc2, len));
                server.feed(masked);
            } else {
                server.feed(&frame(Role::Server, 0x42, b""));
                for piece in stream.repeat(17).chunks(step) {
                    server.feed(&frame(Role::Server, 0x00, piece));
                    if server.error.is_some() {
                        break;
                    }
                }
            }
            assert_eq!(server.error, Some(ProtocolError::MessageTooBig { limit }));
            assert_eq!(server.sent()[0].1[..2], 1009_u16.to_be_bytes());
            // A last step may move the message to where there is room.
            let grown = peak() - before;
            assert!(grown < limit + limit / 2 + (2 << 20), "{grown} bytes");
        }
    }
}
