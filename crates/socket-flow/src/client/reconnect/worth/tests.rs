//! The table and the code agree, for every cause there is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::Bytes;
use http::Response;
use socket_flow_connection::Error;
use socket_flow_handshake::client::{RequestError, VerifyError};
use socket_flow_handshake::head::HeadError;
use socket_flow_handshake::target::TargetError;
use socket_flow_protocol::CloseFrame;
use tokio_rustls::rustls;

use super::*;
use crate::client::dial::DialError;
use crate::client::proxy::InvalidProxyUrl;
use crate::client::redirect::RedirectError;
use crate::client::rejected::Rejected;
use crate::client::stage::ConnectStage;
use crate::invalid_header::InvalidHeader;

/// The row of the table that a cause stands in. A new cause does not compile until it has one.
fn row(cause: &DisconnectCause) -> &'static str {
    match cause {
        DisconnectCause::Closed(None) => "`Closed`, without a code",
        DisconnectCause::Closed(Some(frame)) => match frame.code.as_u16() {
            1002 | 1003 | 1007..=1010 => "`Closed`, 1002, 1003, 1007, 1008, 1009 or 1010",
            _ => "`Closed`, any other code",
        },
        DisconnectCause::Failed(_) => "`Failed`",
        DisconnectCause::Connect(error) => match error {
            ConnectError::Connect(_) => "`ConnectError::Connect`",
            ConnectError::Head(_) => "`ConnectError::Head`",
            ConnectError::InvalidHeader(_) => "`ConnectError::InvalidHeader`",
            ConnectError::Io(_) => "`ConnectError::Io`",
            ConnectError::Proxy(error) => proxy_row(error),
            ConnectError::Random(_) => "`ConnectError::Random`",
            ConnectError::Redirect(_) => "`ConnectError::Redirect`",
            ConnectError::Rejected(rejected) => match rejected.status().as_u16() {
                408 | 425 | 429 => "`ConnectError::Rejected`, 408, 425, 429",
                300..=499 => "`ConnectError::Rejected`, any other from 300 to 499",
                501 | 505 => "`ConnectError::Rejected`, 501, 505",
                _ => "`ConnectError::Rejected`, any other",
            },
            ConnectError::Request(_) => "`ConnectError::Request`",
            ConnectError::Resolve(_) => "`ConnectError::Resolve`",
            ConnectError::Target(_) => "`ConnectError::Target`",
            ConnectError::Timeout(_) => "`ConnectError::Timeout`",
            ConnectError::Tls(error) => tls_row(error),
            ConnectError::TlsUnavailable => "`ConnectError::TlsUnavailable`",
            ConnectError::UnexpectedEof => "`ConnectError::UnexpectedEof`",
            ConnectError::Verify(_) => "`ConnectError::Verify`",
        },
    }
}

fn proxy_row(error: &ProxyError) -> &'static str {
    match error {
        ProxyError::AuthenticationFailed => "`ProxyError::AuthenticationFailed`",
        ProxyError::AuthenticationRequired => "`ProxyError::AuthenticationRequired`",
        ProxyError::Connect(_) => "`ProxyError::Connect`",
        ProxyError::FieldLength => "`ProxyError::FieldLength`",
        ProxyError::Head(_) => "`ProxyError::Head`",
        ProxyError::InvalidReply => "`ProxyError::InvalidReply`",
        ProxyError::InvalidUrl(_) => "`ProxyError::InvalidUrl`",
        ProxyError::Io(_) => "`ProxyError::Io`",
        ProxyError::Rejected(_) => "`ProxyError::Rejected`",
        ProxyError::Resolve(_) => "`ProxyError::Resolve`",
        ProxyError::Socks(reply) => match reply {
            SocksReply::AddressTypeNotSupported => "`SocksReply::AddressTypeNotSupported`",
            SocksReply::CommandNotSupported => "`SocksReply::CommandNotSupported`",
            SocksReply::ConnectionRefused => "`SocksReply::ConnectionRefused`",
            SocksReply::GeneralFailure => "`SocksReply::GeneralFailure`",
            SocksReply::HostUnreachable => "`SocksReply::HostUnreachable`",
            SocksReply::NetworkUnreachable => "`SocksReply::NetworkUnreachable`",
            SocksReply::NotAllowed => "`SocksReply::NotAllowed`",
            SocksReply::Other(_) => "`SocksReply::Other`",
            SocksReply::TtlExpired => "`SocksReply::TtlExpired`",
        },
        ProxyError::Tls(error) => tls_row(error),
        ProxyError::TlsUnavailable => "`ProxyError::TlsUnavailable`",
        ProxyError::UnexpectedData => "`ProxyError::UnexpectedData`",
        ProxyError::UnexpectedEof => "`ProxyError::UnexpectedEof`",
    }
}

fn tls_row(error: &TlsError) -> &'static str {
    match error {
        TlsError::Alert(alert) if REFUSES_US.contains(alert) => {
            "`TlsError::Alert`, which refuses our certificate or us"
        }
        TlsError::Alert(_) => "`TlsError::Alert`, any other",
        TlsError::Certificate(_) => "`TlsError::Certificate`",
        TlsError::CertificateExpired(_) => "`TlsError::CertificateExpired`",
        TlsError::CertificateNotYetValid(_) => "`TlsError::CertificateNotYetValid`",
        TlsError::CertificateRequired => "`TlsError::CertificateRequired`",
        TlsError::CertificateRevoked(_) => "`TlsError::CertificateRevoked`",
        TlsError::InvalidMessage(_) => "`TlsError::InvalidMessage`",
        TlsError::Io(_) => "`TlsError::Io`",
        TlsError::NoRoots => "`TlsError::NoRoots`",
        TlsError::Other(_) => "`TlsError::Other`",
        TlsError::ServerName => "`TlsError::ServerName`",
        TlsError::Setup(_) => "`TlsError::Setup`",
        TlsError::UnexpectedEof => "`TlsError::UnexpectedEof`",
        TlsError::UnknownIssuer(_) => "`TlsError::UnknownIssuer`",
        TlsError::WrongName(_) => "`TlsError::WrongName`",
    }
}

