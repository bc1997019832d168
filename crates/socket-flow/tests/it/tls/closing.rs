//! The end of a TLS stream under a WebSocket: with `close_notify` and without.

use std::sync::Arc;

use socket_flow::tls::ServerTls;
use socket_flow::tls::rustls::pki_types::ServerName;
use socket_flow::{ClientBuilder, CloseCode, Error};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::pki::{Authority, client, listen};

/// Sends a Close and ends TCP without a word of TLS.
const BRUTAL: bool = true;

/// RFC 6455 §7.1.1; RFC 9112 §9.8.
#[tokio::test]
async fn the_client_ends_with_close_notify() {
    let authority = Authority::new("a");
    let tls = ServerTls::new(authority.issue("localhost"));
    let acceptor = TlsAcceptor::from(Arc::new(tls.build().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connecting = tokio::spawn(client("localhost", port, authority.client()).connect());
    let tcp = listener.accept().await.unwrap().0;
    let tls = acceptor.accept(tcp).await.unwrap();
    let mut server = socket_flow::accept(tls).await.unwrap();
    let (mut client, _) = connecting.await.unwrap().unwrap();
    let closing = tokio::spawn(async move { client.close(CloseCode::NORMAL, "").await });
    // Only the Close is answered; what the client does then is looked at below WebSocket.
    while let Ok(Some(_)) = server.recv_event().await {
        if server.close_frame().is_some() {
            break;
        }
    }
    server.flush().await.unwrap();
    let mut tls = server.into_parts().io;
    // Our end comes first, as a server's; then the client's `close_notify`, or reading would fail.
    tokio::io::AsyncWriteExt::shutdown(&mut tls).await.unwrap();
    assert_eq!(tls.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(closing.await.unwrap().unwrap().clean);
}

/// RFC 6455 §7.1.1; RFC 9112 §9.8.
#[tokio::test]
async fn the_server_ends_with_close_notify() {
    let authority = Authority::new("a");
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let server = tokio::spawn(async move {
        let mut ws = socket_flow::accept(listener.accept().await.0)
            .await
            .unwrap();
        while let Some(message) = ws.recv().await.unwrap() {
            ws.queue(message).unwrap();
        }
    });
    let connector = TlsConnector::from(Arc::new(authority.client().build().unwrap()));
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = connector.connect(name, tcp).await.unwrap();
    let (mut ws, _) = ClientBuilder::new("wss://localhost/")
        .connect_on(tls)
        .await
        .unwrap();
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    while let Ok(Some(_)) = ws.recv_event().await {
        if ws.close_frame().is_some() {
            break;
        }
    }
    let mut tls = ws.into_parts().io;
    assert_eq!(tls.read(&mut [0; 16]).await.unwrap(), 0);
    drop(tls);
    server.await.unwrap();
}

/// Runs a client against a server that ends TCP without `close_notify`, before or after the
/// Closes; what the client reports at its end.
async fn end_without_close_notify(
    after_close: bool,
) -> Result<Option<socket_flow::Message>, Error> {
    let authority = Authority::new("a");
    let tls = ServerTls::new(authority.issue("localhost"));
    let acceptor = TlsAcceptor::from(Arc::new(tls.build().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let tcp = listener.accept().await.unwrap().0;
        let tls = acceptor.accept(tcp).await.unwrap();
        let mut ws = socket_flow::accept(tls).await.unwrap();
        ws.send("last words").await.unwrap();
        if after_close {
            ws.start_close(CloseCode::NORMAL, "").unwrap();
            ws.flush().await.unwrap();
            while let Ok(Some(_)) = ws.recv_event().await {
                if ws.close_frame().is_some() {
                    break;
                }
            }
        }
        let (mut tcp, _) = ws.into_parts().io.into_inner();
        tokio::io::AsyncWriteExt::shutdown(&mut tcp).await.unwrap();
        tcp.read_to_end(&mut Vec::new()).await.ok();
    };
    let client = async {
        let (mut ws, _) = client("localhost", port, authority.client())
            .connect()
            .await
            .unwrap();
        let message = ws.recv().await.unwrap();
        assert_eq!(message.unwrap().as_text(), Some("last words"));
        ws.recv().await
    };
    tokio::join!(client, server).0
}

/// RFC 9112 §9.8.
#[tokio::test]
async fn an_end_without_close_notify_is_no_error_behind_a_close() {
    assert_eq!(end_without_close_notify(BRUTAL).await.unwrap(), None);
}

/// RFC 9112 §9.8.
#[tokio::test]
async fn an_end_without_close_notify_is_1006_before_a_close() {
    let error = end_without_close_notify(!BRUTAL).await.unwrap_err();
    assert!(matches!(error, Error::Closed { code: 1006 }), "{error:?}");
}
