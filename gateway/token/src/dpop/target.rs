//! Whether two URIs are one target: query and fragment aside, after normalisation (RFC 9449 §4.3 step 9).

use fluent_uri::Uri;

/// Whether `claimed` and `actual` name the same target.
pub(super) fn is_same(claimed: &str, actual: &str) -> bool {
    claimed == actual
        || matches!((canonical(claimed), canonical(actual)), (Some(a), Some(b)) if a == b)
}

/// Scheme and host in lower case, no default port, no empty path, percent-encoding and dot segments
/// normalised (RFC 3986 §6.2.2, §6.2.3).
fn canonical(text: &str) -> Option<String> {
    let uri = Uri::parse(text).ok()?;
    let normal = uri.normalize();
    let scheme = normal.scheme().as_str().to_owned();
    let default_port = match scheme.as_str() {
        "http" => "80",
        "https" => "443",
        _ => return None,
    };
    let authority = normal.authority()?;
    if authority.host().is_empty() || authority.has_userinfo() {
        return None;
    }
    let port = authority
        .port()
        .map(fluent_uri::pct_enc::EStr::as_str)
        .filter(|port| !port.is_empty() && *port != default_port)
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let path = match normal.path().as_str() {
        "" => "/",
        path => path,
    };
    Some(format!("{scheme}://{}{port}{path}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dp_09_query_fragment_and_spelling_do_not_count() {
        let actual = "https://sts.example/oauth2/orders/token";
        for claimed in [
            actual,
            "HTTPS://STS.example:443/oauth2/orders/token?x=1#y",
            "https://sts.example/oauth2/./orders/%74oken",
        ] {
            assert!(is_same(claimed, actual), "{claimed}");
        }
        assert!(is_same("https://sts.example", "https://sts.example/"));
    }

    #[test]
    fn dp_09_another_target_is_another() {
        let actual = "https://sts.example/oauth2/orders/token";
        for claimed in [
            "http://sts.example/oauth2/orders/token",
            "https://sts.example:8443/oauth2/orders/token",
            "https://sts.example/oauth2/orders/Token",
            "https://sts.example/oauth2/orders/token/",
            "https://sts.example.evil/oauth2/orders/token",
            "https://u@sts.example/oauth2/orders/token",
            "/oauth2/orders/token",
            "",
        ] {
            assert!(!is_same(claimed, actual), "{claimed}");
        }
    }
}
