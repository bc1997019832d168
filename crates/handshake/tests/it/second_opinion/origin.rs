//! Lists of origins, beside the origins of the `url` crate: those of the browsers.

use http::Request;
use proptest::prelude::*;
use socket_flow_handshake::origin::OriginPolicy;
use socket_flow_handshake::server::{Choices, decide};
use url::Url;

use super::{one_of, perhaps_spoilt};

/// Few, so that many of them are the same.
fn origin() -> impl Strategy<Value = String> {
    let origin = (
        one_of(&["https", "http", "HTTPS", "wss", "ws", "ftp", "app"]),
        one_of(&[
            "a.example",
            "A.example",
            "b.example",
            "[::1]",
            "[0::1]",
            "127.0.0.1",
            "127.1",
            "a.example.",
            "xn--bcher-kva.example",
            "b\u{fc}cher.example",
            "a",
            "a%2eexample",
            "",
        ]),
        one_of(&["", "", ":443", ":80", ":8080", ":0443", ":", ":0", ":65536"]),
    )
        .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"));
    let origin = prop_oneof![12 => origin, 1 => one_of(&["null", "", "*", "a.example"]).boxed()];
    perhaps_spoilt(origin, "/ ,@:*?#.A\\")
}

/// The origin as browsers write it. Those of a scheme that is an application's own they keep to
/// themselves: it is written as one of `ftp`, which has no other default port here.
fn serialized(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let origin = Url::parse(text).ok()?.origin();
    if origin.is_tuple() {
        return Some(origin.ascii_serialization());
    }
    let origin = Url::parse(&format!("ftp://{rest}")).ok()?.origin();
    Some(
        origin
            .ascii_serialization()
            .replace("ftp", &scheme.to_ascii_lowercase()),
    )
}

/// The page that connects to this URL.
fn page(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let scheme = match &*scheme.to_ascii_lowercase() {
        "ws" => "http".to_owned(),
        "wss" => "https".to_owned(),
        other => other.to_owned(),
    };
    format!("{scheme}://{rest}")
}

/// Whether the text is `scheme://host:port` as a browser writes it, but for the case of letters,
/// the default port, zeros before a port and the spelling of an IPv6 address.
fn is_plain(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let host = authority.split(':').next().unwrap_or_default();
    let is_kept = authority.starts_with('[')
        || serialized(text).is_some_and(|origin| {
            let (_, own) = origin.split_once("://").unwrap_or_default();
            own.split(':').next() == Some(&host.to_ascii_lowercase())
        });
    is_kept
        && !authority.contains(['/', '@', '?', '#', '\\', '*', ' ', ','])
        && text.is_ascii()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

proptest! {
    /// RFC 6454 §5, §7; RFC 6455 §10.2.
    #[test]
    fn an_origin_is_in_a_list_where_browsers_say_it_is_the_same(
        listed in prop::collection::vec(origin(), 1..4),
        asked in origin(),
    ) {
        let plain: Vec<&str> = listed.iter().map(String::as_str).filter(|one| is_plain(one)).collect();
        // What is no origin, or has a wildcard, is another test's.
        let Ok(policy) = OriginPolicy::allow_list(plain.iter().copied()) else {
            let is_odd = |one: &&str| {
                let (_, authority) = one.split_once("://").unwrap_or_default();
                // A name with an empty label is that of no host.
                let is_empty = authority.starts_with('.') || authority.contains("..");
                serialized(one).is_none() || one.ends_with(":0") || is_empty
            };
            prop_assert!(plain.iter().any(is_odd), "{plain:?}");
            return Ok(());
        };
        let Ok(request) = Request::get("/")
            .header("host", "server.example")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "13")
            .header("origin", asked.as_bytes())
            .body(())
        else {
            return Ok(());
        };
        let allowed = decide(&request, &Choices::default().origin(policy)).is_ok();
        let same = serialized(&asked).filter(|_| is_plain(&asked));
        // In a list, the URL of a connection stands for the page as well.
        let means = |one: &&str| [serialized(one), serialized(&page(one))].contains(&same);
        let is_same = same.is_some() && plain.iter().any(means);
        prop_assert_eq!(allowed, is_same, "{:?}", plain);
    }
}
