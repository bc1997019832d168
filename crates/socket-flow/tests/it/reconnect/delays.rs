//! When another attempt is made, and whether.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Response;
use socket_flow::{
    Acceptor, Backoff, ClientBuilder, CloseCode, ConnectError, DisconnectCause, Error,
    ReconnectEvent, Reconnecting, Retry,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::reconnect::tools::{Client, Network, disconnected};

fn seconds(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count))
}

fn backoff() -> Backoff {
    Backoff::default().first_delay(Duration::from_secs(1))
}

/// RFC 6455 §7.2.3.
#[tokio::test(start_paused = true)]
async fn each_failure_in_a_row_doubles_the_delay_and_it_is_waited() {
    let (mut client, mut network) = Network::new(backoff().max_delay(Duration::from_secs(5)));
    network.refusals.store(5, Ordering::SeqCst);
    let start = Instant::now();
    for expected in [1, 2, 4, 5, 5] {
        let (cause, retry_in) = disconnected(&mut client).await;
        assert!(
            matches!(cause, DisconnectCause::Connect(ConnectError::Io(_))),
            "{cause:?}"
        );
        assert_eq!(retry_in, seconds(expected));
        drop(network.dialled().await);
    }
    let server = network.open(&mut client).await;
    assert_eq!(start.elapsed().as_secs(), 17);
    drop(server);
}

