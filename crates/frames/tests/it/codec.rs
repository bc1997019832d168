//! Raw frames over byte streams.

use std::{error::Error as _, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use socket_flow_frames::{
    Frame, FrameCodec, FrameCodecError, HeaderError, MaskKey, OpCode, Role, Rsv,
};
use tokio::io::AsyncWriteExt;
use tokio_util::codec::{Decoder, Encoder, Framed};

fn client() -> FrameCodec {
    let mut count = 0u32;
    FrameCodec::client(move || {
        count += 0x0102_0304;
        MaskKey::from(count.to_be_bytes())
    })
}

#[test]
fn a_client_masks_and_a_server_does_not() {
    let mut bytes = BytesMut::new();
    FrameCodec::server()
        .encode(Frame::new(OpCode::Text, "Hello"), &mut bytes)
        .unwrap();
    assert_eq!(&*bytes, b"\x81\x05Hello");

    bytes.clear();
    let mut client = FrameCodec::client(|| MaskKey::from([0x37, 0xfa, 0x21, 0x3d]));
    assert_eq!(
        (client.role(), FrameCodec::server().role()),
        (Role::Client, Role::Server)
    );
    client
        .encode(Frame::new(OpCode::Text, "Hello"), &mut bytes)
        .unwrap();
    assert_eq!(&*bytes, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

/// RFC 6455 §5.3.
#[test]
fn every_frame_takes_a_fresh_key() {
    let mut codec = client();
    let mut bytes = BytesMut::new();
    for _ in 0..2 {
        codec
            .encode(Frame::new(OpCode::Ping, Bytes::new()), &mut bytes)
            .unwrap();
    }
    assert_eq!(&*bytes, b"\x89\x80\x01\x02\x03\x04\x89\x80\x02\x04\x06\x08");
}

#[test]
fn a_payload_above_the_limit_is_refused_on_its_header() {
    let mut codec = FrameCodec::server().max_payload(1000);
    let mut at_limit = BytesMut::from(&b"\x82\xfe\x03\xe8\x00\x00\x00\x00"[..]);
    assert!(codec.decode(&mut at_limit).unwrap().is_none());
    let mut above = BytesMut::from(&b"\x82\xfe\x03\xe9\x00\x00\x00\x00"[..]);
    for _ in 0..2 {
        let error = codec.decode(&mut above).unwrap_err();
        assert!(matches!(
            error,
            FrameCodecError::TooBig {
                len: 1001,
                max: 1000
            }
        ));
    }
}

/// RFC 6455 §10.4.
#[test]
fn the_limit_is_16_mib_unless_set() {
    let mut codec = FrameCodec::server();
    let mut at_limit = BytesMut::from(&b"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x00\0\0\0\0"[..]);
    assert!(codec.decode(&mut at_limit).unwrap().is_none());
    let mut above = BytesMut::from(&b"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x01\0\0\0\0"[..]);
    assert!(matches!(
        codec.decode(&mut above),
        Err(FrameCodecError::TooBig { .. })
    ));
}

#[test]
fn a_declared_length_reserves_nothing() {
    let mut bytes = BytesMut::from(&b"\x82\xff\x00\x00\x00\x00\x00\xff\xff\xff\0\0\0\0abc"[..]);
    assert!(FrameCodec::server().decode(&mut bytes).unwrap().is_none());
    assert!(bytes.capacity() <= 4096, "{}", bytes.capacity());
}

#[test]
fn invalid_headers_are_refused() {
    let mut codec = FrameCodec::server();
    let error = codec
        .decode(&mut BytesMut::from(&b"\x81\x05"[..]))
        .unwrap_err();
    assert!(matches!(
        error,
        FrameCodecError::Header(HeaderError::MissingMask)
    ));

    let compressed = BytesMut::from(&b"\xc1\x80\0\0\0\0"[..]);
    assert!(codec.decode(&mut compressed.clone()).is_err());
    let mut codec = codec.allow_rsv(Rsv::RSV1);
    let frame = codec.decode(&mut compressed.clone()).unwrap().unwrap();
    assert_eq!(
        frame,
        Frame {
            rsv: Rsv::RSV1,
            ..Frame::new(OpCode::Text, Bytes::new())
        }
    );
}

/// RFC 6455 §5.4, §5.5.
#[test]
fn frames_the_peer_must_refuse_are_not_written() {
    let mut bytes = BytesMut::new();
    let long = Frame::new(OpCode::Pong, vec![0; 126]);
    let fragment = Frame {
        fin: false,
        ..Frame::new(OpCode::Close, Bytes::new())
    };
    for (frame, expected) in [
        (long, HeaderError::ControlTooLong(OpCode::Pong)),
        (fragment, HeaderError::FragmentedControl(OpCode::Close)),
    ] {
        match FrameCodec::server().encode(frame, &mut bytes) {
            Err(FrameCodecError::Unsendable(error)) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(bytes.is_empty());
}

/// RFC 6455 §5.5.
#[test]
fn a_control_frame_of_125_bytes_is_written() {
    let mut bytes = BytesMut::new();
    FrameCodec::server()
        .encode(Frame::new(OpCode::Ping, vec![7; 125]), &mut bytes)
        .unwrap();
    assert_eq!((&bytes[..2], bytes.len()), (&b"\x89\x7d"[..], 127));
}

#[test]
fn a_frame_is_written_into_the_room_it_needs() {
    for len in [0, 1, 125, 126, 1000, 70_000] {
        let frame = Frame::new(OpCode::Binary, vec![7; len]);
        let mut measured = BytesMut::new();
        FrameCodec::server()
            .encode(frame.clone(), &mut measured)
            .unwrap();
        let mut bytes = BytesMut::with_capacity(measured.len());
        let before = bytes.capacity();
        FrameCodec::server().encode(frame, &mut bytes).unwrap();
        assert_eq!(bytes.capacity(), before, "{len}");
    }
}

#[test]
fn a_buffer_with_room_for_the_rest_of_a_frame_does_not_grow() {
    let mut bytes = BytesMut::with_capacity(102);
    let before = bytes.capacity();
    bytes.extend_from_slice(b"\x82\x64");
    bytes.extend_from_slice(&[7; 60]);
    let mut codec = client();
    assert!(codec.decode(&mut bytes).unwrap().is_none());
    assert_eq!(bytes.capacity(), before);
    bytes.extend_from_slice(&[7; 40]);
    assert_eq!(
        codec.decode(&mut bytes).unwrap().unwrap().payload.len(),
        100
    );
}

#[test]
fn a_buffer_grows_to_twice_what_has_arrived_or_to_the_end_of_the_frame() {
    let mut codec = client();
    let mut bytes = BytesMut::with_capacity(64);
    bytes.extend_from_slice(b"\x82\x7e\x04\x00");
    bytes.extend_from_slice(&[7; 60]);
    assert!(codec.decode(&mut bytes).unwrap().is_none());
    assert!(
        (128..256).contains(&bytes.capacity()),
        "{}",
        bytes.capacity()
    );
}

#[test]
fn the_end_of_the_stream_inside_a_frame_is_an_error() {
    let mut codec = client();
    assert!(codec.decode_eof(&mut BytesMut::new()).unwrap().is_none());
    let mut bytes = BytesMut::from(&b"\x81\x02ok\x81\x02o"[..]);
    assert_eq!(codec.decode_eof(&mut bytes).unwrap().unwrap().payload, "ok");
    match codec.decode_eof(&mut bytes) {
        Err(FrameCodecError::Io(error)) => {
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        }
        other => panic!("{other:?}"),
    }
}

/// On a clock that jumps: what never comes fails the test at once.
async fn soon<F: Future>(future: F) -> F::Output {
    let outcome = tokio::time::timeout(Duration::from_secs(60), future).await;
    outcome.expect("nothing comes any more")
}

#[tokio::test(start_paused = true)]
async fn frames_cross_a_stream_in_both_directions() {
    let (near, far) = tokio::io::duplex(64);
    let mut client = Framed::new(near, client());
    let mut server = Framed::new(far, FrameCodec::server());
    let big = Frame::new(
        OpCode::Binary,
        (0..100_000u32).map(|at| at as u8).collect::<Vec<u8>>(),
    );
    let part = Frame {
        fin: false,
        ..Frame::new(OpCode::Text, "a part")
    };

    let (sent, received) =
        soon(async { tokio::join!(client.send(big.clone()), server.next()) }).await;
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap(), big);

    server.send(part.clone()).await.unwrap();
    assert_eq!(soon(client.next()).await.unwrap().unwrap(), part);
    drop(client);
    assert!(soon(server.next()).await.is_none());
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_frame_yields_an_error_and_then_nothing() {
    let (mut near, far) = tokio::io::duplex(64);
    near.write_all(b"\x82\x84\0\0\0\0ab").await.unwrap();
    drop(near);
    let mut server = Framed::new(far, FrameCodec::server());
    assert!(matches!(
        server.next().await,
        Some(Err(FrameCodecError::Io(_)))
    ));
    assert!(server.next().await.is_none());
}

proptest! {
    #[test]
    fn frames_cut_anywhere_are_those_that_were_sent(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..5),
        step in 1..50usize,
    ) {
        let (mut sender, mut receiver) = (client(), FrameCodec::server());
        let frames: Vec<Frame> =
            payloads.into_iter().map(|payload| Frame::new(OpCode::Binary, payload)).collect();
        let mut wire = BytesMut::new();
        for frame in &frames {
            sender.encode(frame.clone(), &mut wire).unwrap();
        }
        let (mut buf, mut received) = (BytesMut::new(), Vec::new());
        for piece in wire.chunks(step) {
            buf.extend_from_slice(piece);
            while let Some(frame) = receiver.decode(&mut buf).unwrap() {
                received.push(frame);
            }
        }
        prop_assert_eq!(received, frames);
    }
}

#[test]
fn an_invalid_frame_at_the_end_of_the_stream_is_an_error_of_its_own() {
    let mut bytes = BytesMut::from(&b"\x83"[..]);
    let error = FrameCodec::server().decode_eof(&mut bytes).unwrap_err();
    assert!(matches!(error, FrameCodecError::Header(_)), "{error}");
}

#[test]
fn every_error_of_the_codec_says_this_level_only() {
    let header = HeaderError::MissingMask;
    let io = std::io::Error::other("cable cut");
    for (error, said, cause) in [
        (
            FrameCodecError::Header(header),
            "invalid frame header",
            Some("unmasked frame from a client"),
        ),
        (
            FrameCodecError::TooBig { len: 11, max: 10 },
            "frame of 11 bytes is above the limit of 10",
            None,
        ),
        (
            FrameCodecError::Unsendable(HeaderError::ControlTooLong(OpCode::Ping)),
            "frame cannot be sent",
            Some("Ping frame longer than 125 bytes"),
        ),
        (
            FrameCodecError::from(io),
            "stream failed",
            Some("cable cut"),
        ),
    ] {
        assert_eq!(error.to_string(), said);
        let source = error.source().map(ToString::to_string);
        assert_eq!(source.as_deref(), cause);
    }
}

#[test]
fn a_codec_is_shown_with_its_settings() {
    let codec = FrameCodec::server().max_payload(99).allow_rsv(Rsv::RSV1);
    let shown = format!("{codec:?}");
    assert_eq!(
        shown,
        "FrameCodec { role: Server, rsv: {RSV1}, max_payload: 99 }"
    );
    assert!(format!("{:?}", client()).contains("role: Client"));
}

#[test]
fn debug_shows_no_payload() {
    let shown = format!("{:?}", Frame::new(OpCode::Text, "hunter2"));
    assert!(shown.contains("payload_len: 7"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
