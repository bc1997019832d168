//! permessage-deflate: what is offered, answered and agreed (RFC 7692 §5 and §7.1).
//!
//! Only the negotiation is here, nothing is compressed. What was agreed leaves as plain values,
//! [`DeflateParams`], for whoever compresses.
//!
//! A client offers once, with [`Offer::deflate`](crate::client::Offer::deflate), and fails the
//! handshake on an answer that is not one to its offer. A server, with
//! [`Choices::deflate`](crate::server::Choices::deflate), goes through the offers in the client's
//! order, over all headers, and takes the first without an unknown, repeated or invalid parameter;
//! the others are declined without a word. Neither side does anything unless asked.
//!
//! ```
//! use socket_flow_handshake::client::{self, Offer};
//! use socket_flow_handshake::deflate::{DeflateChoice, DeflateOffer};
//! use socket_flow_handshake::key::Key;
//! use socket_flow_handshake::server::{self, Choices};
//! use socket_flow_handshake::target::Target;
//!
//! let offer = Offer::default().deflate(DeflateOffer::default().server_max_window_bits(12)?);
//! let choices = Choices::default().deflate(DeflateChoice::default().client_max_window_bits(10)?);
//!
//! let key = Key::new([7; 16]); // a real key is random
//! let target = Target::parse("ws://example.com/").unwrap();
//! let request = client::request(&target.uri(), &offer, &key).unwrap();
//! assert_eq!(
//!     request.headers()["sec-websocket-extensions"],
//!     "permessage-deflate; server_max_window_bits=12; client_max_window_bits",
//! );
//! let (response, at_server) = server::accept(&request, &choices).unwrap();
//! let at_client = client::verify(&response, &offer, &key).unwrap();
//!
//! let agreed = at_client.deflate().unwrap();
//! assert_eq!(agreed.server_max_window_bits, 12);
//! assert_eq!(agreed.client_max_window_bits, 10);
//! assert_eq!(at_server.deflate(), Some(agreed));
//! # Ok::<_, socket_flow_handshake::deflate::InvalidWindowBits>(())
//! ```

mod choice;
mod error;
mod offer;
mod parameters;

pub use choice::DeflateChoice;
pub(crate) use choice::without_context_takeover;
pub use error::{DeflateError, InvalidWindowBits, Parameter};
pub use offer::{ClientWindow, DeflateOffer};

/// The name of the extension (RFC 7692 §7).
pub(crate) const NAME: &str = "permessage-deflate";

/// What both sides agreed on. Exhaustive, for the RFC defines these four parameters and no more.
///
/// Windows are base-two logarithms of bytes, 8 to 15: 256 bytes to 32 KiB. Default: what a bare
/// `permessage-deflate` means, both contexts kept and both windows at 15.
///
/// ```
/// use socket_flow_handshake::deflate::DeflateParams;
///
/// let params = DeflateParams::default();
/// assert!(!params.server_no_context_takeover && !params.client_no_context_takeover);
/// assert_eq!((params.server_max_window_bits, params.client_max_window_bits), (15, 15));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // the RFC's four parameters
pub struct DeflateParams {
    /// The server empties its window before each message (RFC 7692 §7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client empties its window before each message (RFC 7692 §7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The window the server compresses with, at most; 8 to 15 (RFC 7692 §7.1.2.1).
    pub server_max_window_bits: u8,
    /// The window the client compresses with, at most; 8 to 15 (RFC 7692 §7.1.2.2).
    pub client_max_window_bits: u8,
}

impl Default for DeflateParams {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: parameters::MAX_WINDOW_BITS,
            client_max_window_bits: parameters::MAX_WINDOW_BITS,
        }
    }
}
