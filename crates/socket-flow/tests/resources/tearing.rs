//! Frames that leave, or arrive, a byte at a time: whole and in order all the same.

use socket_flow::{ClientBuilder, Config, WebSocket};
use tokio::io::DuplexStream;

use crate::beside::beside;
use crate::peer::{BINARY, FIN, PING, PONG, Peer, bounded, client_on_pipe, echo, server_on_pipe};

/// On both sides of a form of length.
const SHORT: [usize; 6] = [0, 1, 125, 126, 127, 300];
const LONG: [usize; 5] = [65_535, 0, 65_536, 1, 70_000];

#[tokio::test]
async fn a_server_that_can_write_one_byte_at_a_time_writes_whole_frames_in_order() {
    beside(async {
        let (ws, peer) = server_on_pipe(1, Config::new()).await;
        piece_by_piece(ws, peer, &SHORT).await;
        let (ws, peer) = server_on_pipe(997, Config::new()).await;
        piece_by_piece(ws, peer, &LONG).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_can_write_one_byte_at_a_time_writes_whole_frames_in_order() {
    beside(async {
        let (ws, peer) = client_on_pipe(1, Config::new()).await;
        piece_by_piece(ws, peer, &SHORT).await;
        let (ws, peer) = client_on_pipe(997, Config::new()).await;
        piece_by_piece(ws, peer, &LONG).await;
    })
    .await;
}

async fn piece_by_piece(
    mut ws: WebSocket<DuplexStream>,
    mut peer: Peer<DuplexStream>,
    lengths: &[usize],
) {
    let mut wire = Vec::new();
    for (number, len) in lengths.iter().enumerate() {
        wire.extend(peer.frame(FIN | BINARY, &vec![number as u8; *len]));
        wire.extend(peer.frame(FIN | PING, &[number as u8]));
    }
    let frames = tokio::select! {
        result = echo(&mut ws) => panic!("{result:?}"),
        frames = bounded(peer.exchange(&wire, 2 * lengths.len())) => frames,
    };
    let (pongs, echoes): (Vec<_>, Vec<_>) = frames.iter().partition(|frame| frame.opcode == PONG);
    assert_eq!((pongs.len(), echoes.len()), (lengths.len(), lengths.len()));
    for (number, len) in lengths.iter().enumerate() {
        assert!(echoes[number].fin);
        assert_eq!(echoes[number].opcode, BINARY);
        assert_eq!(echoes[number].payload, vec![number as u8; *len]);
        assert_eq!(pongs[number].payload, [number as u8]);
    }
}

/// The handshake too.
#[tokio::test]
async fn a_client_and_a_server_talk_through_a_pipe_of_one_byte() {
    beside(async {
        let (near, far) = tokio::io::duplex(1);
        let (client, server) = bounded(async {
            tokio::join!(
                ClientBuilder::new("ws://server.example.com/").connect_on(near),
                socket_flow::accept(far),
            )
        })
        .await;
        let (mut client, mut server) = (client.unwrap().0, server.unwrap());
        let talk = async {
            for len in SHORT {
                let text = "ü".repeat(len);
                client.queue(&*text).unwrap();
                let back = client.recv().await.unwrap().unwrap();
                assert_eq!(back.as_text(), Some(&*text));
            }
        };
        tokio::select! {
            result = echo(&mut server) => panic!("{result:?}"),
            () = bounded(talk) => {}
        }
    })
    .await;
}
