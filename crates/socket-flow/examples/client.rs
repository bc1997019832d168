//! Sends the lines of standard input as messages and prints the messages that arrive.
//!
//! ```text
//! cargo run --release --example client -- ws://127.0.0.1:9001
//! ```
//!
//! `wss://` trusts whom the platform trusts, or with `--authority` who stands in that PEM file.
//!
//! The end of the input closes the connection with 1000, Ctrl-C and SIGTERM close it with 1001;
//! messages are printed until the server has closed it too. With `--listen` no input is read. Text
//! is printed as it is, binary as `<N bytes>`; with `--json` a message is a line `{"text":…}` or
//! `{"binary_hex":…}`, and the last line is `{"closed":CODE}`, with 1005 for a Close without a
//! code, or `{"error":…}`, with `"status"` where the server answered in plain HTTP.
//!
//! Exits with 0 after a clean close, with 2 for an invalid command line or input that is not
//! UTF-8, with 1 after anything else.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

mod support;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::future::pending;
use std::io::{self, BufRead, Write as _};
use std::pin::pin;
use std::process::ExitCode;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use lexopt::{Arg, Parser, ValueExt};
use serde_json::{Value, json};
use socket_flow::connection::{OwnedReader, OwnedWriter};
#[cfg(feature = "rustls")]
use socket_flow::tls::rustls::ClientConfig;
use socket_flow::{ClientBuilder, ClientStream, CloseCode, ConnectError, Message, Proxy};
use tokio::sync::mpsc;

use support::{Compression, Shutdown};

const USAGE: &str = "usage: client [--json] [--listen] [--subprotocol NAME]... [--deflate] \
                     [--no-context-takeover] [--window-bits N] [--authority FILE] \
                     [--proxy URL | --proxy-from-env] URL";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("client: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let output = Output { json: options.json };
    let printed = match talk(&options, output).await {
        Ok(code) => output.closed(code).map(|()| ExitCode::SUCCESS),
        Err(failure) => output.failed(&failure).map(|()| failure.exit_code()),
    };
    // Nobody reads what we print any more.
    printed.unwrap_or(ExitCode::FAILURE)
}

/// Returns the close code that the server sent, or 1005 for none.
async fn talk(options: &Options, output: Output) -> Result<u16, Failure> {
    let mut shutdown = Shutdown::on_signals().map_err(Failure::Signals)?;
    let Some(connected) = shutdown.interrupt(options.builder().connect()).await else {
        return Err(Failure::Interrupted);
    };
    let (ws, _response) = connected.map_err(Failure::Connect)?;
    let (mut reader, mut writer) = ws.into_split();
    let mut lines = (!options.listen).then(read_lines);

    // What is still to be sent ends with our Close; what is received ends with the server's.
    let mut sending = true;
    let mut input_error = None;
    {
        let mut receiving = pin!(receive(&mut reader, output));
        loop {
            tokio::select! {
                ended = &mut receiving => break ended?,
                sent = send(lines.as_mut(), &mut writer), if sending => {
                    sending = false;
                    input_error = sent?.err();
                    let code = match input_error {
                        None => CloseCode::NORMAL,
                        Some(_) => CloseCode::GOING_AWAY,
                    };
                    writer.start_close(code, "").map_err(socket_flow::Error::from)?;
                }
                () = shutdown.requested(), if sending => {
                    sending = false;
                    writer
                        .start_close(CloseCode::GOING_AWAY, "")
                        .map_err(socket_flow::Error::from)?;
                }
            }
        }
    }
    match input_error {
        None => Ok(reader
            .close_frame()
            .map_or(1005, |close| close.code.as_u16())),
        Some(error) => Err(Failure::Input(error)),
    }
}

async fn receive(reader: &mut OwnedReader<ClientStream>, output: Output) -> Result<(), Failure> {
    while let Some(message) = reader.recv().await? {
        output.message(&message).map_err(Failure::Output)?;
    }
    Ok(())
}

/// Sends until the input ends or cannot be read, which is the inner result, or until the
/// connection takes no more.
async fn send(
    lines: Option<&mut mpsc::Receiver<io::Result<String>>>,
    writer: &mut OwnedWriter<ClientStream>,
) -> Result<io::Result<()>, socket_flow::Error> {
    let Some(lines) = lines else {
        return pending().await;
    };
    while let Some(line) = lines.recv().await {
        let line = match line {
            Ok(line) => line,
            Err(error) => return Ok(Err(error)),
        };
        match writer.send(line).await {
            Ok(()) => {}
            // The server is closing: what it still says, and why, is for `receive`.
            Err(socket_flow::Error::Send(_)) => return pending().await,
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(()))
}

/// Reads standard input in a thread of its own: a blocked read must not keep the program from
/// ending.
fn read_lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                break;
            }
        }
    });
    receiver
}

/// Where and how results are printed. Each line is flushed.
#[derive(Clone, Copy)]
struct Output {
    json: bool,
}

