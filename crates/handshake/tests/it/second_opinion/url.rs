//! URLs, beside the `url` crate: the URL standard of the browsers.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use socket_flow_handshake::target::{Target, TargetError};
use url::{Host, Url};

use super::{one_of, perhaps_spoilt};

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9_-]{1,4}(\\.[a-z][a-z0-9-]{0,3}){0,2}\\.?",
        1 => any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}")),
        1 => any::<[u16; 8]>().prop_map(|words| format!("[{}]", std::net::Ipv6Addr::from(words))),
        1 => "\\[[0-9a-f:.]{0,10}\\]",
        1 => "[0-9a-fxX.]{1,10}",
        1 => "xn--[a-z0-9-]{0,6}",
        1 => "[!-~é€ ]{0,6}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let url = (
        one_of(&["ws", "wss", "WSS", "Ws", "http", "w+s", "1ws", ""]),
        one_of(&["://", "://", "://", ":///", ":/", ":", "//", ":\\\\"]),
        one_of(&[
            "",
            "",
            "",
            "u@",
            "u:p@",
            "u%3A:%40@",
            ":p@",
            "@",
            "u:p:q@",
            "é@",
            "%@",
            "a@b@",
        ]),
        host(),
        prop_oneof![
            4 => Just(String::new()),
            2 => (0_u16..).prop_map(|port| format!(":{port}")),
            1 => one_of(&[":80", ":443", ":", ":080", ":0", ":65536", ":+1", ":a"]),
        ],
        prop_oneof![
            2 => "(/[a-z.]{0,3}){0,4}",
            1 => "/[ -~é\u{7f}]{0,8}",
            1 => "(/(\\.|\\.\\.|%2e|%2E%2e|%41|a)){0,4}/?",
        ],
        prop_oneof![3 => Just(String::new()), 1 => "\\?[ -~é%]{0,8}".boxed()],
        one_of(&["", "", "", "", "#", "#top"]),
    )
        .prop_map(
            |(scheme, slashes, userinfo, host, port, path, query, fragment)| {
                format!("{scheme}{slashes}{userinfo}{host}{port}{path}{query}{fragment}")
            },
        );
    perhaps_spoilt(url, "%\\\t\n\r\0 /:@?#[]{}|^`\"<>'é\u{7f}\u{a0}\u{200b}A.")
}

/// What is between the `//` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// Path and query with every escape undone: which characters are escaped is compared nowhere.
fn resource(url: &Url) -> (Vec<u8>, Option<Vec<u8>>) {
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<_>>();
    (decode(url.path()), url.query().map(decode))
}

fn host_of(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => String::new(),
    }
}

/// What RFC 3986 has in no host, and the comma, which two `Host` headers that were joined have.
const NO_HOST: [char; 5] = ['"', '`', '{', '}', ','];

/// Whether a URL that the standard repairs, and we refuse, is one of those that the page lists.
fn is_listed(text: &str, error: &TargetError, theirs: &Url) -> bool {
    let authority = authority(text);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    // Tabs and line ends anywhere, control characters at the ends.
    let is_stripped = text.contains(['\t', '\n', '\r']) || text.trim_matches(|c| c <= ' ') != text;
    // Browsers take `\` for `/`.
    is_stripped
        || text.contains('\\')
        || match error {
            TargetError::Fragment => text.contains('#'),
            // `ws:host`, `ws:/host`, `ws:\\host`.
            TargetError::MissingScheme => {
                let rest = text.split_once(':').map_or("", |(_, rest)| rest);
                !rest.starts_with("//")
            }
            TargetError::Scheme(_) => !matches!(theirs.scheme(), "ws" | "wss"),
            // `ws:///host` and `ws://\host`.
            TargetError::MissingHost => authority.is_empty(),
            TargetError::Userinfo => authority.contains('@'),
            TargetError::NonAsciiHost => !host.is_ascii(),
            TargetError::Port => theirs.port() == Some(0),
            TargetError::Host => {
                let name = host
                    .split(':')
                    .next()
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let is_label = |label: &str| matches!(label.len(), 1..=63);
                let repaired = host.starts_with('[') || host_of(theirs) != name;
                let plain = name.strip_suffix('.').unwrap_or(&name);
                repaired || name.contains(NO_HOST) || !plain.split('.').all(is_label)
            }
            _ => {
                let mut escapes = text.match_indices('%');
                let is_escape = |at: usize| {
                    let digits = text.as_bytes().get(at + 1..at + 3);
                    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                };
                text.contains(|c: char| c.is_ascii_control())
                    || escapes.any(|(at, _)| !is_escape(at))
            }
        }
}

proptest! {
    /// RFC 6455 §3.
    #[test]
    fn a_url_means_what_it_means_to_browsers_or_is_refused_for_a_listed_reason(text in text()) {
        match (Target::parse(&text), Url::parse(&text)) {
            (Ok(ours), Ok(theirs)) => {
                let again = Url::parse(&ours.uri().to_string()).unwrap();
                prop_assert_eq!(theirs.scheme() == "wss", ours.is_secure());
                prop_assert_eq!(host_of(&theirs), ours.host());
                prop_assert_eq!(theirs.port_or_known_default(), Some(ours.port()));
                // They keep the letter of a drive before `..`, which only `file:` has.
                if !text.contains("|/") {
                    prop_assert_eq!(resource(&theirs), resource(&again));
                }
                let (user, password) = match ours.userinfo() {
                    Some(userinfo) => (userinfo.user(), userinfo.password().unwrap_or_default()),
                    None => (String::new(), String::new()),
                };
                let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
                prop_assert_eq!(decode(theirs.username()), user);
                prop_assert_eq!(decode(theirs.password().unwrap_or_default()), password);
            }
            // Punycode is not decoded here.
            (Ok(ours), Err(error)) => {
                let is_punycode = ours.host().split('.').any(|label| label.starts_with("xn--"));
                prop_assert!(is_punycode, "{error}");
            }
            (Err(error), Ok(theirs)) => {
                prop_assert!(is_listed(&text, &error, &theirs), "{error}: {theirs}");
            }
            (Err(_), Err(_)) => {}
        }
    }
}
