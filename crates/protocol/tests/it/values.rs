//! Messages, parcels and settings as values: made, compared, shown.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use bytes::{Bytes, BytesMut};
use socket_flow_protocol::{
    CloseCode, CloseFrame, Config, Deflate, DeflateParams, Event, Input, Message, MessageRef,
    Negotiated, Parcel, Prepared, Protocol, Role, Uncompressed, Utf8Bytes,
};

use crate::support::{Endpoint, ROLES, SEED, binary, frame, ping, pong, text};

#[test]
fn text_types_make_text_messages_and_byte_types_binary_ones() {
    let text = Message::Text(Utf8Bytes::from_static("grüße"));
    for same in [
        Message::from("grüße"),
        Message::from(String::from("grüße")),
        Message::from(Utf8Bytes::from("grüße")),
        Message::from(MessageRef::from("grüße")),
        MessageRef::from(&text).to_message(),
    ] {
        assert_eq!(same, text);
        assert!(same.is_text());
        assert_eq!(same.as_text(), Some("grüße"));
    }
    let binary = Message::Binary(Bytes::from_static(b"grass"));
    for same in [
        Message::from(&b"grass"[..]),
        Message::from(b"grass".to_vec()),
        Message::from(Bytes::from_static(b"grass")),
        Message::from(BytesMut::from(&b"grass"[..])),
        Message::from(MessageRef::from(&b"grass"[..])),
        MessageRef::from(&binary).to_message(),
    ] {
        assert_eq!(same, binary);
        assert!(!same.is_text());
        assert_eq!(same.as_text(), None);
        assert_eq!(same.into_bytes(), "grass");
    }
}

#[test]
fn a_message_is_empty_when_its_payload_is() {
    for (message, is_empty) in [
        (Message::from(""), true),
        (Message::from(&b""[..]), true),
        (Message::from(" "), false),
    ] {
        assert_eq!(message.is_empty(), is_empty);
        assert_eq!(message.as_ref().is_empty(), is_empty);
        assert_eq!(Prepared::new(message.clone()).is_empty(), is_empty);
        assert_eq!(Parcel::new(message.clone()).is_empty(), is_empty);
        assert_eq!(message.len(), usize::from(!is_empty));
    }
}

#[test]
fn the_same_bytes_as_text_and_as_binary_are_two_messages() {
    let text = MessageRef::from("a");
    let binary = MessageRef::from(&b"a"[..]);
    assert_ne!(text, binary);
    assert_ne!(text, MessageRef::from("b"));
    assert_eq!(text.as_text(), Some("a"));
    let owned = Message::from("a");
    assert_eq!(owned.as_ref(), text);
    // Equal ones hash alike, whatever they lend from.
    let hasher = RandomState::new();
    assert_eq!(hasher.hash_one(owned.as_ref()), hasher.hash_one(text));
    let all = [text, owned.as_ref(), binary];
    assert_eq!(HashSet::from(all).len(), 2);
}

#[test]
fn debug_shows_no_payload() {
    let message = Message::from("secret");
    let binary = Message::from(&b"secret"[..]);
    for (shown, expected) in [
        (format!("{message:?}"), "Text(6 bytes)"),
        (format!("{binary:?}"), "Binary(6 bytes)"),
        (format!("{:?}", message.as_ref()), "Text(6 bytes)"),
        (
            format!("{:?}", Parcel::new("secret")),
            "Parcel(Text, 6 bytes)",
        ),
        (
            format!("{:?}", Parcel::new(&b"secret"[..])),
            "Parcel(Binary, 6 bytes)",
        ),
        (
            format!("{:?}", Prepared::new("secret")),
            "Prepared(Text(6 bytes))",
        ),
    ] {
        assert_eq!(shown, expected);
    }
}

