//! Which addresses the gateway may reach on behalf of configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::EgressTarget;

/// Whether `address`, resolved from `host`, may be connected to. Plain HTTP needs a named exception and a
/// loopback address (KF-01); everything else needs a public address or an exception (KF-02).
pub fn is_allowed(rules: &[EgressTarget], host: &str, address: SocketAddr, is_tls: bool) -> bool {
    let is_excepted = rules
        .iter()
        .any(|rule| rule.covers(host, address.ip(), address.port()));
    if is_tls {
        is_excepted || is_public(address.ip())
    } else {
        is_excepted && canonical(address.ip()).is_loopback()
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Outside the IANA special-purpose registry (RFC 6890), multicast and reserved space.
fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

/// Global unicast (`2000::/3`) without documentation and tunnels that hide an IPv4 address.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    if v6.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) {
        let embedded = u32::try_from(u128::from(v6) & u128::from(u32::MAX)).unwrap_or_default();
        return is_public_v4(embedded.into());
    }
    let is_tunnel = first == 0x2002 || (first == 0x2001 && second < 0x200);
    let is_documentation = (first == 0x2001 && second == 0xdb8) || first == 0x3fff;
    first & 0xe000 == 0x2000 && !is_tunnel && !is_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rules: &[&str], host: &str, address: &str, is_tls: bool) -> bool {
        let rules: Vec<EgressTarget> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        is_allowed(&rules, host, address.parse().unwrap(), is_tls)
    }

    #[test]
    fn kf_02_special_addresses_are_refused_however_written() {
        for address in [
            "127.0.0.1:443",
            "10.1.2.3:443",
            "172.16.0.1:443",
            "192.168.1.1:443",
            "169.254.169.254:443",
            "100.64.0.1:443",
            "0.0.0.0:443",
            "224.0.0.1:443",
            "255.255.255.255:443",
            "[::1]:443",
            "[::]:443",
            "[fc00::1]:443",
            "[fe80::1]:443",
            "[::ffff:127.0.0.1]:443",
            "[::ffff:10.0.0.1]:443",
            "[64:ff9b::7f00:1]:443",
            "[2002:7f00:1::]:443",
            "[ff02::1]:443",
            "[2001:db8::1]:443",
        ] {
            assert!(!allowed(&[], "h", address, true), "{address}");
        }
        for address in [
            "93.184.216.34:443",
            "[2606:4700::1111]:443",
            "[64:ff9b::5db8:d822]:443",
        ] {
            assert!(allowed(&[], "h", address, true), "{address}");
        }
    }

    #[test]
    fn kf_01_plain_http_needs_a_named_loopback() {
        assert!(!allowed(&[], "127.0.0.1", "127.0.0.1:80", false));
        assert!(allowed(&["127.0.0.1"], "127.0.0.1", "127.0.0.1:80", false));
        assert!(!allowed(
            &["example.org"],
            "example.org",
            "93.184.216.34:80",
            false
        ));
    }

    #[test]
    fn exceptions_are_by_host_port_or_network() {
        assert!(allowed(
            &["idp.internal"],
            "IDP.internal",
            "10.0.0.5:443",
            true
        ));
        assert!(allowed(
            &["idp.internal:8443"],
            "idp.internal",
            "10.0.0.5:8443",
            true
        ));
        assert!(!allowed(
            &["idp.internal:8443"],
            "idp.internal",
            "10.0.0.5:443",
            true
        ));
        assert!(allowed(&["10.0.0.0/8"], "x", "10.9.9.9:443", true));
        assert!(!allowed(&["10.0.0.0/8"], "x", "192.168.0.1:443", true));
        assert!(allowed(&["::1"], "::1", "[::1]:80", false));
    }
}
