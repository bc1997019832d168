//! `Stream` and `Sink`, as `futures-util` uses them.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::stream::FusedStream;
use futures_util::{SinkExt, StreamExt};
use socket_flow_connection::{Config, Error, Event, Message, SendError, WebSocket};
use tokio::io::{AsyncWriteExt, DuplexStream};

use crate::support::frames::{CLOSE, PING, PONG, TEXT, close, parse, whole};
use crate::support::record::Recorder;
use crate::support::{
    Client, Server, Wakes, bounded, no_deadlines, open, pair, poll_once, raw, read_all, tcp,
};

/// A hundred messages come back in order, and then a clean end.
async fn hears_its_echo(mut client: WebSocket<DuplexStream>) {
    for n in 0..100 {
        let text = format!("message {n}");
        client.send(text.as_str()).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(Message::from(text)));
    }
    let outcome = client
        .close(socket_flow_connection::CloseCode::NORMAL, "")
        .await
        .unwrap();
    assert!(outcome.clean);
}

#[tokio::test]
async fn a_stream_forwarded_into_its_own_sink_echoes() {
    let (client, server) = pair(1000);
    let echo = tokio::spawn(async move {
        let (sink, stream) = StreamExt::split(server);
        stream.forward(sink).await
    });
    hears_its_echo(client).await;
    // Forwarding ends by closing the sink, which is closed already.
    echo.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_of_messages_is_sent_in_order_by_send_all() {
    let (mut client, mut server) = pair(100);
    let sending = tokio::spawn(async move {
        let messages = (0..500).map(|n| Ok(Message::from(n.to_string())));
        let mut messages = futures_util::stream::iter(messages);
        client.send_all(&mut messages).await.unwrap();
        SinkExt::close(&mut client).await.unwrap();
        while client.next().await.is_some() {}
    });
    let mut n = 0;
    while let Some(message) = server.next().await {
        assert_eq!(message.unwrap().as_text(), Some(n.to_string().as_str()));
        n += 1;
    }
    assert_eq!(n, 500);
    assert!(server.is_terminated());
    assert!(server.next().await.is_none());
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_its_first_error() {
    let (mut ws, mut far) = raw(Server, 1000, Config::new());
    far.write_all(&whole(Client, TEXT, b"a")).await.unwrap();
    far.write_all(b"\x83\x80").await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("a"));
    assert!(!ws.is_terminated());
    assert!(matches!(ws.next().await, Some(Err(Error::Protocol(_)))));
    assert!(ws.is_terminated());
    assert!(ws.next().await.is_none());
    assert!(matches!(ws.recv().await, Err(Error::Closed { code: 1006 })));
}

#[tokio::test]
async fn a_sink_that_is_ready_takes_a_message() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    let message = Message::from(vec![0; 40_000]);
    ws.feed(message.clone()).await.unwrap();
    ws.feed(message.clone()).await.unwrap();
    assert!(poll_once(ws.feed(message.clone())).is_pending());
    assert!(matches!(ws.queue("x"), Err(SendError::Full("x"))));
    far.tape().make_room(50_000);
    ws.feed(message).await.unwrap();
    assert!(poll_once(SinkExt::flush(&mut ws)).is_pending());
    far.tape().make_room(usize::MAX);
    SinkExt::flush(&mut ws).await.unwrap();
    let written = far.tape().written();
    assert_eq!(parse(&written).len(), 3);
}

#[tokio::test]
async fn closing_the_sink_sends_1000_and_the_stream_ends() {
    let (mut ws, mut far) = raw(Client, 1000, Config::new());
    SinkExt::close(&mut ws).await.unwrap();
    SinkExt::close(&mut ws).await.unwrap();
    far.write_all(&close(Server, 1000, "")).await.unwrap();
    far.shutdown().await.unwrap();
    assert!(ws.next().await.is_none());
    assert!(ws.send(Message::from("x")).await.is_err());
    let frames = parse(&read_all(&mut far).await);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].close_code(), 1000);
}

#[tokio::test]
async fn a_sink_and_a_stream_in_two_tasks_do_not_overwrite_each_others_waker() {
    let (io, far) = Recorder::with_room(0);
    let (mut sink, mut stream) = StreamExt::split(open(io, Server, no_deadlines()));
    let (sinks, sink_waker) = Wakes::new();
    let (streams, stream_waker) = Wakes::new();
    let mut sink_cx = Context::from_waker(&sink_waker);
    let mut stream_cx = Context::from_waker(&stream_waker);
    let mut sending = pin!(SinkExt::send(&mut sink, Message::from("a")));
    assert!(sending.as_mut().poll(&mut sink_cx).is_pending());
    let mut receiving = pin!(stream.next());
    assert!(receiving.as_mut().poll(&mut stream_cx).is_pending());
    far.tape().make_room(100);
    assert_eq!((sinks.count(), streams.count()), (1, 1));
    // Whoever is first writes; the other one learns of it.
    assert!(receiving.as_mut().poll(&mut stream_cx).is_pending());
    assert_eq!(far.tape().written(), b"\x81\x01a");
    assert!(sending.as_mut().poll(&mut sink_cx).is_ready());
}

