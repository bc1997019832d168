//! Loops on one connection.

use std::future::Future;

use socket_flow::{Acceptor, Config, Deflate, Error, WebSocket};
use tokio::net::{TcpListener, TcpStream};

use crate::hog::Hog;
use crate::loops::burst::bursts;
use crate::workers::on_one_and_two_workers;

/// Runs the loop on each connection that comes, in tasks of their own; the URL.
async fn serve<R>(
    config: Config,
    handler: impl Fn(WebSocket<TcpStream>) -> R + Send + 'static,
) -> String
where
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let acceptor = Acceptor::new().config(config);
        let acceptor = acceptor.deflate(Deflate::balanced());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let ws = acceptor.accept(stream).await.unwrap();
            tokio::spawn(handler(ws));
        }
    });
    url
}

fn answers_every_burst<R>(handler: fn(WebSocket<TcpStream>) -> R)
where
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    on_one_and_two_workers(|| async move {
        bursts(serve(Config::new(), handler).await).await;
    });
    on_one_and_two_workers(|| async move {
        let hog = Hog::new();
        let config = Config::new().budget(hog.budget.clone());
        bursts(serve(config, handler).await).await;
    });
}

mod lent {
    include!("../../../../connection/loops/lent.rs");

    #[test]
    fn what_is_lent_and_queued_answers_every_burst() {
        super::answers_every_burst(echo);
    }
}

mod stream_sink {
    include!("../../../../connection/loops/stream_sink.rs");

    #[test]
    fn a_stream_and_sink_answers_every_burst() {
        super::answers_every_burst(echo);
    }
}

mod drive {
    include!("../../../../connection/loops/drive.rs");

    /// Another task takes the messages, and replies to each through a sender.
    async fn echo(mut ws: WebSocket<TcpStream>) -> Result<(), Error> {
        let sender = ws.sender();
        let (messages, mut taken) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(message) = taken.recv().await {
                if sender.send(message).await.is_err() {
                    break;
                }
            }
        });
        hand_over(ws, messages).await
    }

    #[test]
    fn a_task_that_takes_each_message_and_replies_answers_every_burst() {
        super::answers_every_burst(echo);
    }
}

mod relay {
    use tokio::sync::mpsc;

    include!("../../../../connection/loops/relay.rs");

    #[test]
    fn what_is_relayed_arrives_whole_in_every_burst() {
        super::on_one_and_two_workers(|| async {
            for payloads in crate::loops::burst::all() {
                relays(payloads).await;
            }
        });
    }

    /// Everything is relayed to a server that says how much it has received.
    async fn relays(payloads: Vec<Vec<u8>>) {
        use socket_flow::{ClientBuilder, CloseCode, Config};

        let (told, mut received) = mpsc::unbounded_channel();
        let end = super::serve(Config::new(), move |mut ws| {
            let told = told.clone();
            async move {
                while let Some(message) = ws.recv().await? {
                    let _ = told.send(message);
                }
                Ok(())
            }
        });
        let end = end.await;
        let middle = super::serve(Config::new(), move |from| {
            let url = end.clone();
            async move {
                let address = url.trim_start_matches("ws://").trim_end_matches('/');
                let stream = TcpStream::connect(address).await.unwrap();
                let to = ClientBuilder::new(&url).connect_on(stream).await;
                relay(from, to.unwrap().0).await
            }
        });
        let url = middle.await;
        for client in crate::loops::burst::clients(&url) {
            let (mut ws, _) = client.connect().await.unwrap();
            for payload in &payloads {
                ws.ready().await.unwrap();
                ws.queue(payload.clone()).unwrap();
            }
            assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
            for (number, payload) in payloads.iter().enumerate() {
                let message = received.recv().await.unwrap();
                assert!(message.as_bytes() == payload, "message {number}");
            }
        }
    }
}
