//! What the types promise without running, and what they cost.

use std::mem::{size_of, size_of_val};

use socket_flow_connection::{
    CloseCode, CloseOutcome, Config, Error, MessageRef, MessageWriter, OwnedReader, OwnedWriter,
    Parts, Reader, Sender, WebSocket, Writer,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

use crate::support::{self, Client, open};

fn is_send_sync<T: Send + Sync>() {}
fn is_send<T: Send>(future: T) -> T {
    future
}

#[test]
fn all_public_types_are_send_and_sync() {
    is_send_sync::<WebSocket<TcpStream>>();
    is_send_sync::<Reader>();
    is_send_sync::<Writer<TcpStream>>();
    is_send_sync::<OwnedReader<TcpStream>>();
    is_send_sync::<OwnedWriter<TcpStream>>();
    is_send_sync::<OwnedReader<DuplexStream>>();
    is_send_sync::<OwnedWriter<DuplexStream>>();
    is_send_sync::<MessageWriter<'_, TcpStream>>();
    is_send_sync::<Parts<TcpStream>>();
    is_send_sync::<CloseOutcome>();
    is_send_sync::<Sender>();
    is_send_sync::<Error>();
}

/// Never run: it compiles or it does not.
#[allow(dead_code)]
fn every_future_is_send<S>(mut ws: WebSocket<S>, lent: MessageRef<'_>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    drop(is_send(ws.recv()));
    drop(is_send(ws.recv_event()));
    drop(is_send(ws.ready()));
    drop(is_send(ws.send(lent)));
    drop(is_send(ws.send("text")));
    drop(is_send(ws.flush()));
    drop(is_send(ws.drive()));
    let sender = ws.sender();
    drop(is_send(sender.send(lent)));
    drop(is_send(ws.ping(b"")));
    drop(is_send(ws.close(CloseCode::NORMAL, "")));
    drop(is_send(ws.message_writer().write(lent)));
    drop(is_send(ws.message_writer().finish(lent)));
    let (reader, writer) = ws.halves();
    drop(is_send(reader.recv(writer)));
    drop(is_send(reader.recv_event(writer)));
    drop(is_send(writer.send(lent)));
    drop(is_send(writer.flush()));
    drop(is_send(writer.ready()));
    drop(is_send(writer.ping(b"")));
    drop(is_send(async {
        while let Some(message) = reader.recv(writer).await? {
            writer.send(message).await?;
        }
        Ok::<_, Error>(())
    }));
    let (mut reader, mut writer) = ws.into_split();
    drop(is_send(reader.recv()));
    drop(is_send(reader.recv_ref()));
    drop(is_send(reader.recv_event()));
    drop(is_send(writer.send(lent)));
    drop(is_send(writer.flush()));
    drop(is_send(writer.ready()));
    drop(is_send(writer.ping(b"")));
    drop(is_send(writer.close(CloseCode::NORMAL, "")));
    drop(is_send(writer.message_writer().write(lent)));
    drop(is_send(writer.message_writer().finish(lent)));
}

#[tokio::test]
async fn a_connection_and_its_futures_are_small() {
    let size = size_of::<WebSocket<TcpStream>>();
    assert!(size <= 376, "{size}");
    let (io, _far) = tokio::io::duplex(1);
    let mut ws = open(io, Client, Config::new());
    let recv = size_of_val(&ws.recv());
    assert!(recv <= 24, "recv: {recv}");
    let (reader, writer) = ws.halves();
    let lent = size_of_val(&reader.recv(writer));
    assert!(lent <= 48, "lent recv: {lent}");
}

#[tokio::test]
async fn a_connection_nobody_listens_to_has_no_span() {
    let (ws, _far) = support::raw(Client, 100, Config::new());
    assert!(ws.span().is_disabled());
}
