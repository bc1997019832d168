use std::net::Ipv4Addr;

/// Whether a host of a valid [`Authority`](crate::authority::Authority) can be connected to.
///
/// What no resolver takes is refused, so that nobody asks for it again and again: labels as RFC 1035
/// §2.3.4 has them. And a name whose last label is a number is an IPv4 address of four decimal
/// numbers or nothing, as the URL standard says: `127.1` or `0x7f000001` are addresses to resolvers
/// and none to whoever compares hosts.
pub(crate) fn is_host(host: &str) -> bool {
    if host.as_bytes().contains(&b':') {
        // An IPv6 address.
        return true;
    }
    let is_dot = |byte: &u8| *byte == b'.';
    let name = host.strip_suffix('.').unwrap_or(host).as_bytes();
    if name.rsplit(is_dot).next().is_some_and(is_number) {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    name.len() <= 253
        && name
            .split(is_dot)
            .all(|label| matches!(label.len(), 1..=63))
}

/// Decimal, octal, or hexadecimal as `inet_aton` reads it.
pub(crate) fn is_number(label: &[u8]) -> bool {
    match label {
        [b'0', b'x', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        [] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §4.1.
    #[test]
    fn names_are_made_of_labels_and_numbers_are_addresses() {
        let label = "a".repeat(63);
        let name = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        for (host, expected) in [
            ("a", true),
            ("a.", true),
            ("a.b.", true),
            ("a_b.example", true),
            ("-a-.example", true),
            ("xn--bcher-kva.example", true),
            ("::1", true),
            ("127.0.0.1", true),
            ("255.255.255.255", true),
            ("1.a", true),
            ("a1", true),
            ("0xg", true),
            (".", false),
            ("..", false),
            (".a", false),
            ("a..b", false),
            ("a..", false),
            ("127.0.0.1.", false),
            ("127.1", false),
            ("127.0.0.01", false),
            ("256.1.1.1", false),
            ("1.2.3.4.5", false),
            ("1", false),
            ("2130706433", false),
            ("a.1", false),
            ("0x7f.0.0.1", false),
            ("0x7f000001", false),
            ("0x", false),
            (&name, true),
            (&format!("{name}."), true),
            (&format!("{name}a"), false),
            (&format!("{label}a.b"), false),
        ] {
            assert_eq!(is_host(host), expected, "{host}");
        }
    }
}
