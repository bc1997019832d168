//! Web pages of somebody else, whose browsers send the user's cookies along.

use bytes::Bytes;
use http::Response;
use socket_flow::{OriginPolicy, Server, ServerBuilder, ServerHandle, ServerStream, WebSocket};

use crate::victim::{answer, refusal, server, status, with};

/// Requests for this host with these `Origin` lines, and the status of the answer.
async fn are_answered(policy: OriginPolicy, cases: &[(&str, &[&str], u16)]) {
    let server = server(|builder| builder.origin(policy)).await;
    for (host, origins, expected) in cases {
        let lines: String = origins
            .iter()
            .map(|origin| format!("Origin: {origin}\r\n"))
            .collect();
        let request = with(&lines).replace("server.example.com", host);
        let got = match expected {
            101 => status(&answer(&server, &request).await.0),
            // The whole answer, and the end of the connection.
            _ => status(&refusal(&server, &request).await),
        };
        assert_eq!(got, *expected, "{host} {origins:?}");
    }
}

/// A server that is told nothing lets a browser in from its own pages only: another page's gets
/// 403 and the end of the connection (RFC 6455 §4.2.2, §10.2; CVE-2025-24010).
#[tokio::test]
async fn pages_of_other_origins_get_403_and_the_end() {
    are_answered(
        OriginPolicy::SameOrigin,
        &[
            ("good.example", &[], 101),
            ("good.example", &["https://good.example"], 101),
            ("good.example", &["http://good.example"], 101),
            ("Good.Example", &["HTTPS://gOOD.eXAMPLE"], 101),
            ("good.example", &["https://good.example:443"], 101),
            ("good.example:443", &["https://good.example"], 101),
            ("good.example:8080", &["http://good.example:8080"], 101),
            ("[::1]:8080", &["http://[::1]:8080"], 101),
            ("good.example", &["https://evil.example"], 403),
            ("good.example", &["https://good.example.evil.com"], 403),
            ("good.example", &["https://evilgood.example"], 403),
            ("good.example", &["https://sub.good.example"], 403),
            ("sub.good.example", &["https://good.example"], 403),
            ("good.example", &["https://good.example@evil.com"], 403),
            ("good.example", &["https://good.example:80@evil.com"], 403),
            ("good.example", &["https://good.example."], 403),
            ("good.example", &["https://good.example:8443"], 403),
            ("good.example:8443", &["https://good.example"], 403),
            ("good.example:80", &["https://good.example"], 403),
            ("good.example", &["https://good.example/"], 403),
            ("good.example", &["https://good.example/x"], 403),
            ("good.example", &["app://good.example"], 403),
            ("good.example", &["good.example"], 403),
            ("good.example", &["//good.example"], 403),
            ("good.example", &["null"], 403),
            ("good.example", &["NULL"], 403),
            ("good.example", &[""], 403),
            ("good.example", &["*"], 403),
            ("good.example", &["https://"], 403),
            ("good.example", &["file://"], 403),
            ("localhost:9001", &["http://127.0.0.1:9001"], 403),
            (
                "good.example",
                &["https://good.example", "https://evil.com"],
                403,
            ),
            (
                "good.example",
                &["https://good.example https://evil.com"],
                403,
            ),
            (
                "good.example",
                &["https://good.example, https://evil.com"],
                403,
            ),
        ],
    )
    .await;
}

/// A list is a list of origins, in scheme, host and port (RFC 6454 §4, RFC 6455 §10.2; CVE-2025-24010).
#[tokio::test]
async fn an_allow_list_lets_in_what_is_on_it() {
    let list = OriginPolicy::allow_list([
        "https://good.example",
        "http://localhost:5173",
        "https://*.many.example",
        "file://",
    ]);
    are_answered(
        list.unwrap(),
        &[
            ("host.example", &[], 101),
            ("host.example", &["https://GOOD.example:443"], 101),
            ("host.example", &["http://localhost:5173"], 101),
            ("host.example", &["https://a.many.example"], 101),
            ("host.example", &["file://"], 101),
            ("host.example", &["https://many.example"], 403),
            ("host.example", &["https://a.b.many.example"], 403),
            ("host.example", &["https://*.many.example"], 403),
            ("host.example", &["https://.many.example"], 403),
            ("host.example", &["http://a.many.example"], 403),
            (
                "host.example",
                &["https://a.many.example.evil.example"],
                403,
            ),
            ("host.example", &["http://good.example"], 403),
            ("host.example", &["https://good.example:8443"], 403),
            ("host.example", &["http://localhost"], 403),
            ("host.example", &["https://host.example"], 403),
            ("host.example", &["null"], 403),
            (
                "host.example",
                &["https://good.example", "https://good.example"],
                403,
            ),
        ],
    )
    .await;
}

async fn with_page(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> ServerHandle {
    let page = |_: &_| Some(Response::new(Bytes::from_static(b"secret page")));
    set(Server::bind("127.0.0.1:0").respond(page))
        .serve_with(|ws: WebSocket<ServerStream>, _| async move {
            std::future::pending::<()>().await;
            drop(ws);
        })
        .await
        .unwrap()
}

/// A page whose own name leads to this machine has that name in `Host` and `Origin` alike, and is
/// kept from WebSockets and from what else is answered by what the server knows of its names
/// (DNS rebinding; RFC 9110 §7.4).
#[tokio::test]
async fn a_page_whose_name_leads_here_is_misdirected_where_hosts_are_known() {
    let open = with_page(|builder| builder).await;
    let local = with_page(ServerBuilder::hosts_local).await;
    let listed = with_page(|builder| builder.hosts(["good.example"]).unwrap()).await;
    let evil = with("Origin: http://evil.example:9001\r\n")
        .replace("server.example.com", "evil.example:9001");
    assert_eq!(status(&answer(&open, &evil).await.0), 101);
    for server in [&local, &listed] {
        assert_eq!(status(&refusal(server, &evil).await), 421);
        for version in ["1.1", "1.0"] {
            let get = format!("GET / HTTP/{version}\r\nHost: evil.example:9001\r\n\r\n");
            let got = refusal(server, &get).await;
            assert_eq!(status(&got), 421);
            assert!(!got.contains("secret page"), "{got}");
        }
    }
    for (server, host, expected) in [
        (&local, "localhost:9001", 101),
        (&local, "127.0.0.1:9001", 101),
        (&local, "[::1]:9001", 101),
        (&local, "192.168.1.7:9001", 101),
        (&listed, "good.example:9001", 101),
    ] {
        let request = with(&format!("Origin: http://{host}\r\n"));
        let request = request.replace("server.example.com", host);
        assert_eq!(
            status(&answer(server, &request).await.0),
            expected,
            "{host}"
        );
    }
    for (server, host) in [(&local, "good.example"), (&listed, "localhost")] {
        let request = with("").replace("server.example.com", host);
        assert_eq!(status(&refusal(server, &request).await), 421, "{host}");
    }
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert!(refusal(&local, get).await.ends_with("secret page"));
}
