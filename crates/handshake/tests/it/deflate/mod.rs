//! The negotiation of permessage-deflate (RFC 7692 §5 and §7.1), through whole requests and
//! responses.

mod agreement;
mod client;
mod server;
mod support;
mod table;
