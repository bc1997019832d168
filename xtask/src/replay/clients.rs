//! A raw server: an input each, into a client.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::process::{Child, Tail};
use crate::replay::corpus::{Case, Stage};
use crate::replay::frames::{self, Sent};
use crate::replay::http;
use crate::replay::outcome::Outcome;
use crate::replay::program::{Exchange, Program, Report, Script};
use crate::replay::servers::{drain, more};
use crate::replay::{LIMIT, PARALLEL, PATIENCE};
use crate::workspace::Workspace;

/// What a client offers where it offers something: what the inputs answer.
const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];

/// How long to wait before asking again whether somebody has connected.
const TICK: Duration = Duration::from_millis(1);

/// Replays these cases, of a client's side, and returns what came of them, in order.
pub(crate) fn replay(
    workspace: &Workspace,
    program: &Program,
    cases: &[&Case],
    hold: Duration,
) -> Result<Vec<Outcome>, Error> {
    let name = format!("{}-client", program.name());
    let log = workspace.log(&name);
    let failed = |source| Error::Spawn {
        program: format!("the server for {name}"),
        source,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let script = log.with_extension("json");
    Script {
        parallel: PARALLEL,
        exchanges: (0..).zip(cases).map(|it| exchange(port, it)).collect(),
    }
    .write(&script)?;

    let done = AtomicBool::new(false);
    let sent = Mutex::new(HashMap::new());
    let accept = || {
        while !done.load(Ordering::Relaxed) {
            let Ok((stream, _)) = listener.accept() else {
                thread::sleep(TICK);
                continue;
            };
            // A client that goes away has its own report.
            if let (Ok((id, frames)), Ok(mut sent)) = (serve(stream, cases, hold), sent.lock()) {
                sent.insert(id, frames);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(accept);
        }
        let mut command = program.client(workspace, &script);
        let outcome =
            Child::spawn(&name, &mut command, &log).and_then(|mut client| client.finish(LIMIT));
        done.store(true, Ordering::Relaxed);
        outcome
    })?;

    let mut reports = HashMap::new();
    for line in Tail::open(&log)?.lines()? {
        if let Ok(report) = serde_json::from_str::<Report>(&line) {
            reports.extend(report.id.map(|id| (id, report)));
        }
    }
    let mut sent = sent.into_inner().unwrap_or_default();
    let outcome = |(id, case): (usize, &&Case)| {
        let Some(report) = reports.remove(&id) else {
            return Err(Error::data(&log, format!("no report on {}", case.name)));
        };
        Ok(Outcome {
            opened: report.opened,
            status: report.status,
            messages: report.messages,
            sent: sent.remove(&id).flatten(),
            error: report.error.unwrap_or_default(),
        })
    };
    (0..).zip(cases).map(outcome).collect()
}

fn exchange(port: u16, (id, case): (usize, &&Case)) -> Exchange {
    Exchange {
        id,
        url: format!("ws://127.0.0.1:{port}/{id}"),
        subprotocols: match case.offers_subprotocols {
            true => &SUBPROTOCOLS,
            false => &[],
        },
        deflate: case.offers_deflate,
    }
}

/// Serves the input that the path asks for; what frames came back, where there were to be any.
fn serve(
    mut stream: TcpStream,
    cases: &[&Case],
    hold: Duration,
) -> io::Result<(usize, Option<Sent>)> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let (id, key, end) = loop {
        if let Some((line, end)) = http::head(&request) {
            let id = std::str::from_utf8(line).unwrap_or_default();
            let id = id.strip_prefix("GET /").and_then(|rest| {
                let (id, _) = rest.split_once(' ')?;
                id.parse::<usize>().ok()
            });
            let key = http::header(&request[..end], "Sec-WebSocket-Key");
            break (id, key, end);
        }
        if !more(&mut stream, &mut request)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let (Some(id), Some(key)) = (id, key) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let case = cases.get(id).ok_or(io::ErrorKind::NotFound)?;
    let bytes = match case.stage {
        Stage::Opening => http::readdressed(&case.bytes, &key),
        Stage::Frames => [http::answer(&key), case.bytes.clone()].concat(),
    };
    // A client that has refused the beginning may be gone: what it said counts.
    let _ = stream.write_all(&bytes);
    let mut sent = request.split_off(end);
    // An answer ends with the connection at the latest.
    let decided = |sent: &[u8]| case.stage == Stage::Opening || frames::closes(sent);
    let stalled = drain(&mut stream, &mut sent, hold, decided)?;
    let is_open = case.stage == Stage::Frames;
    Ok((id, is_open.then(|| frames::sent(&sent, stalled))))
}
