//! A peer that resets its connection while what it sent is inflated, over TCP and over TLS.

use std::io::ErrorKind;

use socket_flow::{
    Acceptor, ClientBuilder, Compressed, Deflate, Error, Listener, ServerStream, WebSocket,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::bystander::{Books, Limits};
use crate::memory::bystander;
use crate::victim::Side;

/// A few KiB that become 4 MiB, again and again: all of it arrives, and is more work than many
/// turns.
const BOMBS: usize = 10;

/// The stream of a client that has sent them and read nothing.
async fn bombs<S: AsyncRead + AsyncWrite + Unpin>(io: S) -> S {
    let builder = ClientBuilder::new("ws://localhost/").deflate(Deflate::balanced());
    let (mut ws, _) = builder.connect_on(io).await.unwrap();
    for _ in 0..BOMBS {
        ws.send(Compressed(&[0; 4 << 20][..])).await.unwrap();
    }
    ws.into_parts().io
}

async fn accept(listener: Listener) -> WebSocket<ServerStream> {
    let acceptor = Acceptor::new().deflate(Deflate::balanced());
    let (stream, _) = listener.accept().await;
    acceptor.accept(stream).await.unwrap()
}

/// Nothing that arrived before the reset is inflated any more after it, and nobody waits for it
/// meanwhile.
async fn is_noticed(mut ws: WebSocket<ServerStream>, tcp: TcpStream) {
    let books = Books::default();
    let bystander = bystander(Side::Server, &books).await;
    let turns = books.open(Limits::INFLATED);
    let receiving = async {
        let message = ws.recv().await.unwrap().unwrap();
        turns.message(message.as_bytes().len());
        assert_eq!(message.as_bytes().len(), 4 << 20);
        // A socket that is closed with bytes unread resets the connection.
        ws.send("unread").await.unwrap();
        drop(tcp);
        match ws.recv().await {
            Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            other => panic!("{:?}", other.map(|message| message.is_some())),
        }
    };
    turns.of(receiving).await;
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_reset_is_noticed_while_what_came_before_it_is_inflated() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(accept(listener));
    let tcp = TcpStream::connect(address).await.unwrap();
    let tcp = bombs(tcp).await;
    is_noticed(server.await.unwrap(), tcp).await;
}

/// Records that are decrypted say nothing about the socket, so it is asked itself.
#[cfg(feature = "rustls")]
#[tokio::test]
async fn a_reset_is_noticed_while_what_came_before_it_through_tls_is_inflated() {
    use std::sync::Arc;

    use socket_flow::tls::ServerTls;
    use socket_flow::tls::rustls::pki_types::ServerName;
    use tokio_rustls::TlsConnector;

    use crate::pki::{Authority, listen};

    let authority = Authority::new("a");
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let server = tokio::spawn(accept(listener));
    let connector = TlsConnector::from(Arc::new(authority.client().build().unwrap()));
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = connector.connect(name, tcp).await.unwrap();
    let tls = bombs(tls).await;
    is_noticed(server.await.unwrap(), tls.into_inner().0).await;
}
