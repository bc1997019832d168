//! Loops of servers.

use std::future::Future;

use socket_flow::{Deflate, Server, ServerBuilder, ServerHandle};

use crate::hog::Hog;
use crate::loops::burst::bursts;
use crate::workers::on_one_and_two_workers;

/// Bursts to a server that has memory, and to one whose budget others use up.
fn answers_every_burst<F, E>(serve: fn(ServerBuilder) -> F)
where
    F: Future<Output = (ServerHandle, E)> + Send + 'static,
    E: Send + 'static,
{
    let server = || Server::bind("127.0.0.1:0").deflate(Deflate::balanced());
    on_one_and_two_workers(|| async move {
        let (server, _serving) = serve(server()).await;
        bursts(url(&server)).await;
    });
    on_one_and_two_workers(|| async move {
        let hog = Hog::new();
        let (server, _serving) = serve(server().budget(hog.budget.clone())).await;
        bursts(url(&server)).await;
    });
}

fn url(server: &ServerHandle) -> String {
    format!("ws://{}/", server.local_addr().unwrap())
}

mod echo {
    #![allow(dead_code)] // it is a whole program

    include!("../../../loops/echo.rs");

    #[test]
    fn a_handler_that_queues_each_reply_answers_every_burst() {
        super::answers_every_burst(|server| async move {
            let handler = |mut ws, _| async move { echo(&mut ws).await };
            (server.serve_with(handler).await.unwrap(), ())
        });
    }
}

mod lent {
    #![allow(dead_code)] // it is a whole program

    include!("../../../loops/lent.rs");

    #[test]
    fn a_handler_that_queues_what_it_is_lent_answers_every_burst() {
        super::answers_every_burst(|server| async move {
            let handler = |mut ws, _| async move { echo(&mut ws).await };
            (server.serve_with(handler).await.unwrap(), ())
        });
    }
}

mod events {
    #![allow(dead_code)] // it is a whole program

    include!("../../../loops/events.rs");

    #[test]
    fn a_reader_of_events_that_replies_to_each_answers_every_burst() {
        super::answers_every_burst(|server| async move {
            let (server, events) = server.serve().await.unwrap();
            (server, tokio::spawn(echo(events)))
        });
    }
}

mod listener {
    #![allow(dead_code)] // it is a whole program

    include!("../../../loops/listener.rs");

    #[test]
    fn tasks_of_ones_own_answer_every_burst() {
        super::on_one_and_two_workers(|| async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            let serving = tokio::spawn(serve(listener));
            super::bursts(url).await;
            serving.abort();
        });
    }
}

mod halves {
    include!("../../../loops/halves.rs");

    #[test]
    fn owned_halves_in_two_tasks_answer_every_burst() {
        super::answers_every_burst(|server| async move {
            let handler = |ws, _| echo(ws);
            (server.serve_with(handler).await.unwrap(), ())
        });
    }
}
