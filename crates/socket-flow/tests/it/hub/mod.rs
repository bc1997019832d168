//! Topics, and members that do not keep up.

mod bursts;
mod closing;
mod crowd;
mod members;
mod model;
mod rings;
mod slow;
mod tools;
mod turns;
mod waiting;
