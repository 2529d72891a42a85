//! Resource indicators: absolute URIs in one canonical form (RFC 8707 §2).

use fluent_uri::Uri;

/// Longest resource that is read, in bytes.
const LONGEST: usize = 2048;

/// The canonical form of an absolute URI without fragment: scheme and host in lower case, no default port,
/// no empty path, percent-encoding and dot segments normalised (RFC 3986 §6.2.2, §6.2.3). None for anything
/// else.
pub fn canonical(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    let uri = Uri::parse(text).ok()?;
    if uri.has_fragment() {
        return None;
    }
    let normal = uri.normalize();
    let default_port = match normal.scheme().as_str() {
        "http" => Some("80"),
        "https" => Some("443"),
        _ => return Some(normal.as_str().to_owned()),
    };
    let authority = normal.authority()?;
    if authority.host().is_empty() || authority.userinfo().is_some() {
        return None;
    }
    let port = authority
        .port()
        .map(fluent_uri::pct_enc::EStr::as_str)
        .filter(|port| !port.is_empty() && Some(*port) != default_port);
    let path = if normal.path().as_str().is_empty() {
        "/"
    } else {
        normal.path().as_str()
    };
    let mut canonical = format!("{}://{}", normal.scheme().as_str(), authority.host());
    for (separator, part) in [
        (":", port),
        ("", Some(path)),
        ("?", normal.query().map(fluent_uri::pct_enc::EStr::as_str)),
    ] {
        if let Some(part) = part {
            canonical.push_str(separator);
            canonical.push_str(part);
        }
    }
    Some(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ri_06_equal_resources_have_one_form() {
        for text in [
            "https://API.example",
            "HTTPS://api.example:443/",
            "https://api.example:/",
            "https://api.example/./",
        ] {
            assert_eq!(
                canonical(text).as_deref(),
                Some("https://api.example/"),
                "{text}"
            );
        }
        assert_eq!(
            canonical("https://api.example/a?q=1").as_deref(),
            Some("https://api.example/a?q=1")
        );
        assert_eq!(
            canonical("https://api.example:8443/a").as_deref(),
            Some("https://api.example:8443/a")
        );
        assert_eq!(
            canonical("urn:example:orders").as_deref(),
            Some("urn:example:orders")
        );
    }

    #[test]
    fn ri_01_relative_and_fragment_are_refused() {
        for text in [
            "",
            "/orders",
            "orders",
            "https://api.example/#top",
            "https://",
            "https://u@api.example/",
            "https://a b/",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
        assert_eq!(
            canonical(&format!("https://api.example/{}", "a".repeat(3000))),
            None
        );
    }
}
