//! `NO_PROXY`, beside `hyper-util`, which reads it as curl does.
//!
//! `docs/conformance.md` has the command that tries 100,000 inputs.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use proptest::prelude::*;
use socket_flow_handshake::target::Target;

use super::NoProxy;

/// Few names and networks, so that many of them meet.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(
        &[
            "a",
            "b.a",
            "c.b.a",
            "ba",
            "A",
            "B.a",
            "a-b",
            "a_b",
            "localhost",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn address() -> impl Strategy<Value = String> {
    let addresses = [
        "10.0.0.1",
        "10.0.0.2",
        "10.1.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "2001:db8::1",
        "2001:db8:1::1",
        "2001:db8::ffff:1",
        "::ffff:10.0.0.1",
    ];
    prop::sample::select(addresses.to_vec()).prop_map(str::to_owned)
}

fn entry() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => name(),
        1 => name().prop_map(|name| format!(".{name}")),
        2 => address(),
        2 => (address(), 0..=129_u8).prop_map(|(address, prefix)| format!("{address}/{prefix}")),
        1 => prop::sample::select(&["*", "", " ", "a.", "*.a", "a:80", "[::1]", "[::1]:80", "a/8", "http://a", "10.0.0.", "10.0.0.0/08", "\u{e9}.a"][..])
            .prop_map(str::to_owned),
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => name(),
        1 => name().prop_map(|name| format!("{name}.")),
        3 => address().prop_map(|address| match address.contains(':') {
            true => format!("[{address}]"),
            false => address,
        }),
    ]
}

/// Whether an entry is one that only we read, or read in another way, as the page lists: a port,
/// brackets, `*.`, a dot at the end; and what is no entry here but a name there, which no host has.
fn is_listed(entry: &str) -> bool {
    let is_address = entry.parse::<IpAddr>().is_ok();
    // A star names addresses as well, as in curl.
    entry == "*" || entry.ends_with('.') || entry.starts_with("*.") || entry.starts_with('[')
        || entry.contains(':') && !is_address && !entry.contains('/')
        // An address of IPv4 within IPv6 is that of IPv4 here.
        || entry.starts_with("::ffff:")
        // Every address of IPv6 is in `::/0`; one of IPv4 written so is not.
        || entry.starts_with("::") && entry.contains('/')
}

proptest! {
    #[test]
    fn no_proxy_is_read_as_hyper_reads_it(
        entries in prop::collection::vec(entry(), 0..4),
        comma in prop::sample::select(&[",", ", ", " , ", ",,"][..]),
        host in host(),
    ) {
        let list = entries.join(comma);
        let target = Target::parse(&format!("ws://{host}/")).unwrap();
        let ours = NoProxy::parse(&list).contains(target.host(), target.port());
        let matcher = Matcher::builder().all("http://proxy.example").no(list.as_str()).build();
        let uri: Uri = format!("http://{host}/").parse().unwrap();
        let theirs = matcher.intercept(&uri).is_none();
        let is_listed = host.ends_with('.')
            || host.starts_with("[::ffff:")
            || entries.iter().any(|entry| is_listed(entry));
        prop_assert!(ours == theirs || is_listed, "ours {ours}, theirs {theirs}: {list:?}");
    }

    /// curl and hyper take commas alone; here white space separates as well.
    #[test]
    fn white_space_separates_as_a_comma_does(
        entries in prop::collection::vec(entry(), 0..4),
        host in host(),
    ) {
        let target = Target::parse(&format!("ws://{host}/")).unwrap();
        let by = |separator| {
            let list = NoProxy::parse(&entries.join(separator));
            list.contains(target.host(), target.port())
        };
        prop_assert_eq!(by(","), by(" "));
        prop_assert_eq!(by(","), by("\t\n"));
    }
}
