//! Clients that connect again.

mod delays;
mod queue;
mod restarts;
mod sending;
mod tools;
mod waiting;
