//! Header values that are cheap to write and dear to read: quotes that never close, lists of
//! thousands, backslashes. That reading them takes at most eight steps a byte is counted beside
//! the parsers, in `handshake::header` and `handshake::extension`.

use socket_flow::ConnectError;
use socket_flow::handshake::client::VerifyError;
use socket_flow::handshake::header::ListError;

use crate::support::REQUEST;
use crate::victim::{answer, connect_to, refusal, server, status, with};

/// As long as a header line may be.
const LEN: usize = 8 * 1024 - 64;

/// Values that a backtracking grammar reads in quadratic or exponential time.
fn dear() -> Vec<String> {
    let fill = |start: &str, pattern: &str, end: &str| {
        let count = (LEN - start.len() - end.len()) / pattern.len();
        format!("{start}{}{end}", pattern.repeat(count))
    };
    vec![
        fill("x; y=\"", "a", ""),
        fill("x; y=\"", "\\a", ""),
        fill("x; y=\"", "\\\\\\\\", ""),
        fill("x; y=\"a\"", "\"", ""),
        fill("x", ";", ""),
        fill("x; y=", " ", "="),
        fill("x", "\t ", "y"),
        fill("x; y=\"a\" ", " ", "z"),
        fill("", "\"", ""),
        fill("x; ", "y = ", ""),
    ]
}

/// An unclosed quote over both lines of a full head, and other values of bad grammar
/// (RFC 6455 §9.1, RFC 9110 §5.6.4; CVE-2020-7662, CVE-2020-7663, CVE-2021-32640).
#[tokio::test]
async fn a_server_answers_400_to_lists_that_never_close() {
    let server = server(|builder| builder).await;
    for value in dear() {
        for name in ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"] {
            let line = format!("{name}: {value}\r\n");
            let answer = refusal(&server, with(&line)).await;
            assert_eq!(status(&answer), 400, "{line}");
        }
    }
    // Over a full head: lists of several lines are one list.
    let long = "a".repeat(7_900);
    let lines =
        format!("Sec-WebSocket-Extensions: x; y=\"{long}\r\nSec-WebSocket-Extensions: {long}\r\n");
    assert_eq!(status(&refusal(&server, with(&lines)).await), 400);
}

/// Long lists of good grammar are read to their end (RFC 6455 §9.1).
#[tokio::test]
async fn a_server_reads_lists_of_thousands() {
    let server = server(|builder| builder.subprotocols(["last"])).await;
    for value in [
        format!("{}x", "a; b=\"\\c\", ".repeat(700)),
        format!("a{}", "; b".repeat(2_500)),
        ",".repeat(LEN - 1) + "x",
    ] {
        let request = with(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
        assert_eq!(status(&answer(&server, &request).await.0), 101);
    }
    let names: String = (0..1_000).map(|n| format!("v{n}, ")).collect();
    let request = with(&format!("Sec-WebSocket-Protocol: {names}last\r\n"));
    let (head, _wire) = answer(&server, &request).await;
    assert!(
        head.contains("\r\nSec-WebSocket-Protocol: last\r\n"),
        "{head}"
    );
    let commas = REQUEST.replace("Connection: ", &format!("Connection: {}", ",".repeat(LEN)));
    assert_eq!(status(&answer(&server, &commas).await.0), 101);
}

/// The same values in an answer (RFC 6455 §9.1; CVE-2020-7662, CVE-2020-7663).
#[tokio::test]
async fn a_client_fails_on_lists_that_never_close() {
    for value in dear() {
        let line = format!("Sec-WebSocket-Extensions: {value}\r\n\r\n");
        let (connected, sent) = connect_to(|builder| builder, |ok| (ok + &line).into()).await;
        assert!(
            matches!(
                connected,
                Err(ConnectError::Verify(VerifyError::Extensions(_)))
            ),
            "{line}: {connected:?}"
        );
        assert_eq!(sent, b"");
    }
    let line = "Sec-WebSocket-Extensions: x; y=\"\r\n\r\n";
    let (connected, _) = connect_to(|builder| builder, |ok| (ok + line).into()).await;
    let unclosed = VerifyError::Extensions(ListError::UnclosedQuote);
    assert!(matches!(connected, Err(ConnectError::Verify(error)) if error == unclosed));
}
