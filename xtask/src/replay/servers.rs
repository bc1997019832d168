//! A raw client: an input each, into a server.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::process::{self, Child, Tail};
use crate::replay::corpus::{Case, Stage};
use crate::replay::frames::{self, Sent};
use crate::replay::http;
use crate::replay::outcome::{Opened, Outcome};
use crate::replay::program::{Name, Program, Report};
use crate::replay::{LAG, PARALLEL, PATIENCE, READY};
use crate::workspace::Workspace;

/// What came back from a server.
#[derive(Debug, Default)]
struct Seen {
    /// Where the connection came from.
    port: u16,
    opened: Option<Opened>,
    status: Option<u16>,
    sent: Option<Sent>,
}

/// Replays these cases, of a server's side, and returns what came of them, in order.
pub(crate) fn replay(
    workspace: &Workspace,
    program: &Program,
    cases: &[&Case],
    hold: Duration,
) -> Result<Vec<Outcome>, Error> {
    let name = format!("{}-server", program.name());
    let log = workspace.log(&name);
    let mut server = Child::spawn(&name, &mut program.server(workspace), &log)?;
    let port = server.listening(READY)?;
    let seen = dial_all(port, cases, hold).map_err(|error| match error {
        Error::Interrupted => Error::Interrupted,
        error => server.failure(&error.to_string()),
    })?;

    let mut tail = Tail::open(&log)?;
    let mut reports = Reports::default();
    let deadline = Instant::now() + LAG;
    loop {
        for line in tail.lines()? {
            reports.extend(serde_json::from_str(&line));
        }
        // Who is opened and fails at once may never have come to an application.
        let is_needed = |seen: &&Seen| seen.sent.is_some() || program.name() == Name::Ours;
        if reports.are_about(seen.iter().filter(is_needed)) {
            break;
        }
        if let Some(status) = server.ended()? {
            return Err(server.failure(&format!("ended ({status})")));
        }
        if Instant::now() >= deadline {
            return Err(server.failure("did not report every connection"));
        }
        process::pause()?;
    }
    let outcome = |seen: Seen| {
        let report = reports.next(&seen);
        let (messages, error) = report
            .map(|report| (report.messages, report.error))
            .unwrap_or_default();
        Outcome {
            opened: seen.opened,
            status: seen.status,
            messages,
            sent: seen.sent,
            error: error.unwrap_or_default(),
        }
    };
    Ok(seen.into_iter().map(outcome).collect())
}

/// What a server said of its connections, by where they came from and whether they were opened,
/// in order: a port may be used again.
#[derive(Debug, Default)]
struct Reports(HashMap<(u16, bool), VecDeque<Report>>);

impl Reports {
    fn extend(&mut self, report: Result<Report, serde_json::Error>) {
        // Programs may say other things too.
        let Ok(report) = report else { return };
        if let Some(port) = report.port {
            let is_open = report.opened.is_some();
            self.0.entry((port, is_open)).or_default().push_back(report);
        }
    }

    /// Whether there is one on each of these connections.
    fn are_about<'a>(&self, seen: impl Iterator<Item = &'a Seen>) -> bool {
        let mut expected = HashMap::new();
        for seen in seen {
            *expected
                .entry((seen.port, seen.opened.is_some()))
                .or_insert(0) += 1;
        }
        let count = |key| self.0.get(key).map_or(0, VecDeque::len);
        expected.iter().all(|(key, number)| count(key) >= *number)
    }

    fn next(&mut self, seen: &Seen) -> Option<Report> {
        let key = (seen.port, seen.opened.is_some());
        self.0.get_mut(&key)?.pop_front()
    }
}

/// Some connections at a time, until each case had its own.
fn dial_all(port: u16, cases: &[&Case], hold: Duration) -> Result<Vec<Seen>, Error> {
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(Vec::new());
    let some = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(number) else {
                return Ok(());
            };
            process::uninterrupted()?;
            let result = dial(port, case, hold).map_err(|source| Error::Spawn {
                program: format!("the connection for {}", case.name),
                source,
            })?;
            if let Ok(mut seen) = seen.lock() {
                seen.push((number, result));
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(some)).collect();
        let ends = threads.into_iter().map(|thread| match thread.join() {
            Ok(end) => end,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ends.collect::<Result<(), Error>>()
    })?;
    let mut seen = seen.into_inner().unwrap_or_default();
    seen.sort_by_key(|(number, _)| *number);
    Ok(seen.into_iter().map(|(_, seen)| seen).collect())
}

