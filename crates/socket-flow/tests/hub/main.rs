//! Topics, and members that do not keep up.

mod crowd;
mod members;
mod model;
mod slow;
mod tools;
