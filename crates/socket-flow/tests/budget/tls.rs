//! What TLS is charged to the budget of a server.

use std::io;
use std::time::Duration;

use socket_flow::tls::{BUDGET_SHARE, ServerTls};
use socket_flow::{Budget, BudgetError, Config, Server, ServerHandle};
use tokio::net::TcpStream;

use crate::pki::{Authority, client};

const LIMIT: usize = 20 << 20;

async fn serve(
    authority: &Authority,
    budget: &Budget,
    connections: usize,
) -> io::Result<ServerHandle> {
    let tls = ServerTls::new(authority.issue("localhost"));
    Server::bind("127.0.0.1:0")
        .tls(tls.build().unwrap())
        .config(Config::new().max_message(1 << 20))
        .budget(budget.clone())
        .max_connections(connections)
        .serve_with(|mut ws, _request| async move { while let Ok(Some(_)) = ws.recv().await {} })
        .await
}

/// Waits until this holds; the test fails where it never does.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap();
}

#[tokio::test]
async fn tls_is_charged_from_the_first_byte_of_a_connection_to_its_end() {
    let authority = Authority::new("budget");
    let budget = Budget::new(LIMIT);
    let server = serve(&authority, &budget, 100).await.unwrap();
    let address = server.local_addr().unwrap();
    let silent = TcpStream::connect(address).await.unwrap();
    until(|| budget.usage().tls == BUDGET_SHARE).await;
    let connecting = client("localhost", address.port(), authority.client());
    let (ws, _) = connecting.connect().await.unwrap();
    until(|| server.connections() == 1).await;
    let usage = budget.usage();
    assert_eq!(
        (usage.tls, usage.connections),
        (2 * BUDGET_SHARE, 2 * Budget::SHARE)
    );
    drop((silent, ws));
    until(|| budget.usage().tls == 0).await;
}

#[tokio::test]
async fn a_budget_below_the_share_of_each_tls_connection_is_refused_with_the_numbers() {
    let (authority, budget) = (Authority::new("budget"), Budget::new(LIMIT));
    let error = serve(&authority, &budget, 2049).await.unwrap_err();
    let cause: Option<&BudgetError> = error.get_ref().and_then(|cause| cause.downcast_ref());
    let expected = BudgetError::BelowConnections {
        budget: LIMIT,
        connections: 2049,
        share: 10 << 10,
    };
    assert_eq!(cause, Some(&expected));
    let text = "a budget of 20971520 bytes is less than 10240 bytes for each of 2049 connections";
    assert_eq!(error.to_string(), text);
    assert!(serve(&authority, &budget, 2048).await.is_ok());
}
