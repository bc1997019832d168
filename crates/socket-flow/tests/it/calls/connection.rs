//! Calls of a connection and of its halves.

use std::time::Duration;

use futures_util::SinkExt;
use socket_flow::connection::Expired;
use socket_flow::protocol::ControlError;
use socket_flow::{CloseCode, Error, Message, OwnedWriter, SendError};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, timeout};

use crate::calls::tools::{CLOSE, OUR_CLOSE, fill, is_after, kilobyte, open, read, stall};

#[tokio::test(start_paused = true)]
async fn recv_waits_for_a_message_until_the_end_of_the_connection() {
    let (mut ws, mut far) = open(1024);
    let sender = ws.sender();
    sender.try_send("handed in").unwrap();
    far.write_all(b"\x81\x81\0\0\0\0x").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("x")));
    assert_eq!(sender.buffered_amount(), 0, "it was taken over before");
    let start = Instant::now();
    let ended = ws.recv().await;
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Pong))),
        "{ended:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn recv_is_none_where_all_was_sent_and_an_error_where_it_was_not() {
    let (mut ws, mut far) = open(1024);
    ws.queue("last").unwrap();
    far.write_all(CLOSE).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(
        read(&mut far, 10).await,
        [b"\x81\x04last", OUR_CLOSE].concat()
    );

    let (mut ws, mut far) = open(8);
    ws.queue(kilobyte()).unwrap();
    far.write_all(CLOSE).await.unwrap();
    let start = Instant::now();
    let ended = ws.recv().await;
    assert!(matches!(ended, Err(Error::Unsent(_))), "{ended:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn queue_waits_for_nothing() {
    let (mut ws, _far) = open(1);
    let start = Instant::now();
    assert_eq!(fill(&mut ws), 64);
    assert_eq!(ws.queue("new"), Err(SendError::Full("new")));
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(ws.queue("late"), Err(SendError::Closed("late")));
    assert!(start.elapsed().is_zero());

    // Taken over: it leaves once the transport takes it.
    let (mut ws, mut far) = open(1024);
    ws.queue("new").unwrap();
    ws.queue_part("a").unwrap();
    assert_eq!(ws.queue("new"), Err(SendError::Unfinished("new")));
    assert_eq!(
        ws.queue_part(&b"b"[..]),
        Err(SendError::WrongKind(&b"b"[..]))
    );
    ws.queue_last_part("c").unwrap();
    ws.flush().await.unwrap();
    assert_eq!(read(&mut far, 11).await, b"\x81\x03new\x01\x01a\x80\x01c");
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_room_at_most_the_stall_time() {
    let (mut ws, mut far) = open(64);
    fill(&mut ws);
    {
        let reading = tokio::spawn(async move { (read(&mut far, 66_000).await, far) });
        ws.ready().await.unwrap();
        ws.queue("new").unwrap();
        reading.abort();
    }
    let (mut ws, _far) = open(64);
    fill(&mut ws);
    let start = Instant::now();
    let ended = ws.ready().await;
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Write))),
        "{ended:?}"
    );
    is_after(start, &stall());

    // For its sink, and where no message may follow.
    let (mut ws, _far) = open(64);
    fill(&mut ws);
    let start = Instant::now();
    let fed = ws.feed(Message::from("new")).await;
    assert!(
        matches!(fed, Err(Error::Timeout(Expired::Write))),
        "{fed:?}"
    );
    is_after(start, &stall());
    let (mut ws, _far) = open(64);
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    let ended = ws.ready().await;
    assert!(
        matches!(ended, Err(Error::Send(SendError::Closed(())))),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn send_waits_until_the_transport_has_taken_all_at_most_the_stall_time() {
    let (mut ws, mut far) = open(64);
    ws.queue("before").unwrap();
    // All but what the pipe holds is read, and then nobody reads.
    let reading = tokio::spawn(async move { (read(&mut far, 1_036 - 64).await.len(), far) });
    ws.send(kilobyte()).await.unwrap();
    let (count, mut far) = reading.await.unwrap();
    assert_eq!(count + read(&mut far, 64).await.len(), 8 + 4 + 1_024);

    let start = Instant::now();
    let ended = ws.send(kilobyte()).await;
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Write))),
        "{ended:?}"
    );
    is_after(start, &stall());
}

