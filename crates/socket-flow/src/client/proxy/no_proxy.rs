use std::net::IpAddr;

/// The hosts that `NO_PROXY` names: they are connected to directly.
///
/// Entries are separated by commas or white space: `*`, a name with all names below it (with or
/// without a dot before it), an address, or a network as `10.0.0.0/8`; with `:port` behind it an
/// entry holds for that port alone. What cannot be read names nothing.
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
    Network { address: IpAddr, prefix: u32 },
    Domain(String),
}

impl NoProxy {
    pub(crate) fn parse(list: &str) -> Self {
        let entries = list
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter_map(Entry::parse)
            .collect();
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
            // An address has no names above it.
            Host::Domain(_) if host.parse::<IpAddr>().is_ok() => false,
            Host::Domain(domain) => host
                .strip_suffix('.')
                .unwrap_or(host)
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
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
        let domain = text.trim_matches('.');
        let is_name = !domain.is_empty() && !domain.contains([':', '/', '[', ']', '*']);
        is_name.then(|| Self::Domain(domain.to_ascii_lowercase()))
    }
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
        ] {
            assert_eq!(
                NoProxy::parse(list).contains(host, 443),
                contained,
                "{list:?} {host}"
            );
        }
    }
}
