//! permessage-deflate: what is offered, answered and agreed (RFC 7692 §5 and §7.1).
//!
//! Only the negotiation is here, nothing is compressed. What was agreed leaves as plain values,
//! [`DeflateParams`](crate::DeflateParams), which a codec takes.
//!
//! A client offers once, with [`Offer::deflate`](crate::client::Offer::deflate), and fails the
//! handshake on an answer that is not one to its offer. A server, with
//! [`Choices::deflate`](crate::server::Choices::deflate), goes through the offers in the client's
//! order, over all headers, and takes the first without an unknown, repeated or invalid parameter;
//! the others are declined without a word. Neither side does anything unless asked.
//!
//! ```
//! use socket_flow_handshake::DeflateParams;
//! use socket_flow_handshake::client::{self, Offer};
//! use socket_flow_handshake::deflate::DeflateOffer;
//! use socket_flow_handshake::key::Key;
//! use socket_flow_handshake::server::{self, Choices};
//! use socket_flow_handshake::target::Target;
//!
//! let offer = Offer::default().deflate(DeflateOffer::default().server_max_window_bits(12)?);
//! let choices = Choices::default().deflate(DeflateParams {
//!     client_max_window_bits: 10,
//!     ..DeflateParams::default()
//! });
//!
//! let key = Key::new([7; 16]); // a real key is random
//! let target = Target::parse("ws://example.com/").unwrap();
//! let request = client::request(&target.uri(), &offer, &key).unwrap();
//! assert_eq!(
//!     request.headers()["sec-websocket-extensions"],
//!     "permessage-deflate; server_max_window_bits=12; client_max_window_bits",
//! );
//! let (response, at_server) = server::accept(&request, &choices).unwrap();
//! let (at_client, _) = client::verify(&response, &offer, &key).unwrap();
//!
//! let agreed = at_client.deflate().unwrap();
//! assert_eq!(agreed.server_max_window_bits, 12);
//! assert_eq!(agreed.client_max_window_bits, 10);
//! assert_eq!(at_server.deflate(), Some(agreed));
//! # Ok::<_, socket_flow_handshake::deflate::InvalidWindowBits>(())
//! ```

mod answer;
mod client_window;
mod error;
mod offer;
mod parameters;

pub(crate) use answer::Answer;
pub use client_window::ClientWindow;
pub use error::{DeflateError, InvalidWindowBits, Parameter};
pub use offer::DeflateOffer;

/// The name of the extension (RFC 7692 §7).
pub(crate) const NAME: &str = "permessage-deflate";
