//! Web pages of somebody else, whose browsers send the user's cookies along.

use socket_flow::OriginPolicy;

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

/// A list is a list of origins, in scheme, host and port, and `null` is never on it
/// (RFC 6454 §4, RFC 6455 §10.2; CVE-2025-24010).
#[tokio::test]
async fn an_allow_list_lets_in_what_is_on_it() {
    let list = OriginPolicy::allow_list(["https://good.example", "http://localhost:5173"]);
    are_answered(
        list.unwrap(),
        &[
            ("host.example", &[], 101),
            ("host.example", &["https://GOOD.example:443"], 101),
            ("host.example", &["http://localhost:5173"], 101),
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
