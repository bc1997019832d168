//! Runs the exchanges of a script, one after the other, and prints a JSON line about each. It is
//! our client in `cargo xtask interop`.
//!
//! ```text
//! cargo run --release --example interop_client -- SCRIPT
//! ```
//!
//! The script is
//! `{"authority":…,"exchanges":[{"id":…,"url":…,"subprotocols":[…],"deflate":…,"steps":[…]},…]}`.
//! `authority` is `null` or a PEM file whose certificates are trusted for `wss://`, and no others.
//! `deflate` is `null` or holds RFC 7692's four parameters. A step is one of
//!
//! - `{"do":"echo","kind":"text","file":…,"lines":false,"fragment":0}`: sends the file, or each of
//!   its lines, in frames of at most `fragment` bytes, and compares what comes back byte for byte;
//! - `{"do":"send","kind":"binary","file":…}`: sends the file and expects nothing;
//! - `{"do":"ping","data":…}`: sends a ping and waits for its pong;
//! - `{"do":"close","code":…,"reason":…}`: closes;
//! - `{"do":"await_close"}`: receives until the server has closed.
//!
//! Exits with 0 once all exchanges were run, whatever came of them, and with 2 for a script that is
//! none.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use serde_json::{Value, json};
use socket_flow::{
    ClientBuilder, ClientStream, CloseCode, Config, Deflate, Event, Message, WebSocket,
};

const USAGE: &str = "usage: interop_client SCRIPT";

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Base = Box<dyn Fn(&str) -> ClientBuilder>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let script = match read_script() {
        Ok(script) => script,
        Err(error) => {
            eprintln!("interop_client: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let base = match base(&script) {
        Ok(base) => base,
        Err(error) => {
            eprintln!("interop_client: {error}");
            return ExitCode::from(2);
        }
    };
    for exchange in list(&script, "exchanges") {
        println!("{}", run(&base, exchange).await);
    }
    ExitCode::SUCCESS
}

fn read_script() -> Result<Value> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or("missing argument SCRIPT")?;
    let script: Value = serde_json::from_slice(&fs::read(path)?)?;
    match script["exchanges"].is_array() {
        true => Ok(script),
        false => Err("the script has no exchanges".into()),
    }
}

/// What all exchanges share: whom they trust.
fn base(script: &Value) -> Result<Base> {
    match script["authority"].as_str() {
        None => Ok(Box::new(|url| ClientBuilder::new(url))),
        #[cfg(feature = "rustls")]
        Some(path) => {
            let roots = socket_flow::tls::certificates(&fs::read(path)?)?;
            let tls = std::sync::Arc::new(socket_flow::tls::ClientTls::new().roots(roots).build()?);
            Ok(Box::new(move |url| {
                ClientBuilder::new(url).tls(std::sync::Arc::clone(&tls))
            }))
        }
        #[cfg(not(feature = "rustls"))]
        Some(_) => Err("built without the feature rustls".into()),
    }
}

/// Runs one exchange. What goes wrong is part of the report.
async fn run(base: &Base, exchange: &Value) -> Value {
    let mut report = json!({
        "id": exchange["id"],
        "opened": null,
        "refused": null,
        "messages": 0,
        "pongs": [],
        "close": null,
        "error": null,
    });
    let connected = match builder(base, exchange) {
        Ok(builder) => builder.connect().await,
        Err(error) => {
            report["error"] = json!(error.to_string());
            return report;
        }
    };
    let (mut ws, response) = match connected {
        Ok(connected) => connected,
        Err(error) => {
            match error.status() {
                Some(status) => report["refused"] = json!(status.as_u16()),
                None => report["error"] = json!(chain(&error)),
            }
            return report;
        }
    };
    let answer = response.headers().get("sec-websocket-extensions");
    report["opened"] = json!({
        "answer": answer.map_or("", |value| value.to_str().unwrap_or("not text")),
        "deflate": agreed(&ws),
        "subprotocol": ws.negotiated().subprotocol(),
    });
    let mut progress = Progress::default();
    for step in list(exchange, "steps") {
        if let Err(error) = progress.step(&mut ws, step).await {
            report["error"] = json!(chain(&*error));
            break;
        }
    }
    report["messages"] = json!(progress.messages);
    report["pongs"] = json!(progress.pongs);
    report["close"] = match (ws.close_frame(), progress.ended) {
        (Some(close), _) => json!({"code": close.code.as_u16(), "reason": &*close.reason}),
        // RFC 6455 §7.1.5: a Close without a code.
        (None, true) => json!({"code": 1005, "reason": ""}),
        (None, false) => Value::Null,
    };
    report
}

fn builder(base: &Base, exchange: &Value) -> Result<ClientBuilder> {
    let subprotocols = list(exchange, "subprotocols").iter();
    let builder = base(text(exchange, "url")?)
        .subprotocols(subprotocols.filter_map(Value::as_str))
        .config(Config::default().fragment(fragment(exchange)));
    Ok(match deflate(&exchange["deflate"])? {
        Some(deflate) => builder.deflate(deflate),
        None => builder,
    })
}

