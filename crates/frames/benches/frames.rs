//! What a frame costs on its way: header, mask (beside `memcpy`, the limit), UTF-8 (beside `simdutf8` and
//! the standard library). Payloads start at an odd address, as they do behind a header.
//!
//! The groups name the processor level that was used; for the others:
//!
//! ```text
//! cargo bench -p socket-flow-frames --no-default-features     what every processor of the kind has
//! cargo bench -p socket-flow-frames                           what is detected at run time
//! RUSTFLAGS=-Ctarget-cpu=native cargo bench -p socket-flow-frames   all this one has, at compile time
//! ```

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use socket_flow_frames::{FrameHeader, MaskKey, OpCode, Role, Rsv, Utf8Validator, mask, utf8};

const SIZES: [usize; 9] = [5, 16, 32, 60, 125, 1024, 16 * 1024, 64 * 1024, 1024 * 1024];

/// What masking and validating use.
fn level() -> &'static str {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    let detected = std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    let detected = false;
    match detected {
        _ if cfg!(target_feature = "avx512f") => "AVX-512 at compile time",
        _ if cfg!(target_feature = "avx2") => "AVX2 at compile time",
        true => "AVX2 detected",
        false => "baseline",
    }
}

fn masking(criterion: &mut Criterion) {
    let key = MaskKey::from([0x37, 0xfa, 0x21, 0x3d]);
    let mut group = criterion.benchmark_group(format!("mask, {}", level()));
    for size in SIZES {
        let mut dst = vec![0; size + 6];
        let src = vec![b'x'; size + 7];
        let (dst, src) = (&mut dst[6..], &src[7..]);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("apply", size), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut *dst), black_box(key), black_box(1)));
        });
        group.bench_function(BenchmarkId::new("copy", size), |bencher| {
            bencher.iter(|| {
                mask::copy(
                    black_box(&mut *dst),
                    black_box(src),
                    black_box(key),
                    black_box(0),
                )
            });
        });
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| black_box(&mut *dst).copy_from_slice(black_box(src)));
        });
    }
    group.finish();
}

fn text(criterion: &mut Criterion) {
    for (name, sample) in [("ascii", "plain text "), ("multi-byte", "aé語\u{1f980} ")] {
        let mut group = criterion.benchmark_group(format!("utf8 {name}, {}", level()));
        for size in SIZES {
            let mut text = sample.repeat(size / sample.len() + 1);
            let end = (0..=size)
                .rev()
                .find(|&at| text.is_char_boundary(at))
                .unwrap_or(0);
            text.truncate(end);
            let bytes = text.as_bytes();
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new("validate", size), |bencher| {
                bencher.iter(|| utf8::validate(black_box(bytes)).is_ok());
            });
            group.bench_function(BenchmarkId::new("push", size), |bencher| {
                bencher.iter(|| {
                    let mut validator = Utf8Validator::new();
                    validator.push(black_box(bytes)).is_ok() && validator.finish().is_ok()
                });
            });
            group.bench_function(BenchmarkId::new("simdutf8", size), |bencher| {
                bencher.iter(|| simdutf8::basic::from_utf8(black_box(bytes)).is_ok());
            });
            group.bench_function(BenchmarkId::new("std", size), |bencher| {
                bencher.iter(|| std::str::from_utf8(black_box(bytes)).is_ok());
            });
        }
        group.finish();
    }
}

fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    for len in [32, 1024, 1024 * 1024] {
        let mask = Some(MaskKey::from([0x37, 0xfa, 0x21, 0x3d]));
        let header = FrameHeader {
            fin: true,
            rsv: Rsv::NONE,
            opcode: OpCode::Text,
            mask,
            len,
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(&[0; 5]);
        group.bench_function(BenchmarkId::new("decode", len), |bencher| {
            bencher.iter(|| FrameHeader::decode_for(black_box(&bytes), Role::Server, Rsv::NONE));
        });
        group.bench_function(BenchmarkId::new("encode", len), |bencher| {
            bencher.iter(|| black_box(header).encode());
        });
    }
    group.finish();
}

criterion_group!(benches, masking, text, header);
criterion_main!(benches);
