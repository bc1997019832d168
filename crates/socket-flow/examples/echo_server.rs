//! Sends every message back as it came.
//!
//! ```text
//! cargo run --release --example echo_server -- --addr 127.0.0.1:9001
//! ```
//!
//! With `--certificate` and `--key`, PEM files both, it speaks TLS. `--serve` chooses who owns the
//! tasks: `accept` (the default) leaves them to the application, `events` and `handler` are the two
//! styles of `Server`.
//!
//! Prints `listening on ADDR` when it is ready. Ctrl-C and SIGTERM close all connections with 1001
//! and end it.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

mod support;

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use socket_flow::{
    Acceptor, CloseCode, Config, Listener, Server, ServerBuilder, ServerEvent, ServerStream,
    WebSocket,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use support::{Compression, Shutdown};

const USAGE: &str = "usage: echo_server [--addr HOST:PORT] [--threads N] [--max-message BYTES] \
                     [--subprotocol NAME]... [--deflate] [--no-context-takeover] \
                     [--window-bits N] [--certificate FILE --key FILE] \
                     [--serve accept|events|handler]";

/// How long connections may take to close at the end.
const GRACE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("echo_server: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match options
        .runtime()
        .and_then(|runtime| runtime.block_on(serve(options)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo_server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> io::Result<()> {
    let mut shutdown = Shutdown::on_signals()?;
    let listener = options.listener().await?;
    println!("listening on {}", listener.local_addr()?);
    match options.style {
        Style::Accept => {}
        Style::Events => return events(options.server(listener), shutdown).await,
        Style::Handler => {
            let server = options.server(listener);
            // The request ends here: an idle connection does not keep it.
            let serving = server.serve_with(|mut ws, _request| async move { echo(&mut ws).await });
            let handle = serving.await?;
            shutdown.requested().await;
            handle.shutdown(GRACE).await;
            return Ok(());
        }
    }

    let acceptor = options.acceptor();

    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, _peer) = listener.accept() => {
                connections.spawn(connection(acceptor.clone(), stream, shutdown.clone()));
            }
            // What became of a connection concerns nobody else.
            Some(_) = connections.join_next() => {}
            () = shutdown.requested() => break,
        }
    }
    drop(listener);
    let closed = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is dropped.
    let _ = tokio::time::timeout(GRACE, closed).await;
    Ok(())
}

/// Serves one client in a task of its own, so that a slow one keeps nobody waiting.
async fn connection(
    acceptor: Acceptor,
    stream: ServerStream,
    mut shutdown: Shutdown,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(accepted) = shutdown.interrupt(acceptor.accept(stream)).await else {
        return Ok(());
    };
    let mut ws = accepted?;
    match shutdown.interrupt(echo(&mut ws)).await {
        Some(result) => result?,
        None => {
            ws.close(CloseCode::GOING_AWAY, "server is going down")
                .await?;
        }
    }
    Ok(())
}

/// The fast reply loop: a message is lent where it lies, `queue` only queues it, and `recv` writes
/// the replies to everything that arrived together at once.
async fn echo(ws: &mut WebSocket<ServerStream>) -> Result<(), socket_flow::Error> {
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}

/// Echoes from the events of `Server`, of all connections in one loop.
async fn events(server: ServerBuilder, mut shutdown: Shutdown) -> io::Result<()> {
    let (handle, mut events) = server.serve().await?;
    tokio::spawn(async move {
        shutdown.requested().await;
        handle.shutdown(GRACE).await;
    });
    let mut senders = HashMap::new();
    while let Some(event) = events.next().await {
        match event {
            ServerEvent::Open { id, sender, .. } => drop(senders.insert(id, sender)),
            ServerEvent::Message { id, message } => {
                if let Some(sender) = senders.get(&id) {
                    // It has room; it is refused only where the connection is closing.
                    let _ = sender.try_send(message);
                }
            }
            ServerEvent::Close { id, .. } => drop(senders.remove(&id)),
            _ => {}
        }
    }
    Ok(())
}

/// Who owns the tasks.
#[derive(Clone, Copy)]
enum Style {
    Accept,
    Events,
    Handler,
}

struct Options {
    addr: String,
    style: Style,
    /// `None`: one for each core.
    threads: Option<usize>,
    config: Config,
    subprotocols: Vec<String>,
    compression: Compression,
    #[cfg(feature = "rustls")]
    certificate: Option<String>,
    #[cfg(feature = "rustls")]
    key: Option<String>,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut options = Self {
            addr: "127.0.0.1:9001".into(),
            style: Style::Accept,
            threads: None,
            config: Config::default(),
            subprotocols: Vec::new(),
            compression: Compression::default(),
            #[cfg(feature = "rustls")]
            certificate: None,
            #[cfg(feature = "rustls")]
            key: None,
        };
        let mut parser = Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("window-bits") => options.compression.take_window_bits(&mut parser)?,
                ref flag if options.compression.take(flag) => {}
                Arg::Long("addr") => options.addr = parser.value()?.string()?,
                Arg::Long("serve") => {
                    options.style = match parser.value()?.string()?.as_str() {
                        "accept" => Style::Accept,
                        "events" => Style::Events,
                        "handler" => Style::Handler,
                        _ => return Err("--serve takes accept, events or handler".into()),
                    };
                }
                Arg::Long("threads") => {
                    let threads: usize = parser.value()?.parse()?;
                    options.threads = Some(threads.max(1));
                }
                Arg::Long("max-message") => {
                    options.config = options.config.max_message(parser.value()?.parse()?);
                }
                #[cfg(feature = "rustls")]
                Arg::Long("certificate") => options.certificate = Some(parser.value()?.string()?),
                #[cfg(feature = "rustls")]
                Arg::Long("key") => options.key = Some(parser.value()?.string()?),
                Arg::Long("subprotocol") => options.subprotocols.push(parser.value()?.string()?),
                Arg::Long("help") | Arg::Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                _ => return Err(arg.unexpected()),
            }
        }
        #[cfg(feature = "rustls")]
        if options.certificate.is_some() != options.key.is_some() {
            return Err("--certificate and --key need each other".into());
        }
        Ok(options)
    }

    async fn listener(&self) -> io::Result<Listener> {
        let listener = Listener::bind(&self.addr).await?;
        #[cfg(feature = "rustls")]
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            let identity = socket_flow::tls::Identity::from_pem_files(certificate, key);
            let tls = socket_flow::tls::ServerTls::new(identity.map_err(io::Error::other)?);
            return Ok(listener.tls(tls.build().map_err(io::Error::other)?));
        }
        Ok(listener)
    }

    fn runtime(&self) -> io::Result<Runtime> {
        let mut builder = match self.threads {
            Some(1) => Builder::new_current_thread(),
            Some(threads) => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(threads);
                builder
            }
            None => Builder::new_multi_thread(),
        };
        builder.enable_all().build()
    }

    fn server(&self, listener: Listener) -> ServerBuilder {
        let server = Server::with_listener(listener)
            .subprotocols(self.subprotocols.clone())
            .config(self.config.clone());
        match self.compression.settings() {
            Some(deflate) => server.deflate(deflate),
            None => server,
        }
    }

    fn acceptor(&self) -> Acceptor {
        let acceptor = Acceptor::new()
            .subprotocols(self.subprotocols.clone())
            .config(self.config.clone());
        match self.compression.settings() {
            Some(deflate) => acceptor.deflate(deflate),
            None => acceptor,
        }
    }
}
