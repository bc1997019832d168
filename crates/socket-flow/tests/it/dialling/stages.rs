//! What takes too long is told by its stage.

use std::time::Duration;

use socket_flow::{ClientBuilder, ConnectError, ConnectStage};
use tokio::io::AsyncReadExt;

use crate::dialling::peers::peer;

const SHORT: Duration = Duration::from_millis(50);

async fn silent() -> std::net::SocketAddr {
    peer(async |mut stream| stream.read_to_end(&mut Vec::new()).await.ok())
        .await
        .0
}

fn stage<T: std::fmt::Debug>(result: Result<T, ConnectError>) -> ConnectStage {
    match result.unwrap_err() {
        ConnectError::Timeout(stage) => stage,
        other => panic!("{other:?}"),
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_swallows_packets_is_given_up() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let dead = full.local_addr().unwrap();
    let _waiting = tokio::net::TcpStream::connect(dead).await.unwrap();
    let connecting = ClientBuilder::new(format!("ws://{dead}/")).connect_timeout(SHORT);
    assert_eq!(stage(connecting.connect().await), ConnectStage::Connect);
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn a_server_silent_in_tls_is_given_up() {
    let tls = crate::pki::Authority::new("a").client().build().unwrap();
    let connecting = ClientBuilder::new(format!("wss://{}/", silent().await))
        .tls(tls)
        .tls_timeout(SHORT);
    assert_eq!(stage(connecting.connect().await), ConnectStage::Tls);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    // The time for connecting is not the time for answering.
    let connecting = ClientBuilder::new(format!("ws://{}/", silent().await))
        .connect_timeout(Duration::from_secs(60))
        .handshake_timeout(SHORT);
    assert_eq!(stage(connecting.connect().await), ConnectStage::Handshake);
}
