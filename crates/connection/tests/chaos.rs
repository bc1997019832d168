//! Ledgers both ways over transports that misbehave, or break.

use socket_flow_connection::{Config, WebSocket};
use socket_flow_testing::Mode;
use socket_flow_testing::suite::{self, Pipe};

#[allow(dead_code)] // a part of it is used here
mod support;
use support::{Client, Server, open};

async fn pair(client: Pipe, server: Pipe, seed: u64) -> (WebSocket<Pipe>, WebSocket<Pipe>) {
    // Some seeds fragment what they send.
    let config = Config::new().fragment(if seed % 3 == 0 { 700 } else { usize::MAX });
    (
        open(client, Client, config.clone()),
        open(server, Server, config),
    )
}

async fn some_pair(
    client: Pipe,
    server: Pipe,
    seed: u64,
) -> Option<(WebSocket<Pipe>, WebSocket<Pipe>)> {
    Some(pair(client, server, seed).await)
}

#[test]
fn nothing_is_lost_doubled_or_reordered_when_reads_misbehave() {
    let name = "nothing_is_lost_doubled_or_reordered_when_reads_misbehave";
    suite::survives(name, Mode::Read, 1, pair);
}

/// RFC 6455 §6.1.
#[test]
fn nothing_is_lost_doubled_or_reordered_when_writes_misbehave() {
    let name = "nothing_is_lost_doubled_or_reordered_when_writes_misbehave";
    suite::survives(name, Mode::Write, 1, pair);
}

/// RFC 6455 §5.4.
#[test]
fn nothing_is_lost_doubled_or_reordered_when_both_misbehave() {
    let name = "nothing_is_lost_doubled_or_reordered_when_both_misbehave";
    suite::survives(name, Mode::Both, 1, pair);
}

#[test]
fn whoever_reads_from_a_transport_that_breaks_is_told() {
    let name = "whoever_reads_from_a_transport_that_breaks_is_told";
    suite::tells(name, Mode::Read, 1, some_pair);
}

#[test]
fn whoever_writes_to_a_transport_that_breaks_is_told() {
    let name = "whoever_writes_to_a_transport_that_breaks_is_told";
    suite::tells(name, Mode::Write, 1, some_pair);
}

#[test]
fn whoever_uses_a_transport_that_breaks_is_told() {
    let name = "whoever_uses_a_transport_that_breaks_is_told";
    suite::tells(name, Mode::Both, 1, some_pair);
}
