#![no_std]
//! The WebSocket wire format.