/// What one connection uses for all its messages: the largest of the steps' fragments.
fn fragment(exchange: &Value) -> usize {
    let steps = list(exchange, "steps").iter();
    let fragments = steps.filter_map(|step| step["fragment"].as_u64());
    match fragments.max().unwrap_or(0) {
        0 => usize::MAX,
        bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
    }
}

/// Compresses everything, however short.
fn deflate(parameters: &Value) -> Result<Option<Deflate>> {
    if parameters.is_null() {
        return Ok(None);
    }
    let flag = |name: &str| parameters[name].as_bool().unwrap_or(false);
    let bits = |name: &str| match &parameters[name] {
        Value::Number(bits) => bits.as_u64().and_then(|bits| u8::try_from(bits).ok()),
        _ => Some(15),
    };
    let deflate = Deflate::balanced()
        .threshold(0)
        .server_no_context_takeover(flag("server_no_context_takeover"))
        .client_no_context_takeover(flag("client_no_context_takeover"))
        .server_max_window_bits(bits("server_max_window_bits").ok_or("no window")?)
        .client_max_window_bits(bits("client_max_window_bits").ok_or("no window")?);
    Ok(Some(deflate))
}

/// What was negotiated, under the names of RFC 7692.
fn agreed(ws: &WebSocket<ClientStream>) -> Value {
    match ws.negotiated().deflate() {
        None => Value::Null,
        Some(params) => json!({
            "server_no_context_takeover": params.server_no_context_takeover,
            "client_no_context_takeover": params.client_no_context_takeover,
            "server_max_window_bits": params.server_max_window_bits,
            "client_max_window_bits": params.client_max_window_bits,
        }),
    }
}

/// What has happened on a connection so far.
#[derive(Default)]
struct Progress {
    messages: u64,
    pongs: Vec<String>,
    /// The closing handshake is complete.
    ended: bool,
}

impl Progress {
    async fn step(&mut self, ws: &mut WebSocket<ClientStream>, step: &Value) -> Result<()> {
        match text(step, "do")? {
            "echo" => {
                let data = fs::read(text(step, "file")?)?;
                let sent: Vec<&[u8]> = match step["lines"].as_bool() {
                    Some(true) => data.split(|byte| *byte == b'\n').collect(),
                    _ => vec![&data],
                };
                self.echo(ws, &sent, text(step, "kind")? == "text").await
            }
            "send" => {
                let data = fs::read(text(step, "file")?)?;
                Ok(ws
                    .send(message(&data, text(step, "kind")? == "text")?)
                    .await?)
            }
            "ping" => self.ping(ws, text(step, "data")?).await,
            "close" => {
                let code = u16::try_from(step["code"].as_u64().ok_or("no code")?)?;
                let code = CloseCode::try_from(code)?;
                let outcome = ws.close(code, text(step, "reason")?).await?;
                self.ended = outcome.clean;
                Ok(())
            }
            "await_close" => match ws.recv().await? {
                None => {
                    self.ended = true;
                    Ok(())
                }
                Some(_) => Err("a message where only a close was expected".into()),
            },
            other => Err(format!("there is no step '{other}'").into()),
        }
    }

    /// Sends as fast as the connection takes it, and compares what comes back meanwhile.
    async fn echo(
        &mut self,
        ws: &mut WebSocket<ClientStream>,
        sent: &[&[u8]],
        is_text: bool,
    ) -> Result<()> {
        let mut unsent = sent.iter();
        let mut next = unsent.next();
        for (number, expected) in sent.iter().enumerate() {
            while let Some(data) = next {
                match ws.queue(message(data, is_text)?) {
                    Ok(()) => next = unsent.next(),
                    Err(socket_flow::SendError::Full(_)) => break,
                    Err(error) => return Err(error.to_string().into()),
                }
            }
            let got = ws.recv().await?.ok_or("closed before the last echo")?;
            if got.is_text() != is_text || got.as_bytes() != *expected {
                return Err(format!("echo {number} is not what was sent").into());
            }
            self.messages += 1;
        }
        Ok(())
    }

    async fn ping(&mut self, ws: &mut WebSocket<ClientStream>, data: &str) -> Result<()> {
        ws.ping(data.as_bytes()).await?;
        loop {
            match ws.recv_event().await?.ok_or("closed before the pong")? {
                Event::Pong(pong) => {
                    self.pongs.push(String::from_utf8_lossy(&pong).into_owned());
                    return Ok(());
                }
                Event::Ping(_) => {}
                _ => return Err("something else where a pong was expected".into()),
            }
        }
    }
}

fn message(data: &[u8], is_text: bool) -> Result<Message> {
    Ok(match is_text {
        true => Message::from(String::from_utf8(data.to_vec())?),
        false => Message::from(data.to_vec()),
    })
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name]
        .as_str()
        .ok_or_else(|| format!("'{name}' is no text").into())
}

/// An error and all its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said.push_str(": ");
        said.push_str(&error.to_string());
        source = error.source();
    }
    said
}
