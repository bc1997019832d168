//! What proxies ask of a server in plain HTTP: health checks of one that is full, and pages for
//! clients that are slow.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use socket_flow::{
    Backoff, ClientBuilder, ReconnectEvent, Server, ServerHandle, ServerStream, WebSocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::deployment::process::{Process, write};

const LEN: usize = 4 << 20;

async fn server() -> ServerHandle {
    let page = Bytes::from(vec![b'x'; LEN]);
    Server::bind("127.0.0.1:0")
        .max_connections(2)
        .respond(move |request| match request.uri().path() {
            "/health" => Some(Response::new(Bytes::from_static(b"fine"))),
            "/page" => Some(Response::new(page.clone())),
            _ => None,
        })
        .serve_with(async |mut ws: WebSocket<ServerStream>, _| ws.recv().await.map(drop))
        .await
        .unwrap()
}

/// Asks for the health ten times a second, and gives a server up that fails once.
async fn haproxy(backend: SocketAddr, path: &str) -> Option<Process> {
    Process::start("haproxy", |port, directory| {
        let text = format!(
            "defaults\n\
             mode http\n\
             timeout connect 5s\n\
             timeout client 60s\n\
             timeout server 60s\n\
             frontend pages\n\
             bind 127.0.0.1:{port}\n\
             default_backend chat\n\
             backend chat\n\
             option httpchk GET {path}\n\
             http-check expect status 200\n\
             server chat1 {backend} check inter 100ms fall 1 rise 1\n"
        );
        vec![
            "-db".into(),
            "-f".into(),
            write(directory, "haproxy.cfg", &text),
        ]
    })
    .await
}

/// Passes a page on as fast as its client takes it.
async fn nginx(backend: SocketAddr) -> Option<Process> {
    Process::start("nginx", |port, directory| {
        let directory = directory.display();
        let text = format!(
            "events {{}}\n\
             http {{\n\
             access_log off;\n\
             client_body_temp_path {directory}/body;\n\
             proxy_temp_path {directory}/proxy;\n\
             server {{\n\
             listen 127.0.0.1:{port};\n\
             location / {{ proxy_pass http://{backend}; proxy_buffering off; }}\n\
             }}\n\
             }}\n"
        );
        vec![
            "-c".into(),
            write(
                std::path::Path::new(&directory.to_string()),
                "nginx.conf",
                &text,
            ),
            "-g".into(),
            format!("daemon off; master_process off; pid {directory}/pid; error_log stderr;"),
        ]
    })
    .await
}

/// Fills the server up with WebSockets.
async fn fill(server: &ServerHandle) -> Vec<WebSocket<socket_flow::ClientStream>> {
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let mut all = Vec::new();
    while all.len() < 2 {
        // A health check may have the last place for a moment.
        if let Ok((ws, _)) = socket_flow::connect(&url).await {
            all.push(ws);
        }
    }
    all
}

async fn get(addr: SocketAddr, path: &str) -> String {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Whether the proxy stays of the opinion that the server is there, for a second.
async fn stays_up(proxy: SocketAddr) -> bool {
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if !get(proxy, "/health").await.ends_with("fine") {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn haproxy_sees_a_full_server_alive() {
    let server = server().await;
    let addr = server.local_addr().unwrap();
    let _all = fill(&server).await;
    if let Some(proxy) = haproxy(addr, "/health").await {
        assert!(stays_up(proxy.addr).await);
    }
    // It would see one that is not.
    if let Some(proxy) = haproxy(addr, "/other").await {
        assert!(!stays_up(proxy.addr).await);
    }
}

#[tokio::test]
async fn nginx_passes_the_health_of_a_full_server_on() {
    let server = server().await;
    let _all = fill(&server).await;
    if let Some(proxy) = nginx(server.local_addr().unwrap()).await {
        assert!(stays_up(proxy.addr).await);
    }
}

/// Reads a page at half a megabyte a second; how long it was.
async fn read_slowly(proxy: SocketAddr) -> usize {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut tcp = socket.connect(proxy).await.unwrap();
    let request = "GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let mut some = (&mut tcp).take(25_000);
        if some.read_to_end(&mut answer).await.unwrap() == 0 {
            break;
        }
    }
    let head = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    answer.len() - head
}

/// A link in front of the server that carries half a megabyte a second, and holds little.
async fn slow_link(backend: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(16 << 10).unwrap();
            let mut server = socket.connect(backend).await.unwrap();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    client.read_buf(&mut request).await.unwrap();
                }
                server.write_all(&request).await.unwrap();
                let mut ticks = tokio::time::interval(Duration::from_millis(50));
                loop {
                    ticks.tick().await;
                    let mut some = (&mut server).take(25_000);
                    if tokio::io::copy(&mut some, &mut client).await.unwrap() == 0 {
                        break;
                    }
                }
            });
        }
    });
    addr
}

