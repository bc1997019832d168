//! What comes before a connection is open, or never opens, does not end a server.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket_flow::{Server, ServerStream, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::beside::tasks;
use crate::heap::alone;
use crate::peer::{Buffers, FIN, Peer, TEXT, ask, bounded, echo, until, visit};

#[test]
fn a_server_out_of_descriptors_goes_on_when_there_are_some_again() {
    alone(async || {
        let server = Server::bind("127.0.0.1:0")
            .serve_with(|mut ws: WebSocket<ServerStream>, _| async move { echo(&mut ws).await })
            .await
            .unwrap();
        let address = server.local_addr().unwrap();
        let mut early = visit(address, Buffers::Usual).await;
        let sockets: Vec<_> = (0..5).map(|_| TcpSocket::new_v4().unwrap()).collect();

        let limits = getrlimit(Resource::Nofile);
        let scarce = Rlimit {
            current: Some(256),
            ..limits
        };
        setrlimit(Resource::Nofile, scarce).unwrap();
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        let mut late = Vec::new();
        for socket in sockets {
            // The system accepts them; the server cannot.
            late.push(Peer::client(socket.connect(address).await.unwrap()));
        }
        // Meanwhile others are served.
        for _ in 0..100 {
            says_hello(&mut early).await;
        }
        assert_eq!(server.connections(), 1);

        drop(taken);
        for peer in &mut late {
            bounded(ask(peer, "")).await;
            says_hello(peer).await;
        }
        assert_eq!(server.connections(), 6);
    });
}

#[test]
fn clients_that_reset_vanish_or_talk_nonsense_do_not_end_a_server() {
    alone(async || {
        let server = Server::bind("127.0.0.1:0")
            .serve_with(|mut ws: WebSocket<ServerStream>, _| async move { echo(&mut ws).await })
            .await
            .unwrap();
        let address = server.local_addr().unwrap();
        let idle = tasks();
        let nonsense: [&[u8]; 6] = [
            b"",
            b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            &[0xff; 20_000],
        ];
        for bytes in nonsense {
            for resets in [true, false] {
                let socket = TcpSocket::new_v4().unwrap();
                let mut tcp = socket.connect(address).await.unwrap();
                let _ = tcp.write_all(bytes).await;
                if resets {
                    // Closed with what the server said unread: a reset.
                    tcp.shutdown().await.unwrap();
                    let _ = tcp.read(&mut [0; 1]).await;
                }
            }
        }
        let mut peer = visit(address, Buffers::Usual).await;
        says_hello(&mut peer).await;
        assert_eq!(server.connections(), 1);
        drop(peer);
        until(|| tasks() == idle).await;
    });
}

async fn says_hello(peer: &mut Peer) {
    let hello = peer.frame(FIN | TEXT, b"hello");
    peer.send(hello).await;
    assert_eq!(bounded(peer.next()).await.unwrap().payload, b"hello");
}
