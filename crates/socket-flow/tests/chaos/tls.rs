//! Inside TLS, whose transport misbehaves below it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket_flow::tls::ServerTls;
use socket_flow::tls::rustls::pki_types::ServerName;
use socket_flow_testing::Mode;
use socket_flow_testing::suite::{self, Pipe};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::Pair;
use crate::pki::Authority;

type Client = client::TlsStream<Pipe>;
type Server = server::TlsStream<Pipe>;

/// Made once: keys take their time.
fn ends() -> &'static (TlsConnector, TlsAcceptor) {
    static ENDS: OnceLock<(TlsConnector, TlsAcceptor)> = OnceLock::new();
    ENDS.get_or_init(|| {
        let authority = Authority::with_signatures_of_one_length("a");
        let server = ServerTls::new(authority.issue("a")).build().unwrap();
        let client = authority.client().build().unwrap();
        (Arc::new(client).into(), Arc::new(server).into())
    })
}

async fn open(client: Pipe, server: Pipe, seed: u64) -> Pair<Client, Server> {
    try_open(client, server, seed).await.unwrap()
}

async fn try_open(client: Pipe, server: Pipe, seed: u64) -> Option<Pair<Client, Server>> {
    let (connector, acceptor) = ends();
    // TLS has no deadline of its own.
    let name = ServerName::try_from("a").unwrap();
    let client = timeout(HANDSHAKE, connector.connect(name, client.uninterrupted()));
    let server = timeout(HANDSHAKE, acceptor.accept(server.uninterrupted()));
    crate::try_open(async { client.await? }, async { server.await? }, seed).await
}

/// A server that has shaken hands writes its tickets before it reads on, and a client that has not
/// read them its request: there must be room for one of them.
const ROOM: usize = 1_000;

/// How long TLS has to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

#[test]
fn tls_connections_lose_nothing_when_reads_misbehave() {
    let name = "tls_connections_lose_nothing_when_reads_misbehave";
    suite::survives(name, Mode::Read, ROOM, open);
}

#[test]
fn tls_connections_lose_nothing_when_writes_misbehave() {
    let name = "tls_connections_lose_nothing_when_writes_misbehave";
    suite::survives(name, Mode::Write, ROOM, open);
}

#[test]
fn tls_connections_lose_nothing_when_both_misbehave() {
    let name = "tls_connections_lose_nothing_when_both_misbehave";
    suite::survives(name, Mode::Both, ROOM, open);
}

#[test]
fn tls_connections_tell_when_reads_break() {
    suite::tells(
        "tls_connections_tell_when_reads_break",
        Mode::Read,
        ROOM,
        try_open,
    );
}

#[test]
fn tls_connections_tell_when_writes_break() {
    suite::tells(
        "tls_connections_tell_when_writes_break",
        Mode::Write,
        ROOM,
        try_open,
    );
}

#[test]
fn tls_connections_tell_when_both_break() {
    suite::tells(
        "tls_connections_tell_when_both_break",
        Mode::Both,
        ROOM,
        try_open,
    );
}
