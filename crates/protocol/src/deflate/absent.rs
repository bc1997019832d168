//! What stands for the codec where the feature `deflate` is off: types
//! without values, so that nothing else need ask.

use std::sync::Arc;

use bytes::Bytes;
use socket_flow_frames::{Negotiated, Role};

use super::{Deflate, InflateFailure, Output};

/// Nothing is compressed, whatever was negotiated.
pub(crate) fn compress(_: &Negotiated, _: Role, _: &Deflate) -> Option<Compress> {
    None
}

/// A compressed message is refused, whatever was negotiated.
pub(crate) fn decompress(_: &Negotiated, _: Role) -> Option<Decompress> {
    None
}

pub(crate) fn kept_memory(_: &Negotiated, _: Role, _: &Deflate) -> usize {
    0
}

#[derive(Debug)]
pub(crate) enum Compress {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settings {}

#[derive(Debug)]
pub(crate) enum Decompress {}

#[derive(Default)]
pub(crate) struct ByTurns(());

#[derive(Default)]
pub(crate) struct Shared(());

impl Compress {
    pub(crate) fn borrows(&self) -> usize {
        match *self {}
    }

    pub(crate) fn wants(&self, _: usize) -> bool {
        match *self {}
    }

    pub(crate) fn settings(&self) -> Settings {
        match *self {}
    }

    pub(crate) fn part<T>(&mut self, _: &[u8], _: impl FnOnce(&[u8]) -> T) -> T {
        match *self {}
    }

    pub(crate) fn last_part<T>(&mut self, _: &[u8], _: impl FnOnce(&[u8]) -> T) -> T {
        match *self {}
    }

    pub(crate) fn go_on(&mut self, _: &[u8], _: &mut ByTurns) -> bool {
        match *self {}
    }

    pub(crate) fn finish(&mut self, _: ByTurns, _: bool) -> Vec<Bytes> {
        match *self {}
    }

    pub(crate) fn forget(&mut self) {
        match *self {}
    }

    pub(crate) fn prepared(&mut self, _: &Shared) -> Option<Arc<[Bytes]>> {
        match *self {}
    }

    pub(crate) fn prepare(&mut self, _: &Shared, _: &[u8]) -> Option<Arc<[Bytes]>> {
        match *self {}
    }

    pub(crate) fn is_used_up(&self) -> bool {
        match *self {}
    }

    pub(crate) fn renew_work(&mut self) {
        match *self {}
    }
}

impl Settings {
    pub(crate) fn message<T>(self, _: &[u8], _: impl FnOnce(&[u8]) -> T) -> T {
        match self {}
    }
}

impl Decompress {
    pub(crate) fn borrows(&self, _: bool) -> usize {
        match *self {}
    }

    pub(crate) fn payload(
        &mut self,
        _: &[u8],
        _: &mut Output<'_>,
    ) -> Result<usize, InflateFailure> {
        match *self {}
    }

    pub(crate) fn finish(&mut self, _: &[u8], _: &mut Output<'_>) -> Result<usize, InflateFailure> {
        match *self {}
    }

    pub(crate) fn at_once(&mut self, _: &[u8], _: &mut Output<'_>) -> Result<bool, InflateFailure> {
        match *self {}
    }
}