fn dial(port: u16, case: &Case, hold: Duration) -> io::Result<Seen> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut seen = Seen {
        port: stream.local_addr()?.port(),
        ..Seen::default()
    };
    let mut answer = Vec::new();
    if case.stage == Stage::Frames {
        stream.write_all(&http::request())?;
        while http::head(&answer).is_none() && more(&mut stream, &mut answer)? {}
    }
    // A server that has refused the beginning may be gone: what it said counts.
    let _ = stream.write_all(&case.bytes);
    let decided = |answer: &[u8]| match (case.stage, http::head(answer)) {
        (_, None) => false,
        (Stage::Opening, Some(_)) => true,
        (Stage::Frames, Some((_, end))) => frames::closes(&answer[end..]),
    };
    let stalled = drain(&mut stream, &mut answer, hold, decided)?;
    let Some((line, end)) = http::head(&answer) else {
        return Ok(seen);
    };
    let status = http::status(line);
    if status == Some(101) {
        let head = &answer[..end];
        let header = |name| http::header(head, name);
        seen.opened = Some(Opened {
            subprotocol: header("Sec-WebSocket-Protocol"),
            deflate: header("Sec-WebSocket-Extensions").is_some(),
        });
    } else {
        seen.status = status;
    }
    if case.stage == Stage::Frames {
        seen.sent = Some(frames::sent(&answer[end..], stalled));
    }
    Ok(seen)
}

/// Reads once; `false` at the end.
pub(crate) fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut buf = [0; 4096];
    let len = stream.read(&mut buf)?;
    bytes.extend_from_slice(&buf[..len]);
    Ok(len > 0)
}

/// Reads to the end, and ends our side once what was read decides the matter or there is nothing
/// to read for a while. Whether even then the end did not come in time.
pub(crate) fn drain(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    hold: Duration,
    decided: impl Fn(&[u8]) -> bool,
) -> io::Result<bool> {
    stream.set_read_timeout(Some(hold))?;
    while !decided(bytes) {
        match more(stream, bytes) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if is_timeout(&error) => break,
            Err(_) => return Ok(false),
        }
    }
    // It fails where the other side is gone.
    let _ = stream.shutdown(Shutdown::Write);
    stream.set_read_timeout(Some(PATIENCE))?;
    loop {
        match more(stream, bytes) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Ok(is_timeout(&error)),
        }
    }
}

/// Whether nothing came in time, as systems say it.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_used_again_has_its_reports_in_order() {
        let opened = |port| Seen {
            port,
            opened: Some(Opened::default()),
            ..Seen::default()
        };
        let refused = Seen {
            port: 7,
            ..Seen::default()
        };
        let mut reports = Reports::default();
        for line in [
            r#"{"port":7,"opened":{"subprotocol":null,"deflate":false},"messages":[],"error":"a"}"#,
            r#"{"port":7,"messages":[],"error":"b"}"#,
            "something else",
            r#"{"port":7,"opened":{"subprotocol":null,"deflate":false},"messages":[],"error":"c"}"#,
        ] {
            reports.extend(serde_json::from_str(line));
        }
        assert!(reports.are_about([&opened(7), &refused, &opened(7)].into_iter()));
        assert!(!reports.are_about([&refused, &refused].into_iter()));
        assert!(!reports.are_about([&opened(8)].into_iter()));
        let mut error = |seen| reports.next(&seen).and_then(|report| report.error);
        assert_eq!(error(opened(7)).as_deref(), Some("a"));
        assert_eq!(error(opened(7)).as_deref(), Some("c"));
        assert_eq!(error(refused).as_deref(), Some("b"));
        assert_eq!(error(opened(7)), None);
    }
}
