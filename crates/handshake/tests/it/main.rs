//! What is sent, what is accepted and what is refused, on both sides.

mod acceptance;
mod client;
mod deflate;
mod head;
mod injection;
mod lines;
mod properties;
mod second_opinion;
mod server;
