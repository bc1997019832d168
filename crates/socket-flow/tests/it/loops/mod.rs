//! The loops that README, the guides and rustdoc show, from the same files, under bursts: thousands
//! of messages in one write, small, of 1 KB, and some large ones, plain and compressed, on one
//! worker and on two, with memory and where that is used up. All replies arrive, in order, and nothing
//! is closed.

#![allow(clippy::print_stdout)] // what a program says

mod burst;
mod clients;
mod connections;
mod servers;
mod shown;
