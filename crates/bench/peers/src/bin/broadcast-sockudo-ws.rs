//! Broadcast on sockudo-ws, through its own publish and subscribe.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use futures_util::future::{Either, select};
use futures_util::{SinkExt, StreamExt};
use socket_flow_bench::server::{self, Outcome};
use sockudo_ws::pubsub::PubSub;
use sockudo_ws::server::WebSocketServer;
use sockudo_ws::{Config, Http1, Message};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const TOPIC: &str = "all";

fn main() -> ExitCode {
    server::run(&[], |_| {
        let server = WebSocketServer::<Http1>::new(Config::builder().build());
        let topics = Arc::new(PubSub::new());
        move |stream| serve(stream, server.clone(), Arc::clone(&topics))
    })
}

async fn serve(stream: TcpStream, server: WebSocketServer<Http1>, topics: Arc<PubSub>) -> Outcome {
    let (publish, mut published) = mpsc::unbounded_channel();
    let id = topics.create_subscriber(publish);
    topics.subscribe(id, TOPIC);
    let (mut ws, _) = server.accept_raw(stream).await?;
    loop {
        let next = match select(pin!(published.recv()), ws.next()).await {
            Either::Left((message, _)) => Either::Left(message),
            Either::Right((message, _)) => Either::Right(message),
        };
        match next {
            Either::Left(Some(message)) => ws.send(message).await?,
            Either::Right(Some(message)) => {
                let message = message?;
                if matches!(message, Message::Text(_) | Message::Binary(_)) {
                    topics.publish(TOPIC, message);
                }
            }
            Either::Left(None) | Either::Right(None) => {
                topics.remove_subscriber(id);
                return Ok(());
            }
        }
    }
}
