//! The memory of a request's head, where connections share a budget.

use std::time::Duration;

use socket_flow::handshake::server::RejectReason;
use socket_flow::protocol::Purpose;
use socket_flow::{AcceptError, Acceptor, Budget, HeadLimits, NEVER};
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep, timeout};

use crate::scripted::with;
use crate::support::{Peer, REQUEST};

const LIMIT: usize = 1 << 20;

/// What Chromium sends, with cookies of 300 bytes.
fn usual() -> String {
    let browser = "Pragma: no-cache\r\n\
        Cache-Control: no-cache\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
        Chrome/140.0.0.0 Safari/537.36\r\n\
        Origin: http://server.example.com\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\n\
        Accept-Language: en-GB,en;q=0.9\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
        Sec-Fetch-Dest: websocket\r\n\
        Sec-Fetch-Mode: websocket\r\n\
        Sec-Fetch-Site: same-origin\r\n\
        X-Forwarded-For: 203.0.113.7\r\n\
        X-Forwarded-Proto: https\r\n\
        Cookie: session=";
    with(&[browser, &"a".repeat(300)].concat())
}

/// More than a share, in two lines.
fn large() -> String {
    let cookie = "a".repeat(6_000);
    with(&format!("Cookie: a={cookie}\r\nX: {cookie}"))
}

/// Less than a share, but what is made of the lines takes more.
fn many_lines() -> String {
    let lines = with("a:\r\n".repeat(90).trim_end());
    assert!(lines.len() < Budget::SHARE);
    lines
}

fn used_up(limit: usize, patience: Duration) -> (Budget, socket_flow::protocol::Lease) {
    let budget = Budget::with_patience(limit, patience);
    let mut lease = budget.lease(Purpose::Receiving);
    lease.set(limit);
    (budget, lease)
}

/// Accepts this request; how long that took, and what came of it.
async fn accept(budget: &Budget, request: &str) -> (Duration, Result<(), AcceptError>, String) {
    let (near, mut peer) = Peer::pair();
    peer.send(request).await;
    peer.shut_down().await;
    let acceptor = Acceptor::new().budget(budget.clone());
    let start = Instant::now();
    let accepted = acceptor.accept(near).await.map(drop);
    (start.elapsed(), accepted, peer.head().await)
}