#[tokio::test]
async fn a_waiting_sink_learns_that_the_stream_ended_the_connection() {
    let (io, far) = Recorder::with_room(0);
    let (mut sink, mut stream) = StreamExt::split(open(io, Server, no_deadlines()));
    let (sinks, sink_waker) = Wakes::new();
    let mut sink_cx = Context::from_waker(&sink_waker);
    let mut sending = pin!(SinkExt::send(&mut sink, Message::from("a")));
    assert!(sending.as_mut().poll(&mut sink_cx).is_pending());
    far.tape().feed(Ok(Vec::new()));
    far.tape().feed(Ok(Vec::new()));
    assert!(stream.next().await.unwrap().is_err());
    assert!(sinks.count() > 0, "the sink waits for ever");
    assert!(sending.as_mut().poll(&mut sink_cx).is_ready());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_and_streams_in_two_tasks_carry_both_directions_at_once() {
    let (near, far) = tcp().await;
    let ends = [
        open(near, Client, Config::new()),
        open(far, Server, Config::new()),
    ];
    let tasks = ends.map(|ws| {
        tokio::spawn(async move {
            let (mut sink, mut stream) = StreamExt::split(ws);
            let sending = tokio::spawn(async move {
                for n in 0..32_u8 {
                    sink.send(Message::from(vec![n; 1 << 20])).await.unwrap();
                }
                sink
            });
            for n in 0..32_u8 {
                let message = stream.next().await.unwrap().unwrap();
                assert_eq!(message.as_bytes(), vec![n; 1 << 20]);
            }
            (stream, sending.await.unwrap())
        })
    });
    for task in tasks {
        drop(bounded(task).await.unwrap());
    }
}

#[tokio::test]
async fn poll_event_shows_control_frames_and_answers_them() {
    let (mut ws, mut far) = raw(Server, 1000, no_deadlines());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    far.write_all(&whole(Client, PING, b"p")).await.unwrap();
    far.write_all(&whole(Client, PONG, b"q")).await.unwrap();
    far.write_all(&whole(Client, TEXT, b"t")).await.unwrap();
    far.write_all(&close(Client, 3000, "why")).await.unwrap();
    far.shutdown().await.unwrap();
    let mut events = Vec::new();
    while let Poll::Ready(event) = ws.poll_event(&mut cx) {
        match event.unwrap() {
            Some(event) => events.push(event),
            None => break,
        }
    }
    assert_eq!(events[0], Event::Ping("p".into()));
    assert_eq!(events[1], Event::Pong("q".into()));
    assert_eq!(events[2], Event::Message("t".into()));
    match &events[3] {
        Event::Close(Some(frame)) => {
            assert_eq!((frame.code.as_u16(), &*frame.reason), (3000, "why"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(events.len(), 4);
    let frames = parse(&read_all(&mut far).await);
    assert_eq!(
        (frames[0].opcode, &frames[0].payload[..]),
        (PONG, &b"p"[..])
    );
    assert_eq!((frames[1].opcode, frames[1].close_code()), (CLOSE, 3000));
}

/// Cause: what was dropped before the transport took a first byte did not show,
/// and the sink was not woken.
#[tokio::test]
async fn a_sink_whose_transport_took_nothing_is_told_of_the_end() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    let (wakes, waker) = Wakes::new();
    let cx = &mut Context::from_waker(&waker);
    let mut closing = pin!(SinkExt::close(&mut ws));
    assert!(closing.as_mut().poll(cx).is_pending());
    far.tape().feed(Ok(Vec::new()));
    // The end of input, seen by another task.
    let _ = poll_once(ws.next());
    assert!(wakes.count() > 0);
    let mut closing = pin!(SinkExt::close(&mut ws));
    assert!(closing.as_mut().poll(cx).is_ready());
}

#[tokio::test]
async fn the_owned_writer_is_a_sink_beside_its_reader() {
    let (client, server) = pair(1000);
    let (reader, writer) = server.into_split();
    let echo = tokio::spawn(reader.forward(writer));
    hears_its_echo(client).await;
    echo.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_owned_writer_as_a_sink_waits_for_room_and_closes_with_1000() {
    let (io, far) = Recorder::with_room(0);
    let (_reader, mut writer) = open(io, Server, no_deadlines()).into_split();
    let message = Message::from(vec![0; 40_000]);
    writer.feed(message.clone()).await.unwrap();
    writer.feed(message.clone()).await.unwrap();
    assert!(poll_once(writer.feed(message.clone())).is_pending());
    far.tape().make_room(50_000);
    writer.feed(message).await.unwrap();
    assert!(poll_once(SinkExt::flush(&mut writer)).is_pending());
    far.tape().make_room(usize::MAX);
    SinkExt::close(&mut writer).await.unwrap();
    assert!(matches!(
        writer.feed(Message::from("x")).await,
        Err(Error::Send(SendError::Closed(())))
    ));
    let frames = parse(&far.tape().written());
    assert_eq!(frames.len(), 4);
    assert_eq!(frames[3].close_code(), 1000);
}
