//! Where the masking keys of a client come from.

use std::collections::HashSet;

use socket_flow_connection::Config;

use crate::support::record::Recorder;
use crate::support::{Client, open};

/// The core is given its seed: that it is another one for each connection, and not the application's
/// to choose, is the shell's part.
///
/// RFC 6455 §5.3, §10.3.
#[tokio::test]
async fn every_client_masks_with_keys_of_its_own() {
    let mut keys = HashSet::new();
    for _ in 0..100 {
        let (io, far) = Recorder::new();
        let mut ws = open(io, Client, Config::new());
        ws.send("").await.unwrap();
        ws.send("").await.unwrap();
        let written = far.tape().written();
        // Two frames of two bytes and a key.
        assert_eq!(written.len(), 12);
        for frame in written.chunks(6) {
            assert_eq!(frame[..2], *b"\x81\x80");
            keys.insert(frame[2..].to_vec());
        }
    }
    // Two equal keys among 200 happen once in 200,000 runs; three are no accident.
    assert!(keys.len() >= 198, "{}", keys.len());
}
