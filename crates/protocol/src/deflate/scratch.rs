use std::cell::Cell;

/// Runs `work` with a buffer of the thread's, [`SCRATCH`] bytes long; its
/// contents are whatever was left there.
///
/// The codec writes into initialised memory only, so there is one such buffer
/// for all connections of a thread instead of one for each.
#[inline]
pub(super) fn with<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let idle = BUF.try_with(Cell::take).ok().flatten();
    let mut scratch = idle.unwrap_or_else(Scratch::new);
    let result = work(&mut scratch.buf);
    // Gone only while the thread ends: then it is freed.
    let _ = BUF.try_with(|slot| slot.set(Some(scratch)));
    result
}

/// Boxed, so that taking it moves one word.
struct Scratch {
    /// Invariant: [`SCRATCH`] bytes long.
    buf: Vec<u8>,
}

impl Scratch {
    #[cold]
    fn new() -> Box<Self> {
        let buf = vec![0; SCRATCH];
        Box::new(Self { buf })
    }
}

thread_local! {
    static BUF: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Fits a usual second-level cache. The codec's quick path stops short of the
/// end of its output, so that small steps cost it much: with 16 KiB, a message
/// of 64 KiB took 27 % more instructions to inflate.
pub(super) const SCRATCH: usize = 128 << 10;
