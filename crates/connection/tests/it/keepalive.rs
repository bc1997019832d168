//! Deadlines, on a paused clock.

use std::time::Duration;

use socket_flow_connection::{CloseCode, Config, Error, Event, EventRef, Expired, Message, NEVER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use crate::support::frames::{CONTINUATION, PING, PONG, TEXT, frame, parse, whole};
use crate::support::{Client, Server, raw, read_all, read_now};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_gets_a_ping_at_20_s_and_is_given_up_at_40_s() {
    for role in [Client, Server] {
        let (mut ws, mut far) = raw(role, 1000, Config::new());
        let begin = Instant::now();
        assert!(timeout(seconds(19), ws.recv()).await.is_err());
        assert_eq!(read_now(&mut far), b"");
        assert!(timeout(seconds(2), ws.recv()).await.is_err());
        let frames = parse(&read_now(&mut far));
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].opcode, frames[0].masked), (PING, role == Client));
        let error = ws.recv().await.unwrap_err();
        assert!(matches!(error, Error::Timeout(Expired::Pong)), "{error:?}");
        assert_eq!(begin.elapsed().as_secs(), 40);
        assert_eq!(error.close_code(), Some(1006));
        // One attempt at a Close, then the end.
        let frames = parse(&read_all(&mut far).await);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].close_code(), 1011);
    }
}

/// RFC 6455 §7.1.7, §7.2.1, §7.3.
#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_is_pinged_every_20_s_for_ever() {
    let (mut ws, mut far) = raw(Client, 1000, Config::new());
    let receiving = tokio::spawn(async move { ws.recv().await });
    let begin = Instant::now();
    for n in 1..=50 {
        let mut ping = [0; 6];
        far.read_exact(&mut ping).await.unwrap();
        assert_eq!(parse(&ping)[0].opcode, PING);
        assert_eq!(begin.elapsed().as_secs(), 20 * n);
        far.write_all(&whole(Server, PONG, b"")).await.unwrap();
    }
    assert!(!receiving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn any_byte_proves_the_peer_alive() {
    let (mut ws, mut far) = raw(Server, 1000, Config::new());
    let receiving = tokio::spawn(async move { ws.recv().await });
    // One byte of a message every 19 s, and no pong at all.
    let text = whole(Client, TEXT, &[b'x'; 20]);
    for byte in &text {
        sleep(seconds(19)).await;
        far.write_all(&[*byte]).await.unwrap();
    }
    let message = receiving.await.unwrap().unwrap();
    assert_eq!(message, Some(Message::from("x".repeat(20))));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_read_for_two_minutes_loses_nothing() {
    let (mut ws, mut far) = raw(Server, 1 << 20, Config::new());
    // Its ping is out ...
    assert!(timeout(seconds(21), ws.recv()).await.is_err());
    assert_eq!(parse(&read_now(&mut far))[0].opcode, PING);
    // ... and answered, among messages, while nobody looks.
    far.write_all(&whole(Client, TEXT, b"one")).await.unwrap();
    far.write_all(&whole(Client, PONG, b"")).await.unwrap();
    far.write_all(&whole(Client, TEXT, b"two")).await.unwrap();
    far.write_all(&frame(Client, false, TEXT, b"th"))
        .await
        .unwrap();
    sleep(seconds(120)).await;
    far.write_all(&frame(Client, true, CONTINUATION, b"ree"))
        .await
        .unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(ws.recv().await.unwrap(), Some(Message::from(text)));
    }
    // The next ping goes out at once and is given its time.
    assert!(timeout(seconds(19), ws.recv()).await.is_err());
    assert_eq!(parse(&read_now(&mut far))[0].opcode, PING);
    far.write_all(&whole(Client, PONG, b"")).await.unwrap();
    assert!(timeout(seconds(15), ws.recv()).await.is_err());
}

/// RFC 6455 §7.1.7, §7.2.1, §7.3.
#[tokio::test(start_paused = true)]
async fn keepalive_can_be_turned_off() {
    let config = Config::new().ping_interval(NEVER);
    let (mut ws, mut far) = raw(Server, 1000, config);
    assert!(timeout(seconds(1_000_000), ws.recv()).await.is_err());
    assert_eq!(read_now(&mut far), b"");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_with_1001() {
    let config = Config::new().idle_timeout(seconds(60));
    let (mut ws, mut far) = raw(Server, 1000, config);
    let receiving = tokio::spawn(async move {
        let begin = Instant::now();
        (ws.recv().await, begin.elapsed().as_secs())
    });
    // Pongs do not count as use.
    let mut wire = Vec::new();
    loop {
        let mut byte = [0];
        if far.read(&mut byte).await.unwrap() == 0 {
            break;
        }
        wire.extend(byte);
        if wire.ends_with(&[0x89, 0]) {
            far.write_all(&whole(Client, PONG, b"")).await.unwrap();
        }
    }
    drop(far);
    let (result, after) = receiving.await.unwrap();
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Timeout(Expired::Idle)), "{error:?}");
    assert!((60..=76).contains(&after), "{after}");
    let frames = parse(&wire);
    assert_eq!(frames.last().unwrap().close_code(), 1001);
}

#[tokio::test(start_paused = true)]
async fn messages_in_either_direction_keep_an_idle_timeout_away() {
    for inbound in [true, false] {
        let config = Config::new().idle_timeout(seconds(60)).ping_interval(NEVER);
        let (mut ws, mut far) = raw(Server, 1 << 20, config);
        for _ in 0..20 {
            let received = timeout(seconds(40), ws.recv()).await;
            if inbound {
                far.write_all(&whole(Client, TEXT, b"x")).await.unwrap();
                assert!(matches!(ws.recv().await, Ok(Some(_))));
            } else {
                ws.send("x").await.unwrap();
            }
            assert!(received.is_err());
        }
    }
}

