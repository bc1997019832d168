//! Clients that misbehave, on raw sockets.

pub mod declare;
pub mod flood;
pub mod greedy;
pub mod hog;
pub mod repeat;
pub mod reset;
pub mod sip;
pub mod slow;