fn io_error() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn tls_error() -> rustls::Error {
    rustls::Error::General(String::new())
}

fn rejected(status: u16) -> Box<Rejected> {
    let response = Response::builder().status(status).body(Bytes::new());
    Box::new(Rejected::new(response.unwrap(), false))
}

fn closed(code: u16) -> DisconnectCause {
    DisconnectCause::Closed(Some(CloseFrame {
        code: CloseCode::try_from(code).unwrap(),
        reason: "".into(),
    }))
}

/// One of each cause at least; what is expected stands in the table.
fn causes() -> Vec<DisconnectCause> {
    let mut causes = vec![
        DisconnectCause::Closed(None),
        DisconnectCause::Failed(Error::Closed { code: 1006 }),
        DisconnectCause::Failed(Error::Io(io_error())),
    ];
    let codes = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000,
    ];
    causes.extend(codes.map(closed));
    let mut errors = vec![
        ConnectError::Connect(DialError::new(Vec::new())),
        ConnectError::Head(HeadError::Version),
        ConnectError::InvalidHeader(InvalidHeader::Name),
        ConnectError::Io(io_error()),
        ConnectError::Random(io_error()),
        ConnectError::Redirect(RedirectError::TooMany),
        ConnectError::Request(RequestError::TooManyHeaders),
        ConnectError::Resolve(io_error()),
        ConnectError::Target(TargetError::Host),
        ConnectError::Timeout(ConnectStage::Proxy),
        ConnectError::TlsUnavailable,
        ConnectError::UnexpectedEof,
        ConnectError::Verify(VerifyError::WrongAccept),
    ];
    let statuses = [
        200, 204, 300, 302, 400, 401, 403, 404, 407, 408, 425, 426, 429,
    ];
    errors.extend(statuses.map(|status| ConnectError::Rejected(rejected(status))));
    errors.extend(
        [500, 501, 502, 503, 504, 505, 511, 599]
            .map(|status| ConnectError::Rejected(rejected(status))),
    );
    errors.extend(proxy_errors().into_iter().map(ConnectError::Proxy));
    errors.extend(tls_errors().into_iter().map(ConnectError::Tls));
    causes.extend(errors.into_iter().map(DisconnectCause::Connect));
    causes
}

fn proxy_errors() -> Vec<ProxyError> {
    let mut errors = vec![
        ProxyError::AuthenticationFailed,
        ProxyError::AuthenticationRequired,
        ProxyError::Connect(DialError::new(Vec::new())),
        ProxyError::FieldLength,
        ProxyError::Head(HeadError::Version),
        ProxyError::InvalidReply,
        ProxyError::InvalidUrl(InvalidProxyUrl::Scheme),
        ProxyError::Io(io_error()),
        ProxyError::Resolve(io_error()),
        ProxyError::TlsUnavailable,
        ProxyError::UnexpectedData,
        ProxyError::UnexpectedEof,
        ProxyError::Rejected(rejected(502)),
    ];
    errors.extend((0..=255).map(|code| ProxyError::Socks(SocksReply::from_code(code))));
    errors.extend(tls_errors().into_iter().map(ProxyError::Tls));
    errors
}

fn tls_errors() -> Vec<TlsError> {
    let mut errors = vec![
        TlsError::Certificate(tls_error()),
        TlsError::CertificateExpired(tls_error()),
        TlsError::CertificateNotYetValid(tls_error()),
        TlsError::CertificateRequired,
        TlsError::CertificateRevoked(tls_error()),
        TlsError::InvalidMessage(tls_error()),
        TlsError::Io(io_error()),
        TlsError::NoRoots,
        TlsError::Other(tls_error()),
        TlsError::ServerName,
        TlsError::Setup(tls_error()),
        TlsError::UnexpectedEof,
        TlsError::UnknownIssuer(tls_error()),
        TlsError::WrongName(tls_error()),
    ];
    errors.extend((0..=255).map(|alert| TlsError::Alert(AlertDescription::from(alert))));
    errors
}

#[test]
fn every_cause_is_judged_as_the_table_says() {
    let table: BTreeMap<&str, &str> = include_str!("../retried.md")
        .lines()
        .skip(2)
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    let mut seen = BTreeSet::new();
    for cause in causes() {
        let row = row(&cause);
        let again = match table.get(row).copied() {
            Some("yes") => true,
            Some("no") => false,
            // By status, as the next test shows.
            Some("as `ConnectError::Rejected`") => true,
            other => panic!("{row}: {other:?}"),
        };
        assert_eq!(cause.is_worth_retrying(), again, "{row}: {cause:?}");
        seen.insert(row);
    }
    assert_eq!(seen, table.keys().copied().collect());
}

#[test]
fn a_proxys_refusal_is_judged_as_a_servers() {
    for status in 200..=599 {
        let of = |error| DisconnectCause::Connect(error).is_worth_retrying();
        let server = of(ConnectError::Rejected(rejected(status)));
        let proxy = of(ConnectError::Proxy(ProxyError::Rejected(rejected(status))));
        assert_eq!(server, proxy, "{status}");
    }
    let refused = ConnectError::Proxy(ProxyError::Rejected(rejected(407)));
    assert!(!DisconnectCause::Connect(refused).is_worth_retrying());
}
