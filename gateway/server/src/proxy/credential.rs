//! Takes the bearer token out of a request (RFC 6750 §2.1). Tokens in the query or the body are never
//! looked for.

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};

use super::refusal::Refusal;

/// Most bytes of a token.
pub(super) const LONGEST_TOKEN: usize = 16 * 1024;

const SCHEME: &[u8] = b"Bearer";

/// A bearer token as it came, still in its header's bytes.
pub(super) struct Credential(HeaderValue);

impl Credential {
    /// Removes `Authorization` from the request, so that it cannot be passed on (AB-21), and reads it.
    pub(super) fn take(headers: &mut HeaderMap) -> Result<Self, Refusal> {
        let value = headers.remove(AUTHORIZATION).ok_or(Refusal::NoCredential)?;
        let bytes = value.as_bytes();
        let scheme = bytes.split(|b| *b == b' ').next().unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(Refusal::NoCredential);
        }
        let credential = Self(value);
        let token = credential.token();
        if token.len() <= LONGEST_TOKEN && is_token68(token) {
            Ok(credential)
        } else {
            Err(Refusal::BadCredential)
        }
    }

    /// The token's bytes.
    pub(super) fn token(&self) -> &[u8] {
        self.0
            .as_bytes()
            .get(SCHEME.len() + 1..)
            .unwrap_or_default()
    }
}

/// `token68` of RFC 9110 §11.2, which is `b64token` of RFC 6750 §2.1.
pub(super) fn is_token68(token: &[u8]) -> bool {
    let end = token
        .iter()
        .rposition(|b| *b != b'=')
        .map_or(0, |last| last + 1);
    let body = token.get(..end).unwrap_or_default();
    !body.is_empty()
        && body.iter().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(value: &str) -> Result<Vec<u8>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        let taken = Credential::take(&mut headers).map(|credential| credential.token().to_vec());
        assert!(headers.is_empty(), "ab_21: taken out whatever it holds");
        taken
    }

    #[test]
    fn scheme_is_case_insensitive_and_the_token_is_whole() {
        for value in [
            "Bearer a.b-c_d~+/==",
            "bearer a.b-c_d~+/==",
            "BEARER a.b-c_d~+/==",
        ] {
            assert_eq!(take(value).unwrap(), b"a.b-c_d~+/==");
        }
    }

    #[test]
    fn other_schemes_are_no_credential() {
        for value in ["Basic YTpi", "Bearerx a", "Beare r", "x"] {
            assert!(matches!(take(value), Err(Refusal::NoCredential)), "{value}");
        }
        assert!(matches!(
            Credential::take(&mut HeaderMap::new()),
            Err(Refusal::NoCredential)
        ));
    }

    #[test]
    fn what_is_not_one_token_is_refused() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer  a",
            "Bearer a b",
            "Bearer a,b",
            "Bearer =",
            "Bearer a=b",
            "Bearer \u{e4}",
            "Bearer\ta",
        ] {
            assert!(take(value).is_err(), "{value}");
        }
        assert!(matches!(take("Bearer a b"), Err(Refusal::BadCredential)));
    }

    #[test]
    fn size_is_capped() {
        assert!(take(&format!("Bearer {}", "a".repeat(LONGEST_TOKEN))).is_ok());
        assert!(matches!(
            take(&format!("Bearer {}", "a".repeat(LONGEST_TOKEN + 1))),
            Err(Refusal::BadCredential)
        ));
    }
}
