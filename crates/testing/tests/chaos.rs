//! That a misbehaving transport misbehaves, and keeps the contracts.

use std::io::ErrorKind;

use socket_flow_testing::{Chaos, Fault, Faults, Mode, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

fn pipe(mode: Mode, seed: u64, faults: &Faults) -> (Chaos<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(1 << 16);
    (Chaos::new(near, mode, seed, faults), far)
}

/// Writes all of it, little by little, again where it is interrupted.
async fn write(io: &mut Chaos<DuplexStream>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match io.write(&bytes[..bytes.len().min(300)]).await {
            Ok(count) => bytes = &bytes[count..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
        }
    }
}

#[tokio::test]
async fn every_byte_passes_once_and_in_order() {
    for seed in 0..20 {
        let faults = Faults::new();
        let (mut near, mut far) = pipe(Mode::Both, seed, &faults);
        let bytes: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
        write(&mut near, &bytes).await;
        drop(near);
        let mut arrived = Vec::new();
        far.read_to_end(&mut arrived).await.unwrap();
        assert!(arrived == bytes, "seed {seed}");
        assert!(faults.count(Fault::Short) > 0);
    }
}

#[tokio::test]
async fn the_same_seed_misbehaves_in_the_same_way() {
    let run = async |seed| {
        let faults = Faults::new();
        let (mut near, far) = pipe(Mode::Write, seed, &faults);
        write(&mut near, &[7; 30_000]).await;
        drop(far);
        faults.report()
    };
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
}

#[tokio::test]
async fn it_breaks_once_and_stays_broken() {
    for (fault, kind) in [
        (Fault::ConnectionReset, ErrorKind::ConnectionReset),
        (Fault::BrokenPipe, ErrorKind::BrokenPipe),
    ] {
        let faults = Faults::new();
        let (near, _far) = pipe(Mode::Both, 1, &faults);
        let mut near = near.uninterrupted().breaking(fault, 10);
        let mut written = 0;
        let error = loop {
            match near.write(&[7; 300]).await {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), kind);
        assert!((1..=10).contains(&written), "{written}");
        assert_eq!(near.write(b"more").await.unwrap_err().kind(), kind);
        assert_eq!(faults.count(fault), 1);
    }
    let faults = Faults::new();
    let (near, mut far) = pipe(Mode::Read, 1, &faults);
    let mut near = near.uninterrupted().breaking(Fault::Eof, 3);
    far.write_all(&[7; 60_000]).await.unwrap();
    let mut arrived = Vec::new();
    near.read_to_end(&mut arrived).await.unwrap();
    assert!(arrived.len() < 60_000);
    assert_eq!(faults.count(Fault::Eof), 1);
}

#[tokio::test]
async fn one_direction_alone_is_left_in_peace() {
    let faults = Faults::new();
    let (mut near, mut far) = pipe(Mode::Read, 1, &faults);
    for _ in 0..100 {
        assert_eq!(near.write(&[7; 300]).await.unwrap(), 300);
        far.read_exact(&mut [0; 300]).await.unwrap();
    }
    assert_eq!(faults.report(), Report::default());
}
