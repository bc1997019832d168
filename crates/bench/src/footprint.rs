//! What connections cost that do nothing, and what it costs to open them.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::frame::{self, Header};
use crate::handshake;
use crate::load::cpu_time;

/// So many handshakes, and so many messages, are under way at once.
const AT_ONCE: usize = 32;

/// The payload that every connection has echoed once.
const PAYLOAD: usize = 1 << 10;

/// How long a server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for the server to give back what it needs no more.
const SETTLE: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Footprint {
    /// How many connections were open.
    pub connections: usize,
    /// Resident bytes of the server for each connection that has done nothing.
    pub fresh_bytes: f64,
    /// The same after each has echoed 1 KiB.
    pub echoed_bytes: f64,
    /// Connections opened in a second, handshake included.
    pub handshakes_per_second: f64,
    /// The server's processor time for each of them, in microseconds.
    pub cpu_us_per_handshake: f64,
}

/// Opens connections to the server on this port and reads what its process holds.
///
/// # Errors
/// A connection fails, or the system tells nothing about the process.
pub fn measure(port: u16, pid: u32, connections: usize) -> io::Result<Footprint> {
    let mut message = Vec::new();
    frame::append(
        &mut message,
        frame::BINARY,
        Some([0x37, 0xfa, 0x21, 0x3d]),
        &[0x5a; PAYLOAD],
    );
    // What a server keeps once for all connections is no part of one.
    let mut first = open(port, AT_ONCE)?;
    echo(&mut first, &message)?;
    thread::sleep(SETTLE);

    let resident = resident_bytes(pid)?;
    let cpu = cpu_time::of(pid)?;
    let began = Instant::now();
    let mut opened = Vec::with_capacity(connections);
    while opened.len() < connections {
        opened.extend(open(port, AT_ONCE.min(connections - opened.len()))?);
    }
    let took = began.elapsed();
    let cpu = cpu_time::of(pid)? - cpu;
    thread::sleep(SETTLE);
    let fresh = resident_bytes(pid)?;
    for group in opened.chunks_mut(AT_ONCE) {
        echo(group, &message)?;
    }
    thread::sleep(SETTLE);
    let echoed = resident_bytes(pid)?;

    let each = |bytes: u64| (bytes as f64 - resident as f64) / connections as f64;
    Ok(Footprint {
        connections,
        fresh_bytes: each(fresh),
        echoed_bytes: each(echoed),
        handshakes_per_second: connections as f64 / took.as_secs_f64(),
        cpu_us_per_handshake: cpu.as_secs_f64() * 1e6 / connections as f64,
    })
}

/// Opens connections whose handshakes are under way together.
fn open(port: u16, count: usize) -> io::Result<Vec<TcpStream>> {
    let request = handshake::request(port, None);
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        streams.push(stream);
    }
    for stream in &mut streams {
        handshake::read_answer(stream)?;
    }
    Ok(streams)
}

/// Sends a message on each connection and reads the replies.
fn echo(streams: &mut [TcpStream], message: &[u8]) -> io::Result<()> {
    for stream in &mut *streams {
        stream.write_all(message)?;
    }
    for stream in streams {
        let mut reply = Vec::with_capacity(message.len());
        let mut buf = [0; 2 * PAYLOAD];
        loop {
            if let Some(header) = Header::read(&reply)
                && reply.len() >= header.size + header.len as usize
            {
                break;
            }
            match stream.read(&mut buf)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => reply.extend_from_slice(&buf[..n]),
            }
        }
    }
    Ok(())
}

/// The memory of a process that is in use and in memory.
fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    resident(&status).ok_or_else(|| io::Error::other("no VmRSS"))
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_told_in_kibibytes() {
        let status = "Name:\tserver\nVmPeak:\t    9000 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(resident(status), Some(1234 << 10));
        assert_eq!(resident("Name:\tserver\n"), None);
    }
}
