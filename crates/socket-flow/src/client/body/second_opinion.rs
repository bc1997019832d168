//! Answers that refuse the handshake, with their bodies, beside `hyper`'s client.
//!
//! `docs/conformance.md` has the command that tries 100,000 inputs.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::{ClientBuilder, ConnectError};

/// Its status, its body, and whether that is whole; `None` where the head is refused.
type Read = Option<(u16, Vec<u8>, bool)>;

/// Answers one request with these bytes, and ends.
async fn answer(mut stream: DuplexStream, bytes: &[u8]) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut request).await.unwrap();
    }
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

async fn ours(stream: DuplexStream) -> Read {
    match ClientBuilder::new("ws://a/").connect_on(stream).await {
        Err(ConnectError::Rejected(rejected)) => Some((
            rejected.status().as_u16(),
            rejected.body().to_vec(),
            !rejected.is_truncated(),
        )),
        Err(ConnectError::Head(_) | ConnectError::UnexpectedEof) => None,
        other => panic!("{other:?}"),
    }
}

async fn theirs(stream: DuplexStream) -> Read {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("/").header("host", "a");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let Ok(response) = sender.send_request(request).await else {
        return None;
    };
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut read = Vec::new();
    let is_whole = loop {
        match body.frame().await {
            Some(Ok(frame)) => read.extend(frame.data_ref().into_iter().flatten()),
            Some(Err(_)) => break false,
            None => break true,
        }
    };
    connection.abort();
    Some((status, read, is_whole))
}

fn both(bytes: &[u8]) -> (Read, Read) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (ours, ()) = tokio::join!(ours(near), answer(far, bytes));
        let (near, far) = tokio::io::duplex(1 << 16);
        let (theirs, ()) = tokio::join!(theirs(near), answer(far, bytes));
        (ours, theirs)
    })
}

/// One of these texts; the first ones more often than the last.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    (0..texts.len(), 0..texts.len()).prop_map(|(a, b)| texts[a.min(b)].to_owned())
}

fn head() -> impl Strategy<Value = String> {
    let interim = one_of(&[
        "",
        "",
        "",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]);
    let start = one_of(&[
        "HTTP/1.1 403 x",
        "HTTP/1.1 503 x",
        "HTTP/1.1 200 x",
        "HTTP/1.1 204 x",
        "HTTP/1.1 304 x",
        "HTTP/1.1 205 x",
        "HTTP/1.0 403 x",
    ]);
    let length = prop_oneof![
        one_of(&[
            "5", "3", "0", "05", "5, 5", "5,", ",5", "5, 6", "+5", "", "5 5", "0x5"
        ])
        .prop_map(|value| format!("\r\nContent-Length: {value}")),
        one_of(&[
            "chunked",
            "chunked",
            "gzip, chunked",
            "Chunked ",
            "chunked,",
            "chunked, gzip",
            ",chunked",
            "identity",
            "",
        ])
        .prop_map(|value| format!("\r\nTransfer-Encoding: {value}")),
    ];
    let lengths = prop::collection::vec(length, 0..3);
    (interim, start, lengths)
        .prop_map(|(interim, start, lengths)| interim + &start + &lengths.concat() + "\r\n\r\n")
}

fn body() -> impl Strategy<Value = String> {
    let chunk = (
        "[a-z]{1,12}",
        one_of(&["", "", "0", "000"]),
        one_of(&[
            "",
            "",
            "",
            ";a",
            ";a=b",
            ";a=\"b;c\"",
            " ",
            " ;a",
            "\t",
            ";",
        ]),
    )
        .prop_map(|(data, zeros, rest)| format!("{zeros}{:X}{rest}\r\n{data}\r\n", data.len()));
    let end = one_of(&[
        "0\r\n\r\n",
        "0\r\n\r\n",
        "0\r\nA: b\r\n\r\n",
        "0\r\n",
        "00;x\r\n\r\n",
        "",
    ]);
    let chunks =
        (prop::collection::vec(chunk, 0..4), end).prop_map(|(chunks, end)| chunks.concat() + &end);
    prop_oneof![1 => "[a-z]{0,8}", 3 => chunks]
}

/// A byte is put in, taken away, or changed.
fn perhaps_spoilt(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let with = prop::sample::select(b"0159afxg;,\"= \t\r\n\x01\x7f\xe9-+".to_vec());
    let spoil = prop_oneof![
        3 => Just(None),
        1 => (any::<prop::sample::Index>(), 0..3_usize, with).prop_map(Some),
    ];
    (text, spoil).prop_map(|(text, spoil)| {
        let mut bytes = text.into_bytes();
        if let Some((at, how, with)) = spoil {
            let at = at.index(bytes.len() + 1);
            match bytes.get_mut(at) {
                Some(byte) if how == 0 => *byte = with,
                Some(_) if how == 1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, with),
            }
        }
        bytes
    })
}

/// The values of the headers of this name in the last head.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let head = head.trim_end_matches("\r\n\r\n");
    let head = head.rsplit("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let named = lines.filter(|(found, _)| *found == name);
    named.map(|(_, value)| value.trim()).collect()
}

/// Whether a difference is one of those that the page lists.
fn is_listed(head: &str, body: &[u8], ours: &Read, theirs: &Read) -> bool {
    let codings = values(head, "Transfer-Encoding");
    let lengths = values(head, "Content-Length");
    let is_plain =
        |length: &&str| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    match (ours, theirs) {
        // A length that is no number, or two that differ, and a coding in HTTP/1.0.
        (Some(_), None) => {
            let is_odd =
                !lengths.iter().all(is_plain) || lengths.iter().any(|one| *one != lengths[0]);
            let is_old = head.contains("HTTP/1.0 ") && !codings.is_empty();
            is_odd || is_old
        }
        (Some((status, ours, is_ours_whole)), Some((same, theirs, is_theirs_whole))) => {
            let last = codings.join(",");
            let (_, last) = last.trim_end().rsplit_once(',').unwrap_or(("", &last));
            let is_empty = !codings.is_empty() && last.trim().is_empty();
            // Nothing is read after the line of the last chunk.
            let is_last = *is_ours_whole && !is_theirs_whole && ours == theirs;
            // A control character in an extension ends the body.
            let is_control =
                body.iter().any(|byte| matches!(byte, ..b'\t' | 0x7f)) && !is_ours_whole;
            status == same && (is_empty || is_last || is_control && theirs.starts_with(ours))
        }
        (None, _) => false,
    }
}

proptest! {
    /// RFC 9112 §6.3, §7.1.
    #[test]
    fn bodies_are_read_as_hyper_reads_them(head in head(), body in perhaps_spoilt(body())) {
        let (ours, theirs) = both(&[head.as_bytes(), &body].concat());
        prop_assert!(
            ours == theirs || is_listed(&head, &body, &ours, &theirs),
            "{ours:?}, theirs {theirs:?}: {head:?} {}",
            body.escape_ascii()
        );
    }
}
