//! Loops of servers.

use socket_flow::ServerHandle;

use crate::loops::burst::bursts;
use crate::workers::on_one_and_two_workers;

fn url(server: &ServerHandle) -> String {
    format!("ws://{}/", server.local_addr().unwrap())
}

mod echo {
    #![allow(dead_code)] // it is a whole program

    include!("../../../loops/echo.rs");

    #[test]
    fn a_handler_that_queues_each_reply_answers_every_burst() {
        super::on_one_and_two_workers(|| async {
            let server = Server::bind("127.0.0.1:0").deflate(socket_flow::Deflate::balanced());
            let handler = |mut ws, _| async move { echo(&mut ws).await };
            let server = server.serve_with(handler).await.unwrap();
            super::bursts(super::url(&server)).await;
        });
    }
}

mod lent {
    #![allow(dead_code)] // it is a whole program

    include!("../../../loops/lent.rs");

    #[test]
    fn a_handler_that_queues_what_it_is_lent_answers_every_burst() {
        super::on_one_and_two_workers(|| async {
            let server = Server::bind("127.0.0.1:0").deflate(socket_flow::Deflate::balanced());
            let handler = |mut ws, _| async move { echo(&mut ws).await };
            let server = server.serve_with(handler).await.unwrap();
            super::bursts(super::url(&server)).await;
        });
    }
}

mod events {
    #![allow(dead_code)] // it is a whole program

    include!("../../../loops/events.rs");

    #[test]
    fn a_reader_of_events_that_replies_to_each_answers_every_burst() {
        super::on_one_and_two_workers(|| async {
            let server = Server::bind("127.0.0.1:0").deflate(socket_flow::Deflate::balanced());
            let (server, events) = server.serve().await.unwrap();
            let echo = tokio::spawn(echo(events));
            super::bursts(super::url(&server)).await;
            drop(server);
            echo.abort();
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
        super::on_one_and_two_workers(|| async {
            let server = socket_flow::Server::bind("127.0.0.1:0");
            let server = server.deflate(socket_flow::Deflate::balanced());
            let server = server.serve_with(|ws, _| echo(ws)).await.unwrap();
            super::bursts(super::url(&server)).await;
        });
    }
}
