//! Clients that behave.

pub mod active;
pub mod answer;
pub mod burst;
pub mod good;
pub mod hold;
pub mod members;
pub mod meter;
pub mod pushed;
pub mod reconnect;
