//! What a SOCKS proxy answers, beside `hyper-util`'s client of one.
//!
//! `docs/conformance.md` has the command that tries 100,000 inputs.

use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use socket_flow_handshake::target::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tower_service::Service;

use super::*;

/// What came of it.
#[derive(Debug, PartialEq)]
enum Outcome {
    Open,
    WantsCredentials,
    RefusedCredentials,
    Refused(String),
    /// It is no answer of SOCKS 5.
    Invalid,
    /// It ended too early.
    End,
}

use Outcome::{End, Invalid, Open, Refused, RefusedCredentials, WantsCredentials};

async fn ours(mut stream: DuplexStream, target: &Target) -> Outcome {
    let connecting = connect(&mut stream, target.userinfo(), target.host(), target.port());
    match connecting.await {
        Ok(()) => Open,
        Err(ProxyError::AuthenticationRequired) => WantsCredentials,
        Err(ProxyError::AuthenticationFailed) => RefusedCredentials,
        Err(ProxyError::Socks(reply)) => Refused(format!("{reply:?}")),
        Err(ProxyError::InvalidReply) => Invalid,
        Err(ProxyError::Io(_) | ProxyError::UnexpectedEof) => End,
        Err(other) => panic!("{other:?}"),
    }
}

/// A connection that is there already.
struct There(Option<DuplexStream>);

impl Service<Uri> for There {
    type Response = TokioIo<DuplexStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().ok_or(io::ErrorKind::NotConnected);
        ready(stream.map(TokioIo::new).map_err(io::Error::from))
    }
}

async fn theirs(stream: DuplexStream, target: &Target) -> Outcome {
    let proxy = Uri::from_static("http://proxy.example:1080");
    let mut socks = SocksV5::new(proxy, There(Some(stream)));
    if let Some(userinfo) = target.userinfo() {
        let password = userinfo.password().unwrap_or_default();
        socks = socks.with_auth(userinfo.user(), password);
    }
    let server = match target.host() {
        address if address.contains(':') => format!("http://[{address}]:{}", target.port()),
        host => format!("http://{host}:{}", target.port()),
    };
    let Err(error) = socks.call(server.parse().unwrap()).await else {
        return Open;
    };
    // Its type cannot be named.
    let told = format!("{error:?}");
    let names: Vec<_> = told.split(['(', ')']).collect();
    match names[..] {
        ["Parsing", ..] | ["V5", "Auth", "MethodMismatch", ..] => Invalid,
        ["Io", ..] => End,
        ["V5", "Auth", "Unsupported", ..] => WantsCredentials,
        ["V5", "Auth", "Failed", ..] => RefusedCredentials,
        ["V5", "Command", "GeneralServerFailure", ..] => Refused("GeneralFailure".into()),
        ["V5", "Command", "ConnectionNotAllowed", ..] => Refused("NotAllowed".into()),
        ["V5", "Command", reply, ..] => Refused(reply.into()),
        _ => panic!("{told}"),
    }
}

/// Both outcomes, and all that was sent to the proxy.
fn both(target: &Target, answer: &[u8]) -> [(Outcome, Vec<u8>); 2] {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(async {
        let proxy = async |mut far: DuplexStream| {
            far.write_all(answer).await.unwrap();
            far.shutdown().await.unwrap();
            let mut sent = Vec::new();
            far.read_to_end(&mut sent).await.unwrap();
            sent
        };
        let (near, far) = tokio::io::duplex(1 << 12);
        let ours = tokio::join!(ours(near, target), proxy(far));
        let (near, far) = tokio::io::duplex(1 << 12);
        [ours, tokio::join!(theirs(near, target), proxy(far))]
    })
}

/// Mostly this byte.
fn mostly(byte: u8) -> impl Strategy<Value = u8> {
    prop_oneof![12 => Just(byte), 1 => any::<u8>()]
}

fn answer() -> impl Strategy<Value = Vec<u8>> {
    let method = (
        mostly(5),
        prop::sample::select(vec![0_u8, 0, 2, 2, 2, 0xff, 1]),
    );
    let method = method.prop_map(|(version, method)| vec![version, method]);
    let judged = prop_oneof![
        1 => Just(Vec::new()),
        2 => (mostly(1), mostly(0)).prop_map(|(version, status)| vec![version, status]),
    ];
    let bound = prop_oneof![
        any::<[u8; 6]>().prop_map(|rest| [&[1][..], &rest].concat()),
        any::<[u8; 18]>().prop_map(|rest| [&[4][..], &rest].concat()),
        "[a-z.]{1,9}"
            .prop_map(|name| [&[3, name.len() as u8][..], name.as_bytes(), &[0, 80]].concat()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    let reply = (
        mostly(5),
        prop_oneof![3 => Just(0), 2 => 0..12_u8],
        mostly(0),
        bound,
    );
    let reply = reply.prop_map(|(version, code, reserved, bound)| {
        [&[version, code, reserved][..], &bound].concat()
    });
    (
        method,
        judged,
        reply,
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(method, judged, reply, at, is_cut)| {
            let mut answer = [method, judged, reply].concat();
            if is_cut {
                answer.truncate(at.index(answer.len()));
            }
            answer
        })
}

/// Whether a difference is one of those that the page lists.
fn is_listed(has_credentials: bool, answer: &[u8], ours: &Outcome, theirs: &Outcome) -> bool {
    let (method, rest) = answer.split_at(answer.len().min(2));
    let is_judged = has_credentials && method == [5, 2];
    let (judged, reply) = rest.split_at(if is_judged { rest.len().min(2) } else { 0 });
    match (ours, theirs) {
        // A proxy that needs none of the credentials.
        (_, Invalid) if has_credentials && method == [5, 0] => true,
        // Another version of the subnegotiation.
        (_, Invalid) if is_judged && judged.first().is_some_and(|version| *version != 1) => true,
        // A refusal is told by its code, known or not, whatever follows; a byte of no meaning and a
        // name in no encoding are not looked at.
        (Refused(_), Invalid | End) => true,
        (Open, Invalid) => reply.get(2) != Some(&0) || reply.get(3) == Some(&3),
        // An address of an unknown kind is refused with the byte that says so.
        (Invalid, End) => matches!(reply, [5, 0, _, kind] if ![1, 3, 4].contains(kind)),
        // Four bytes are read before they are judged, of an answer that has fewer.
        (End, Invalid) => reply.len() < 4 || reply.get(2) != Some(&0),
        _ => false,
    }
}

proptest! {
    /// RFC 1928 §3, §6; RFC 1929 §2.
    #[test]
    fn a_proxy_is_understood_as_hyper_understands_it(
        answer in answer(),
        url in prop::sample::select(vec!["ws://a.example:9", "ws://192.0.2.1", "ws://[2001:db8::1]:9", "ws://u:p@a.example", "ws://user:word@192.0.2.1:9"]),
    ) {
        let target = Target::parse(url).unwrap();
        let [(ours, sent), (theirs, same)] = both(&target, &answer);
        // With credentials the way without them is offered as well.
        let offered = if target.userinfo().is_some() { 4 } else { 3 };
        let is_same = ours == theirs && sent[offered..] == same[3..];
        prop_assert!(
            is_same || is_listed(target.userinfo().is_some(), &answer, &ours, &theirs),
            "{ours:?} {sent:?}, theirs {theirs:?} {same:?}: {answer:?}"
        );
    }
}
