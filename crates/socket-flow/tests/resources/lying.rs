//! Streams that say they did more than they were asked to: they are not believed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket_flow::{ClientBuilder, Config};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::beside::beside;
use crate::peer::{FIN, Peer, TEXT, bounded};

/// Claims to have written a megabyte, once it is told to lie.
struct Boaster {
    io: DuplexStream,
    lies: bool,
}

impl AsyncRead for Boaster {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Boaster {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        Poll::Ready(Ok(if self.lies { 1 << 20 } else { count }))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        for buf in bufs {
            ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        }
        Poll::Ready(Ok(1 << 20))
    }

    fn is_write_vectored(&self) -> bool {
        self.lies
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_stream_that_claims_to_have_written_more_than_it_was_given_is_not_believed() {
    beside(async {
        let (io, far) = tokio::io::duplex(1 << 20);
        let mut peer = Peer::server(far);
        let builder = ClientBuilder::new("ws://server.example.com/chat").config(Config::new());
        let (ws, ()) = tokio::join!(
            builder.connect_on(Boaster { io, lies: false }),
            crate::peer::answer(&mut peer, "")
        );
        let mut ws = ws.unwrap().0;
        ws.get_mut().lies = true;
        for _ in 0..3 {
            // Contiguous, and in several pieces.
            ws.send("hello").await.unwrap();
            assert_eq!(ws.buffered_amount(), 0);
            assert_eq!(bounded(peer.next()).await.unwrap().payload, b"hello");
            ws.queue(vec![7; 100_000]).unwrap();
            ws.flush().await.unwrap();
            assert_eq!(ws.buffered_amount(), 0);
            assert_eq!(bounded(peer.next()).await.unwrap().payload, [7; 100_000]);
            let hello = peer.frame(FIN | TEXT, b"hello");
            peer.send(hello).await;
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
        }
    })
    .await;
}

/// Nobody answers: the clock is stopped.
#[tokio::test(start_paused = true)]
async fn a_stream_that_lies_in_the_handshake_is_an_error() {
    let (io, _far) = tokio::io::duplex(1 << 20);
    let connecting = ClientBuilder::new("ws://server.example.com/chat");
    let result = bounded(connecting.connect_on(Boaster { io, lies: true })).await;
    assert!(result.is_err());
    let (io, far) = tokio::io::duplex(1 << 20);
    let mut peer = Peer::client(far);
    let (result, ()) = tokio::join!(socket_flow::accept(Boaster { io, lies: true }), async {
        peer.send(crate::support::REQUEST).await;
    });
    assert!(result.is_err());
}
