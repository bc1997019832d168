//! A connection over a transport that the test plays, by what it is asked for.

mod backpressure;
mod closing;
mod compile_time;
#[cfg(feature = "deflate")]
mod compressing;
mod cork;
mod endless;
mod failing;
mod faults;
mod flood;
#[cfg(feature = "deflate")]
mod inflating;
mod keepalive;
mod limits;
mod masking;
mod message_writer;
mod sender;
mod sender_flush;
mod split;
mod stream_sink;
#[path = "../support/mod.rs"]
mod support;
mod trace;
mod tracing;
mod truth;
