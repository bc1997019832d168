//! Runs a test on runtimes of one worker and of two.

use std::future::Future;
use std::time::Duration;

/// Runs it on one worker and on two, for a minute at most.
pub(crate) fn on_one_and_two_workers<R, F>(test: impl Fn() -> F)
where
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    for workers in [1, 2] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let test = tokio::spawn(test());
            let minute = Duration::from_secs(60);
            tokio::time::timeout(minute, test)
                .await
                .expect("the loop hangs")
                .unwrap();
        });
        runtime.shutdown_background();
    }
}
