//! The driver, asked by a shell what to do next.

mod deadlines;
mod ending;
mod failures;
mod handed_in;
mod holding;
mod memory;
mod properties;
mod receiving;
mod sending;
