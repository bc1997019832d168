//! How a handler ended, as its client sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket_flow::{
    ClientStream, CloseCode, Config, Error, HandlerResult, Server, ServerHandle, ServerStream,
    WebSocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::server::tools::{bounded, connect, dial, sockets_at, tasks, until};
use crate::support::{MASKED_HELLO, REQUEST};

async fn serve<F, R>(handler: F) -> ServerHandle
where
    F: Fn(WebSocket<ServerStream>) -> R + Send + Sync + 'static,
    R: Future<Output: HandlerResult> + Send + 'static,
{
    let server = Server::bind("127.0.0.1:0");
    server.serve_with(move |ws, _| handler(ws)).await.unwrap()
}

/// Receives to the end: the messages, and the code and reason of the Close.
async fn heard(ws: &mut WebSocket<ClientStream>) -> (Vec<String>, u16, String) {
    let mut messages = Vec::new();
    while let Some(message) = bounded(ws.recv()).await.unwrap() {
        messages.push(message.as_text().unwrap().to_owned());
    }
    let close = ws.close_frame().unwrap();
    (messages, close.code.as_u16(), close.reason.to_string())
}

/// What a client hears, and that nothing of the connection is left.
async fn code(server: &ServerHandle) -> u16 {
    let (messages, code, reason) = heard(&mut connect(server).await).await;
    assert_eq!((messages.len(), &*reason), (0, ""), "nothing else is said");
    until(|| server.connections() == 0).await;
    code
}

type Ws = WebSocket<ServerStream>;

/// RFC 6455 §7.4.1.
#[tokio::test]
async fn a_handler_that_succeeds_says_1000_and_one_that_fails_or_panics_1011() {
    let server = serve(|_ws: Ws| async {}).await;
    assert_eq!(code(&server).await, 1000);
    let server = serve(async |_ws: Ws| Ok::<_, String>(())).await;
    assert_eq!(code(&server).await, 1000);
    let server = serve(async |_ws: Ws| Err::<(), _>("the database's password is wrong")).await;
    assert_eq!(code(&server).await, 1011);
    let server = serve(async |mut ws: Ws| {
        ws.recv().await?;
        Err(Error::Closed { code: 1006 })
    })
    .await;
    let mut ws = connect(&server).await;
    ws.send("fail").await.unwrap();
    assert_eq!(heard(&mut ws).await.1, 1011);
    let server = serve(async |ws: Ws| {
        assert!(ws.close_frame().is_some(), "at once");
    })
    .await;
    assert_eq!(code(&server).await, 1011);
    let server = serve(async |_ws: Ws| {
        tokio::task::yield_now().await;
        if tasks() > 0 {
            std::panic::panic_any(Box::new(1));
        }
    })
    .await;
    assert_eq!(code(&server).await, 1011);
    // The function itself, before there is a future.
    let server = serve(|ws: Ws| {
        assert!(ws.close_frame().is_some(), "the function itself");
        async {}
    })
    .await;
    assert_eq!(code(&server).await, 1011);
    until(|| tasks() == 7).await;
}

#[tokio::test]
async fn a_connection_that_is_dropped_long_before_its_handler_ends_is_closed_with_1000_at_once() {
    for elsewhere in [false, true] {
        let (end, ended) = oneshot::channel::<()>();
        let ended = Arc::new(tokio::sync::Mutex::new(Some(ended)));
        let server = serve(move |ws: Ws| {
            let ended = Arc::clone(&ended);
            async move {
                match elsewhere {
                    false => drop(ws),
                    true => drop(tokio::spawn(async move {
                        tokio::task::yield_now().await;
                        drop(ws);
                    })),
                }
                let ended = ended.lock().await.take().unwrap();
                let _ = ended.await;
                Err("too late to matter")
            }
        })
        .await;
        assert_eq!(code(&server).await, 1000);
        assert!(!end.is_closed(), "the handler goes on");
        let port = server.local_addr().unwrap().port();
        until(|| sockets_at(port) == 1).await;
        end.send(()).unwrap();
        until(|| tasks() == 1).await;
        drop(server);
        until(|| tasks() == 0).await;
    }
}

#[tokio::test]
async fn halves_that_outlive_their_handler_say_how_it_ended() {
    for (result, expected) in [(Ok(()), 1000), (Err("failed"), 1011)] {
        let (go, gone) = oneshot::channel::<()>();
        let gone = Arc::new(std::sync::Mutex::new(Some(gone)));
        let server = serve(move |ws: Ws| {
            let gone = gone.lock().unwrap().take().unwrap();
            async move {
                let (reader, writer) = ws.into_split();
                tokio::spawn(async move {
                    let _ = gone.await;
                    drop(writer);
                });
                drop(reader);
                result
            }
        })
        .await;
        let mut ws = connect(&server).await;
        until(|| server.connections() == 0).await;
        go.send(()).unwrap();
        assert_eq!(heard(&mut ws).await.1, expected);
    }
}

