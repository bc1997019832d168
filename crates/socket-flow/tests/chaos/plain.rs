//! In the clear.

use std::future::ready;

use socket_flow_testing::Mode;
use socket_flow_testing::suite::{self, Pipe};

use crate::Pair;

async fn open(client: Pipe, server: Pipe, seed: u64) -> Pair<Pipe, Pipe> {
    try_open(client, server, seed).await.unwrap()
}

async fn try_open(client: Pipe, server: Pipe, seed: u64) -> Option<Pair<Pipe, Pipe>> {
    crate::try_open(ready(Ok(client)), ready(Ok(server)), seed).await
}

#[test]
fn plain_connections_lose_nothing_when_reads_misbehave() {
    let name = "plain_connections_lose_nothing_when_reads_misbehave";
    suite::survives(name, Mode::Read, 1, open);
}

#[test]
fn plain_connections_lose_nothing_when_writes_misbehave() {
    let name = "plain_connections_lose_nothing_when_writes_misbehave";
    suite::survives(name, Mode::Write, 1, open);
}

#[test]
fn plain_connections_lose_nothing_when_both_misbehave() {
    let name = "plain_connections_lose_nothing_when_both_misbehave";
    suite::survives(name, Mode::Both, 1, open);
}

#[test]
fn plain_connections_tell_when_reads_break() {
    suite::tells(
        "plain_connections_tell_when_reads_break",
        Mode::Read,
        1,
        try_open,
    );
}

#[test]
fn plain_connections_tell_when_writes_break() {
    suite::tells(
        "plain_connections_tell_when_writes_break",
        Mode::Write,
        1,
        try_open,
    );
}

#[test]
fn plain_connections_tell_when_both_break() {
    suite::tells(
        "plain_connections_tell_when_both_break",
        Mode::Both,
        1,
        try_open,
    );
}
