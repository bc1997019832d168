//! Frames as bytes, scripts that run them cut everywhere, a pair of endpoints
//! on a virtual clock, and the driver step by step.

mod endpoint;
mod script;
mod steps;

#[cfg(feature = "deflate")]
pub(crate) mod deflate;
pub(crate) mod tokens;

use std::time::Duration;

use bytes::Bytes;
use socket_flow_protocol::{
    CloseCode, CloseFrame, Config, Event, Input, Message, NEVER, Negotiated, Protocol, Role,
    Timeouts,
};
use socket_flow_testing::wire;

pub(crate) use endpoint::{Endpoint, MODES, Mode, Pair};
pub(crate) use script::{Outcome, Script};
pub(crate) use socket_flow_testing::wire::Sent;
pub(crate) use steps::{Others, Steps};

pub(crate) const SEED: [u8; 32] = *b"32 bytes that seed masking keys.";

/// The key every masked frame of these tests is masked with; the RFC's own.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// A configuration without deadlines.
pub(crate) fn off() -> Config {
    let mut timeouts = Timeouts::default();
    timeouts.close = NEVER;
    timeouts.ping_interval = NEVER;
    timeouts.pong = NEVER;
    timeouts.idle = NEVER;
    timeouts.stall = NEVER;
    Config::new().with_timeouts(timeouts)
}

/// The core of a connection, without a shell.
pub(crate) fn protocol(role: Role, config: &Config, negotiated: Negotiated) -> Protocol {
    match role {
        Role::Client => Protocol::client(config.clone(), negotiated, SEED),
        Role::Server => Protocol::server(config.clone(), negotiated),
    }
}

/// Bytes arrive at the core, and the step that parses them finds nothing.
#[track_caller]
pub(crate) fn arrives(protocol: &mut Protocol, input: &mut Input, bytes: &[u8]) {
    input.extend_from_slice(bytes);
    assert_eq!(protocol.step(input), Ok(None));
}

/// One frame as the peer of `receiver` writes it: the first byte as given,
/// the rest by the RFC.
pub(crate) fn frame(receiver: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(receiver, first, payload.len() as u64);
    if receiver == Role::Server {
        bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
    } else {
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// Only the header of a frame that declares `len`.
pub(crate) fn header(receiver: Role, first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(len as u8),
        126..=0xffff => {
            bytes.push(126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    if receiver == Role::Server {
        bytes[1] |= 0x80;
        bytes.extend_from_slice(&KEY);
    }
    bytes
}

pub(crate) fn text(text: &str) -> Event {
    Event::Message(Message::from(text))
}

pub(crate) fn binary(bytes: &[u8]) -> Event {
    Event::Message(Message::from(bytes))
}

pub(crate) fn ping(bytes: &[u8]) -> Event {
    Event::Ping(Bytes::copy_from_slice(bytes))
}

pub(crate) fn pong(bytes: &[u8]) -> Event {
    Event::Pong(Bytes::copy_from_slice(bytes))
}

pub(crate) fn closed(code: u16, reason: &str) -> Event {
    Event::Close(Some(CloseFrame {
        code: CloseCode::try_from(code).unwrap(),
        reason: reason.into(),
    }))
}

/// The payload of a Close.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Bytes without a pattern that a wrong offset would hide.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

/// Reads what an endpoint wrote, without the library's help: whole frames.
pub(crate) fn parse(sender: Role, bytes: &[u8]) -> Vec<Sent> {
    let (frames, rest) = wire::frames(sender, bytes);
    assert!(rest.is_empty(), "half a frame: {rest:?}");
    frames
}
