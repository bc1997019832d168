//! What all programs have in common.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use lexopt::Parser;
use tokio::runtime::Builder;

use crate::board::Board;
use crate::options::Options;
use crate::signals::Phase;

/// Runs a program from its command line to its last line.
#[allow(clippy::print_stderr)] // a program's output
pub fn main(
    name: &str,
    work: impl AsyncFnOnce(Options, Phase, Arc<Board>) -> io::Result<()>,
) -> ExitCode {
    let options = match Options::parse(Parser::from_env()) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::from(2);
        }
    };
    let run = || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(options.workers)
            .enable_all()
            .build()?;
        let board = Board::new(options.report);
        runtime.block_on(async {
            let phase = Phase::watch()?;
            work(options, phase, Arc::clone(&board)).await
        })?;
        board.finish();
        Ok(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err::<(), io::Error>(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Works to the end, and reports meanwhile.
///
/// # Errors
/// Those of the work.
pub async fn reporting(
    board: &Board,
    work: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    tokio::select! {
        ended = work => ended,
        () = board.report(|| {}) => Ok(()),
    }
}

/// A mode that the program does not have.
pub fn unknown(mode: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("there is no mode '{mode}'"),
    )
}