#[tokio::test]
async fn a_page_arrives_whole_over_a_slow_link_and_a_proxy_at_its_end() {
    let server = server().await;
    let link = slow_link(server.local_addr().unwrap()).await;
    let page = async |addr| {
        let answer = get(addr, "/page").await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.len(), LEN);
    };
    tokio::join!(page(link), async {
        if let Some(proxy) = nginx(link).await {
            page(proxy.addr).await;
        }
    });
}

/// How long twenty clients that connect again are told to stay away by a server behind this proxy,
/// which asks for five seconds itself.
async fn told_to_wait(proxy: SocketAddr) -> Vec<Duration> {
    let mut delays = Vec::new();
    for _ in 0..20 {
        let builder = ClientBuilder::new(format!("ws://{proxy}/"));
        let mut client = builder.reconnect(Backoff::default());
        match client.next().await {
            Some(ReconnectEvent::Disconnected { retry_in, .. }) => delays.push(retry_in.unwrap()),
            other => panic!("{other:?}"),
        }
    }
    delays
}

#[tokio::test]
async fn clients_of_a_full_server_keep_to_what_the_proxy_in_front_adds() {
    let server = Server::bind("127.0.0.1:0").max_connections(0);
    let server = server
        .serve_with(async |mut ws: WebSocket<ServerStream>, _| ws.recv().await.map(drop))
        .await
        .unwrap();
    let backend = server.local_addr().unwrap();
    let haproxy = Process::start("haproxy", |port, directory| {
        let text = format!(
            "defaults\n\
             mode http\n\
             timeout connect 5s\n\
             timeout client 60s\n\
             timeout server 60s\n\
             frontend chat\n\
             bind 127.0.0.1:{port}\n\
             http-response add-header Retry-After 60\n\
             default_backend chat\n\
             backend chat\n\
             server chat1 {backend}\n"
        );
        let file = write(directory, "haproxy.cfg", &text);
        vec!["-db".into(), "-f".into(), file]
    });
    if let Some(proxy) = haproxy.await {
        let delays = told_to_wait(proxy.addr).await;
        let spread = Duration::from_secs(60)..=Duration::from_secs(75);
        assert!(
            delays.iter().all(|delay| spread.contains(delay)),
            "{delays:?}"
        );
        let different: std::collections::HashSet<_> = delays.iter().collect();
        assert!(different.len() >= 18, "{delays:?}");
    }
    // What the server asks for itself arrives as well.
    if let Some(proxy) = nginx(backend).await {
        let delays = told_to_wait(proxy.addr).await;
        let spread = Duration::from_secs(5)..=Duration::from_millis(6_250);
        assert!(
            delays.iter().all(|delay| spread.contains(delay)),
            "{delays:?}"
        );
    }
}

/// More than 5 s, which once was all a page had.
#[tokio::test]
async fn a_page_arrives_whole_through_proxies_at_the_pace_of_a_slow_client() {
    let server = server().await;
    let addr = server.local_addr().unwrap();
    let through = async |proxy: Option<Process>| {
        if let Some(proxy) = proxy {
            assert_eq!(read_slowly(proxy.addr).await, LEN);
        }
    };
    tokio::join!(
        async { through(haproxy(addr, "/health").await).await },
        async { through(nginx(addr).await).await },
    );
}
