//! Messages that are compressed by turns, and what waits for that.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use socket_flow_frames::{ClosePayload, OpCode};

use crate::budget::{Lease, Purpose};
use crate::deflate::{ByTurns, Compress};
use crate::frame_queue::FrameKind;
use crate::message::{Parcel, Payload, Prepared};
use crate::outgoing::Outgoing;

/// What compresses the messages of a connection, and what waits for it: a
/// connection that does not compress has no place for either.
pub(super) struct Compressor {
    pub(super) codec: Compress,
    backlog: Option<Box<Backlog>>,
}

/// What was queued and is not in the write queue, in this order. Pings and
/// pongs do not wait for it.
#[derive(Default)]
struct Backlog {
    /// What is compressed now.
    current: Option<Job>,
    /// Messages that were promised to be sent, in front of a Close.
    promised: VecDeque<Parcel>,
    close: Option<ClosePayload>,
    /// What is charged for it, where there is a budget.
    lease: Option<Lease>,
}

/// Something to compress by turns.
pub(super) enum Job {
    /// A message, or a part of one.
    Payload {
        payload: Bytes,
        by_turns: ByTurns,
        kind: FrameKind,
    },
    /// A message whose encoding others may make, or have made.
    Prepared(Prepared),
}

impl Outgoing {
    /// Whether something is compressed by turns, or waits for that.
    #[inline]
    pub(crate) fn is_compressing(&self) -> bool {
        self.backlog().is_some()
    }

    /// Compresses until the turn's work is used up or nothing is left to
    /// compress; what becomes of it is in the write queue then.
    pub(crate) fn compress_some(&mut self) {
        while let Some(compress) = self.compress.as_deref_mut() {
            let Compressor {
                codec,
                backlog: waiting,
            } = compress;
            let is_used_up = codec.is_used_up();
            let Some(mut backlog) =
                waiting.take_if(|waiting| waiting.costs_nothing() || !is_used_up)
            else {
                return;
            };
            let step = backlog.step(codec);
            if !backlog.is_empty() {
                *waiting = Some(backlog);
            }
            match step {
                Step::Unfinished => {}
                Step::Payload(kind, pieces) => {
                    let fragment = self.config().limits().fragment;
                    self.frames.pieces(kind, pieces, fragment);
                }
                Step::Prepared(opcode, pieces) => self.append_prepared(opcode, &pieces),
                Step::Promised(message) => self.queue_any(message),
                Step::Close(payload) => self.append_control(OpCode::Close, payload.as_bytes()),
            }
        }
    }

    /// Compresses all there is, however long that takes.
    pub(super) fn compress_all(&mut self) {
        while self.is_compressing() {
            self.renew_work();
            self.compress_some();
        }
    }

    /// Queues a message that is compressed by turns for many connections: at
    /// once where that is done.
    pub(super) fn queue_shared(&mut self, message: &Prepared) {
        let Some(compress) = &mut self.compress else {
            return;
        };
        match compress.codec.prepared(message.by_turns()) {
            Some(pieces) => self.append_prepared(message.opcode(), &pieces),
            None => self.compress_by_turns(Job::Prepared(message.clone())),
        }
    }

    fn append_prepared(&mut self, opcode: OpCode, pieces: &[Bytes]) {
        let kind = FrameKind::compressed(opcode);
        self.frames.pieces(kind, pieces.to_vec(), usize::MAX);
    }

    pub(super) fn compress_by_turns(&mut self, job: Job) {
        let budget = self.frames.queue.config().memory();
        if let Some(compress) = &mut self.compress {
            let borrows = compress.codec.borrows();
            let backlog = compress.backlog.get_or_insert_default();
            if let Some(budget) = budget {
                let lease = budget.lease(Purpose::Sending);
                backlog.lease.insert(lease).set(job.memory() + borrows);
            }
            backlog.current = Some(job);
        }
    }

    /// Lets a message wait for what is compressed; gives it back where nothing
    /// is.
    pub(super) fn promise<P: Payload>(&mut self, message: P) -> Result<(), P> {
        match self.backlog_mut() {
            Some(backlog) => {
                backlog.promised.push_back(Parcel::new(message));
                Ok(())
            }
            None => Err(message),
        }
    }

    /// Queues the Close, after what is compressed by turns.
    pub(super) fn append_close(&mut self, payload: &ClosePayload) {
        match self.backlog_mut() {
            Some(backlog) => backlog.close = Some(*payload),
            None => self.append_control(OpCode::Close, payload.as_bytes()),
        }
    }

    pub(super) fn drop_backlog(&mut self) {
        if let Some(compress) = &mut self.compress {
            compress.backlog = None;
        }
    }

    /// What waits outside of the write queue, in bytes: messages as long as they
    /// are before they are compressed.
    pub(super) fn backlog_len(&self) -> usize {
        let Some(backlog) = self.backlog() else {
            return 0;
        };
        let current = match &backlog.current {
            Some(Job::Payload { payload, .. }) => payload.len(),
            Some(Job::Prepared(prepared)) => prepared.len(),
            None => 0,
        };
        let promised: usize = backlog.promised.iter().map(Parcel::len).sum();
        let close = backlog.close.as_ref();
        let close = close.map_or(0, |close| self.frames.control_len(close.as_bytes()));
        current + promised + close
    }

    #[inline]
    fn backlog(&self) -> Option<&Backlog> {
        self.compress.as_deref()?.backlog.as_deref()
    }

    fn backlog_mut(&mut self) -> Option<&mut Backlog> {
        self.compress.as_mut()?.backlog.as_deref_mut()
    }
}

impl Compressor {
    pub(super) fn new(codec: Compress) -> Self {
        Self {
            codec,
            backlog: None,
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codec.fmt(f)
    }
}

impl Backlog {
    fn is_empty(&self) -> bool {
        self.costs_nothing() && self.close.is_none()
    }

    /// Whether a Close is all there is.
    fn costs_nothing(&self) -> bool {
        self.current.is_none() && self.promised.is_empty()
    }

    fn step(&mut self, compress: &mut Compress) -> Step {
        if let Some(job) = &mut self.current {
            let Some(step) = job.go_on(compress) else {
                return Step::Unfinished;
            };
            self.current = None;
            return step;
        }
        if let Some(message) = self.promised.pop_front() {
            return Step::Promised(message);
        }
        self.close.take().map_or(Step::Unfinished, Step::Close)
    }
}

impl Job {
    /// What it takes at most until it is done, in bytes: what it is, and what comes
    /// of it. What many connections share is the application's.
    fn memory(&self) -> usize {
        match self {
            Self::Payload { payload, .. } => 2 * payload.len(),
            Self::Prepared(_) => 0,
        }
    }

    /// Compresses until the turn's work is used up, or to the end: what that has come
    /// to.
    fn go_on(&mut self, compress: &mut Compress) -> Option<Step> {
        match self {
            Self::Payload {
                payload,
                by_turns,
                kind,
            } => compress.go_on(payload, by_turns).then(|| {
                let pieces = compress.finish(mem::take(by_turns), kind.fin);
                Step::Payload(*kind, pieces)
            }),
            Self::Prepared(message) => {
                let payload = message.message().as_bytes();
                let pieces = compress.prepare(message.by_turns(), payload)?;
                Some(Step::Prepared(message.opcode(), pieces))
            }
        }
    }
}

/// What a step has come to.
enum Step {
    /// The turn's work is used up.
    Unfinished,
    Payload(FrameKind, Vec<Bytes>),
    Prepared(OpCode, Arc<[Bytes]>),
    Promised(Parcel),
    Close(ClosePayload),
}