/// RFC 6455 §7.2.2.
#[tokio::test(start_paused = true)]
async fn a_frame_that_stops_is_given_up_after_30_s_and_at_most_a_quarter_more() {
    let long = whole(Client, TEXT, &[b'x'; 70_000]);
    let cases: [&[u8]; 4] = [
        &long[..1],
        &long[..20],
        &long[..69_000],
        &frame(Client, false, TEXT, b"half"),
    ];
    for part in cases {
        let config = Config::new().ping_interval(NEVER);
        let (mut ws, mut far) = raw(Server, 1 << 20, config);
        far.write_all(part).await.unwrap();
        let begin = Instant::now();
        let receiving = tokio::spawn(async move { (ws.recv().await, ws) });
        let frames = parse(&read_all(&mut far).await);
        assert_eq!(frames[0].close_code(), 1008);
        let after = begin.elapsed().as_secs_f32();
        assert!((30.0..=37.6).contains(&after), "{after}");
        let (result, _ws) = receiving.await.unwrap();
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Timeout(Expired::Read)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_trickles_stays_alive() {
    let config = Config::new().ping_interval(NEVER);
    let (mut ws, mut far) = raw(Server, 1 << 20, config);
    let receiving = tokio::spawn(async move { ws.recv().await });
    let mut wire = frame(Client, false, TEXT, &[b'x'; 100]);
    wire.extend(frame(Client, true, CONTINUATION, &[b'x'; 100]));
    for byte in wire {
        sleep(seconds(28)).await;
        far.write_all(&[byte]).await.unwrap();
    }
    let message = receiving.await.unwrap().unwrap().unwrap();
    assert_eq!(message.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn between_fragments_a_pong_counts_as_progress() {
    let (mut ws, mut far) = raw(Server, 1 << 20, Config::new());
    let receiving = tokio::spawn(async move { ws.recv().await });
    far.write_all(&frame(Client, false, TEXT, b"slow "))
        .await
        .unwrap();
    for _ in 0..30 {
        let mut ping = [0; 2];
        far.read_exact(&mut ping).await.unwrap();
        far.write_all(&whole(Client, PONG, b"")).await.unwrap();
    }
    far.write_all(&frame(Client, true, CONTINUATION, b"but steady"))
        .await
        .unwrap();
    let message = receiving.await.unwrap().unwrap();
    assert_eq!(message, Some(Message::from("slow but steady")));
}

/// RFC 6455 §5.5.3: whichever call receives, before and after a Close of ours.
#[tokio::test(start_paused = true)]
async fn no_way_to_receive_events_shows_a_pong_of_the_keepalive() {
    let pong = |data: &'static [u8]| Event::Pong(bytes::Bytes::from_static(data));
    for role in [Client, Server] {
        let peer = if role == Client { Server } else { Client };
        let answers = |datas: &[&[u8]]| {
            let frames = datas.iter().map(|data| whole(peer, PONG, data));
            frames.collect::<Vec<_>>().concat()
        };
        let (mut ws, mut far) = raw(role, 1000, Config::new());
        // The application's ping first, then the keepalive's, both without data.
        ws.ping(b"").await.unwrap();
        assert!(timeout(seconds(21), ws.recv()).await.is_err());
        assert_eq!(parse(&read_now(&mut far)).len(), 2);
        far.write_all(&answers(&[b"", b"", b"mine"])).await.unwrap();
        for data in [&b""[..], b"mine"] {
            assert_eq!(ws.recv_event().await.unwrap(), Some(pong(data)));
        }
        // By lent halves.
        assert!(timeout(seconds(20), ws.recv()).await.is_err());
        far.write_all(&answers(&[b"", b"x"])).await.unwrap();
        let (reader, writer) = ws.halves();
        let event = reader.recv_event(writer).await.unwrap();
        assert!(matches!(event, Some(EventRef::Pong(b"x"))), "{event:?}");
        // By owned halves, poll by poll, with a pong cut in two.
        let (mut reader, mut writer) = ws.into_split();
        assert!(timeout(seconds(20), reader.recv()).await.is_err());
        let bytes = answers(&[b"", b"y"]);
        for half in bytes.chunks(1) {
            far.write_all(half).await.unwrap();
            let event = timeout(Duration::ZERO, reader.recv_event()).await;
            if let Ok(event) = event {
                assert_eq!(event.unwrap(), Some(pong(b"y")));
            }
        }
        // One that is still due when we close.
        assert!(timeout(seconds(20), reader.recv()).await.is_err());
        writer.start_close(CloseCode::NORMAL, "").unwrap();
        writer.flush().await.unwrap();
        let close = whole(peer, 8, b"\x03\xe8");
        far.write_all(&[answers(&[b"", b"z"]), close].concat())
            .await
            .unwrap();
        assert_eq!(reader.recv_event().await.unwrap(), Some(pong(b"z")));
        let event = reader.recv_event().await.unwrap();
        assert!(matches!(event, Some(Event::Close(Some(_)))), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn intervals_of_zero_do_not_spin() {
    let config = Config::new()
        .ping_interval(Duration::ZERO)
        .stall_timeout(Duration::ZERO);
    let (mut ws, mut far) = raw(Server, 1000, config);
    let waiting = timeout(Duration::from_millis(10), ws.recv());
    assert!(waiting.await.is_err());
    assert_eq!(parse(&read_now(&mut far))[0].opcode, PING);
}
