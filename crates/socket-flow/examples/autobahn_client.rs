//! The client under test of the Autobahn Testsuite: runs every case that a fuzzing server has.
//!
//! ```text
//! cargo run --release --example autobahn_client -- --url ws://127.0.0.1:9001 --agent socket-flow
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

mod support;

use std::error::Error;
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};
use socket_flow::{ClientBuilder, ClientStream, CloseCode, WebSocket};

use support::{Compression, Shutdown};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: autobahn_client --url URL --agent NAME [--deflate] \
                     [--no-context-takeover] [--window-bits N]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("autobahn_client: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn_client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let Options { url, agent, .. } = options;
    let mut shutdown = Shutdown::on_signals()?;
    let cases = talk(
        options.builder(&format!("{url}/getCaseCount")),
        &mut shutdown,
        case_count,
    )
    .await?;
    for case in 1..=cases {
        println!("case {case} of {cases}");
        let url = format!("{url}/runCase?case={case}&agent={agent}");
        talk(options.builder(&url), &mut shutdown, async |ws| {
            // Many cases end in an error: the server reports whether it is the right one.
            let _ = echo(ws).await;
            Ok(())
        })
        .await?;
    }
    let url = format!("{url}/updateReports?agent={agent}");
    talk(options.builder(&url), &mut shutdown, wait_for_end).await
}

/// Opens a connection and works on it until that is done or a signal arrives.
async fn talk<T>(
    builder: ClientBuilder,
    shutdown: &mut Shutdown,
    work: impl AsyncFnOnce(&mut WebSocket<ClientStream>) -> Result<T>,
) -> Result<T> {
    let connected = shutdown.interrupt(builder.connect()).await;
    let (mut ws, _response) = connected.ok_or("interrupted")??;
    match shutdown.interrupt(work(&mut ws)).await {
        Some(result) => result,
        None => {
            ws.close(CloseCode::GOING_AWAY, "interrupted").await?;
            Err("interrupted".into())
        }
    }
}

async fn case_count(ws: &mut WebSocket<ClientStream>) -> Result<u32> {
    let message = ws.recv().await?.ok_or("no case count")?;
    let count = message.as_text().ok_or("case count is not text")?.parse()?;
    wait_for_end(ws).await?;
    Ok(count)
}

async fn echo(ws: &mut WebSocket<ClientStream>) -> Result<()> {
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?;
    }
    Ok(())
}

async fn wait_for_end(ws: &mut WebSocket<ClientStream>) -> Result<()> {
    while ws.recv().await?.is_some() {}
    Ok(())
}

struct Options {
    /// Without a slash at its end.
    url: String,
    /// As it stands in a query.
    agent: String,
    compression: Compression,
}

impl Options {
    fn builder(&self, url: &str) -> ClientBuilder {
        let builder = ClientBuilder::new(url);
        match self.compression.settings() {
            Some(deflate) => builder.deflate(deflate),
            None => builder,
        }
    }

    fn parse() -> Result<Self, lexopt::Error> {
        let (mut url, mut agent) = (None, None);
        let mut compression = Compression::default();
        let mut parser = Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("window-bits") => compression.take_window_bits(&mut parser)?,
                ref flag if compression.take(flag) => {}
                Arg::Long("url") => url = Some(parser.value()?.string()?),
                Arg::Long("agent") => agent = Some(parser.value()?.string()?),
                Arg::Long("help") | Arg::Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                _ => return Err(arg.unexpected()),
            }
        }
        Ok(Self {
            url: url
                .ok_or("missing option --url")?
                .trim_end_matches('/')
                .into(),
            agent: percent_encode(&agent.ok_or("missing option --agent")?),
            compression,
        })
    }
}

/// Leaves only what means nothing in a query (RFC 3986 §2.3).
fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
