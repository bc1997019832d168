//! Panics of the application's, wherever they happen: what the client is told, and that nothing is left.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::Response;
use socket_flow::{
    ClientBuilder, CloseCode, HandlerResult, Server, ServerHandle, ServerStream, WebSocket,
};
use tokio::task::JoinHandle;

use crate::log::Log;
use crate::server::tools::{ask, bounded, connect, tasks, until};
use crate::support::REQUEST;

type Ws = WebSocket<ServerStream>;

async fn serve<F, R>(handler: F) -> ServerHandle
where
    F: Fn(Ws) -> R + Send + Sync + 'static,
    R: Future<Output: HandlerResult> + Send + 'static,
{
    let server = Server::bind("127.0.0.1:0");
    server.serve_with(move |ws, _| handler(ws)).await.unwrap()
}

/// The code a client hears; then nothing of the connection is left.
async fn code(server: &ServerHandle) -> u16 {
    let mut ws = connect(server).await;
    while bounded(ws.recv()).await.unwrap().is_some() {}
    until(|| server.connections() == 0 && tasks() == 1).await;
    ws.close_frame().unwrap().code.as_u16()
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "while it is dropped");
    }
}

struct PanicsWhenShown;

impl fmt::Display for PanicsWhenShown {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("while it is shown");
    }
}

/// RFC 6455 §7.4.1.
#[tokio::test]
async fn a_panic_at_any_place_of_a_handler_is_a_1011() {
    let (log, _guard) = Log::capture();
    // The error is shown to the log.
    let server = serve(async |_ws: Ws| Err::<(), _>(PanicsWhenShown)).await;
    assert_eq!(code(&server).await, 1011);
    drop(server);
    until(|| tasks() == 0).await;
    // What the panic carries.
    let server = serve(async |ws: Ws| {
        if !ws.closing().is_sent() {
            std::panic::panic_any(PanicsWhenDropped);
        }
    })
    .await;
    assert_eq!(code(&server).await, 1011);
    drop(server);
    until(|| tasks() == 0).await;
    // What the handler is, after its end.
    struct Handler {
        _ws: Ws,
        _panics: PanicsWhenDropped,
    }
    impl Future for Handler {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    let server = serve(|ws: Ws| Handler {
        _ws: ws,
        _panics: PanicsWhenDropped,
    })
    .await;
    assert_eq!(code(&server).await, 1011);
    assert_eq!(log.text().matches("handler panicked").count(), 3);
}

/// RFC 6455 §5.4, §7.4.1.
#[tokio::test]
async fn a_panic_in_the_middle_of_a_message_ends_it_with_the_close() {
    let server = serve(async |mut ws: Ws| {
        ws.queue("whole").unwrap();
        ws.queue_part("half of ").unwrap();
        ws.flush().await.unwrap();
        assert!(!ws.is_unfinished(), "in the middle");
    })
    .await;
    let mut ws = connect(&server).await;
    let message = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("whole"));
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::INTERNAL_ERROR);
}

/// RFC 6455 §7.4.1.
#[tokio::test]
async fn a_task_that_panics_with_the_connection_of_its_handler_says_1011() {
    fn in_a_task(ws: Ws) -> JoinHandle<()> {
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            assert!(ws.closing().is_sent(), "in a task");
        })
    }
    // The handler waits for its task, and passes its end on or makes nothing of it.
    let server = serve(in_a_task).await;
    assert_eq!(code(&server).await, 1011);
    drop(server);
    until(|| tasks() == 0).await;
    let server = serve(|ws| in_a_task(ws).map(drop)).await;
    assert_eq!(code(&server).await, 1011);
    drop(server);
    until(|| tasks() == 0).await;
    // It has ended before.
    let server = serve(async |ws| drop(in_a_task(ws))).await;
    assert_eq!(code(&server).await, 1011);
    drop(server);
    until(|| tasks() == 0).await;
    let server = serve(async |ws: Ws| {
        // The other half is open until the handler, too, has failed.
        let (_reader, writer) = ws.into_split();
        let task = tokio::spawn(async move {
            tokio::task::yield_now().await;
            assert!(writer.closing().is_sent(), "in a task");
        });
        task.await
    })
    .await;
    assert_eq!(code(&server).await, 1011);
}

