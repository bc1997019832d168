//! Loops of clients that connect again.

use std::future::Future;

use socket_flow::{Acceptor, Backoff, ClientBuilder, Config, Deflate, Listener, Reconnecting};

use crate::hog::Hog;
use crate::loops::burst::{all, burst, config};
use crate::workers::on_one_and_two_workers;

/// The server sends each burst at once, and the client echoes.
fn answers_every_burst<F>(echo: fn(Reconnecting) -> F)
where
    F: Future<Output: Send> + Send + 'static,
{
    on_one_and_two_workers(|| answers(echo, Config::new()));
    on_one_and_two_workers(|| async move {
        let hog = Hog::new();
        answers(echo, Config::new().budget(hog.budget.clone())).await;
    });
}

async fn answers<F>(echo: fn(Reconnecting) -> F, ours: Config)
where
    F: Future<Output: Send> + Send + 'static,
{
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let deflate = Deflate::balanced();
    let acceptors = [
        Acceptor::new().config(config()),
        Acceptor::new().config(config()).deflate(deflate.clone()),
    ];
    for acceptor in acceptors {
        let client = ClientBuilder::new(url.clone()).config(ours.clone());
        let client = client.deflate(deflate.clone());
        let client = tokio::spawn(echo(client.reconnect(Backoff::default())));
        for payloads in all() {
            let (stream, _) = listener.accept().await;
            burst(acceptor.accept(stream).await.unwrap(), &payloads).await;
        }
        client.abort();
    }
}

mod reconnecting {
    include!("../../../loops/reconnecting.rs");

    #[test]
    fn a_client_that_sends_each_reply_answers_every_burst() {
        super::answers_every_burst(echo);
    }
}

mod ready {
    include!("../../../loops/ready.rs");

    #[test]
    fn a_client_that_waits_for_room_answers_every_burst() {
        super::answers_every_burst(echo);
    }
}
