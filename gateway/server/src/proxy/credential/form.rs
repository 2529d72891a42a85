//! A credential in a field of a form. The form is read whole and goes on without it.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use zeroize::Zeroizing;

use super::{Carrier, Credential, Place, Refusal};
use crate::body::Incoming;

/// Most bytes of a form with a credential in it.
pub(in crate::proxy) const LONGEST: usize = 256 * 1024;

/// Whether a request may hold a credential that one of the carriers finds in a form.
pub(in crate::proxy) fn is_form(
    method: &Method,
    headers: &HeaderMap,
    carriers: &[Carrier],
) -> bool {
    *method == Method::POST
        && carriers
            .iter()
            .any(|carrier| matches!(carrier.place, Place::Form(_)))
        && headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.as_bytes().split(|b| *b == b';').next())
            .is_some_and(|media| {
                media
                    .trim_ascii()
                    .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
            })
}

/// Reads the form, takes every field out that a carrier names, and returns the rest with the first
/// credential. The length in `headers` becomes that of the rest.
pub(in crate::proxy) async fn take<'r>(
    headers: &mut HeaderMap,
    body: Incoming,
    carriers: &'r [Carrier],
) -> Result<(Option<Credential<'r>>, Bytes), Refusal> {
    let whole = Limited::new(body, LONGEST)
        .collect()
        .await
        .map_err(|_| Refusal::BadForm)?
        .to_bytes();
    let (found, rest) = split(&whole, carriers);
    headers.remove(hyper::header::TRANSFER_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(rest.len()));
    Ok((found?, rest))
}

/// A form without the fields that carriers name, and the first of those. A field that is there twice is
/// refused.
fn split<'r>(
    form: &[u8],
    carriers: &'r [Carrier],
) -> (Result<Option<Credential<'r>>, Refusal>, Bytes) {
    let named = |name: &str| {
        carriers
            .iter()
            .any(|carrier| matches!(&carrier.place, Place::Form(field) if **field == *name))
    };
    let mut rest = Serializer::new(String::new());
    let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
    for (name, value) in form_urlencoded::parse(form) {
        if named(&name) {
            fields.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        } else {
            rest.append_pair(&name, &value);
        }
    }
    let rest = Bytes::from(rest.finish());
    for carrier in carriers {
        let Place::Form(name) = &carrier.place else {
            continue;
        };
        let mut values = fields.iter().filter(|(field, _)| *field == **name);
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(_), Some(_)) => return (Err(Refusal::BadCredential), rest),
            (Some((_, value)), None) => {
                let found = carrier.read(value.as_bytes());
                return (
                    found.map(|found| Some(Credential::new(carrier, found))),
                    rest,
                );
            }
        }
    }
    (Ok(None), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::route::{CredentialDocument, Encoding};
    use cambist_core::TokenType;

    fn carrier(name: &str, encoding: Encoding) -> Carrier {
        let document = CredentialDocument::Form {
            name: name.to_owned(),
            token_type: TokenType::SAML2,
            encoding,
        };
        Carrier::build(&document, "credentials[0]").unwrap()
    }

    #[test]
    fn the_field_is_taken_and_the_rest_goes_on() {
        let carriers = [carrier("assertion", Encoding::Base64)];
        let (found, rest) = split(b"a=1&assertion=PGE%2BPw%3D%3D&b=x+y", &carriers);
        assert_eq!(found.unwrap().unwrap().bytes(), b"PGE-Pw");
        assert_eq!(rest, "a=1&b=x+y");
        let (found, rest) = split(b"a=1", &carriers);
        assert!(found.unwrap().is_none());
        assert_eq!(rest, "a=1");
    }

    #[test]
    fn twice_or_undecodable_is_refused_and_never_goes_on() {
        let carriers = [carrier("assertion", Encoding::Base64)];
        for form in [
            "assertion=YQ==&assertion=YQ==",
            "assertion=%00",
            "assertion=",
        ] {
            let (found, rest) = split(form.as_bytes(), &carriers);
            assert!(matches!(found, Err(Refusal::BadCredential)), "{form}");
            assert_eq!(rest, "");
        }
    }
}
