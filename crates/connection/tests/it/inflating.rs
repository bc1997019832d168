//! What arrived of compressed messages may be much work: a transport that fails meanwhile is noticed
//! before all of it is done.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use socket_flow_connection::{
    Compressed, Config, DeflateParams, Error, Message, Negotiated, WebSocket,
};
use socket_flow_protocol::Protocol;

use crate::support::record::{Io, Recorder};
use crate::support::{Server, no_deadlines, poll_once};

/// The turns of 1 MiB.
const TURNS: usize = 13;

/// The turns after which the transport is asked.
const DOUBTS: usize = 4;

fn agreed() -> Negotiated {
    Negotiated::default().with_deflate(DeflateParams::default())
}

/// A client that has sent so many messages of 1 MiB, each in 1 KiB.
fn bombed(count: usize) -> (WebSocket<Io>, Recorder) {
    let mut client = Protocol::client(Config::new(), agreed(), [7; 32]);
    let zeros = vec![0; 1 << 20];
    let (io, recorder) = Recorder::new();
    for _ in 0..count {
        client.queue(Compressed(&zeros[..])).unwrap();
        let len = client.output().len();
        let bytes = client.output().copy_to_bytes(len);
        recorder.tape().reads.push_back(Ok(bytes.to_vec()));
    }
    let ws = WebSocket::from_parts(io, BytesMut::new(), Server, agreed(), no_deadlines());
    (ws, recorder)
}

/// What comes of it, and after how many turns: the connection was reset after the first.
fn reset_meanwhile<T>(recorder: &Recorder, future: impl Future<Output = T>) -> (T, usize) {
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(cx).is_pending());
    recorder.tape().write_error = Some(ErrorKind::ConnectionReset);
    for turns in 2..100 {
        if let Poll::Ready(result) = future.as_mut().poll(cx) {
            return (result, turns);
        }
    }
    panic!("it has no end");
}

#[track_caller]
fn assert_reset<T>((result, turns): (Result<T, Error>, usize)) {
    match result {
        Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("a message"),
    }
    assert_eq!(turns, DOUBTS);
}

#[test]
fn a_peer_that_has_reset_the_connection_is_noticed_in_the_middle_of_a_message() {
    let (mut ws, recorder) = bombed(20);
    assert_reset(reset_meanwhile(&recorder, ws.recv()));

    let (mut ws, recorder) = bombed(20);
    let (reader, writer) = ws.halves();
    assert_reset(reset_meanwhile(&recorder, reader.recv(writer)));

    let (ws, recorder) = bombed(20);
    let (mut reader, _writer) = ws.into_split();
    assert_reset(reset_meanwhile(&recorder, reader.recv()));
}

#[test]
fn a_connection_that_is_driven_notices_it_too() {
    let (mut ws, recorder) = bombed(20);
    let (driven, turns) = reset_meanwhile(&recorder, ws.drive());
    assert!(driven.is_ok(), "nothing was queued: {driven:?}");
    assert_eq!(turns, DOUBTS);
    assert!(matches!(
        poll_once(ws.recv()),
        Poll::Ready(Err(Error::Io(_)))
    ));
}

/// An empty write that the transport takes, or puts off, says nothing.
#[test]
fn a_transport_that_has_no_room_now_has_not_failed() {
    for room in [0, 1, usize::MAX] {
        let (mut ws, recorder) = bombed(2);
        recorder.tape().room = room;
        for _ in 0..2 {
            let mut turns = 0;
            let received = loop {
                turns += 1;
                assert!(turns <= 2 * TURNS, "it is asked for too often");
                if let Poll::Ready(received) = poll_once(ws.recv()) {
                    break received.unwrap();
                }
            };
            assert_eq!(received, Some(Message::from(vec![0; 1 << 20])));
            assert!(turns > 2 * DOUBTS);
        }
        assert!(recorder.tape().written().is_empty());
    }
}
