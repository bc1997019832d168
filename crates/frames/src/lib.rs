//! The WebSocket wire format, [RFC 6455]: frame headers, masking, UTF-8 and close codes.
//!
//! This crate is the bottom layer of `socket-flow` and useful alone: it reads and writes *frames*. It
//! knows nothing of messages, connections or I/O; it lends ranges of the caller's memory and, without
//! features, is `no_std` and allocates nothing.
//!
//! The words that the layers above share are here as well: [`Role`], [`CloseCode`], and what an opening
//! handshake hands to a connection, [`DeflateParams`] and `Negotiated`. Plain values, for nothing is
//! negotiated or compressed here.
//!
//! ```text
//!   received bytes                                              what the caller gets
//!  ┌──────────────┐   FrameHeader::decode_for   ┌──────────────────────────────────────────┐
//!  │ 81 85 37 fa… │ ──────────────────────────▶ │ FrameHeader { fin, rsv, opcode, mask, len } │
//!  │              │                             └──────────────────────────────────────────┘
//!  │   payload    │ ── mask::apply (in place) ─▶ bytes
//!  │              │ ── utf8::validate ─────────▶ &str          Utf8Validator: piece by piece
//!  │              │ ── decode_close ───────────▶ CloseCode, &str
//!  └──────────────┘
//!        │  FrameDecoder: all of it over input that is cut anywhere, unmasking as bytes arrive
//!        ▼
//!  Progress { consumed, header, payload: Range, frame_end }
//!
//!   FrameHeader::encode ─▶ HeaderBytes (≤ 14 bytes on the stack)    mask::copy ─▶ masked payload
//! ```
//!
//! # Errors
//!
//! Every refusal is reported at the first byte that proves it and knows the close code it deserves:
//! [`HeaderError::close_code`], [`CloseError::close_code`]; invalid text is
//! [`CloseCode::INVALID_PAYLOAD`]. No input can make this crate panic.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | detection of AVX2 at run time; without it the instructions are chosen at compile time |
//! | `alloc` | no | `Negotiated`, what a handshake agreed on |
//! | `bytes` | no | `Utf8Bytes`, owned text, and `ReceiveBuf`, a receive buffer that remembers what it validated; `append`; `alloc` |
//! | `codec` | no | `FrameCodec`: `tokio_util::codec::{Decoder, Encoder}` of raw frames |
//!
//! # Examples
//!
//! A client's masked "Hello" (RFC 6455 section 5.7), received by a server:
//!
//! ```
//! use socket_flow_frames::{mask, utf8, FrameHeader, OpCode, Role, Rsv};
//!
//! let mut bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
//! let (header, header_len) = FrameHeader::decode_for(&bytes, Role::Server, Rsv::NONE)?
//!     .expect("the header is complete");
//! assert_eq!((header.opcode, header.len, header_len), (OpCode::Text, 5, 6));
//!
//! let payload = &mut bytes[header_len..];
//! if let Some(key) = header.mask {
//!     mask::apply(payload, key, 0);
//! }
//! assert_eq!(utf8::validate(payload)?, "Hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "bytes")]
mod append;
mod close;
mod close_payload;
#[cfg(feature = "codec")]
mod codec;
mod decoder;
mod deflate_params;
mod error;
mod header;
pub mod mask;
#[cfg(feature = "alloc")]
mod negotiated;
mod opcode;
mod role;
mod rsv;
pub mod utf8;
#[cfg(feature = "bytes")]
mod utf8_bytes;
mod whole_frame;

#[cfg(feature = "bytes")]
pub use append::append;
pub use close::{CloseCode, InvalidCloseCode};
pub use close_payload::{CloseError, ClosePayload, MAX_REASON_LEN, ReasonTooLong, decode_close};
#[cfg(feature = "codec")]
pub use codec::{Frame, FrameCodec, FrameCodecError};
pub use decoder::{FrameDecoder, Progress};
pub use deflate_params::DeflateParams;
pub use error::HeaderError;
pub use header::{FrameHeader, HeaderBytes, MAX_CONTROL_PAYLOAD, MAX_HEADER_LEN};
pub use mask::key::MaskKey;
#[cfg(feature = "alloc")]
pub use negotiated::Negotiated;
pub use opcode::{OpCode, ReservedOpCode};
pub use role::Role;
pub use rsv::Rsv;
pub use utf8::error::Utf8Error;
pub use utf8::validator::Utf8Validator;
#[cfg(feature = "bytes")]
pub use utf8_bytes::{ReceiveBuf, Spare, Utf8Bytes};
pub use whole_frame::WholeFrame;

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