#[test]
fn debug_of_an_event_shows_kind_and_length() {
    let close = CloseFrame {
        code: CloseCode::NORMAL,
        reason: "bye".into(),
    };
    for (event, expected) in [
        (text("secret"), "Message(Text(6 bytes))"),
        (binary(b"secret"), "Message(Binary(6 bytes))"),
        (ping(b"secret"), "Ping(6 bytes)"),
        (pong(b""), "Pong(0 bytes)"),
        (Event::Close(None), "Close(None)"),
        (
            Event::Close(Some(close)),
            "Close(Some(CloseFrame { code: CloseCode(1000), reason: \"bye\" }))",
        ),
    ] {
        assert_eq!(format!("{event:?}"), expected);
    }
}

#[test]
fn debug_of_a_connection_shows_nothing_that_was_received_or_is_queued() {
    let config = Config::new().max_pongs(1).high_water(1 << 20);
    let mut server = Protocol::server(config, Negotiated::default());
    server.queue("secret").unwrap();
    server.queue(vec![b's'; 20_000]).unwrap();
    for _ in 0..3 {
        // The second pong waits for room.
        let mut input = Input::from(&frame(Role::Server, 0x89, b"secret")[..]);
        server.step(&mut input).unwrap().unwrap();
    }
    let mut input = Input::from(&frame(Role::Server, 0x81, b"secret")[..]);
    let found = server.step(&mut input).unwrap().unwrap();
    let shown = format!("{server:?} {input:?} {found:?}");
    assert!(shown.contains("kind: Text, range: Some(6..12)"), "{shown}");
    for payload in ["secret", "sssss", "115, 101, 99"] {
        assert!(!shown.contains(payload), "{shown}");
    }
    assert!(
        shown.contains("WriteQueue { len: 20020, taken: 0, .. }"),
        "{shown}"
    );
    assert!(shown.contains("Pong(6 bytes)"), "{shown}");
    let client = Protocol::client(Config::new(), Negotiated::default(), SEED);
    assert!(format!("{client:?}").contains("MaskKeys { .. }"));
}

#[test]
fn a_prepared_message_in_a_wrapper_is_sent_as_its_payload() {
    for role in ROLES {
        let prepared = Prepared::new("abc");
        let mut endpoint = Endpoint::new(role, &Config::new());
        let parcel = Parcel::new(Uncompressed(&prepared));
        endpoint.sending.queue(parcel).unwrap();
        endpoint.write();
        assert_eq!(endpoint.sent(), [(0x81, b"abc".to_vec())]);
    }
}

#[test]
fn presets_of_compression_are_those_of_the_table() {
    let presets = [
        (Deflate::balanced(), 1, 8, 15, false, 256),
        (Deflate::smallest_memory(), 1, 1, 9, true, 256),
        (Deflate::best_ratio(), 9, 9, 15, false, 64),
    ];
    for (preset, level, memory_level, bits, alone, threshold) in presets {
        assert_eq!(preset.compression_level(), level);
        assert_eq!(preset.compression_memory_level(), memory_level);
        assert_eq!(preset.compression_threshold(), threshold);
        let expected = DeflateParams {
            server_no_context_takeover: alone,
            client_no_context_takeover: alone,
            server_max_window_bits: bits,
            client_max_window_bits: bits,
        };
        assert_eq!(preset.params(), expected);
    }
    assert_eq!(Deflate::default(), Deflate::balanced());
}

#[test]
fn each_setting_of_compression_changes_what_it_says_within_its_bounds() {
    let server = Deflate::balanced()
        .server_no_context_takeover(true)
        .server_max_window_bits(7)
        .params();
    let client = Deflate::balanced()
        .client_no_context_takeover(true)
        .client_max_window_bits(16)
        .params();
    let usual = DeflateParams::default();
    assert_eq!(
        server,
        DeflateParams {
            server_no_context_takeover: true,
            server_max_window_bits: 8,
            ..usual
        }
    );
    assert_eq!(
        client,
        DeflateParams {
            client_no_context_takeover: true,
            ..usual
        }
    );
    let nine = Deflate::balanced().client_max_window_bits(9).params();
    assert_eq!(
        (nine.client_max_window_bits, nine.server_max_window_bits),
        (9, 15)
    );
    let clamped = Deflate::balanced().level(0).memory_level(99);
    assert_eq!(
        (
            clamped.compression_level(),
            clamped.compression_memory_level()
        ),
        (1, 9)
    );
}

