//! What the tests of the server share.

use ::http::Request;
use socket_flow::{ClientStream, Error, ServerHandle, ServerStream, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) use crate::support::patience::{bounded, tasks, until};

pub(crate) fn url(handle: &ServerHandle) -> String {
    format!("ws://{}/chat", handle.local_addr().unwrap())
}

pub(crate) async fn connect(handle: &ServerHandle) -> WebSocket<ClientStream> {
    socket_flow::connect(&url(handle)).await.unwrap().0
}

pub(crate) async fn echo(
    mut ws: WebSocket<ServerStream>,
    _request: Request<()>,
) -> Result<(), Error> {
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}

/// A client that has sent nothing yet.
pub(crate) async fn dial(handle: &ServerHandle) -> TcpStream {
    let addr = handle.local_addr().unwrap();
    TcpStream::connect(addr).await.unwrap()
}

/// Sends bytes, ends its direction, and reads the answer.
pub(crate) async fn ask(handle: &ServerHandle, request: &str) -> String {
    let mut tcp = dial(handle).await;
    tcp.write_all(request.as_bytes()).await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    answer
}

/// File descriptors of this process that are sockets at this port.
pub(crate) fn sockets_at(port: u16) -> usize {
    let needle = format!(":{port:04X} ");
    let mut inodes = Vec::new();
    for line in std::fs::read_to_string("/proc/self/net/tcp")
        .unwrap()
        .lines()
    {
        let fields: Vec<_> = line.split_whitespace().collect();
        // The local address is this port: the server's end, or its listener.
        if format!("{} ", fields[1]).ends_with(&needle) {
            inodes.push(format!("socket:[{}]", fields[9]));
        }
    }
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| {
            inodes
                .iter()
                .any(|inode| target.as_os_str() == inode.as_str())
        })
        .count()
}
