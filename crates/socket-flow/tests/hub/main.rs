//! Topics, and members that do not keep up.

mod bursts;
mod closing;
mod crowd;
mod members;
#[path = "../loops/memory.rs"]
mod memory;
mod model;
mod rings;
mod slow;
mod tools;
mod turns;
mod waiting;
