//! Clients that behave.

pub mod active;
pub mod good;
pub mod hold;
pub mod meter;
pub mod pushed;
pub mod reconnect;
