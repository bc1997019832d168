//! What stands for the codec where the feature `deflate` is off: types
//! without values, so that nothing else need ask.

use socket_flow_frames::ReceiveBuf;

use super::InflateFailure;
use crate::work::Work;

#[derive(Debug)]
pub(crate) enum Compress {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settings {}

#[derive(Debug)]
pub(crate) enum Decompress {}

impl Compress {
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

    pub(crate) fn forget(&mut self) {
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
    pub(crate) fn payload(
        &mut self,
        _: &[u8],
        _: &mut ReceiveBuf,
        _: usize,
        _: &mut Work,
    ) -> Result<usize, InflateFailure> {
        match *self {}
    }

    pub(crate) fn finish(
        &mut self,
        _: &[u8],
        _: &mut ReceiveBuf,
        _: usize,
        _: &mut Work,
    ) -> Result<usize, InflateFailure> {
        match *self {}
    }
}
