use std::ffi::OsStr;
use std::net::IpAddr;

use socket_flow_handshake::target::Target;

use crate::client::proxy::Proxy;
use crate::client::proxy::no_proxy::NoProxy;
use crate::client::proxy::url::{InvalidProxyUrl, parse};

/// What the environment says about proxies, read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    http: Option<Result<Proxy, InvalidProxyUrl>>,
    https: Option<Result<Proxy, InvalidProxyUrl>>,
    all: Option<Result<Proxy, InvalidProxyUrl>>,
    no_proxy: NoProxy,
}

impl Environment {
    pub(crate) fn read() -> Self {
        Self::from_variables(|name| std::env::var_os(name).map(|value| text(&value)))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        // In lower case first, as curl does; an empty one is none.
        let value = |name: &str| {
            [name.to_owned(), name.to_ascii_uppercase()]
                .iter()
                .find_map(|name| variable(name).filter(|value| !value.trim().is_empty()))
        };
        let proxy = |name| {
            value(name).map(|url| match url.trim() {
                url if url.contains("://") => parse(url),
                host => parse(&format!("http://{host}")),
            })
        };
        // A CGI program is given the header `Proxy` of its request under this name.
        let is_cgi = variable("REQUEST_METHOD").is_some();
        Self {
            http: if is_cgi { None } else { proxy("http_proxy") },
            https: proxy("https_proxy"),
            all: proxy("all_proxy"),
            no_proxy: value("no_proxy").map_or_else(NoProxy::default, |list| NoProxy::parse(&list)),
        }
    }

    /// The proxy for a server, if it is not to be connected to directly.
    pub(crate) fn proxy_for(&self, target: &Target) -> Result<Option<Proxy>, InvalidProxyUrl> {
        if is_loopback(target.host()) || self.no_proxy.contains(target.host(), target.port()) {
            return Ok(None);
        }
        let own = if target.is_secure() {
            &self.https
        } else {
            &self.http
        };
        own.as_ref().or(self.all.as_ref()).cloned().transpose()
    }
}

/// What is no text stays a value that cannot be read: a proxy that is set is not gone around.
fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a URL goes in this environment: the proxy's host, `-` for none, `!` for an error.
    fn route(variables: &[(&str, &str)], url: &str) -> String {
        let environment = Environment::from_variables(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        match environment.proxy_for(&Target::parse(url).unwrap()) {
            Ok(Some(proxy)) => proxy.host,
            Ok(None) => "-".into(),
            Err(_) => "!".into(),
        }
    }

    #[test]
    fn each_scheme_has_its_variables() {
        let all = [
            ("HTTP_PROXY", "http://plain"),
            ("HTTPS_PROXY", "http://secure"),
            ("ALL_PROXY", "socks5://all"),
        ];
        assert_eq!(route(&all, "ws://a/"), "plain");
        assert_eq!(route(&all, "wss://a/"), "secure");
        assert_eq!(route(&all[2..], "ws://a/"), "all");
        assert_eq!(route(&all[2..], "wss://a/"), "all");
        assert_eq!(route(&all[..1], "wss://a/"), "-");
        assert_eq!(route(&all[1..2], "ws://a/"), "-");
        assert_eq!(route(&[], "wss://a/"), "-");
    }

    #[test]
    fn lower_case_comes_first_and_empty_is_nothing() {
        let both = [("HTTPS_PROXY", "http://upper"), ("https_proxy", "lower:1")];
        assert_eq!(route(&both, "wss://a/"), "lower");
        let empty = [("HTTPS_PROXY", "http://upper"), ("https_proxy", " ")];
        assert_eq!(route(&empty, "wss://a/"), "upper");
    }

    #[cfg(unix)]
    #[test]
    fn a_proxy_that_is_no_text_is_not_gone_around() {
        use std::os::unix::ffi::OsStrExt;

        for value in [&b"http://u:\xe9@p"[..], b"http://p\xff", b"\xff"] {
            let value = text(OsStr::from_bytes(value));
            assert_eq!(route(&[("HTTP_PROXY", &value)], "ws://a/"), "!");
        }
        let list = text(OsStr::from_bytes(b"b\xff,a"));
        let proxied = [("HTTP_PROXY", "p"), ("NO_PROXY", &list)];
        assert_eq!(route(&proxied, "ws://a/"), "-");
    }

    #[test]
    fn a_cgi_program_believes_no_header() {
        let cgi = [
            ("HTTP_PROXY", "http://attacker"),
            ("http_proxy", "http://attacker"),
            ("HTTPS_PROXY", "http://secure"),
            ("ALL_PROXY", "http://all"),
            ("REQUEST_METHOD", "GET"),
        ];
        assert_eq!(route(&cgi, "ws://a/"), "all");
        assert_eq!(route(&cgi, "wss://a/"), "secure");
    }

    #[test]
    fn loopback_and_what_no_proxy_names_is_direct() {
        let variables = [
            ("all_proxy", "http://p"),
            ("NO_PROXY", "b.example,10.0.0.0/8"),
        ];
        for (url, expected) in [
            ("ws://a.example/", "p"),
            ("ws://c.b.example/", "-"),
            ("wss://10.1.2.3/", "-"),
            ("wss://11.1.2.3/", "p"),
            ("ws://localhost/", "-"),
            ("ws://LOCALHOST:9/", "-"),
            ("ws://a.localhost./", "-"),
            ("ws://127.3.2.1/", "-"),
            ("ws://[::1]/", "-"),
            ("ws://[::ffff:127.0.0.1]/", "-"),
            ("ws://localhost.example/", "p"),
        ] {
            assert_eq!(route(&variables, url), expected, "{url}");
        }
    }

    #[test]
    fn an_invalid_proxy_is_an_error_and_not_gone_around() {
        let variables = [("HTTPS_PROXY", "ftp://p"), ("ALL_PROXY", "http://all")];
        assert_eq!(route(&variables, "wss://a/"), "!");
        assert_eq!(route(&variables, "wss://localhost/"), "-");
    }
}
