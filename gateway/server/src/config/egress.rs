//! Targets the egress guard lets through.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::network::Network;

/// A private or loopback target that the gateway may connect to all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressTarget {
    /// A host as it stands in a URL, on one port or on every port. Lower case.
    Host {
        /// A DNS name, or an address without brackets.
        host: String,
        /// The port, if only one is allowed.
        port: Option<u16>,
    },
    /// Every address in a network.
    Network(Network),
}

impl EgressTarget {
    /// Whether a connection to `host` (from the URL) at `address` (as resolved) and `port` is meant.
    pub fn covers(&self, host: &str, address: IpAddr, port: u16) -> bool {
        match self {
            Self::Host {
                host: allowed,
                port: only,
            } => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                allowed.eq_ignore_ascii_case(host) && only.is_none_or(|only| only == port)
            }
            Self::Network(network) => network.contains(address),
        }
    }
}

/// The text is no egress target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host, `host:port`, nor a network such as `10.1.0.0/16`")]
pub struct EgressTargetError(String);

impl FromStr for EgressTarget {
    type Err = EgressTargetError;

    fn from_str(text: &str) -> Result<Self, EgressTargetError> {
        let wrong = || EgressTargetError(text.to_owned());
        if text.contains('/') {
            return text.parse().map(Self::Network).map_err(|_| wrong());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Host {
                host: address.to_string(),
                port: None,
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (
                host,
                Some(
                    port.parse()
                        .ok()
                        .filter(|port| *port != 0)
                        .ok_or_else(wrong)?,
                ),
            ),
            None => (text, None),
        };
        if let Some(v6) = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let address: std::net::Ipv6Addr = v6.parse().map_err(|_| wrong())?;
            return Ok(Self::Host {
                host: address.to_string(),
                port,
            });
        }
        let labels_are_fine = host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        if host.len() > 253 || !labels_are_fine {
            return Err(wrong());
        }
        Ok(Self::Host {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl fmt::Display for EgressTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port: None } => f.write_str(host),
            Self::Host {
                host,
                port: Some(port),
            } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host {
                host,
                port: Some(port),
            } => write!(f, "{host}:{port}"),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl Serialize for EgressTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EgressTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_alike() {
        for text in [
            "localhost",
            "localhost:9000",
            "10.0.0.0/8",
            "fd00::/8",
            "127.0.0.1",
            "[::1]:80",
            "::1",
            "a.b-c.d:1",
        ] {
            assert_eq!(text.parse::<EgressTarget>().unwrap().to_string(), text);
        }
        assert_eq!(
            "LOCALHOST:1".parse::<EgressTarget>().unwrap().to_string(),
            "localhost:1"
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "http://localhost",
            "a b",
            "a:0",
            "a:70000",
            "a:",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10/8",
            "a..b",
            "*.x",
            "[::1",
        ] {
            assert!(text.parse::<EgressTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn kf_02_a_target_covers_what_it_names_and_nothing_else() {
        let covers = |target: &str, host: &str, address: &str, port| {
            target
                .parse::<EgressTarget>()
                .unwrap()
                .covers(host, address.parse().unwrap(), port)
        };
        assert!(covers("10.0.0.0/8", "idp.example", "10.200.0.1", 443));
        assert!(covers(
            "10.0.0.0/8",
            "idp.example",
            "::ffff:10.200.0.1",
            443
        ));
        assert!(!covers("10.0.0.0/8", "idp.example", "11.0.0.1", 443));
        assert!(!covers("10.0.0.0/8", "idp.example", "fd00::1", 443));
        assert!(covers("0.0.0.0/0", "idp.example", "192.168.0.1", 443));
        assert!(covers("fd00::/8", "idp.example", "fdff::1", 443));
        assert!(covers("idp.local:9000", "IDP.local", "127.0.0.1", 9000));
        assert!(!covers("idp.local:9000", "idp.local", "127.0.0.1", 9001));
        assert!(!covers("idp.local", "other.local", "127.0.0.1", 9000));
        assert!(covers("[::1]:80", "[::1]", "::1", 80));
    }
}
