//! Client authentication: `client_secret_basic` and `client_secret_post` (RFC 6749 §2.3.1).

use std::borrow::Cow;

use cambist_core::Fault;
use hyper::{HeaderMap, header};
use zeroize::Zeroizing;

use super::{form::TokenForm, refusal::Refusal};
use crate::{
    gateway::{Circumstances, Gateway},
    instance::{PublishedInstance, RegisteredClient},
};

struct Credentials {
    id: String,
    secret: Zeroizing<String>,
}

const FAILED: Refusal = Refusal::InvalidClient("client authentication failed");

/// Who asks. Exactly one method must have been used (SC-04).
pub async fn authenticate<'i>(
    gateway: &Gateway,
    instance: &'i PublishedInstance,
    headers: &HeaderMap,
    form: &TokenForm,
    _circumstances: &Circumstances,
) -> Result<&'i RegisteredClient, Refusal> {
    let credentials = credentials(headers, form)?;
    let Some(client) = instance.clients.get(&credentials.id) else {
        return Err(FAILED);
    };
    match client
        .secret
        .matches(&credentials.secret, &gateway.heavy)
        .await
    {
        Ok(true) => Ok(client),
        Ok(false) => Err(FAILED),
        Err(Fault::Overloaded(_) | Fault::Unavailable(_)) => Err(Refusal::TemporarilyUnavailable),
        Err(_) => Err(Refusal::ServerError),
    }
}

fn credentials(headers: &HeaderMap, form: &TokenForm) -> Result<Credentials, Refusal> {
    if form.has_client_assertion {
        return Err(Refusal::InvalidClient("client assertions are not offered"));
    }
    let mut presented = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = match (presented.next(), presented.next()) {
        (_, Some(_)) => return Err(FAILED),
        (first, None) => first,
    };
    match (authorization, &form.client_secret) {
        (Some(_), Some(_)) => Err(Refusal::InvalidClient(
            "use one client authentication method",
        )),
        (Some(value), None) => {
            let basic = value.to_str().ok().and_then(basic).ok_or(FAILED)?;
            let agrees = form.client_id.as_ref().is_none_or(|id| *id == basic.id);
            if agrees { Ok(basic) } else { Err(FAILED) }
        }
        (None, Some(secret)) => {
            let id = form.client_id.clone().ok_or(FAILED)?;
            Ok(Credentials {
                id,
                secret: secret.clone(),
            })
        }
        (None, None) => Err(Refusal::InvalidClient("client authentication is required")),
    }
}

fn basic(value: &str) -> Option<Credentials> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 4096 {
        return None;
    }
    let bytes = Zeroizing::new(base64_simd::STANDARD.decode_to_vec(encoded.trim()).ok()?);
    let (id, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some(Credentials {
        id: form_decoded(id)?,
        secret: Zeroizing::new(form_decoded(secret)?),
    })
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
        let read = basic(&encoded("my%20client:s%3Ac%2Bret")).unwrap();
        assert_eq!(
            (read.id.as_str(), read.secret.as_str()),
            ("my client", "s:c+ret")
        );
        let plain = basic(&encoded("web:abc=def/")).unwrap();
        assert_eq!(plain.secret.as_str(), "abc=def/");
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
            assert!(basic(value).is_none(), "{value}");
        }
    }

    #[test]
    fn sc_04_two_methods_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            encoded("web:secret").parse().unwrap(),
        );
        let form = TokenForm {
            client_secret: Some(Zeroizing::new("secret".to_owned())),
            ..TokenForm::default()
        };
        assert!(matches!(
            credentials(&headers, &form),
            Err(Refusal::InvalidClient(_))
        ));
        headers.append(header::AUTHORIZATION, encoded("web:other").parse().unwrap());
        assert!(credentials(&headers, &TokenForm::default()).is_err());
    }

    #[test]
    fn a_contradicting_client_id_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            encoded("web:secret").parse().unwrap(),
        );
        let other = TokenForm {
            client_id: Some("app".to_owned()),
            ..TokenForm::default()
        };
        assert!(credentials(&headers, &other).is_err());
        let same = TokenForm {
            client_id: Some("web".to_owned()),
            ..TokenForm::default()
        };
        assert!(credentials(&headers, &same).is_ok());
    }
}
