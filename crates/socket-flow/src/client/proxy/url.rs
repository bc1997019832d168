use std::error::Error;
use std::fmt;

use http::HeaderMap;
use socket_flow_handshake::target::{Target, TargetError, Userinfo};

use crate::client::proxy::{Proxy, ProxyKind};

/// Why a URL names no proxy. Nothing of the URL is shown: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxyUrl {
    /// Host, port or userinfo are invalid.
    Authority(TargetError),
    /// No `://`.
    MissingScheme,
    /// There is a path, a query or a fragment behind the port.
    Path,
    /// A scheme other than `http`, `https`, `socks5` and `socks5h`.
    Scheme,
}

impl fmt::Display for InvalidProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authority(_) => "url of the proxy has an invalid host, port or userinfo",
            Self::MissingScheme => "url of the proxy has no scheme",
            Self::Path => "url of the proxy has a path",
            Self::Scheme => "url of the proxy needs the scheme http, https, socks5 or socks5h",
        })
    }
}

impl Error for InvalidProxyUrl {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Authority(error) => Some(error),
            Self::MissingScheme | Self::Path | Self::Scheme => None,
        }
    }
}

pub(crate) fn parse(url: &str) -> Result<Proxy, InvalidProxyUrl> {
    let (scheme, rest) = url
        .trim_matches(' ')
        .split_once("://")
        .ok_or(InvalidProxyUrl::MissingScheme)?;
    let kind = match scheme.to_ascii_lowercase().as_str() {
        "http" => ProxyKind::Http,
        "https" => ProxyKind::Https,
        "socks5" | "socks5h" => ProxyKind::Socks5,
        _ => return Err(InvalidProxyUrl::Scheme),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(InvalidProxyUrl::Path);
    }
    let (userinfo, authority) = match authority.rsplit_once('@') {
        Some((userinfo, authority)) => (Userinfo::parse(userinfo), authority),
        None => (Ok(None), authority),
    };
    // An authority is the same in every URL; two schemes show whether it names a port.
    let read = |scheme| {
        Target::parse(&format!("{scheme}://{authority}")).map_err(InvalidProxyUrl::Authority)
    };
    let (plain, secure) = (read("ws")?, read("wss")?);
    let port = if plain.port() == secure.port() {
        plain.port()
    } else {
        match kind {
            ProxyKind::Http => 80,
            ProxyKind::Https => 443,
            ProxyKind::Socks5 => 1080,
        }
    };
    let userinfo = userinfo.map_err(|_| InvalidProxyUrl::Authority(TargetError::Userinfo))?;
    // Any user and password fit into SOCKS (RFC 1929), and not into Basic (RFC 7617 §2).
    let fits = kind == ProxyKind::Socks5
        || userinfo
            .as_ref()
            .is_none_or(|userinfo| userinfo.basic_authorization().is_some());
    if !fits {
        return Err(InvalidProxyUrl::Authority(TargetError::Userinfo));
    }
    Ok(Proxy {
        kind,
        host: plain.host().to_owned(),
        port,
        userinfo,
        headers: HeaderMap::new(),
        #[cfg(feature = "rustls")]
        tls: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies_are_taken_apart() {
        for (url, kind, host, port, user) in [
            ("http://p", ProxyKind::Http, "p", 80, None),
            ("HTTP://P:3128/", ProxyKind::Http, "p", 3128, None),
            ("https://p", ProxyKind::Https, "p", 443, None),
            ("https://p:80", ProxyKind::Https, "p", 80, None),
            ("socks5://p", ProxyKind::Socks5, "p", 1080, None),
            ("socks5://p:80", ProxyKind::Socks5, "p", 80, None),
            (
                "socks5h://u:x@[::1]:9",
                ProxyKind::Socks5,
                "::1",
                9,
                Some("u"),
            ),
            (
                "http://u%40:x@p:8080",
                ProxyKind::Http,
                "p",
                8080,
                Some("u@"),
            ),
            (
                "socks5://a%3Ab:x@p",
                ProxyKind::Socks5,
                "p",
                1080,
                Some("a:b"),
            ),
            ("http://@p", ProxyKind::Http, "p", 80, None),
            ("socks5://:@p", ProxyKind::Socks5, "p", 1080, None),
            (" http://p ", ProxyKind::Http, "p", 80, None),
        ] {
            let proxy = parse(url).unwrap();
            assert_eq!((proxy.kind, &*proxy.host, proxy.port), (kind, host, port));
            let userinfo = proxy.userinfo.as_ref();
            assert_eq!(userinfo.map(Userinfo::user).as_deref(), user, "{url}");
            assert!(!format!("{proxy:?}").contains(":x"));
        }
    }

    #[test]
    fn urls_of_no_proxy_have_their_own_error() {
        for (url, error) in [
            ("", InvalidProxyUrl::MissingScheme),
            ("p:3128", InvalidProxyUrl::MissingScheme),
            ("socks4://p", InvalidProxyUrl::Scheme),
            ("ws://p", InvalidProxyUrl::Scheme),
            ("http://p/a", InvalidProxyUrl::Path),
            ("http://p?a", InvalidProxyUrl::Path),
            (
                "http://",
                InvalidProxyUrl::Authority(TargetError::MissingHost),
            ),
            ("http://p:0", InvalidProxyUrl::Authority(TargetError::Port)),
            ("http://p..q", InvalidProxyUrl::Authority(TargetError::Host)),
            ("http://p\\q", InvalidProxyUrl::Authority(TargetError::Host)),
            ("http://p q", InvalidProxyUrl::Authority(TargetError::Host)),
            (
                "socks5://127.1",
                InvalidProxyUrl::Authority(TargetError::Host),
            ),
            (
                "http://b\u{fc}cher.example",
                InvalidProxyUrl::Authority(TargetError::NonAsciiHost),
            ),
            (
                "http://a%3Ab:c@p",
                InvalidProxyUrl::Authority(TargetError::Userinfo),
            ),
            (
                "https://a%0ab:c@p",
                InvalidProxyUrl::Authority(TargetError::Userinfo),
            ),
            (
                "socks5://a%:c@p",
                InvalidProxyUrl::Authority(TargetError::Userinfo),
            ),
        ] {
            assert_eq!(parse(url).unwrap_err(), error, "{url}");
        }
    }
}