#[tokio::test(start_paused = true)]
async fn ping_waits_as_send_does() {
    let (mut ws, mut far) = open(64);
    let too_long = ws.ping(&[0; 126]).await;
    assert!(
        matches!(too_long, Err(Error::Control(ControlError::TooLong))),
        "{too_long:?}"
    );
    ws.ping(b"x").await.unwrap();
    assert_eq!(read(&mut far, 3).await, b"\x89\x01x");
    let start = Instant::now();
    let ended = ws.ping(&[0; 125]).await;
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Write))),
        "{ended:?}"
    );
    is_after(start, &stall());
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_the_transport_at_most_the_stall_time() {
    let (mut ws, mut far) = open(64);
    ws.queue("x").unwrap();
    ws.flush().await.unwrap();
    assert_eq!(read(&mut far, 3).await, b"\x81\x01x");
    ws.queue(kilobyte()).unwrap();
    let start = Instant::now();
    let ended = ws.flush().await;
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Write))),
        "{ended:?}"
    );
    is_after(start, &stall());
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_the_peer_at_most_the_close_time() {
    let (mut ws, mut far) = open(1024);
    let too_long = ws.close(CloseCode::NORMAL, &"x".repeat(124)).await;
    assert!(
        matches!(too_long, Err(Error::Control(ControlError::ReasonTooLong))),
        "{too_long:?}"
    );
    let (mut answers, mut far_answers) = open(1024);
    far_answers.write_all(CLOSE).await.unwrap();
    far_answers.shutdown().await.unwrap();
    let outcome = answers.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(outcome.clean);

    let start = Instant::now();
    let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(!outcome.clean);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(read(&mut far, 4).await, OUR_CLOSE);

    let (mut ws, _far) = open(8);
    ws.queue(kilobyte()).unwrap();
    let start = Instant::now();
    let ended = ws.close(CloseCode::NORMAL, "").await;
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Close))),
        "{ended:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

async fn close(writer: &mut OwnedWriter<DuplexStream>, is_sink: bool) -> Result<(), Error> {
    match is_sink {
        true => SinkExt::<Message>::close(writer).await,
        false => writer.close(CloseCode::NORMAL, "").await,
    }
}

#[tokio::test(start_paused = true)]
async fn close_of_a_writing_half_waits_for_the_transport_alone() {
    for is_sink in [false, true] {
        let (ws, mut far) = open(1024);
        let (_reader, mut writer) = ws.into_split();
        let start = Instant::now();
        let too_long = writer.close(CloseCode::NORMAL, &"x".repeat(124)).await;
        assert!(
            matches!(too_long, Err(Error::Control(ControlError::ReasonTooLong))),
            "{too_long:?}"
        );
        close(&mut writer, is_sink).await.unwrap();
        assert!(start.elapsed().is_zero(), "the peer is not waited for");
        assert_eq!(read(&mut far, 4).await, OUR_CLOSE);
    }

    // Where the other half is received from, the close time holds.
    let five = Duration::from_secs(5)..=Duration::from_secs(5);
    for (is_sink, is_received, span) in [
        (false, true, five.clone()),
        (false, false, stall()),
        (true, true, five),
        (true, false, stall()),
    ] {
        let (ws, _far) = open(8);
        let (mut reader, mut writer) = ws.into_split();
        writer.queue(kilobyte()).unwrap();
        let receiving = tokio::spawn(async move {
            match is_received {
                true => drop(reader.recv().await),
                false => std::future::pending().await,
            }
        });
        let start = Instant::now();
        let ended = close(&mut writer, is_sink).await;
        assert!(matches!(ended, Err(Error::Timeout(_))), "{ended:?}");
        is_after(start, &span);
        receiving.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn drive_goes_on_until_something_ends_the_connection() {
    let (mut ws, mut far) = open(1024);
    far.write_all(b"\x81\x81\0\0\0\0x\x81\x81\0\0\0\0y")
        .await
        .unwrap();
    let hour = Duration::from_secs(3_600);
    assert!(timeout(hour, ws.drive()).await.is_err());
    let sender = ws.sender();
    sender.try_send("z").unwrap();
    sender.close(CloseCode::NORMAL, "").unwrap();
    ws.drive().await.unwrap();
    assert_eq!(
        read(&mut far, 7).await,
        [b"\x81\x01z", OUR_CLOSE].concat(),
        "all is sent, and nothing before it"
    );
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("x")));

    // What was queued is lost with the transport, and a blocked write has a deadline.
    let (mut ws, far) = open(1024);
    ws.queue("lost").unwrap();
    drop(far);
    let ended = ws.drive().await;
    assert!(matches!(ended, Err(Error::Io(_))), "{ended:?}");
    let (mut ws, _far) = open(64);
    ws.queue(kilobyte()).unwrap();
    let start = Instant::now();
    let ended = ws.drive().await;
    assert!(
        matches!(ended, Err(Error::Timeout(Expired::Write))),
        "{ended:?}"
    );
    is_after(start, &stall());
}
