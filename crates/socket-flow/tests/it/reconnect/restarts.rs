//! Servers that come and go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket_flow::{
    Backoff, ClientBuilder, Error, ReconnectEvent, Server, ServerHandle, ServerStream, WebSocket,
};

type Heard = Arc<Mutex<Vec<u32>>>;

/// A server that notes what it hears.
async fn serve(addr: std::net::SocketAddr, heard: &Heard) -> ServerHandle {
    let heard = Arc::clone(heard);
    Server::bind(addr)
        .serve_with(move |mut ws: WebSocket<ServerStream>, _| {
            let heard = Arc::clone(&heard);
            async move {
                while let Some(message) = ws.recv().await? {
                    let number = message.as_text().unwrap().parse().unwrap();
                    heard.lock().unwrap().push(number);
                }
                Ok::<_, Error>(())
            }
        })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_repeated_over_ten_restarts() {
    const RESTARTS: usize = 10;
    let bounded = Duration::from_secs(60);
    let heard = Heard::default();
    let mut server = serve("127.0.0.1:0".parse().unwrap(), &heard).await;
    let addr = server.local_addr().unwrap();
    let backoff = Backoff::default()
        .first_delay(Duration::from_millis(5))
        .max_delay(Duration::from_millis(20));
    let mut client = ClientBuilder::new(format!("ws://{addr}/")).reconnect(backoff);
    let sender = client.sender();
    let (connected, mut connections) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        while let Some(event) = client.next().await {
            if matches!(event, ReconnectEvent::Connected(_)) {
                connected.send(()).unwrap();
            }
        }
    });
    let sending = tokio::spawn(async move {
        for number in 0_u32.. {
            sender.send(number.to_string()).await.unwrap();
            if number % 50 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    for _ in 0..RESTARTS {
        tokio::time::timeout(bounded, connections.recv())
            .await
            .unwrap()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let outcome = server.shutdown(bounded).await;
        assert_eq!(outcome.dropped, 0);
        server = serve(addr, &heard).await;
    }
    tokio::time::timeout(bounded, connections.recv())
        .await
        .unwrap()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    sending.abort();
    running.abort();
    let _ = (sending.await, running.await);
    server.shutdown(bounded).await;
    let heard = heard.lock().unwrap();
    assert!(heard.len() > 100, "{}", heard.len());
    let expected: Vec<_> = (0..heard.len() as u32).collect();
    assert_eq!(*heard, expected);
}
