#![forbid(unsafe_code)]
//! Layer.
