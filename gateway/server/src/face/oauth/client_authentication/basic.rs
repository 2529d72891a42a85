//! `client_secret_basic` (RFC 6749 §2.3.1).

use std::borrow::Cow;

use zeroize::Zeroizing;

/// Identifier and secret of an `Authorization` header.
pub(super) fn read(value: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 4096 {
        return None;
    }
    let bytes = Zeroizing::new(base64_simd::STANDARD.decode_to_vec(encoded.trim()).ok()?);
    let (id, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((form_decoded(id)?, Zeroizing::new(form_decoded(secret)?)))
}

/// Both halves are form-encoded before they are joined (RFC 6749 §2.3.1); most secrets look the same either
/// way.
fn form_decoded(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let escaped: Cow<'_, str> = if text.contains(['&', '=']) {
        Cow::Owned(text.replace('&', "%26").replace('=', "%3D"))
    } else {
        Cow::Borrowed(text)
    };
    form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map(|(decoded, _)| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(pair: &str) -> String {
        format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair))
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let (id, secret) = read(&encoded("my%20client:s%3Ac%2Bret")).unwrap();
        assert_eq!((id.as_str(), secret.as_str()), ("my client", "s:c+ret"));
        let (_, plain) = read(&encoded("web:abc=def/")).unwrap();
        assert_eq!(plain.as_str(), "abc=def/");
    }

    #[test]
    fn junk_is_no_credential() {
        for value in [
            "Basic",
            "Basic !!!",
            "Bearer abc",
            &encoded("nocolon"),
            &format!("Basic {}", "A".repeat(5000)),
        ] {
            assert!(read(value).is_none(), "{value}");
        }
    }
}
