//! Fuzz targets: what an input means, and the oracle that judges what the library made of it.
//!
//! ```text
//!  corpus/<target>/* ──▶ tests/corpus.rs (plain `cargo test`, with a few mutations of each)
//!         │
//!         └──────────▶ libfuzzer/ (nightly: coverage and address sanitizer)   ┐
//!                      src/bin/mutate.rs (any toolchain: mutations only)      ┴─ cargo xtask fuzz
//! ```
//!
//! Each target is a function of bytes that panics when its oracle disagrees. The oracles are
//! written apart from the library: loops over bytes, the standard library, `flate2`, `httparse`,
//! `tungstenite`, and models of a page.
//!
//! An input begins with the choices (role, limits, where to cut, what was agreed on) and ends with
//! what the peer sends, so that bytes seen on a wire are a seed with a few zeros before them.

#![forbid(unsafe_code)]

mod async_io;
mod checker;
mod conversation;
mod deflate;
mod diff_tungstenite;
mod ext_header;
mod frame_decode;
mod hs_client;
mod hs_server;
mod inflate;
mod mask;
mod model;
mod mutate;
mod receive_buf;
mod roundtrip;
mod scripted;
mod source;
mod split_invariance;
// The independent readers of frames and of DEFLATE, and a shell of the driver.
#[path = "../../protocol/tests/support/mod.rs"]
#[allow(dead_code, unused_imports)] // a part of them is used here
mod support;
mod utf8_stream;

pub use mutate::mutated;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target with its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("frame_decode", frame_decode::frame_decode),
    ("split_invariance", split_invariance::split_invariance),
    ("roundtrip", roundtrip::roundtrip),
    ("hs_server", hs_server::hs_server),
    ("hs_client", hs_client::hs_client),
    ("ext_header", ext_header::ext_header),
    ("inflate", inflate::inflate),
    ("deflate", deflate::deflate),
    ("utf8_stream", utf8_stream::utf8_stream),
    ("model", model::model),
    ("async_io", async_io::async_io),
    ("diff_tungstenite", diff_tungstenite::diff_tungstenite),
    ("mask", mask::mask),
    ("receive_buf", receive_buf::receive_buf),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|target| target.0 == name)?;
    Some(found.1)
}
