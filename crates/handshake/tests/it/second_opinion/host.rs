//! Lists of hosts, beside the `url` crate: what browsers make of the host of a URL, which is what they
//! send. Names with `*` are compared with certificates, by `socket-flow`.

use http::Request;
use proptest::prelude::*;
use socket_flow_handshake::host::HostPolicy;
use socket_flow_handshake::server::{Choices, decide};
use url::{Host, Url};

use super::{one_of, perhaps_spoilt};

/// Few, so that many of them are the same.
fn host() -> impl Strategy<Value = String> {
    let host = (
        one_of(&[
            "a.example",
            "A.Example",
            "b.a.example",
            "localhost",
            "a.example.",
            "127.0.0.1",
            "[::1]",
            "[0::1]",
            "[::ffff:127.0.0.1]",
            "127.1",
            "0x7f.0.0.1",
            "a..example",
            "xn--bcher-kva.example",
            "b\u{fc}cher.example",
            "a%2eexample",
            "",
        ]),
        one_of(&[
            "", "", ":80", ":8080", ":443", ":0080", ":", ":0", ":65536", ":x",
        ]),
    )
        .prop_map(|(host, port)| host + &port);
    perhaps_spoilt(host, "/ ,@:?#.A\\_-")
}

/// The host as browsers send it, without a dot at its end, and the port that was written.
fn sent(text: &str) -> Option<(String, Option<u16>)> {
    if text.contains(['/', '@', '?', '#', '\\']) || text.trim() != text {
        return None;
    }
    // A scheme with a default port that no text has.
    let url = Url::parse(&format!("ftp://{text}/")).ok()?;
    let host = match url.host()? {
        // A scheme of the web's, for a host is a name of DNS there.
        Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        address => address.to_string(),
    };
    Some((host, url.port()))
}

/// Whether browsers send the text as it is, but for the case of letters, zeros before a port, and the
/// spelling of an IPv6 address.
fn is_plain(text: &str, host: &str) -> bool {
    let name = text.split(':').next().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    text.is_ascii() && (text.starts_with('[') || name == host)
}

/// What is in no list: an empty label, a port of 0 or none after the colon, marks that RFC 3986 has
/// in a host and no name has.
fn is_odd(text: &str, host: &str, port: Option<u16>) -> bool {
    host.split('.').any(str::is_empty) && !host.starts_with('[')
        || port == Some(0)
        || text.ends_with(':')
        || text.contains(',')
}

proptest! {
    /// RFC 9110 §7.4, §7.2.
    #[test]
    fn a_host_is_in_a_list_where_browsers_say_it_is_the_same(
        listed in prop::collection::vec(host(), 1..4),
        asked in host(),
    ) {
        let mut hosts = Vec::new();
        for text in &listed {
            let ours = HostPolicy::allow_list([text.as_str()]).is_ok();
            match sent(text) {
                Some((host, port)) if is_plain(text, &host) => {
                    let is_odd = is_odd(text, &host, port);
                    prop_assert!(ours || is_odd, "{text:?} is refused, theirs {host} {port:?}");
                    if ours {
                        hosts.push((text.as_str(), host, port));
                    }
                }
                // What they repair, or refuse, is in no list; a label `xn--` that is no punycode is a
                // name of ASCII to DNS.
                theirs => {
                    let is_odd = text.to_ascii_lowercase().contains("xn--");
                    prop_assert!(!ours || is_odd, "{text:?} is taken, theirs {theirs:?}");
                }
            }
        }
        let policy = HostPolicy::allow_list(hosts.iter().map(|(text, _, _)| *text)).unwrap();
        let Ok(request) = Request::get("/")
            .header("host", asked.as_bytes())
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "13")
            .body(())
        else {
            return Ok(());
        };
        let allowed = decide(&request, &Choices::default().hosts(policy)).is_ok();
        // Blanks around a header are not its value (RFC 9110 §5.5).
        let asked = asked.trim_matches(' ');
        let same = sent(asked).filter(|(host, _)| is_plain(asked, host));
        let is_listed = same.as_ref().is_some_and(|(host, port)| {
            hosts.iter().any(|(_, listed, only)| {
                // Without a port it is one of the web's, which a proxy in front may not pass on.
                let is_port = only.is_none() || only == port || port.is_none() && matches!(only, Some(80 | 443));
                listed == host && is_port
            })
        });
        let is_odd = same.is_some_and(|(host, port)| is_odd(asked, &host, port));
        prop_assert!(allowed == is_listed || is_odd, "{allowed}, theirs {is_listed}: {hosts:?}");
    }
}