#[tokio::test]
async fn halves_that_are_dropped_one_after_the_other_are_one_connection() {
    for reader_first in [false, true] {
        let server = serve(move |ws: Ws| async move {
            let (reader, mut writer) = ws.into_split();
            writer.queue("last words").unwrap();
            // The other half lives until the end.
            let _held: Box<dyn Send> = match reader_first {
                true => {
                    drop(reader);
                    Box::new(writer)
                }
                false => {
                    drop(writer);
                    Box::new(reader)
                }
            };
            tokio::task::yield_now().await;
            Err::<(), _>("failed")
        })
        .await;
        let (messages, code, _) = heard(&mut connect(&server).await).await;
        assert_eq!(
            (&*messages[0], messages.len(), code),
            ("last words", 1, 1011)
        );
    }
}

#[tokio::test]
async fn whoever_closes_first_has_the_code() {
    let server = serve(async |mut ws: Ws| {
        ws.start_close(CloseCode::POLICY_VIOLATION, "mine").unwrap();
        Err::<(), _>("failed")
    })
    .await;
    let heard_close = heard(&mut connect(&server).await).await;
    assert_eq!(heard_close, (vec![], 1008, "mine".into()));
    let server = serve(async |mut ws: Ws| {
        let sender = ws.sender();
        sender.try_send("from a sender").unwrap();
        sender.close(CloseCode::POLICY_VIOLATION, "theirs").unwrap();
    })
    .await;
    let heard_close = heard(&mut connect(&server).await).await;
    let expected = (vec!["from a sender".into()], 1008, "theirs".into());
    assert_eq!(heard_close, expected);
    // The peer's own Close is answered with its code, however the handler takes it.
    let server = serve(async |mut ws: Ws| {
        ws.recv().await.unwrap();
        Err::<(), _>("failed")
    })
    .await;
    let outcome = connect(&server).await.close(CloseCode::NORMAL, "").await;
    assert_eq!(outcome.unwrap().code(), 1000);
}

#[tokio::test]
async fn what_a_handler_queued_arrives_whole_before_the_close() {
    // Far more than the sockets take at once, so that dropping finds them full.
    const LEN: usize = 12 << 20;
    let server = Server::bind("127.0.0.1:0")
        .serve_with(async |mut ws: Ws, _| {
            ws.queue("first").unwrap();
            ws.queue("x".repeat(LEN)).unwrap();
            ws.sender().try_send("from a sender").unwrap();
        })
        .await
        .unwrap();
    let config = Config::new().max_message(LEN);
    let builder =
        socket_flow::ClientBuilder::new(crate::server::tools::url(&server)).config(config);
    let (mut ws, _) = builder.connect().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (messages, code, _) = heard(&mut ws).await;
    let lens: Vec<_> = messages.iter().map(String::len).collect();
    assert_eq!((lens, code), (vec![5, LEN, 13], 1000));
}

#[tokio::test]
async fn a_client_that_never_reads_its_last_words_is_dropped_when_closing_takes_too_long() {
    let server = Server::bind("127.0.0.1:0")
        .config(Config::new().close_timeout(Duration::from_millis(200)))
        .serve_with(async |mut ws: Ws, _| ws.queue("x".repeat(12 << 20)).map_err(Error::from))
        .await
        .unwrap();
    let port = server.local_addr().unwrap().port();
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.write_all(REQUEST.as_bytes()).await.unwrap();
    until(|| sockets_at(port) == 2).await;
    until(|| sockets_at(port) == 1 && tasks() == 1).await;
}

#[tokio::test]
async fn a_peer_that_broke_the_protocol_is_told_so_and_not_that_the_handler_failed() {
    let server = serve(async |mut ws: Ws| ws.recv().await.map(drop)).await;
    let mut tcp = dial(&server).await;
    let frame = [REQUEST.as_bytes(), b"\x81\x05Hello"].concat();
    tcp.write_all(&frame).await.unwrap();
    let mut answer = Vec::new();
    bounded(tcp.read_to_end(&mut answer)).await.unwrap();
    let at = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    assert_eq!(answer[at], 0x88);
    assert_eq!(answer[at + 2..at + 4], 1002_u16.to_be_bytes());
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_and_its_task_alone() {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = serve(move |mut ws: Ws| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(call, 0, "all but the first panic");
            ws.recv().await.map(drop)
        }
    })
    .await;
    let mut first = connect(&server).await;
    until(|| server.connections() == 1).await;
    for _ in 0..10 {
        let mut ws = connect(&server).await;
        assert_eq!(heard(&mut ws).await.1, 1011);
    }
    until(|| tasks() == 2).await;
    first.send("still here").await.unwrap();
    assert_eq!(heard(&mut first).await.1, 1000);
}

/// The end of a connection that a handler dropped while its client goes on sending.
#[tokio::test]
async fn a_client_that_sends_on_gets_the_close_and_no_reset() {
    let server = serve(async |_ws: Ws| Err::<(), _>("failed")).await;
    let mut tcp = dial(&server).await;
    let batch = [REQUEST.as_bytes(), &MASKED_HELLO.repeat(10_000)].concat();
    tcp.write_all(&batch).await.unwrap();
    let mut answer = Vec::new();
    bounded(async {
        while !answer.ends_with(b"\x88\x02\x03\xf3") {
            assert_ne!(tcp.read_buf(&mut answer).await.unwrap(), 0);
            tcp.write_all(MASKED_HELLO).await.unwrap();
        }
    })
    .await;
}
