//! Peers that fall silent: at the end, in the middle, or for good. The clock is tokio's, stopped.

use socket_flow::{CloseCode, Config, Error, Expired, NEVER, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Duration, Instant};

use crate::peer::{BINARY, CLOSE, FIN, PING, Peer, TEXT, client_on_pipe, server_on_pipe, tasks};

/// Room for all that is sent here.
const PIPE: usize = 1 << 16;

#[tokio::test(start_paused = true)]
async fn a_server_waits_five_seconds_for_the_answer_to_its_close() {
    let (ws, peer) = server_on_pipe(PIPE, Config::new()).await;
    close_is_not_answered(ws, peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_five_seconds_for_the_answer_to_its_close() {
    let (ws, peer) = client_on_pipe(PIPE, Config::new()).await;
    close_is_not_answered(ws, peer).await;
}

async fn close_is_not_answered(mut ws: WebSocket<DuplexStream>, mut peer: Peer<DuplexStream>) {
    let begin = Instant::now();
    let outcome = ws.close(CloseCode::NORMAL, "bye").await.unwrap();
    assert!(!outcome.clean);
    assert_eq!(begin.elapsed().as_secs(), 5);
    drop(ws);
    let frames = peer.rest().await;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].payload, b"\x03\xe8bye");
    assert!(peer.io.write_all(b"x").await.is_err(), "the stream is open");
}

/// A peer that goes on sending gets no more time than one that is silent.
#[tokio::test(start_paused = true)]
async fn a_server_does_not_wait_longer_for_a_close_behind_endless_messages() {
    let (ws, peer) = server_on_pipe(PIPE, Config::new()).await;
    close_is_talked_over(ws, peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_does_not_wait_longer_for_a_close_behind_endless_messages() {
    let (ws, peer) = client_on_pipe(PIPE, Config::new()).await;
    close_is_talked_over(ws, peer).await;
}

async fn close_is_talked_over(mut ws: WebSocket<DuplexStream>, mut peer: Peer<DuplexStream>) {
    let message = peer.frame(FIN | TEXT, b"and another thing");
    let talking = tokio::spawn(async move {
        while peer.io.write_all(&message).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let begin = Instant::now();
    assert!(!ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
    assert_eq!(begin.elapsed().as_secs(), 5);
    drop(ws);
    talking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_wait_for_a_client_that_closed_and_keeps_the_socket() {
    let (ws, peer) = server_on_pipe(PIPE, Config::new()).await;
    // The server ends TCP first: one second for what may still be under way.
    socket_is_kept(ws, peer, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_five_seconds_for_a_server_that_closed_and_keeps_the_socket() {
    let (ws, peer) = client_on_pipe(PIPE, Config::new()).await;
    socket_is_kept(ws, peer, 5).await;
}

async fn socket_is_kept(
    mut ws: WebSocket<DuplexStream>,
    mut peer: Peer<DuplexStream>,
    seconds: u64,
) {
    let close = peer.frame(FIN | CLOSE, b"\x03\xe8");
    peer.send(close).await;
    let begin = Instant::now();
    assert!(ws.recv().await.unwrap().is_none());
    assert_eq!(begin.elapsed().as_secs(), seconds);
    // The write side is shut by then, whatever becomes of the handle.
    let frames = peer.rest().await;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].payload, b"\x03\xe8");
    drop(ws);
    assert!(peer.io.write_all(b"x").await.is_err(), "the stream is open");
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_client_is_gone_without_a_word_ends_within_forty_seconds() {
    let (ws, peer) = server_on_pipe(PIPE, Config::new()).await;
    nobody_is_there(ws, peer, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_server_is_gone_without_a_word_ends_within_forty_seconds() {
    let (ws, peer) = client_on_pipe(PIPE, Config::new()).await;
    nobody_is_there(ws, peer, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_client_is_gone_inside_a_frame_ends_within_forty_seconds() {
    let (ws, peer) = server_on_pipe(PIPE, Config::new()).await;
    let half = peer.header(FIN | BINARY, 1000);
    nobody_is_there(ws, peer, &half).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_server_is_gone_inside_a_frame_ends_within_forty_seconds() {
    let (ws, peer) = client_on_pipe(PIPE, Config::new()).await;
    let half = peer.header(FIN | BINARY, 1000);
    nobody_is_there(ws, peer, &half).await;
}

/// The peer's end of the stream stays open and nothing comes from it, as where a cable is cut.
async fn nobody_is_there(
    mut ws: WebSocket<DuplexStream>,
    mut peer: Peer<DuplexStream>,
    before: &[u8],
) {
    peer.send(before).await;
    let idle = tasks();
    let begin = Instant::now();
    let serving = tokio::spawn(async move { ws.recv().await });
    let error = serving.await.unwrap().unwrap_err();
    let seconds = begin.elapsed().as_secs_f32();
    let ping = peer.next().await.unwrap();
    assert_eq!((ping.opcode, &ping.payload[..]), (PING, &b""[..]));
    if before.is_empty() {
        assert!(matches!(error, Error::Timeout(Expired::Pong)), "{error:?}");
        assert_eq!(seconds, 40.0);
        assert_eq!(peer.next().await.unwrap().close_code(), 1011);
    } else {
        assert!(matches!(error, Error::Timeout(Expired::Read)), "{error:?}");
        assert!((30.0..=40.0).contains(&seconds), "{seconds}");
        assert_eq!(peer.next().await.unwrap().close_code(), 1008);
    }
    // The stream is given up, and nothing is left to run.
    assert!(peer.next().await.is_none());
    assert!(peer.io.write_all(b"x").await.is_err(), "the stream is open");
    assert_eq!(tasks(), idle);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_write_gives_up_within_forty_seconds() {
    let (ws, peer) = server_on_pipe(1000, Config::new()).await;
    nobody_reads(ws, peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_write_gives_up_within_forty_seconds() {
    let (ws, peer) = client_on_pipe(1000, Config::new()).await;
    nobody_reads(ws, peer).await;
}

/// The peer takes what fits the pipe and nothing more.
async fn nobody_reads(mut ws: WebSocket<DuplexStream>, mut peer: Peer<DuplexStream>) {
    let begin = Instant::now();
    // Whatever came before is in the pipe; this one waits.
    let error = ws.send(vec![7; 1 << 20]).await.unwrap_err();
    let seconds = begin.elapsed().as_secs_f32();
    assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    assert!((30.0..=37.6).contains(&seconds), "{seconds}");
    // Nothing follows half a frame.
    assert!(ws.send("more").await.is_err());
    drop(ws);
    let mut wire = Vec::new();
    peer.io.read_to_end(&mut wire).await.unwrap();
    assert!(wire.len() <= 1000, "{} bytes", wire.len());
}

/// What is turned off stays off.
#[tokio::test(start_paused = true)]
async fn without_deadlines_silence_is_no_end() {
    let config = || Config::new().ping_interval(NEVER).stall_timeout(NEVER);
    for (mut ws, peer) in [
        server_on_pipe(PIPE, config()).await,
        client_on_pipe(PIPE, config()).await,
    ] {
        let year = Duration::from_secs(365 * 24 * 3600);
        assert!(tokio::time::timeout(year, ws.recv()).await.is_err());
        drop(peer);
        assert!(ws.recv().await.is_err());
    }
}