impl Output {
    fn message(self, message: &Message) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match message {
            Message::Text(text) if self.json => writeln!(stdout, "{}", json!({"text": &**text})),
            Message::Text(text) => writeln!(stdout, "{text}"),
            Message::Binary(bytes) if self.json => {
                writeln!(stdout, "{}", json!({"binary_hex": hex(bytes)}))
            }
            Message::Binary(bytes) => writeln!(stdout, "<{} bytes>", bytes.len()),
        }?;
        stdout.flush()
    }

    fn closed(self, code: u16) -> io::Result<()> {
        if self.json {
            self.line(&json!({"closed": code}))?;
        }
        Ok(())
    }

    fn failed(self, failure: &Failure) -> io::Result<()> {
        let text = failure.to_string();
        if !self.json {
            eprintln!("client: {text}");
            return Ok(());
        }
        match failure.status() {
            Some(status) => self.line(&json!({"error": text, "status": status})),
            None => self.line(&json!({"error": text})),
        }
    }

    fn line(self, value: &Value) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{value}")?;
        stdout.flush()
    }
}

/// Why there was no clean close.
enum Failure {
    Connect(ConnectError),
    Connection(socket_flow::Error),
    Input(io::Error),
    Interrupted,
    Output(io::Error),
    Signals(io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(error) if error.kind() == io::ErrorKind::InvalidData => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Connect(error) => error.status().map(|status| status.as_u16()),
            _ => None,
        }
    }
}

impl From<socket_flow::Error> for Failure {
    fn from(error: socket_flow::Error) -> Self {
        Self::Connection(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => chain(error, f),
            Self::Connection(error) => chain(error, f),
            Self::Input(error) if error.kind() == io::ErrorKind::InvalidData => {
                f.write_str("standard input is not valid utf-8")
            }
            Self::Input(error) => write!(f, "cannot read standard input: {error}"),
            Self::Interrupted => f.write_str("interrupted before the connection was open"),
            Self::Output(error) => write!(f, "cannot write standard output: {error}"),
            Self::Signals(error) => write!(f, "cannot catch signals: {error}"),
        }
    }
}

/// An error and all its causes in one line.
fn chain(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let mut source = error.source();
    while let Some(error) = source {
        write!(f, ": {error}")?;
        source = error.source();
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

struct Options {
    json: bool,
    listen: bool,
    subprotocols: Vec<String>,
    compression: Compression,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<ClientConfig>>,
    proxy: Option<Proxy>,
    proxy_from_env: bool,
    url: String,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let (mut json, mut listen) = (false, false);
        let (mut subprotocols, mut url) = (Vec::new(), None);
        let mut compression = Compression::default();
        #[cfg(feature = "rustls")]
        let mut tls = None;
        let (mut proxy, mut proxy_from_env) = (None, false);
        let mut parser = Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("window-bits") => compression.take_window_bits(&mut parser)?,
                ref flag if compression.take(flag) => {}
                Arg::Long("json") => json = true,
                Arg::Long("listen") => listen = true,
                #[cfg(feature = "rustls")]
                Arg::Long("authority") => tls = Some(trusting(&parser.value()?.string()?)?),
                Arg::Long("proxy") => {
                    let url = parser.value()?.string()?;
                    proxy = Some(Proxy::new(url).map_err(|error| error.to_string())?);
                }
                Arg::Long("proxy-from-env") => proxy_from_env = true,
                Arg::Long("subprotocol") => subprotocols.push(parser.value()?.string()?),
                Arg::Long("help") | Arg::Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                Arg::Value(value) if url.is_none() => url = Some(value.string()?),
                _ => return Err(arg.unexpected()),
            }
        }
        Ok(Self {
            json,
            listen,
            subprotocols,
            compression,
            #[cfg(feature = "rustls")]
            tls,
            proxy,
            proxy_from_env,
            url: url.ok_or("missing argument URL")?,
        })
    }
    fn builder(&self) -> ClientBuilder {
        let mut builder = ClientBuilder::new(&self.url).subprotocols(self.subprotocols.clone());
        if let Some(deflate) = self.compression.settings() {
            builder = builder.deflate(deflate);
        }
        #[cfg(feature = "rustls")]
        if let Some(config) = &self.tls {
            builder = builder.tls(Arc::clone(config));
        }
        if self.proxy_from_env {
            builder = builder.proxy_from_env();
        }
        match &self.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        }
    }
}

#[cfg(feature = "rustls")]
fn trusting(file: &str) -> Result<Arc<ClientConfig>, String> {
    let describe = |error: &dyn Error| format!("{file}: {error}");
    let roots = socket_flow::tls::certificates_from_file(file).map_err(|error| describe(&error))?;
    let tls = socket_flow::tls::ClientTls::new().roots(roots);
    tls.build().map(Arc::new).map_err(|error| describe(&error))
}
