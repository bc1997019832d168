//! One message to many: what is published on one connection is awaited on all of them.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use crate::frame::{self, Header};
use crate::load::connection::{self, wrong};
use crate::load::cpu_time;
use crate::load::histogram::Histogram;
use crate::load::options::{Length, Options};
use crate::load::report::Report;

/// Masks every message.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// How much one read takes: more than a message and what may stand beside it.
const BUFFER: usize = 64 << 10;

/// A listener that hears nothing for so long has missed a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// Publishes one message after the other, each once all listeners have the one before. The first
/// connection publishes, and all listen, that one too.
///
/// In the report a message counts once for each listener, and the times are those until the last
/// listener had it.
///
/// # Errors
/// A connection fails, or a listener hears another message, or none.
pub fn run(options: &Options) -> io::Result<Report> {
    let scenario = &options.scenario;
    let mut audience = Audience::open(options)?;
    let (warm_up, measured, rounds) = match options.length {
        Length::Time { warm_up, measured } => (warm_up, measured, u64::MAX),
        Length::Messages(count) => {
            let rounds = count.div_ceil(scenario.connections as u64);
            (Duration::ZERO, Duration::MAX, rounds)
        }
    };
    let mut latency = Histogram::new();
    let began = Instant::now();
    while began.elapsed() < warm_up {
        audience.publish()?;
    }
    let heard = audience.heard;
    let mark = || -> io::Result<_> {
        let server = options.pid.map(cpu_time::of).transpose()?;
        Ok((server, cpu_time::of(std::process::id()).ok()))
    };
    let before = mark()?;
    let began = Instant::now();
    for _ in 0..rounds {
        latency.record(audience.publish()?);
        if began.elapsed() >= measured {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = mark()?;
    let messages = audience.heard - heard;
    let since =
        |end: Option<Duration>, begin: Option<Duration>| Some((end? - begin?).as_secs_f64());
    let quantile = |part| {
        let found = latency.quantile(part);
        found.map(|duration| duration.as_secs_f64() * 1e6)
    };
    Ok(Report {
        size: scenario.size,
        kind: scenario.kind.name().into(),
        connections: scenario.connections,
        depth: 1,
        messages,
        checked: audience.heard,
        seconds,
        messages_per_second: messages as f64 / seconds,
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        server_us_per_message: since(after.0, before.0).map(|time| time * 1e6 / messages as f64),
        load_busy: since(after.1, before.1).map(|time| time / seconds),
    })
}

/// All connections.
struct Audience {
    listeners: Vec<Listener>,
    poll: rustix::fd::OwnedFd,
    events: Vec<epoll::Event>,
    buf: Vec<u8>,
    /// What is published next; each message begins with its number, so that none is taken for
    /// another.
    payload: Vec<u8>,
    frame: Vec<u8>,
    number: u64,
    /// How often a listener has heard a message.
    heard: u64,
}

impl Audience {
    fn open(options: &Options) -> io::Result<Self> {
        let scenario = &options.scenario;
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut listeners = Vec::with_capacity(scenario.connections);
        for index in 0..scenario.connections {
            let stream = connection::open(options.port, None)?;
            epoll::add(
                &poll,
                &stream,
                epoll::EventData::new_u64(index as u64),
                epoll::EventFlags::IN,
            )?;
            listeners.push(Listener {
                stream,
                incomplete: Vec::new(),
            });
        }
        // Its number stands at the beginning.
        let payload = (0..scenario.size.max(8)).map(|at| (at * 31) as u8);
        Ok(Self {
            events: Vec::with_capacity(listeners.len()),
            listeners,
            poll,
            buf: vec![0; BUFFER],
            payload: payload.collect(),
            frame: Vec::new(),
            number: 0,
            heard: 0,
        })
    }

    /// Publishes a message and returns how long it took until all had heard it.
    fn publish(&mut self) -> io::Result<Duration> {
        self.number += 1;
        self.payload[..8].copy_from_slice(&self.number.to_be_bytes());
        self.frame.clear();
        frame::append(&mut self.frame, frame::BINARY, Some(KEY), &self.payload);
        let began = Instant::now();
        let Some(publisher) = self.listeners.first_mut() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        // The server has read all before: it fits.
        publisher.stream.write_all(&self.frame)?;
        let mut missing = self.listeners.len();
        let timeout = rustix::time::Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        while missing > 0 {
            self.events.clear();
            epoll::wait(&self.poll, spare_capacity(&mut self.events), Some(&timeout))?;
            for event in &self.events {
                let listener = &mut self.listeners[event.data.u64() as usize];
                let count = listener.read(&mut self.buf, &self.payload)?;
                self.heard += count as u64;
                missing = missing
                    .checked_sub(count)
                    .ok_or_else(|| wrong("a message that was heard twice"))?;
            }
            if self.events.is_empty() && began.elapsed() > PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(began.elapsed())
    }
}

struct Listener {
    stream: TcpStream,
    /// A frame that has not arrived whole.
    incomplete: Vec<u8>,
}

impl Listener {
    /// Reads what there is and returns how many messages were in it.
    fn read(&mut self, buf: &mut [u8], expected: &[u8]) -> io::Result<usize> {
        let n = match self.stream.read(buf) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        };
        heard(&mut self.incomplete, &buf[..n], expected)
    }
}

/// Takes received bytes and returns how many messages they complete, all of which must be the
/// expected one; what is incomplete is kept.
fn heard(incomplete: &mut Vec<u8>, received: &[u8], expected: &[u8]) -> io::Result<usize> {
    let mut joined = Vec::new();
    let mut bytes = received;
    if !incomplete.is_empty() {
        joined.append(incomplete);
        joined.extend_from_slice(received);
        bytes = &joined;
    }
    let mut count = 0;
    while let Some(header) = Header::read(bytes) {
        let Some(payload) = bytes.get(header.size..header.size + header.len as usize) else {
            break;
        };
        if header.is_data() {
            if header.first != frame::BINARY || header.key.is_some() || payload != expected {
                return Err(wrong("another message than was published"));
            }
            count += 1;
        }
        bytes = &bytes[header.size + payload.len()..];
    }
    incomplete.extend_from_slice(bytes);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame::append(&mut out, frame::BINARY, None, payload);
        out
    }

    #[test]
    fn a_message_is_heard_once_wherever_it_is_split() {
        let mut bytes = vec![0x89, 0x00];
        bytes.extend(message(&[7; 256]));
        for at in 0..=bytes.len() {
            let mut incomplete = Vec::new();
            let first = heard(&mut incomplete, &bytes[..at], &[7; 256]).unwrap();
            let second = heard(&mut incomplete, &bytes[at..], &[7; 256]).unwrap();
            assert_eq!(first + second, 1, "split at {at}");
            assert!(incomplete.is_empty());
        }
    }

    #[test]
    fn another_message_is_noticed() {
        let old = message(&[6; 256]);
        assert!(heard(&mut Vec::new(), &old, &[7; 256]).is_err());
        let mut masked = Vec::new();
        frame::append(&mut masked, frame::BINARY, Some([0; 4]), &[7; 256]);
        assert!(heard(&mut Vec::new(), &masked, &[7; 256]).is_err());
    }
}
