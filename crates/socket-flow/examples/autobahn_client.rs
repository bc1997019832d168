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

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut shutdown = Shutdown::on_signals()?;
    let cases = case_count(options).await?;
    for case in 1..=cases {
        println!("case {case} of {cases}");
        let Options {
            url,
            agent,
            compression,
        } = options;
        let mut builder = ClientBuilder::new(format!("{url}/runCase?case={case}&agent={agent}"));
        if let Some(deflate) = compression.settings() {
            builder = builder.deflate(deflate);
        }
        let (mut ws, _) = builder.connect().await?;
        match shutdown.interrupt(echo(&mut ws)).await {
            // Many cases end in an error: the server reports whether it is the right one.
            Some(_) => {}
            None => {
                ws.close(CloseCode::GOING_AWAY, "interrupted").await?;
                return Err("interrupted".into());
            }
        }
    }
    update_reports(options).await
}

async fn case_count(options: &Options) -> Result<u32, Box<dyn Error>> {
    let (mut ws, _) = socket_flow::connect(&format!("{}/getCaseCount", options.url)).await?;
    let message = ws.recv().await?.ok_or("no case count")?;
    let count = message.as_text().ok_or("case count is not text")?.parse()?;
    while ws.recv().await?.is_some() {}
    Ok(count)
}

async fn echo(ws: &mut WebSocket<ClientStream>) -> Result<(), socket_flow::Error> {
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?;
    }
    Ok(())
}

async fn update_reports(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { url, agent, .. } = options;
    let (mut ws, _) = socket_flow::connect(&format!("{url}/updateReports?agent={agent}")).await?;
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