#[test]
fn both_halves_know_what_the_connection_was_made_with() {
    let config = Config::new().max_message(77).high_water(99);
    let negotiated = Negotiated::default().with_subprotocol("chat.v1");
    let server = Protocol::server(config.clone(), negotiated.clone());
    assert_eq!(server.incoming().role(), Role::Server);
    assert_eq!(server.incoming().negotiated(), &negotiated);
    assert_eq!(
        server.incoming().negotiated().subprotocol(),
        Some("chat.v1")
    );
    assert_eq!(server.incoming().negotiated().deflate(), None);
    let (incoming, outgoing) = server.into_halves();
    assert_eq!(incoming.config().limits().message, 77);
    assert_eq!(outgoing.config().limits().high_water, 99);

    let client = Protocol::client(config, Negotiated::default(), SEED);
    assert_eq!(client.incoming().role(), Role::Client);
    assert_eq!(client.incoming().negotiated(), &Negotiated::default());
}

/// RFC 6455 §5.2: RSV1 means something only where an extension says so.
#[test]
fn a_subprotocol_alone_lets_no_reserved_bit_pass() {
    for role in ROLES {
        let negotiated = Negotiated::default().with_subprotocol("chat.v1");
        let mut endpoint = Endpoint::negotiated(role, &Config::new(), negotiated);
        endpoint.sending.queue("plain").unwrap();
        endpoint.feed(&frame(role, 0xc1, b"no"));
        assert!(endpoint.error.is_some());
        assert_eq!(endpoint.sent()[0], (0x81, b"plain".to_vec()));
    }
}

/// RFC 6455 §5.2.
#[test]
#[cfg(not(feature = "deflate"))]
fn without_the_codec_nothing_is_compressed_and_what_is_fails_with_1002() {
    use socket_flow_protocol::{Compressed, DeflateParams};

    for role in ROLES {
        let negotiated = Negotiated::default().with_deflate(DeflateParams::default());
        let mut endpoint = Endpoint::negotiated(role, &Config::new(), negotiated);
        endpoint.sending.queue(Compressed("plain")).unwrap();
        // "Hello" as RFC 7692 §7.2.3.1 compresses it.
        endpoint.feed(&frame(role, 0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
        assert!(endpoint.error.is_some());
        let sent = endpoint.sent();
        assert_eq!(sent[0], (0x81, b"plain".to_vec()));
        assert_eq!(sent[1].1[..2], 1002_u16.to_be_bytes());
    }
}

#[test]
fn memory_of_an_input_is_given_taken_and_handed_on() {
    let bytes = [
        frame(Role::Client, 0x81, b"first"),
        b"\x82\x7e\x01".to_vec(),
    ]
    .concat();
    let mut client = Protocol::client(Config::new(), Negotiated::default(), SEED);
    let mut input = Input::from(BytesMut::from(&bytes[..]));
    client.step(&mut input).unwrap().unwrap();
    // What is not parsed is handed on, and only that.
    assert_eq!(input.len(), 3);
    assert_eq!(input.into_unread(), &b"\x82\x7e\x01"[..]);

    let mut input = Input::from(&b"\x81"[..]);
    *input.storage() = BytesMut::with_capacity(1000);
    assert!(input.is_empty() && input.unread().is_empty());
    assert_eq!((input.capacity(), input.spare_capacity()), (1000, 1000));
    input.extend_from_slice(&[1, 2, 3]);
    assert_eq!((input.capacity(), input.spare_capacity()), (1000, 997));
    assert_eq!(std::mem::take(input.storage()).capacity(), 1000);
    assert_eq!((input.len(), input.capacity()), (0, 0));
}
