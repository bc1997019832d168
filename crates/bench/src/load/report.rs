//! What a measurement found, as JSON.

use serde::{Deserialize, Serialize};

/// One measurement.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Report {
    /// The payload of a message, in bytes.
    pub size: usize,
    /// What it was made of.
    pub kind: String,
    /// How many connections there were.
    pub connections: usize,
    /// How many messages were written at once.
    pub depth: usize,
    /// How many messages were echoed in the time.
    pub messages: u64,
    /// How many of all replies were compared with what was sent.
    pub checked: u64,
    /// The time, in seconds.
    pub seconds: f64,
    /// Messages echoed in a second.
    pub messages_per_second: f64,
    /// From the write of a burst to its last reply, in microseconds: half of them were quicker.
    pub p50_us: Option<f64>,
    /// The same: 99 of 100 were quicker.
    pub p99_us: Option<f64>,
    /// The server's processor time for each message, in microseconds.
    pub server_us_per_message: Option<f64>,
    /// The part of the time that the load generator itself was busy: near 1 it is the limit.
    pub load_busy: Option<f64>,
}
