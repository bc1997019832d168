//! Compression within a budget that connections share.

use bytes::BytesMut;
use http::Request;
use socket_flow::protocol::{Lease, Purpose};
use socket_flow::{Acceptor, Budget, ClientBuilder, Deflate, Negotiated, WebSocket, http};
use tokio::io::DuplexStream;

const LIMIT: usize = 16 << 20;

/// To inflate, and to deflate at the usual level and window: measured by
/// `a_context_to_inflate_costs_48_kb_and_both_at_level_6_and_15_bits_428_kb`.
const INFLATE: usize = 48 << 10;
const DEFLATE: usize = 372 << 10;
const KEPT: usize = INFLATE + DEFLATE;

/// More than what other tests of this process have of the threads' buffers, which count as well.
const MARGIN: usize = 1 << 20;

/// What a client and a server agree on that draw from this budget, and both of them open.
async fn open(acceptor: &Acceptor) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let client = ClientBuilder::new("ws://a/").deflate(Deflate::balanced());
    let (client, server) = tokio::join!(client.connect_on(near), acceptor.accept(far));
    let (client, server) = (client.unwrap().0, server.unwrap());
    assert_eq!(client.negotiated(), server.negotiated());
    (client, server)
}

/// Whether contexts are kept from message to message; `None` without compression.
fn keeps(negotiated: &Negotiated) -> Option<bool> {
    let agreed = negotiated.deflate()?;
    let keeps = !agreed.server_no_context_takeover;
    assert_eq!(!agreed.client_no_context_takeover, keeps);
    Some(keeps)
}

/// Takes so many bytes.
fn take(budget: &Budget, bytes: usize) -> Lease {
    let mut lease = budget.lease(Purpose::Receiving);
    lease.set(bytes);
    lease
}

async fn echoes((client, server): &mut (WebSocket<DuplexStream>, WebSocket<DuplexStream>)) {
    let text = "the quick brown fox ".repeat(20);
    for _ in 0..3 {
        client.send(&*text).await.unwrap();
        let message = server.recv().await.unwrap().unwrap();
        server.send(message).await.unwrap();
        assert_eq!(
            client.recv().await.unwrap().unwrap().as_text(),
            Some(&*text)
        );
    }
}

#[tokio::test]
async fn contexts_are_kept_in_half_of_the_budget_then_not_and_then_nothing_is_compressed() {
    let budget = Budget::new(LIMIT);
    let acceptor = Acceptor::new()
        .budget(budget.clone())
        .deflate(Deflate::balanced());
    let mut reduced = 0;
    for (taken, expected) in [
        (0, Some(true)),
        (LIMIT / 2 - KEPT - MARGIN, Some(true)),
        (LIMIT / 2 - KEPT, Some(false)),
        (LIMIT - DEFLATE - MARGIN, Some(false)),
        (LIMIT - DEFLATE, None),
        (LIMIT, None),
        // Those that go make room for others.
        (0, Some(true)),
    ] {
        let rest = take(&budget, taken);
        let mut pair = open(&acceptor).await;
        assert_eq!(keeps(pair.1.negotiated()), expected, "{taken} taken");
        reduced += u64::from(expected != Some(true));
        let kept = if expected == Some(true) { KEPT } else { 0 };
        let usage = budget.usage();
        assert_eq!((usage.contexts, usage.reduced), (kept, reduced));
        drop(rest);
        echoes(&mut pair).await;
    }
}

#[tokio::test]
async fn without_a_budget_nothing_is_reduced_and_without_contexts_nothing_is_charged() {
    let offer = Deflate::smallest_memory();
    let budget = Budget::new(LIMIT);
    let all = take(&budget, LIMIT - DEFLATE - MARGIN);
    let acceptor = Acceptor::new().deflate(Deflate::balanced());
    assert_eq!(keeps(open(&acceptor).await.1.negotiated()), Some(true));
    let acceptor = acceptor.budget(budget.clone()).deflate(offer);
    let pair = open(&acceptor).await;
    assert_eq!(keeps(pair.1.negotiated()), Some(false));
    let usage = budget.usage();
    assert_eq!((usage.contexts, usage.reduced), (0, 0));
    drop(all);
}

#[tokio::test]
async fn a_request_of_another_server_is_reduced_alike_and_its_contexts_are_charged_until_it_opens()
{
    let budget = Budget::new(LIMIT);
    let acceptor = Acceptor::new()
        .budget(budget.clone())
        .deflate(Deflate::balanced());
    let request = Request::get("/chat")
        .header("host", "example.com")
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-extensions", "permessage-deflate")
        .body(())
        .unwrap();
    let (_, upgrade) = acceptor.upgrade(&request).unwrap();
    assert_eq!(budget.usage().contexts, KEPT);
    let ws = upgrade.open(tokio::io::duplex(100).0, BytesMut::new());
    assert_eq!(budget.usage().contexts, KEPT);
    drop(ws);
    assert_eq!(budget.usage().contexts, 0);

    let _rest = take(&budget, LIMIT / 2);
    let (response, _) = acceptor.upgrade(&request).unwrap();
    assert_eq!(
        response.headers()["sec-websocket-extensions"],
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    );
    assert_eq!(budget.usage().reduced, 1);
}
