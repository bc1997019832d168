//! The loop that drives all connections.

use std::io;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use crate::load::burst::Bursts;
use crate::load::connection::Connection;
use crate::load::cpu_time;
use crate::load::histogram::Histogram;
use crate::load::options::{Length, Options};
use crate::load::report::Report;

/// How much one read takes.
const BUFFER: usize = 256 << 10;

/// A server that does not answer for so long has lost a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures a server.
///
/// # Errors
/// A connection fails, a reply is wrong, or none comes for a minute.
pub fn run(options: &Options) -> io::Result<Report> {
    let scenario = &options.scenario;
    let bursts = Bursts::new(scenario, options.deflate);
    let mut connections = Vec::with_capacity(scenario.connections);
    for _ in 0..scenario.connections {
        connections.push(Connection::open(options.port, options.deflate)?);
    }
    if let Some(first) = connections.first_mut() {
        first.inflate();
    }
    if let Length::Messages(count) = options.length {
        let each = count.div_ceil((scenario.connections * scenario.depth) as u64);
        for connection in &mut connections {
            connection.bursts_left = Some(each - 1);
        }
    }
    let mut generator = Generator::new(options, &bursts, connections)?;
    let counted = generator.drive(options.length)?;
    let checked = generator.connections.iter().map(Connection::checked).sum();
    for connection in generator.connections {
        connection.close()?;
    }
    let quantile = |part| {
        let found = generator.latency.quantile(part);
        found.map(|duration| duration.as_secs_f64() * 1e6)
    };
    let seconds = counted.time.as_secs_f64();
    let messages = counted.messages;
    Ok(Report {
        size: scenario.size,
        kind: scenario.kind.name().into(),
        connections: scenario.connections,
        depth: scenario.depth,
        messages,
        checked,
        seconds,
        messages_per_second: messages as f64 / seconds,
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        server_us_per_message: counted
            .server
            .map(|time| time.as_secs_f64() * 1e6 / messages as f64),
        load_busy: counted.load.map(|time| time.as_secs_f64() / seconds),
    })
}

struct Generator<'a> {
    bursts: &'a Bursts,
    connections: Vec<Connection>,
    /// Those that have something left to do.
    active: usize,
    poll: rustix::fd::OwnedFd,
    /// A single connection with one message under way is asked again and again instead of waited
    /// for: what is measured is the server's delay, not this process's.
    spin: bool,
    pid: Option<u32>,
    latency: Histogram,
    messages: u64,
}

/// What was counted within the measured time.
struct Counted {
    messages: u64,
    time: Duration,
    server: Option<Duration>,
    load: Option<Duration>,
}

/// The counters at one moment.
struct Mark {
    at: Instant,
    messages: u64,
    server: Option<Duration>,
    load: Option<Duration>,
}

impl<'a> Generator<'a> {
    fn new(
        options: &Options,
        bursts: &'a Bursts,
        connections: Vec<Connection>,
    ) -> io::Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, connection) in connections.iter().enumerate() {
            epoll::add(
                &poll,
                connection.socket(),
                epoll::EventData::new_u64(index as u64),
                epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET,
            )?;
        }
        Ok(Self {
            bursts,
            active: connections.len(),
            connections,
            poll,
            spin: options.scenario.connections == 1 && options.scenario.depth == 1,
            pid: options.pid,
            latency: Histogram::new(),
            messages: 0,
        })
    }

    /// Sends and receives until the end and returns what was counted.
    fn drive(&mut self, length: Length) -> io::Result<Counted> {
        let mut begin = self.mark()?;
        let (mut warm_until, end) = match length {
            Length::Messages(_) => (None, None),
            Length::Time { warm_up, measured } => (
                Some(begin.at + warm_up),
                Some(begin.at + warm_up + measured),
            ),
        };
        for connection in &mut self.connections {
            connection.begin(self.bursts)?;
        }
        let mut events = Vec::with_capacity(self.connections.len());
        let mut buf = vec![0; BUFFER];
        let mut last_reply = begin.at;
        while self.active > 0 {
            let before = self.messages;
            if self.spin {
                self.turn(0, &mut buf)?;
            } else {
                events.clear();
                let timeout = rustix::time::Timespec {
                    tv_sec: 1,
                    tv_nsec: 0,
                };
                epoll::wait(&self.poll, spare_capacity(&mut events), Some(&timeout))?;
                for event in &events {
                    self.turn(event.data.u64() as usize, &mut buf)?;
                }
            }
            if end.is_none() && self.messages > before {
                continue;
            }
            let now = Instant::now();
            if self.messages > before {
                last_reply = now;
            } else if now - last_reply > PATIENCE && end.is_some() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if warm_until.is_some_and(|until| now >= until) {
                warm_until = None;
                self.latency.clear();
                begin = self.mark()?;
            }
            if end.is_some_and(|end| now >= end) {
                break;
            }
        }
        let end = self.mark()?;
        self.finish(&mut buf)?;
        let since = |end: Option<Duration>, begin: Option<Duration>| Some(end? - begin?);
        Ok(Counted {
            messages: end.messages - begin.messages,
            time: end.at - begin.at,
            server: since(end.server, begin.server),
            load: since(end.load, begin.load),
        })
    }

    /// Serves one connection.
    fn turn(&mut self, index: usize, buf: &mut [u8]) -> io::Result<()> {
        let connection = &mut self.connections[index];
        connection.write(self.bursts)?;
        let (messages, finished) = connection.read(self.bursts, buf)?;
        self.messages += messages;
        let Some(took) = finished else {
            return Ok(());
        };
        self.latency.record(took);
        match &mut connection.bursts_left {
            Some(0) => self.active -= 1,
            Some(left) => {
                *left -= 1;
                connection.go_on(self.bursts)?;
            }
            None => connection.go_on(self.bursts)?,
        }
        Ok(())
    }

    /// Takes the replies that are still under way, so that the connections can be closed.
    fn finish(&mut self, buf: &mut [u8]) -> io::Result<()> {
        if self.active == 0 {
            return Ok(());
        }
        for connection in &mut self.connections {
            connection.bursts_left = Some(0);
        }
        let deadline = Instant::now() + PATIENCE;
        while self.active > 0 {
            for index in 0..self.connections.len() {
                self.turn(index, buf)?;
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    fn mark(&self) -> io::Result<Mark> {
        Ok(Mark {
            server: self.pid.map(cpu_time::of).transpose()?,
            load: cpu_time::of(std::process::id()).ok(),
            messages: self.messages,
            at: Instant::now(),
        })
    }
}
