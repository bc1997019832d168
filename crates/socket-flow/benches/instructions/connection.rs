//! What an echoed message costs on a whole connection, over a stream in memory.
//!
//! One read brings a round of messages, the next finds nothing, as on a socket whose peer waits for
//! the answers. The connection is polled by hand, so that no runtime is counted; only the stream's
//! copy into the read buffer is, which a socket's kernel would do.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use socket_flow_connection::{Config, Error, Negotiated, Role, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Cell;
use crate::wire::{SAMPLES, Sample};

pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let single = Sample {
        name: "32 B alone",
        rounds: 200,
        messages: 1,
        ..SAMPLES[0]
    };
    for sample in SAMPLES.into_iter().chain([single]) {
        cells.push(cell(sample, "lent", |ws, count| {
            finish(async move {
                let (reader, writer) = ws.halves();
                for _ in 0..count {
                    let message = reader.recv(writer).await?.expect("a message");
                    writer.queue(message)?;
                }
                writer.flush().await
            })
        }));
        cells.push(cell(sample, "owned", |ws, count| {
            finish(async move {
                for _ in 0..count {
                    let message = ws.recv().await?.expect("a message");
                    ws.queue(message)?;
                }
                ws.flush().await
            })
        }));
    }
    cells
}

fn cell(
    sample: Sample,
    kind: &str,
    echo: fn(&mut WebSocket<Pipe>, usize) -> Result<(), Error>,
) -> Cell {
    Cell::new(
        format!("connection/echo {}, {kind}", sample.name),
        sample.rounds,
        sample.messages,
        move |rounds| {
            // Its clock is there for the connection's timer; it never runs.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime");
            let _clock = runtime.enter();
            let mut ws = WebSocket::from_parts(
                Pipe::new(sample.frames(usize::MAX)),
                BytesMut::new(),
                Role::Server,
                Negotiated::default(),
                Config::new(),
            );
            echo(&mut ws, rounds * sample.messages).expect("a connection in order");
            let pipe = ws.get_ref();
            // Every message is answered: four bytes of masking key shorter.
            let answer = pipe.round.len() - 4 * sample.messages;
            assert_eq!(pipe.written, rounds * answer);
        },
    )
}

/// Polls to the end: the stream is always ready when it is asked twice.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// A peer that sends a round of messages once the last one is answered, for ever.
struct Pipe {
    round: Vec<u8>,
    at: usize,
    written: usize,
}

impl Pipe {
    fn new(round: Vec<u8>) -> Self {
        Self {
            round,
            at: 0,
            written: 0,
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.round[self.at..];
        if rest.is_empty() {
            self.at = 0;
            return Poll::Pending;
        }
        // No more than a socket's buffer holds.
        let count = rest.len().min(buf.remaining()).min(128 << 10);
        buf.put_slice(&rest[..count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written += buf.len();
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = bufs.iter().map(|buf| buf.len()).sum();
        self.written += count;
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