/// RFC 6455 §7.2.3.
#[tokio::test(start_paused = true)]
async fn the_first_delay_and_those_after_it_are_random_unless_told_otherwise() {
    let mut delays = HashSet::new();
    for _ in 0..20 {
        let refuse = || async { Err(io::ErrorKind::ConnectionRefused.into()) };
        let mut client: Client = ClientBuilder::new("ws://pipe/").reconnect_on(backoff(), refuse);
        for longest in [1000, 2000] {
            let (_, retry_in) = disconnected(&mut client).await;
            let delay = retry_in.unwrap();
            assert!(
                (longest / 2..=longest).contains(&delay.as_millis()),
                "{delay:?}"
            );
            delays.insert(delay);
        }
    }
    // Two equal ones among 40 are hardly ever drawn.
    assert!(delays.len() >= 38, "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn only_a_connection_that_lasts_makes_the_next_failure_the_first() {
    let (mut client, mut network) = Network::new(backoff());
    for (lasts, expected) in [(0, 1), (29, 2), (29, 4), (30, 1), (0, 2)] {
        let mut server = network.open(&mut client).await;
        let serving = tokio::spawn(async move {
            let lasting = Duration::from_secs(lasts);
            let _ = tokio::time::timeout(lasting, server.recv()).await;
        });
        let (cause, retry_in) = disconnected(&mut client).await;
        assert_eq!(retry_in, seconds(expected), "{lasts} {cause:?}");
        serving.await.unwrap();
    }
}

/// RFC 9110 §10.2.3.
#[tokio::test(start_paused = true)]
async fn the_server_says_when_to_come_back() {
    for (value, expected) in [("7", 7), ("0", 1), ("100000", 3600), ("never", 1)] {
        let (mut client, mut network) = Network::new(backoff());
        let refusing = async {
            let pending = Acceptor::new().read(network.dialled().await).await.unwrap();
            let answer = Response::builder().status(503).header("retry-after", value);
            pending.reject(answer.body("").unwrap()).await.unwrap();
        };
        let ((cause, retry_in), ()) = tokio::join!(disconnected(&mut client), refusing);
        assert!(matches!(
            cause,
            DisconnectCause::Connect(ConnectError::Rejected(_))
        ));
        assert_eq!(retry_in, seconds(expected), "{value}");
    }
}

/// RFC 9110 §10.2.3.
#[tokio::test(start_paused = true)]
async fn clients_that_were_told_the_same_time_do_not_come_back_together() {
    let mut delays = HashSet::new();
    for _ in 0..20 {
        let dial = || async {
            let (near, mut far) = tokio::io::duplex(1 << 16);
            far.write_all(b"HTTP/1.1 503 x\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n")
                .await?;
            // Open while the client writes its request.
            tokio::spawn(async move { far.read_to_end(&mut Vec::new()).await });
            Ok(near)
        };
        let mut client: Client =
            ClientBuilder::new("ws://pipe/").reconnect_on(Backoff::default(), dial);
        let delay = disconnected(&mut client).await.1.unwrap();
        assert!((60_000..=75_000).contains(&delay.as_millis()), "{delay:?}");
        delays.insert(delay);
    }
    // Two equal ones among 20 are hardly ever drawn.
    assert!(delays.len() >= 18, "{delays:?}");
}

/// RFC 9110 §5.3, §6.6.1, §10.2.3, §15.2.
#[tokio::test(start_paused = true)]
async fn no_way_to_say_when_brings_all_clients_back_at_once_or_too_early() {
    for answer in [
        "HTTP/1.1 429 x\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 503 x\r\nretry-after:\t60 \r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 x\r\nRetry-After: 5\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 x\r\nRetry-After: 60, 5\r\nContent-Length: 0\r\n\r\n",
        // What comes before the answer, and after its body, says nothing.
        "HTTP/1.1 103 x\r\nRetry-After: 3000\r\n\r\n\
         HTTP/1.1 503 x\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 x\r\nRetry-After: 60\r\nTransfer-Encoding: chunked\r\n\r\n\
         1\r\na\r\n0\r\nRetry-After: 3000\r\n\r\n",
        // A clock of 1994.
        "HTTP/1.1 503 x\r\nDate: Sun, 06 Nov 1994 08:48:37 GMT\r\n\
         Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n",
    ] {
        let mut delays = HashSet::new();
        for _ in 0..20 {
            let dial = move || async move {
                let (near, mut far) = tokio::io::duplex(1 << 16);
                far.write_all(answer.as_bytes()).await?;
                tokio::spawn(async move { far.read_to_end(&mut Vec::new()).await });
                Ok(near)
            };
            let mut client: Client =
                ClientBuilder::new("ws://pipe/").reconnect_on(Backoff::default(), dial);
            let delay = disconnected(&mut client).await.1.unwrap();
            let millis = delay.as_millis();
            assert!((60_000..=75_000).contains(&millis), "{delay:?}: {answer}");
            delays.insert(delay);
        }
        assert!(delays.len() >= 18, "{delays:?}: {answer}");
    }
}

/// RFC 6455 §7.2.3, §7.4.1.
#[tokio::test(start_paused = true)]
async fn clients_that_a_restart_closed_do_not_come_back_together() {
    for code in [1001, 1011, 1012, 1013, 1014] {
        let mut delays = HashSet::new();
        for _ in 0..20 {
            let dial = move || async move {
                let (near, far) = tokio::io::duplex(1 << 16);
                tokio::spawn(async move {
                    let mut ws = socket_flow::accept(far).await.unwrap();
                    let code = CloseCode::try_from(code).unwrap();
                    ws.close(code, "").await.unwrap();
                });
                Ok(near)
            };
            let mut client: Client =
                ClientBuilder::new("ws://pipe/").reconnect_on(Backoff::default(), dial);
            let connected = client.next().await;
            assert!(matches!(connected, Some(ReconnectEvent::Connected(_))));
            delays.insert(disconnected(&mut client).await.1.unwrap());
        }
        assert!(delays.len() >= 18, "{code}: {delays:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_only_end_the_same_way_is_not_tried_again() {
    let (mut client, mut network) = Network::new(backoff());
    let refusing = async {
        let pending = Acceptor::new().read(network.dialled().await).await.unwrap();
        let answer = Response::builder().status(403).body("").unwrap();
        pending.reject(answer).await.unwrap();
    };
    let ((_, retry_in), ()) = tokio::join!(disconnected(&mut client), refusing);
    assert_eq!(retry_in, None);
    assert!(client.next().await.is_none());
    assert!(client.next().await.is_none());

    for url in ["no url", "wss://a..b/", "ws://a%3Ab:c@d/", "ws://127.1/"] {
        let mut client: Reconnecting = ClientBuilder::new(url).reconnect(backoff());
        match client.next().await {
            Some(ReconnectEvent::Disconnected {
                cause,
                retry_in: None,
            }) => {
                assert!(matches!(
                    cause,
                    DisconnectCause::Connect(ConnectError::Target(_))
                ));
            }
            other => panic!("{url}: {other:?}"),
        }
        assert!(client.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn it_gives_up_after_as_many_failures_as_it_may() {
    let (mut client, network) = Network::new(backoff().attempts(3));
    network.refusals.store(9, Ordering::SeqCst);
    for expected in [seconds(1), seconds(2), None] {
        assert_eq!(disconnected(&mut client).await.1, expected);
    }
    assert!(client.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_application_decides_what_is_worth_another_attempt() {
    let (client, mut network) = Network::new(backoff());
    let mut client = client.retry_if(|cause| match cause {
        DisconnectCause::Closed(Some(frame)) if frame.code == CloseCode::NORMAL => Retry::No,
        DisconnectCause::Failed(Error::Closed { .. }) => Retry::After(Duration::from_secs(77)),
        _ => Retry::Yes,
    });
    let server = network.open(&mut client).await;
    drop(server.into_parts());
    assert_eq!(disconnected(&mut client).await.1, seconds(77));
    let mut server = network.open(&mut client).await;
    let closing = server.close(CloseCode::NORMAL, "");
    let ((cause, retry_in), _) = tokio::join!(disconnected(&mut client), closing);
    assert!(
        matches!(cause, DisconnectCause::Closed(Some(_))),
        "{cause:?}"
    );
    assert_eq!(retry_in, None);
    assert!(client.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_application_ends_it_in_every_state() {
    // Open: with a closing handshake.
    let (mut client, mut network) = Network::new(backoff());
    let mut server = network.open(&mut client).await;
    client.sender().try_send("last").unwrap();
    client.sender().close(CloseCode::NORMAL, "bye").unwrap();
    let serving = tokio::spawn(async move {
        assert!(server.recv().await.unwrap().is_some());
        assert_eq!(server.recv().await.unwrap(), None);
        server.close_frame().unwrap().reason.clone()
    });
    assert_eq!(disconnected(&mut client).await.1, None);
    assert!(client.next().await.is_none());
    assert_eq!(&*serving.await.unwrap(), "bye");

    // Waiting, and connecting: at once, also while it is polled.
    for is_refused in [1, 0] {
        let (mut client, network) = Network::new(backoff());
        network.refusals.store(is_refused, Ordering::SeqCst);
        let sender = client.sender();
        if is_refused == 1 {
            disconnected(&mut client).await;
        }
        let start = Instant::now();
        let ending = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            sender.close(CloseCode::NORMAL, "").unwrap();
        };
        let (event, ()) = tokio::join!(client.next(), ending);
        assert!(event.is_none(), "{event:?}");
        assert_eq!(start.elapsed().as_millis(), 10);
    }
}
