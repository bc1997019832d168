//! Hosts with several addresses, some of them dead.

use std::net::SocketAddr;

use socket_flow::{ClientBuilder, ConnectError};
use tokio::net::{TcpSocket, TcpStream};

use crate::dialling::peers::{closed_port, echo_server, is_echo};

fn to(addresses: impl IntoIterator<Item = SocketAddr>) -> ClientBuilder {
    ClientBuilder::new("ws://server.invalid/").addresses(addresses)
}

#[tokio::test]
async fn an_address_that_refuses_is_passed_over() {
    let (dead, server) = (closed_port(), echo_server().await);
    let (mut ws, _) = to([dead, server]).connect().await.unwrap();
    assert_eq!(ws.get_ref().peer_addr().unwrap(), server);
    is_echo(&mut ws).await;
}

/// A listener whose queue is full drops what arrives, as a broken route does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_ipv6_address_that_swallows_packets_does_not_stop_ipv4() {
    let socket = TcpSocket::new_v6().unwrap();
    if socket.bind("[::1]:0".parse().unwrap()).is_err() {
        return; // A machine without IPv6.
    }
    let full = socket.listen(0).unwrap();
    let dead = full.local_addr().unwrap();
    let _waiting = TcpStream::connect(dead).await.unwrap();
    let server = echo_server().await;
    let (mut ws, _) = to([dead, server]).connect().await.unwrap();
    assert_eq!(ws.get_ref().peer_addr().unwrap(), server);
    is_echo(&mut ws).await;
}

#[tokio::test]
async fn all_dead_addresses_are_named() {
    let dead = [closed_port(), closed_port()];
    let error = to(dead).connect().await.unwrap_err();
    let ConnectError::Connect(error) = &error else {
        panic!("{error:?}");
    };
    let tried: Vec<_> = error
        .attempts()
        .iter()
        .map(|(address, _)| *address)
        .collect();
    assert_eq!(tried, dead);
    let error = to([]).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Connect(_)), "{error:?}");
}
