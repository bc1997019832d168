//! One target under libFuzzer, chosen by the variable `SOCKET_FLOW_FUZZ_TARGET`.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
// Only to choose its implementation of zlib.
use flate2 as _;

static TARGET: OnceLock<socket_flow_fuzz::Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("SOCKET_FLOW_FUZZ_TARGET").expect("SOCKET_FLOW_FUZZ_TARGET is set");
        let target = socket_flow_fuzz::target(&name).expect("a target of this name");
        TARGET.get_or_init(|| target);
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(data);
        }
    }
);
