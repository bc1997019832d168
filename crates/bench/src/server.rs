//! What all echo servers have in common: the command line, the runtime and the accept loop.
//!
//! ```text
//! BIN PORT current_thread|multi:N [--connections N] [--batch] [--deflate takeover|none]
//! ```

use std::error::Error;
use std::future::Future;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use lexopt::{Arg, Parser, ValueExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// How the echo of one connection ends.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The command line of an echo server.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The port on 127.0.0.1; 0 lets the system choose, and the choice is printed.
    pub port: u16,
    /// The number of worker threads, or `None` for tokio's current-thread runtime.
    pub workers: Option<usize>,
    /// After how many connections the server ends by itself.
    pub connections: Option<usize>,
    /// Whether the replies to all messages that are ready go out together, where the library
    /// leaves that to the application.
    pub batch: bool,
    /// Whether permessage-deflate is accepted, and how.
    pub deflate: Option<Takeover>,
}

/// Whether a compressor keeps what it has seen from one message to the next (RFC 7692 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Both ends keep it.
    Both,
    /// Neither does.
    None,
}

impl Takeover {
    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "takeover" => Some(Self::Both),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// An option that not every server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `--batch`
    Batch,
    /// `--deflate`
    Deflate,
}

impl Options {
    /// Reads the command line of a server with these features.
    ///
    /// # Errors
    /// Anything but the usage above.
    pub fn parse(mut parser: Parser, features: &[Feature]) -> Result<Self, lexopt::Error> {
        let mut port = None;
        let mut runtime = None;
        let mut connections = None;
        let mut batch = false;
        let mut deflate = None;
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Value(value) if port.is_none() => port = Some(value.parse()?),
                Arg::Value(value) if runtime.is_none() => {
                    runtime = Some(workers(&value.string()?)?);
                }
                Arg::Long("connections") => connections = Some(parser.value()?.parse()?),
                Arg::Long("batch") if features.contains(&Feature::Batch) => batch = true,
                Arg::Long("deflate") if features.contains(&Feature::Deflate) => {
                    let name = parser.value()?.string()?;
                    let takeover = Takeover::named(&name);
                    deflate = Some(takeover.ok_or("--deflate takes takeover or none")?);
                }
                _ => return Err(arg.unexpected()),
            }
        }
        Ok(Self {
            port: port.ok_or("no port is given")?,
            workers: runtime.ok_or("no runtime is given")?,
            connections,
            batch,
            deflate,
        })
    }

    fn runtime(&self) -> io::Result<Runtime> {
        match self.workers {
            None => Builder::new_current_thread().enable_all().build(),
            Some(workers) => Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_all()
                .build(),
        }
    }
}

/// Runs an echo server: every connection in a task of its own, with `TCP_NODELAY` set, given
/// before the opening handshake to what `make` made for this command line.
///
/// Prints `listening on 127.0.0.1:PORT` when it is ready. It ends in order at Ctrl-C and SIGTERM,
/// so that what watches it can write its files.
pub fn run<M, E, F>(features: &[Feature], make: M) -> ExitCode
where
    M: FnOnce(&Options) -> E,
    E: Fn(TcpStream) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    let ran = Options::parse(Parser::from_env(), features)
        .map_err(io::Error::other)
        .and_then(|options| {
            // Not tokio's signals: they would cost every turn of the event loop.
            ctrlc::set_handler(|| std::process::exit(0)).map_err(io::Error::other)?;
            let echo = make(&options);
            options.runtime()?.block_on(serve(&options, echo))
        });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve<E, F>(options: &Options, echo: E) -> io::Result<()>
where
    E: Fn(TcpStream) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    let open = Arc::new(Open::default());
    let mut accepted = 0;
    while options.connections.is_none_or(|limit| accepted < limit) {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        accepted += 1;
        let connection = Connection::begin(&open);
        // Not an async block: it would hold the future twice, and every connection pay for it.
        tokio::spawn(echo(stream).map(move |outcome| {
            if let Err(error) = outcome {
                eprintln!("connection: {error}");
            }
            drop(connection);
        }));
    }
    open.none_left().await;
    Ok(())
}

/// How many connections are open.
#[derive(Debug, Default)]
struct Open {
    count: AtomicUsize,
    last_ended: Notify,
}

impl Open {
    /// Waits until no connection is open.
    async fn none_left(&self) {
        while self.count.load(Ordering::Acquire) > 0 {
            self.last_ended.notified().await;
        }
    }
}

/// Counts as open until it is dropped.
struct Connection(Arc<Open>);

impl Connection {
    fn begin(open: &Arc<Open>) -> Self {
        open.count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(open))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.last_ended.notify_one();
        }
    }
}

fn workers(runtime: &str) -> Result<Option<usize>, lexopt::Error> {
    match runtime.strip_prefix("multi:") {
        Some(count) => match count.parse() {
            Ok(count) if count > 0 => Ok(Some(count)),
            _ => Err("multi: takes a number from 1 on".into()),
        },
        None if runtime == "current_thread" => Ok(None),
        None => Err("the runtime is current_thread or multi:N".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, lexopt::Error> {
        let features = [Feature::Batch, Feature::Deflate];
        Options::parse(Parser::from_args(line.split_whitespace()), &features)
    }

    const PLAIN: Options = Options {
        port: 0,
        workers: None,
        connections: None,
        batch: false,
        deflate: None,
    };

    #[test]
    fn port_and_runtime_are_given_in_this_order() {
        assert_eq!(parsed("0 current_thread").unwrap(), PLAIN);
        assert_eq!(
            parsed("9001 multi:2 --connections 8 --batch --deflate none").unwrap(),
            Options {
                port: 9001,
                workers: Some(2),
                connections: Some(8),
                batch: true,
                deflate: Some(Takeover::None),
            }
        );
        for line in ["", "9001", "9001 multi:0", "9001 threads", "1 multi:1 2"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_a_server_cannot_do_is_refused() {
        for flag in ["--batch", "--deflate=none"] {
            let parser = Parser::from_args(["0", "current_thread", flag]);
            assert!(Options::parse(parser, &[]).is_err(), "{flag}");
        }
    }
}
