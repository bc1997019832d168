//! The server that owns its tasks, over loopback.

mod ends;
mod events;
mod handler;
mod http;
mod leaks;
mod opening;
mod pages;
mod panics;
mod replies;
mod shutdown;
mod streams;
mod tools;
