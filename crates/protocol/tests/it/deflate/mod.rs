//! permessage-deflate: RFC 7692.

mod buffers;
mod large;
mod large_prepared;
mod parts;
mod properties;
mod receiving;
mod regressions;
mod sending;
mod turns;
mod window;
