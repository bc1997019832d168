//! Client-to-server masking: RFC 6455 §5.1, §5.3 and §10.3.

use std::collections::HashSet;

use bytes::Buf;
use socket_flow_protocol::{Config, HeaderError, Negotiated, Protocol, ProtocolError, Role};

use crate::support::{ROLES, SEED, Script, binary, frame, noise, parse, ping, text};

fn client(seed: [u8; 32]) -> Protocol {
    Protocol::client(
        Config::new().high_water(usize::MAX),
        Negotiated::default(),
        seed,
    )
}

fn output(protocol: &mut Protocol) -> Vec<u8> {
    let output = protocol.output();
    output.copy_to_bytes(output.remaining()).to_vec()
}

/// The keys of `count` frames without payload.
fn keys(seed: [u8; 32], count: usize) -> Vec<[u8; 4]> {
    let mut client = client(seed);
    for _ in 0..count {
        client.queue("").unwrap();
    }
    let bytes = output(&mut client);
    let frames = bytes.chunks_exact(6);
    frames.map(|frame| frame[2..].try_into().unwrap()).collect()
}

/// RFC 6455 §5.1.
#[test]
fn a_server_fails_on_an_unmasked_frame() {
    let error = ProtocolError::Header(HeaderError::MissingMask);
    for bytes in [
        &b"\x81\x05Hello"[..],
        b"\x82\x00",
        b"\x89\x00",
        b"\x8a\x00",
        b"\x88\x00",
        b"\x01\x7e",
    ] {
        let outcome = Script::to(Role::Server)
            .frame(0x81, b"masked")
            .raw(bytes)
            .run();
        outcome
            .assert_events(&[text("masked")])
            .assert_failed(error, 1002);
    }
}

/// RFC 6455 §5.1, §7.2.1.
#[test]
fn a_client_fails_on_a_masked_frame() {
    let error = ProtocolError::Header(HeaderError::UnexpectedMask);
    for bytes in [
        &b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..],
        b"\x82\x80\0\0\0\0",
        b"\x89\x80\0\0\0\0",
        b"\x8a\x80\0\0\0\0",
        b"\x88\x80\0\0\0\0",
        b"\x01\xfe",
    ] {
        let outcome = Script::to(Role::Client)
            .frame(0x81, b"bare")
            .raw(bytes)
            .run();
        outcome
            .assert_events(&[text("bare")])
            .assert_failed(error, 1002);
    }
}

/// RFC 6455 §5.1.
#[test]
fn the_wrong_direction_fails_between_fragments_too() {
    for role in ROLES {
        let wrong = match role {
            Role::Client => HeaderError::UnexpectedMask,
            Role::Server => HeaderError::MissingMask,
        };
        for first in [0x89, 0x80] {
            Script::to(role)
                .frame(0x01, b"Hel")
                .raw(&frame(role.peer(), first, b"lo"))
                .run()
                .assert_events(&[])
                .assert_failed(ProtocolError::Header(wrong), 1002);
        }
    }
}

#[test]
fn a_masking_key_of_zeros_is_legal_from_a_peer() {
    Script::to(Role::Server)
        .raw(b"\x81\x85\0\0\0\0Hello")
        .run()
        .assert_events(&[text("Hello")])
        .assert_open();
}

/// RFC 6455 §5.3, §6.2.
#[test]
fn every_frame_is_unmasked_with_its_own_key() {
    Script::to(Role::Server)
        .raw(b"\x01\x81\x01\x02\x03\x04\x60") // "a"
        .raw(b"\x89\x82\xff\xee\xdd\xcc\x8f\x87") // "pi"
        .raw(b"\x80\x86\x10\x20\x30\x40\x72\x43\x54\x25\x76\x47") // "bcdefg"
        .run()
        .assert_events(&[ping(b"pi"), text("abcdefg")])
        .assert_sent(&[(0x8a, b"pi")])
        .assert_open();
}

