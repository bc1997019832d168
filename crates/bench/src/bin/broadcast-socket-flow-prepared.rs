//! Broadcast without the hub: every connection takes prepared messages from a channel, as the
//! servers on other libraries do.

use std::pin::pin;
use std::process::ExitCode;

use futures_util::future::{Either, select};
use socket_flow::{Prepared, ServerStream};
use socket_flow_bench::ours::acceptor;
use socket_flow_bench::server;
use tokio::sync::broadcast;

/// More messages than are ever under way.
const CAPACITY: usize = 64;

fn main() -> ExitCode {
    server::run(&[], |options| {
        let acceptor = acceptor(options);
        let (publish, _) = broadcast::channel::<Prepared>(CAPACITY);
        move |stream| {
            let (acceptor, publish) = (acceptor.clone(), publish.clone());
            let mut published = publish.subscribe();
            async move {
                let mut ws = acceptor.accept(ServerStream::from(stream)).await?;
                loop {
                    let next = match select(pin!(published.recv()), pin!(ws.recv())).await {
                        Either::Left((published, _)) => Either::Left(published?),
                        Either::Right((received, _)) => Either::Right(received?),
                    };
                    match next {
                        Either::Left(message) => ws.send(&message).await?,
                        Either::Right(Some(message)) => {
                            publish.send(Prepared::new(message))?;
                        }
                        Either::Right(None) => return Ok(()),
                    }
                }
            }
        }
    })
}
