use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use socket_flow_protocol::{CloseCode, Message};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Error;
use crate::split::OwnedWriter;
use crate::websocket::WebSocket;
use crate::writer::Writer;

/// The messages received. It ends after a complete closing handshake, and
/// after the first error.
///
/// Unlike [`recv`](WebSocket::recv) it goes on while the write queue is full:
/// the sink pushes back by itself, and may be fed elsewhere.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over() {
            return Poll::Ready(None);
        }
        // The sink has its own backpressure, and may live in another task.
        Poll::Ready(ready!(self.poll_recv(cx, false)).transpose())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<S> {
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

/// Messages to send. `start_send` queues, `poll_flush` writes; closing queues
/// a Close with 1000 and writes it: receive until the end of the stream to
/// complete the closing handshake.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_writer(cx, Writer::poll_ready)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(self.queue(message)?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_writer(cx, Writer::poll_flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.start_close(CloseCode::NORMAL, "")?;
        self.poll_writer(cx, Writer::poll_flush)
    }
}

/// Messages to send, beside the [`OwnedReader`](crate::OwnedReader) that
/// receives. Closing queues a Close with 1000 and writes it; the reading half
/// completes the closing handshake.
impl<S: AsyncWrite + Unpin> Sink<Message> for OwnedWriter<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, Writer::poll_ready)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(self.queue(message)?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, Writer::poll_flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.start_close(CloseCode::NORMAL, "")?;
        self.poll(cx, Writer::poll_flush)
    }
}
