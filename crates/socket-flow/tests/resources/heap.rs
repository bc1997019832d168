//! The heap of a test, counted.

use tokio::runtime::Builder;

use crate::alone::run_with;
use crate::beside::beside;

/// Runs a test in a process of its own, since what other tests hold would count as well: there on
/// one thread, in a runtime of its own.
///
/// An honest connection goes on beside it.
pub(crate) fn alone<F>(test: F)
where
    F: AsyncFnOnce(),
{
    run::<F>(async || beside(test()).await);
}

/// The same without an honest connection, whose reads take one of the thread's buffers.
#[cfg(target_os = "linux")]
pub(crate) fn alone_on_its_thread<F>(test: F)
where
    F: AsyncFnOnce(),
{
    run::<F>(test);
}

/// Runs the test, or the process for it, which is named as its closure is.
fn run<F>(test: impl AsyncFnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(test());
    }
    // A closure is called after the function it stands in: crate::module::test::{{closure}}.
    let name = std::any::type_name::<F>();
    let name = name.strip_suffix("::{{closure}}").unwrap();
    let (_, name) = name.split_once("::").unwrap();
    // The harness would count too, while it waits on another thread.
    let options = ["--test-threads=1", "--nocapture"];
    print!("{}", run_with(name, &options, &[(ALONE, "1")]));
}

/// What is allocated from its making on, less what of that is freed.
pub(crate) struct Heap {
    _profiler: dhat::Profiler,
}

impl Heap {
    pub(crate) fn watch() -> Self {
        // Where memory was asked for does not matter here, and finding that out takes time.
        let profiler = dhat::Profiler::builder().testing().trim_backtraces(Some(4));
        Self {
            _profiler: profiler.build(),
        }
    }

    /// Bytes that are held now.
    pub(crate) fn bytes(&self) -> usize {
        dhat::HeapStats::get().curr_bytes
    }

    /// Allocations that are held now.
    pub(crate) fn blocks(&self) -> usize {
        dhat::HeapStats::get().curr_blocks
    }

    /// The most bytes that were held at once.
    pub(crate) fn peak(&self) -> usize {
        dhat::HeapStats::get().max_bytes
    }

    /// All bytes that were ever asked for: what is copied over and over shows here.
    pub(crate) fn asked_for(&self) -> u64 {
        dhat::HeapStats::get().total_bytes
    }

    /// How often memory was asked for.
    pub(crate) fn requests(&self) -> u64 {
        dhat::HeapStats::get().total_blocks
    }
}

/// Set where a test is already alone.
const ALONE: &str = "SOCKET_FLOW_TEST_ALONE";