/// RFC 6455 §5.3, §6.2.
#[test]
fn large_and_fragmented_payloads_are_unmasked_at_every_offset() {
    let payload = noise(200_003);
    for sizes in [
        [200_003, 0, 0],
        [1, 70_001, 130_001],
        [65_523, 65_521, 68_959],
    ] {
        let mut script = Script::to(Role::Server);
        let mut rest = &payload[..];
        for (at, size) in sizes.into_iter().enumerate() {
            let (part, left) = rest.split_at(size);
            rest = left;
            let opcode = if at == 0 { 0x02 } else { 0x00 };
            script = script.frame(if at == 2 { opcode | 0x80 } else { opcode }, part);
        }
        let outcome = script.run();
        outcome.assert_events(&[binary(&payload)]).assert_open();
    }
}

/// RFC 6455 §5.1, §5.3, §5.5.1, §6.1.
#[test]
fn a_client_masks_every_frame_and_a_server_none() {
    let payload = noise(100_000);
    for role in ROLES {
        // `parse` holds the output to the mask bit of the role.
        Script::to(role)
            .echo()
            .config(Config::new().fragment(40_000))
            .frame(0x82, &payload)
            .frame(0x89, b"ping")
            .frame(0x88, b"\x03\xe8")
            .run()
            .assert_sent(&[
                (0x02, &payload[..40_000]),
                (0x00, &payload[40_000..80_000]),
                (0x80, &payload[80_000..]),
                (0x8a, b"ping"),
                (0x88, b"\x03\xe8"),
            ]);
    }
}

/// RFC 6455 §5.3.
#[test]
fn large_payloads_are_masked_as_the_rfc_says() {
    for len in [0, 1, 63, 64, 16_383, 16_384, 16_385, 70_001] {
        let payload = noise(len);
        let mut client = client(SEED);
        client.queue(&payload[..]).unwrap();
        assert_eq!(parse(Role::Client, &output(&mut client)), [(0x82, payload)]);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let bytes = |seed| {
        let mut client = client(seed);
        client.queue("Hello").unwrap();
        client.ping(b"Hello").unwrap();
        client.queue(&noise(70_000)[..]).unwrap();
        output(&mut client)
    };
    assert_eq!(bytes(SEED), bytes(SEED));
    let mut other = SEED;
    other[31] ^= 1;
    assert_ne!(bytes(SEED), bytes(other));
    let common: Vec<_> = keys(SEED, 1000).into_iter().collect();
    assert!(keys(other, 1000).iter().all(|key| !common.contains(key)));
}

/// RFC 6455 §5.3, §10.3.
#[test]
fn a_hundred_thousand_keys_are_never_zero_and_seldom_repeat() {
    let keys = keys(SEED, 100_000);
    assert_eq!(keys.len(), 100_000);
    assert!(!keys.contains(&[0; 4]));
    let different: HashSet<_> = keys.iter().collect();
    // By the birthday bound 1.16 repeats are expected; more than ten happen
    // once in many millions of seeds.
    assert!(keys.len() - different.len() <= 10);
}

/// RFC 6455 §5.3.
#[test]
fn every_byte_of_the_keys_is_evenly_distributed() {
    let keys = keys(SEED, 100_000);
    for at in 0..4 {
        let mut counts = [0_u32; 256];
        for key in &keys {
            counts[usize::from(key[at])] += 1;
        }
        let expected = 100_000.0 / 256.0;
        let chi_square: f64 = counts
            .iter()
            .map(|&count| (f64::from(count) - expected).powi(2) / expected)
            .sum();
        // 255 degrees of freedom: five standard deviations either way.
        assert!((142.0..368.0).contains(&chi_square), "{chi_square}");
    }
}

/// RFC 6455 §5.3, §10.3.
#[test]
fn no_key_depends_on_what_is_sent() {
    let mut quiet = client(SEED);
    let mut loud = client(SEED);
    quiet.queue("").unwrap();
    loud.queue(&noise(70_000)[..]).unwrap();
    quiet.ping(b"").unwrap();
    loud.ping(b"loud").unwrap();
    let quiet = output(&mut quiet);
    let loud = output(&mut loud);
    assert_eq!(quiet[2..6], loud[10..14]);
    assert_eq!(quiet[8..12], loud[70_016..70_020]);
}