#[tokio::test]
async fn a_handler_that_panics_after_its_close_has_said_its_own_code() {
    let server = serve(async |mut ws: Ws| {
        ws.start_close(CloseCode::POLICY_VIOLATION, "mine").unwrap();
        assert!(!ws.closing().is_sent(), "too late to matter");
    })
    .await;
    assert_eq!(code(&server).await, 1008);
}

/// RFC 9110 §15.6.1.
#[tokio::test]
async fn a_panic_before_there_is_a_connection_is_a_500() {
    let builder = || {
        Server::bind("127.0.0.1:0")
            .respond(|request| {
                assert_ne!(request.uri().path(), "/page", "in respond");
                Some(Response::new(Bytes::from_static(b"fine")))
            })
            .admit(|pending| {
                let path = pending.request().uri().path().to_owned();
                assert_ne!(path, "/function", "in admit itself");
                async move {
                    tokio::task::yield_now().await;
                    assert_ne!(path, "/future", "in what admit returns");
                    pending
                }
            })
    };
    let handler = async |mut ws: Ws, _| ws.recv().await.map(drop);
    let server = builder().serve_with(handler).await.unwrap();
    for request in [
        "GET /page HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        REQUEST.replace("/chat", "/function"),
        REQUEST.replace("/chat", "/future"),
    ] {
        let answer = bounded(ask(&server, &request)).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{request}{answer}");
        assert!(!answer.contains("admit") && !answer.contains("respond"));
    }
    until(|| tasks() == 1).await;
    let answer = bounded(ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    assert!(answer.ends_with("fine"), "{answer}");
    drop(connect(&server).await);
    let server = builder()
        .max_connections(0)
        .serve_with(handler)
        .await
        .unwrap();
    let answer = bounded(ask(&server, "GET /page HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
}

/// RFC 6455 §7.4.1.
#[tokio::test]
async fn a_connection_without_a_server_that_a_panic_drops_says_1011() {
    for is_split in [false, true] {
        let (near, far) = tokio::io::duplex(1 << 16);
        let client = tokio::spawn(ClientBuilder::new("ws://pipe/").connect_on(near));
        let ws = socket_flow::accept(far).await.unwrap();
        let mut client = client.await.unwrap().unwrap().0;
        let task = tokio::spawn(async move {
            let halves = match is_split {
                true => Ok(ws.into_split()),
                false => Err(ws),
            };
            tokio::task::yield_now().await;
            assert!(halves.is_ok() != is_split, "without a server");
        });
        // Nobody is left to hear the answer to the Close.
        bounded(client.recv()).await.unwrap_err();
        let close = client.close_frame().unwrap();
        assert_eq!((close.code.as_u16(), &*close.reason), (1011, ""));
        assert!(task.await.unwrap_err().is_panic());
    }
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn a_panic_inside_tls_is_a_1011_and_a_close_notify() {
    use socket_flow::tls::{ClientTls, ServerTls};

    let authority = crate::pki::Authority::new("panics");
    let tls = ServerTls::new(authority.issue("localhost"))
        .build()
        .unwrap();
    let server = Server::bind("127.0.0.1:0").tls(tls);
    let server = server
        .serve_with(async |mut ws: Ws, _| {
            let message = ws.recv().await.unwrap();
            assert!(message.is_none(), "inside TLS");
        })
        .await
        .unwrap();
    let url = format!("wss://localhost:{}/", server.local_addr().unwrap().port());
    let trust = ClientTls::new().roots(authority.roots()).build().unwrap();
    let (mut ws, _) = ClientBuilder::new(url).tls(trust).connect().await.unwrap();
    ws.send("go").await.unwrap();
    // Without the alert the end would be an error.
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::INTERNAL_ERROR);
}
