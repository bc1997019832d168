//! Echo on yawc: as its example, or as its own benchmark, which batches by hand and sets larger
//! buffers.

use std::process::ExitCode;

use futures_util::{FutureExt, SinkExt};
use socket_flow_bench::MAX_MESSAGE;
use socket_flow_bench::server::{self, Feature, Outcome, Takeover};
use socket_flow_bench_peers::batch::LIMIT;
use socket_flow_bench_peers::upgrade::upgraded;
use yawc::{CompressionLevel, HttpWebSocket, OpCode, Options, WebSocket};

fn main() -> ExitCode {
    server::run(&[Feature::Batch, Feature::Deflate], |options| {
        let batched = options.batch;
        let options = compressed(options_of(batched), options.deflate);
        move |stream| {
            let options = options.clone();
            async move {
                let upgrade =
                    |request: &mut _| WebSocket::upgrade_with_options(request, options.clone());
                let ws = upgraded(stream, upgrade).await?.await?;
                match batched {
                    false => one_by_one(ws).await,
                    true => batched_by_hand(ws).await,
                }
            }
        }
    })
}

fn options_of(batched: bool) -> Options {
    let options = Options::default()
        .with_utf8()
        .without_compression()
        .with_limits(MAX_MESSAGE, 2 * MAX_MESSAGE);
    match batched {
        false => options,
        // What its documentation calls tuned.
        true => options
            .with_read_buffer_capacity(128 << 10)
            .with_backpressure_boundary(64 << 10),
    }
}

/// At the level every server of the benchmark compresses with.
fn compressed(options: Options, deflate: Option<Takeover>) -> Options {
    let level = CompressionLevel::fast();
    match deflate {
        None => options,
        Some(Takeover::Both) => options.with_compression_level(level),
        Some(Takeover::None) => options
            .with_compression_level(level)
            .server_no_context_takeover()
            .client_no_context_takeover(),
    }
}

async fn one_by_one(mut ws: HttpWebSocket) -> Outcome {
    loop {
        let frame = ws.next_frame().await?;
        match frame.opcode() {
            OpCode::Text | OpCode::Binary => ws.send(frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

async fn batched_by_hand(mut ws: HttpWebSocket) -> Outcome {
    loop {
        let mut frame = ws.next_frame().await?;
        for count in 1.. {
            match frame.opcode() {
                OpCode::Text | OpCode::Binary => ws.feed(frame).await?,
                OpCode::Close => return Ok(ws.close().await?),
                _ => {}
            }
            if count == LIMIT {
                break;
            }
            match ws.next_frame().now_or_never() {
                Some(next) => frame = next?,
                None => break,
            }
        }
        ws.flush().await?;
    }
}
