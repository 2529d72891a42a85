use std::sync::Arc;

use super::*;

fn nobody() -> Circumstances {
    Circumstances::draw(None).unwrap()
}

fn certified() -> Circumstances {
    let mut circumstances = nobody();
    circumstances.certificates = Some(Arc::from([vec![1]]));
    circumstances
}

fn basic_headers(pair: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair));
    headers.insert(header::AUTHORIZATION, value.parse().unwrap());
    headers
}

fn posted(secret: &str) -> TokenForm {
    TokenForm {
        client_secret: Some(Zeroizing::new(secret.to_owned())),
        ..TokenForm::default()
    }
}

fn asserting() -> TokenForm {
    TokenForm {
        client_assertion: Some(Zeroizing::new("a.b.c".to_owned())),
        client_assertion_type: Some(JWT_ASSERTION.to_owned()),
        ..TokenForm::default()
    }
}

fn is_refused(headers: &HeaderMap, form: &TokenForm) -> bool {
    matches!(
        credentials(headers, form, &nobody()),
        Err(Refusal::InvalidClient(_))
    )
}

#[test]
fn sc_04_as_15_two_methods_are_refused() {
    let mut headers = basic_headers("web:secret");
    assert!(is_refused(&headers, &posted("secret")));
    assert!(is_refused(&headers, &asserting()));
    let both = TokenForm {
        client_secret: Some(Zeroizing::new("s".to_owned())),
        client_id: Some("web".to_owned()),
        ..asserting()
    };
    assert!(is_refused(&HeaderMap::new(), &both));
    headers.append(header::AUTHORIZATION, "Basic d2ViOng=".parse().unwrap());
    assert!(is_refused(&headers, &TokenForm::default()));
}

#[test]
fn a_contradicting_client_id_is_refused() {
    let headers = basic_headers("web:secret");
    let named = |id: &str| TokenForm {
        client_id: Some(id.to_owned()),
        ..TokenForm::default()
    };
    assert!(is_refused(&headers, &named("app")));
    assert!(credentials(&headers, &named("web"), &nobody()).is_ok());
}

#[test]
fn as_10_an_assertion_and_its_type_come_together() {
    assert!(credentials(&HeaderMap::new(), &asserting(), &nobody()).is_ok());
    for form in [
        TokenForm {
            client_assertion_type: None,
            ..asserting()
        },
        TokenForm {
            client_assertion: None,
            ..asserting()
        },
        TokenForm {
            client_assertion_type: Some("urn:x".to_owned()),
            ..asserting()
        },
    ] {
        assert!(is_refused(&HeaderMap::new(), &form));
    }
}

#[test]
fn mt_01_a_certificate_needs_the_client_it_speaks_for() {
    let named = TokenForm {
        client_id: Some("web".to_owned()),
        ..TokenForm::default()
    };
    assert!(matches!(
        credentials(&HeaderMap::new(), &named, &certified()),
        Ok(Credentials::Certificate { id: "web" })
    ));
    assert!(is_refused(&HeaderMap::new(), &named));
    assert!(credentials(&HeaderMap::new(), &TokenForm::default(), &certified()).is_err());
}
