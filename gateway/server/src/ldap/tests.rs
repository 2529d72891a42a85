use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;
use crate::egress::{EgressRules, tls::trusting};

fn build(
    document: Value,
    secret: Option<&str>,
) -> Result<LdapDirectory, crate::publish_error::PublishError> {
    let rules = EgressRules {
        allow: Vec::new(),
        timeout: Duration::from_secs(1),
        body_bytes: 1024,
    };
    let handle = Handle::current();
    let tls = trusting(rustls::RootCertStore::empty()).unwrap();
    let egress = Egress::new(rules, tls, handle.clone());
    let document: LdapDocument = serde_json::from_value(document).unwrap();
    let secret = secret.map(|secret| Zeroizing::new(secret.to_owned()));
    LdapDirectory::build(&document, secret, egress, handle)
}

fn document() -> Value {
    json!({
        "url": "ldaps://ldap.example", "base": "ou=people,dc=example", "filter": "(uid={username})",
        "attributes": {"mail": "mail"}
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut document = document();
    document[member] = value;
    document
}

#[tokio::test]
async fn a_mistake_in_a_directory_is_named() {
    build(document(), None).unwrap();
    build(with("bind_dn", json!("cn=sts")), Some("secret")).unwrap();
    for (document, secret, member) in [
        (with("url", json!("https://ldap.example")), None, "url"),
        (with("url", json!("ldaps://ldap.example/x")), None, "url"),
        (with("url", json!("ldaps://a@ldap.example")), None, "url"),
        (with("plaintext", json!(true)), None, "plaintext"),
        (with("filter", json!("(uid=dana)")), None, "filter"),
        (with("filter", json!("(uid={username}")), None, "filter"),
        (with("user_dn", json!("uid={username}")), None, "base"),
        (with("timeout_seconds", json!(0)), None, "timeout_seconds"),
        (
            with("attributes", json!({"sub": "mail"})),
            None,
            "attributes.sub",
        ),
        (
            with("attributes", json!({"mail": "ma il"})),
            None,
            "attributes",
        ),
        (with("bind_dn", json!("cn=sts")), None, "bind_password"),
        (with("bind_dn", json!("cn=sts")), Some(""), "bind_password"),
        (document(), Some("secret"), "bind_password"),
        (with("ca", json!("junk")), None, "ca"),
    ] {
        let error = build(document.clone(), secret).unwrap_err();
        assert_eq!(error.path, member, "{document}: {error}");
    }
}

#[tokio::test]
async fn empty_passwords_and_names_that_pass_for_others_never_reach_the_directory() {
    let directory = build(document(), None).unwrap();
    for (name, password) in [("dana", ""), ("", "x"), ("dana ", "x"), ("da\0na", "x")] {
        let refused = directory.authenticate("/", name, password).await;
        assert_eq!(refused, Err(Rejection::BadSignature.into()), "{name:?}");
    }
    // Anything else would; the egress guard lets nothing through here, and its name does not resolve.
    let asked = directory.authenticate("/", "dana", "x").await;
    assert!(
        matches!(asked, Err(ValidateError::Fault(Fault::Unavailable(_)))),
        "{asked:?}"
    );
}

#[test]
fn names_cannot_leave_their_place_in_filters_and_names() {
    assert_eq!(ldap_escape("*)(uid=*"), "\\2a\\29\\28uid=\\2a");
    assert_eq!(dn_escape("a,ou=x+y"), "a\\2cou\\3dx\\2by");
}

#[test]
fn attributes_become_text_or_lists() {
    let values = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let entry = SearchEntry {
        dn: "uid=dana".to_owned(),
        attrs: HashMap::from([
            ("Mail".to_owned(), values(&["d@a.example"])),
            ("memberOf".to_owned(), values(&["a", "b"])),
            ("empty".to_owned(), values(&[])),
        ]),
        bin_attrs: HashMap::new(),
    };
    let wanted = [
        ("mail", "mail"),
        ("groups", "memberof"),
        ("no", "empty"),
        ("nor", "absent"),
    ]
    .map(|(claim, name)| (claim.to_owned(), name.to_owned()));
    let found = Value::Object(entry::attributes(&entry, &wanted));
    assert_eq!(found, json!({"mail": "d@a.example", "groups": ["a", "b"]}));
    assert_eq!(entry::first(&entry, "MEMBEROF"), None, "which of them?");
}
