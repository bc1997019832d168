use std::net::IpAddr;

/// The hosts that `NO_PROXY` names: they are connected to directly.
///
/// Entries are separated by commas or white space: `*`, a name with all names below it (with or
/// without a dot before it), `*.` and a name for those below it alone, an address, or a network as
/// `10.0.0.0/8`; with `:port` after it an entry holds for that port alone. What cannot be read names
/// nothing, and is logged as a warning.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Host {
    Any,
    Network {
        address: IpAddr,
        prefix: u32,
    },
    /// A name, and all below it.
    Domain(String),
    /// The names below this one.
    Below(String),
}

impl NoProxy {
    pub(crate) fn parse(list: &str) -> Self {
        let texts = list
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|text| !text.is_empty());
        let mut entries = Vec::new();
        for (text, number) in texts.zip(1..) {
            match Entry::parse(text) {
                Some(entry) => entries.push(entry),
                // Its number alone: it may be anything, a URL with a password too.
                None => tracing::warn!(number, "entry of NO_PROXY cannot be read, and is ignored"),
            }
        }
        Self { entries }
    }

    /// Whether it names a host, as [`Target::host`](socket_flow_handshake::target::Target::host)
    /// gives it.
    pub(crate) fn contains(&self, host: &str, port: u16) -> bool {
        self.entries.iter().any(|entry| entry.contains(host, port))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some(host) = Host::parse(text) {
            return Some(Self { host, port: None });
        }
        let (host, port) = text.rsplit_once(':')?;
        Some(Self {
            host: Host::parse(host)?,
            port: Some(port.parse().ok()?),
        })
    }

    fn contains(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        match &self.host {
            Host::Any => true,
            Host::Network { address, prefix } => host
                .parse()
                .is_ok_and(|host| is_in_network(host, *address, *prefix)),
            Host::Domain(domain) => {
                below(host, domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Host::Below(domain) => below(host, domain).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().ok()?)),
            None => (text, None),
        };
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(address);
        if let Ok(address) = bare.parse::<IpAddr>() {
            let all = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.unwrap_or(all);
            return (prefix <= all).then_some(Self::Network { address, prefix });
        }
        let (is_below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let domain = name.trim_matches('.').to_ascii_lowercase();
        let is_name = domain
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(is_label_byte))
            && !ends_in_a_number(&domain);
        match is_below {
            _ if !is_name => None,
            true => Some(Self::Below(domain)),
            false => Some(Self::Domain(domain)),
        }
    }
}

/// What stands before this domain in a host that ends with it. An address has no names above it.
fn below<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    host.strip_suffix('.').unwrap_or(host).strip_suffix(domain)
}

/// A host is ASCII: letters of other languages would match none.
fn is_label_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'_')
}

/// Part of an address, which is the name of no host.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_in_network(host: IpAddr, network: IpAddr, prefix: u32) -> bool {
    let (host, network, bits) = match (host.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(host), IpAddr::V4(network)) => (
            u128::from(host.to_bits()),
            u128::from(network.to_bits()),
            32,
        ),
        (IpAddr::V6(host), IpAddr::V6(network)) => (host.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let different = (host ^ network).checked_shr(bits - prefix.min(bits));
    different.is_none_or(|different| different == 0)
}

#[cfg(test)]
mod second_opinion;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suffixes_addresses_networks_and_ports_are_told_apart() {
        for (list, host, contained) in [
            ("", "a", false),
            ("*", "a", true),
            ("a.example", "a.example", true),
            ("A.Example", "a.example", true),
            ("a.example", "a.example.", true),
            ("a.example", "b.a.example", true),
            ("a.example", "ba.example", false),
            ("a.example", "example", false),
            (".a.example", "a.example", true),
            (".a.example", "b.a.example", true),
            ("b, a", "a", true),
            ("b a", "a", true),
            ("b,,a", "a", true),
            ("a:443", "a", true),
            ("a:80", "a", false),
            ("*:443", "a", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.11", false),
            ("192.0.2.1:443", "192.0.2.1", true),
            ("192.0.2.1:80", "192.0.2.1", false),
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.77", false),
            ("192.0.2.0/24", "::ffff:192.0.2.77", true),
            ("0.0.0.0/0", "192.0.2.77", true),
            ("0.0.0.0/0", "::1", false),
            ("0.0.0.0/0", "a", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("[2001:db8::1]", "2001:db8::1", true),
            ("[2001:db8::1]:443", "2001:db8::1", true),
            ("[2001:db8::1]:80", "2001:db8::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("192.0.2.0/33", "192.0.2.0", false),
            ("192.0.2.0/x", "192.0.2.0", false),
            ("2.1", "192.0.2.1", false),
            (".", "a", false),
            ("*.corp.example", "a.corp.example", true),
            ("*.corp.example", "a.b.corp.example", true),
            ("*.corp.example", "a.corp.example.", true),
            ("*.Corp.Example", "a.corp.example", true),
            ("*.corp.example", "corp.example", false),
            ("*.corp.example", "acorp.example", false),
            ("*.corp.example:443", "a.corp.example", true),
            ("*.corp.example:80", "a.corp.example", false),
            ("a,*.corp.example", "a.corp.example", true),
            ("*.1", "192.0.2.1", false),
            ("1a.example", "1a.example", true),
            ("a.2b", "a.2b", true),
            (" a\t,\nb ", "b", true),
            ("::1", "::1", true),
            ("[::1]:443", "::1", true),
            ("2001:DB8::1", "2001:db8::1", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("a.example.:443", "a.example", true),
            (".:443", "a", false),
        ] {
            assert_eq!(
                NoProxy::parse(list).contains(host, 443),
                contained,
                "{list:?} {host}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_names_nothing() {
        for list in [
            "corp.*",
            "a*.example",
            "**",
            "*.*.example",
            "*.",
            ".",
            "..",
            "a..b",
            "http://a",
            "a/b",
            "u:p@a",
            "a:b",
            "a:65536",
            "[::1",
            "10.0.0.0/33",
            "10.0.0.0/x",
            "10.0.0.*",
            "10.0.0",
            "192.168.",
            "010.0.0.1",
            "1.2.3.4.5",
            "10",
            "*.1",
            "192.168.0.0/255.255.0.0",
            "192.168.0.1-192.168.0.9",
            "b\u{fc}cher.example",
            "*example.com",
            "<local>",
            "\"a\"",
            "fe80::1%eth0",
            "a;b",
        ] {
            assert!(NoProxy::parse(list).entries.is_empty(), "{list}");
        }
    }
}
