//! Streams that report `Interrupted`, which means: again.

use http::Response;
use socket_flow::{Acceptor, ClientBuilder, ConnectError};
use socket_flow_testing::{Chaos, Fault, Faults, Mode};
use tokio::io::DuplexStream;

fn pipes(seed: u64, faults: &Faults) -> (Chaos<DuplexStream>, Chaos<DuplexStream>) {
    let (near, far) = tokio::io::duplex(4096);
    (
        Chaos::new(near, Mode::Both, seed, faults),
        Chaos::new(far, Mode::Both, !seed, faults),
    )
}

#[tokio::test]
async fn an_interrupted_read_or_write_does_not_end_the_handshake() {
    let faults = Faults::new();
    for seed in 0..20 {
        let (near, far) = pipes(seed, &faults);
        let (client, server) = tokio::join!(
            ClientBuilder::new("ws://pipe/").connect_on(near),
            socket_flow::accept(far),
        );
        assert!(client.is_ok() && server.is_ok(), "seed {seed}");
    }
    assert!(faults.count(Fault::Interrupted) > 0);
}

#[tokio::test]
async fn an_interrupted_read_or_write_does_not_cut_a_refusal_short() {
    for seed in 0..20 {
        let (near, far) = pipes(seed, &Faults::new());
        let refusing = async {
            let pending = Acceptor::new().read(far).await.unwrap();
            let body = "x".repeat(5000);
            let response = Response::builder().status(404).body(body).unwrap();
            pending.reject(response).await.unwrap();
        };
        let connecting = ClientBuilder::new("ws://pipe/").connect_on(near);
        let (result, ()) = tokio::join!(connecting, refusing);
        let Err(ConnectError::Rejected(rejected)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(rejected.status(), 404);
        assert_eq!(rejected.body().len(), 5000, "seed {seed}");
        assert!(!rejected.is_truncated());
    }
}