#[tokio::test(start_paused = true)]
async fn a_usual_head_never_waits_for_memory() {
    let (budget, _all) = used_up(LIMIT, NEVER);
    for request in [REQUEST, &usual()] {
        let (elapsed, accepted, answer) = accept(&budget, request).await;
        accepted.unwrap();
        assert_eq!(elapsed, Duration::ZERO);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    }
    assert_eq!((budget.usage().refused, budget.usage().handshakes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_finds_no_memory_within_the_patience_is_refused_with_503_and_counted() {
    let (budget, _all) = used_up(LIMIT, Duration::from_secs(5));
    for (refused, request) in [(1, &large()), (2, &many_lines())] {
        let (elapsed, accepted, answer) = accept(&budget, request).await;
        let Err(AcceptError::Rejected(rejection)) = accepted else {
            panic!("{accepted:?}");
        };
        assert_eq!(*rejection.reason(), RejectReason::Memory);
        assert_eq!(elapsed, Duration::from_secs(5));
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let usage = budget.usage();
        assert_eq!((usage.refused, usage.handshakes), (refused, 0));
    }
}

/// Cause: what a head had held was charged until its client had read the refusal, though it was gone.
#[tokio::test(start_paused = true)]
async fn a_head_that_is_refused_for_want_of_memory_is_charged_no_more_while_its_client_lingers() {
    let budget = Budget::with_patience(LIMIT, Duration::from_secs(5));
    let (near, mut peer) = Peer::pair();
    let acceptor = Acceptor::new().budget(budget.clone());
    let accepting = tokio::spawn(async move { acceptor.accept(near).await.map(drop) });
    let request = large();
    let (front, back) = request.split_at(7_000);
    peer.send(front).await;
    sleep(Duration::from_millis(100)).await;
    assert!(budget.usage().handshakes > 4_000);
    let mut all = budget.lease(Purpose::Receiving);
    all.set(LIMIT);
    peer.send(back).await;
    let answer = peer.head().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(!accepting.is_finished());
    assert_eq!(budget.usage().handshakes, 0);
    accepting.await.unwrap().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_head_that_waits_for_memory_goes_on_at_once_when_there_is_some() {
    for patience in [Duration::from_secs(5), NEVER] {
        let (budget, all) = used_up(LIMIT, patience);
        let request = large();
        let (accepted, ()) = tokio::join!(accept(&budget, &request), async {
            sleep(Duration::from_secs(3)).await;
            drop(all);
        });
        let (elapsed, accepted, _) = accepted;
        accepted.unwrap();
        assert_eq!(elapsed, Duration::from_secs(3));
        assert_eq!(
            (budget.usage().refused, budget.usage().used),
            (0, budget.usage().buffers)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn heads_get_their_memory_in_the_order_in_which_they_asked_for_it() {
    let (budget, all) = used_up(LIMIT, NEVER);
    let (sender, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let mut peers = Vec::new();
    for number in 0..4 {
        let (near, mut peer) = Peer::pair();
        peer.send(many_lines()).await;
        peers.push(peer);
        let acceptor = Acceptor::new().budget(budget.clone());
        let sender = sender.clone();
        tokio::spawn(async move {
            acceptor.accept(near).await.unwrap();
            sender.send(number).unwrap();
        });
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(budget.usage().waiting, 4);
    let start = Instant::now();
    drop(all);
    for number in 0..4 {
        assert_eq!(opened.recv().await, Some(number));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((budget.usage().waiting, budget.usage().refused), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_gives_up_leaves_the_line_to_the_next() {
    let (budget, all) = used_up(LIMIT, NEVER);
    let (near, mut peer) = Peer::pair();
    peer.send(large()).await;
    let acceptor = Acceptor::new().budget(budget.clone());
    let mut first = Box::pin(acceptor.accept(near));
    assert!(timeout(Duration::ZERO, &mut first).await.is_err());
    let (budget_of_second, request) = (budget.clone(), large());
    let second = tokio::spawn(async move { accept(&budget_of_second, &request).await });
    sleep(Duration::from_millis(100)).await;
    // The first is called, and does not come.
    drop(all);
    drop(first);
    let start = Instant::now();
    second.await.unwrap().1.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((budget.usage().waiting, budget.usage().refused), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_patience_beyond_the_handshakes_deadline_ends_with_that_and_is_counted() {
    let (budget, _all) = used_up(LIMIT, NEVER);
    let (near, mut peer) = Peer::pair();
    peer.send(large()).await;
    let start = Instant::now();
    let acceptor = Acceptor::new().budget(budget.clone());
    let error = acceptor.accept(near).await.unwrap_err();
    assert!(matches!(error, AcceptError::Timeout), "{error:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!(budget.usage().refused, 1);
}

/// Accepts until the client has nothing more to say, and says what that is charged.
async fn charged(budget: &Budget, near: DuplexStream) -> usize {
    let acceptor = Acceptor::new().budget(budget.clone());
    let mut reading = Box::pin(acceptor.read(near));
    let at_once = timeout(Duration::from_millis(1), &mut reading).await;
    let usage = budget.usage();
    drop(at_once);
    usage.connections + usage.handshakes
}

#[tokio::test(start_paused = true)]
async fn what_is_read_of_a_head_and_a_request_that_waits_for_its_answer_are_charged() {
    let budget = Budget::new(LIMIT);
    let half = |len: usize| format!("GET / HTTP/1.1\r\na: {}\r\nb: ", "a".repeat(len));
    for (sent, least, most) in [
        (String::new(), Budget::SHARE, Budget::SHARE),
        (half(1_000), Budget::SHARE, Budget::SHARE),
        (half(8_000), 8_000, 14 << 10),
        (REQUEST.into(), Budget::SHARE, Budget::SHARE),
        (usual(), Budget::SHARE, 2 * Budget::SHARE),
        (large(), 12_000, 14 << 10),
    ] {
        let (near, mut peer) = Peer::pair();
        peer.send(&sent).await;
        let charged = charged(&budget, near).await;
        assert!(
            (least..=most).contains(&charged),
            "{charged} for {}",
            sent.len()
        );
        let usage = budget.usage();
        assert_eq!((usage.connections, usage.handshakes), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn heads_hold_no_more_than_the_budget_and_a_share_each() {
    const CLIENTS: usize = 200;
    let budget = Budget::new(LIMIT);
    let acceptor = Acceptor::new()
        .budget(budget.clone())
        .head_limits(HeadLimits::default().max_bytes(64 << 10));
    let mut peers = Vec::new();
    let mut accepting = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (near, mut peer) = Peer::pair();
        let line = format!("a: {}\r\n", "a".repeat(8_000));
        peer.send("GET / HTTP/1.1\r\n".to_owned() + &line.repeat(7))
            .await;
        let acceptor = acceptor.clone();
        accepting.spawn(async move { acceptor.accept(near).await.map(drop) });
        peers.push(peer);
    }
    while !accepting.is_empty() {
        let charged = budget.usage().handshakes;
        assert!(
            charged <= LIMIT + CLIENTS * Budget::SHARE,
            "{charged} bytes"
        );
        let _ = timeout(Duration::from_millis(10), accepting.join_next()).await;
    }
    // Each of the others held 56 KB until the deadline.
    let usage = budget.usage();
    assert!(
        (CLIENTS as u64 - 19..CLIENTS as u64).contains(&usage.refused),
        "{usage:?}"
    );
    assert_eq!(usage.handshakes, 0);
}
