//! Connecting and accepting: giving up closes the stream, and the other side
//! is told.

use socket_flow::http::Response;
use socket_flow::{Acceptor, ClientBuilder, Listener};
use socket_flow_testing::Report;
use socket_flow_testing::cancel::{at_every_poll, at_every_poll_of_sockets};

use crate::{Pipe, echo, pipe, talk};

fn client() -> ClientBuilder {
    ClientBuilder::new("ws://pipe/")
}

/// A client that tries until it is let in.
async fn until_connected(mut next: tokio::sync::mpsc::Receiver<Pipe>) -> Report {
    loop {
        let stream = next.recv().await.expect("a server that goes on");
        // A connection may be open for one side and given up by the other.
        if let Ok((ws, _)) = client().connect_on(stream).await {
            if let Ok(report) = talk(ws).await {
                return report;
            }
        }
    }
}

/// A server that goes on until a connection stays open.
async fn until_accepted(mut next: tokio::sync::mpsc::Receiver<Pipe>) {
    while let Some(stream) = next.recv().await {
        if let Ok(ws) = socket_flow::accept(stream).await {
            if echo(ws).await.is_ok() {
                return;
            }
        }
    }
}

#[test]
fn a_connect_given_up_at_any_poll_closes_its_stream() {
    at_every_poll("ClientBuilder::connect_on", async |budget| {
        let (accept, next) = tokio::sync::mpsc::channel(1);
        let serving = tokio::spawn(async move { until_accepted(next).await });
        let connected = budget
            .insist(async || {
                let (near, far) = pipe();
                accept.send(far).await.unwrap();
                client().connect_on(near).await
            })
            .await;
        let report = talk(connected.unwrap().0).await.unwrap();
        serving.await.unwrap();
        report
    });
}

#[test]
fn an_accept_given_up_at_any_poll_closes_its_stream() {
    at_every_poll("accept", async |budget| {
        let (connect, next) = tokio::sync::mpsc::channel(1);
        let connecting = tokio::spawn(until_connected(next));
        let accepted = budget
            .insist(async || {
                let (near, far) = pipe();
                connect.send(far).await.unwrap();
                socket_flow::accept(near).await
            })
            .await;
        echo(accepted.unwrap()).await.unwrap();
        connecting.await.unwrap()
    });
    at_every_poll("Acceptor::read+Pending::accept", async |budget| {
        let (connect, next) = tokio::sync::mpsc::channel(1);
        let connecting = tokio::spawn(until_connected(next));
        let acceptor = Acceptor::new();
        let accepted = budget
            .insist(async || {
                let (near, far) = pipe();
                connect.send(far).await.unwrap();
                acceptor.read(near).await?.accept().await
            })
            .await;
        echo(accepted.unwrap()).await.unwrap();
        connecting.await.unwrap()
    });
}

#[test]
fn a_refusal_given_up_at_any_poll_closes_its_stream() {
    at_every_poll("Pending::reject", async |budget| {
        let acceptor = Acceptor::new();
        let reject = async || {
            let (near, far) = pipe();
            let connecting = tokio::spawn(async { client().connect_on(far).await.map(drop) });
            let pending = acceptor.read(near).await.unwrap();
            let response = Response::builder().status(404).body("nobody").unwrap();
            let rejected = budget.attempt(pending.reject(response)).await;
            // Refused or cut off, but told.
            let error = connecting.await.unwrap().expect_err("nobody is let in");
            rejected.is_some_and(|sent| sent.is_ok() && error.status().is_some())
        };
        assert!(
            reject().await || reject().await,
            "the refusal arrived neither time"
        );
        Report::default()
    });
}

#[test]
fn a_dial_given_up_at_any_poll_leaves_nothing_open() {
    at_every_poll_of_sockets("connect", async |budget| {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await;
                if let Ok(ws) = socket_flow::accept(stream).await {
                    if echo(ws).await.is_ok() {
                        return;
                    }
                }
            }
        });
        let connected = budget
            .insist(async || socket_flow::connect(&url).await)
            .await;
        let report = talk(connected.unwrap().0).await.unwrap();
        serving.await.unwrap();
        report
    });
}

#[cfg(feature = "rustls")]
#[test]
fn a_dial_into_tls_given_up_at_any_poll_leaves_nothing_open() {
    use std::sync::Arc;

    use socket_flow::tls::ServerTls;

    let authority = crate::pki::Authority::new("a");
    let server = Arc::new(
        ServerTls::new(authority.issue("localhost"))
            .build()
            .unwrap(),
    );
    let trust = Arc::new(authority.client().build().unwrap());
    at_every_poll_of_sockets("ClientBuilder::connect+TLS", async |budget| {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
        let listener = listener.tls(server.clone());
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await;
                if let Ok(ws) = socket_flow::accept(stream).await {
                    if echo(ws).await.is_ok() {
                        return;
                    }
                }
            }
        });
        let connect = async || ClientBuilder::new(&url).tls(trust.clone()).connect().await;
        let connected = budget.insist(connect).await;
        let report = talk(connected.unwrap().0).await.unwrap();
        serving.await.unwrap();
        report
    });
}

#[test]
fn a_listeners_wait_given_up_at_any_poll_loses_no_client() {
    at_every_poll_of_sockets("Listener::bind+accept", async |budget| {
        let bound = budget
            .insist(async || Listener::bind("127.0.0.1:0").await)
            .await;
        let listener = bound.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let connecting = tokio::spawn(async move {
            tokio::task::yield_now().await;
            let (ws, _) = socket_flow::connect(&url).await.unwrap();
            talk(ws).await.unwrap()
        });
        let (stream, _) = budget.insist(async || listener.accept().await).await;
        echo(socket_flow::accept(stream).await.unwrap())
            .await
            .unwrap();
        connecting.await.unwrap()
    });
}
