//! A chat for the browser: one page and its WebSocket on one port.
//!
//! ```text
//! cargo run --release --example chat                          # then open the address it prints
//! cargo run --release --example chat -- --addr 0.0.0.0:9001   # for everyone in this network
//! ```
//!
//! ```text
//!  page ── HTTP ───────▶ page      the three files of the page
//!    └──── WebSocket ──▶ server ──▶ chat    one visitor for each connection
//!                                    ├─ message, rules   what may be said, as JSON
//!                                    ├─ pace             how fast
//!                                    ├─ rooms            who is where, and what was said last
//!                                    └─ Hub              encodes once for everyone
//! ```
//!
//! Prints `listening on ADDR` when it is ready. Ctrl-C and SIGTERM close all connections with 1001
//! and end it; the pages connect again once it is back.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

mod chat;
mod message;
mod pace;
mod page;
mod rooms;
mod rules;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use support::Shutdown;

const USAGE: &str = "usage: chat [--addr HOST:PORT]";

/// How long connections may take to close at the end.
const GRACE: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> ExitCode {
    let addr = match addr() {
        Ok(addr) => addr,
        Err(error) => {
            eprintln!("chat: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&addr).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {addr}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(addr: &str) -> io::Result<()> {
    let mut shutdown = Shutdown::on_signals()?;
    let server = server::start(addr.to_owned()).await?;
    let addr = server.local_addr()?;
    println!("listening on {addr}");
    println!("open http://{addr}/ in a browser, twice; Ctrl-C ends it");
    shutdown.requested().await;
    server.shutdown(GRACE).await;
    Ok(())
}

fn addr() -> Result<String, lexopt::Error> {
    let mut addr = "127.0.0.1:9001".to_owned();
    let mut parser = Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("addr") => addr = parser.value()?.string()?,
            Arg::Long("help") | Arg::Short('h') => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(addr)
}
