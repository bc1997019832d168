//! The opening handshake on both sides, against peers played byte by byte.

mod accept;
mod answer;
mod connect;
mod interrupted;
mod not_http;
mod pending;
mod refuse;
mod scripted;
mod slow;
mod thread_safety;
