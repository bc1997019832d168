//! What connections come over.

use socket_flow::{PeerAddr, Server, ServerEvent};

use crate::server::tools::bounded;

/// RFC 6455 §10.6.
#[cfg(feature = "rustls")]
#[tokio::test]
async fn a_server_speaks_tls_and_tells_what_was_agreed_on() {
    use std::time::Duration;

    use http::Request;
    use socket_flow::tls::{ServerTls, TlsInfo};
    use tokio::net::TcpStream;

    use crate::pki::{Authority, client};

    let authority = Authority::new("an authority");
    let tls = ServerTls::new(authority.issue("localhost"));
    let server = Server::bind("127.0.0.1:0")
        .tls(tls.build().unwrap())
        .serve_with(|mut ws, request: Request<()>| async move {
            let tls = request.extensions().get::<TlsInfo>().unwrap();
            ws.send(tls.server_name().unwrap()).await
        })
        .await
        .unwrap();
    let addr = server.local_addr().unwrap();
    // The TLS handshake is the client's own time too.
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(addr).await.unwrap());
    }
    let connecting = client("localhost", addr.port(), authority.client()).connect();
    let (mut ws, _) = tokio::time::timeout(Duration::from_secs(5), connecting)
        .await
        .unwrap()
        .unwrap();
    let message = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("localhost"));
    assert_eq!(
        bounded(server.shutdown(Duration::from_secs(5)))
            .await
            .dropped,
        0
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_listens_on_a_unix_socket() {
    use tokio::net::{UnixListener, UnixStream};

    let path = std::env::temp_dir().join(format!("socket-flow-test-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let (server, mut events) = Server::with_listener(listener).serve().await.unwrap();
    assert_eq!(
        server.local_addr().unwrap_err().kind(),
        std::io::ErrorKind::Unsupported
    );
    let stream = UnixStream::connect(&path).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let (mut ws, _) = socket_flow::ClientBuilder::new("ws://unix/chat")
        .connect_on(stream)
        .await
        .unwrap();
    let Some(ServerEvent::Open {
        peer,
        request,
        sender,
        ..
    }) = bounded(events.next()).await
    else {
        panic!("not open");
    };
    assert_eq!(peer, PeerAddr::Unix);
    assert_eq!(request.extensions().get(), Some(&PeerAddr::Unix));
    sender.try_send("hello").unwrap();
    assert_eq!(bounded(ws.recv()).await.unwrap(), Some("hello".into()));
    drop(events);
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
}
