//! What cannot be published, by the member at fault.

use super::*;

fn refused(house: &House, id: &str, document: &Value) -> String {
    match house.build(id, document) {
        Ok(_) => panic!("built: {document}"),
        Err(error) => error.path,
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_names_its_member() {
    let house = House::new().await;
    let party = key(SignatureAlgorithm::RsaSha256).certificate;
    let sealed =
        |encryption: Value| json!({"relying_parties": {TARGET: {"encryption": encryption}}});
    let encryption = format!("relying_parties.{TARGET}.encryption");
    for (settings, path) in [
        (json!({"colour": 1}), "colour"),
        (json!({"issuer": ""}), "issuer"),
        (json!({"algorithm": "RS512"}), "algorithm"),
        (json!({"certificate": "x"}), "certificate"),
        (json!({"certificate": party}), "certificate"),
        (json!({"certificate": house.ec}), "certificate"),
        (json!({"lifetime_seconds": 0}), "lifetime_seconds"),
        (json!({"lifetime_seconds": 86_401}), "lifetime_seconds"),
        (json!({"confirmation": "by-magic"}), "confirmation"),
        (
            json!({"confirmation": "holder-of-key", "holder_certificate": "x"}),
            "holder_certificate",
        ),
        (
            json!({"holder_certificate": house.ec}),
            "holder_certificate",
        ),
        (json!({"authentication": "guess"}), "authentication"),
        (
            json!({"authn_context_classes": {"urn:t": "strong"}}),
            "authn_context_classes.urn:t",
        ),
        (json!({"name_id_format": "email"}), "name_id_format"),
        (json!({"attributes": {"mail": ""}}), "attributes.mail"),
        (
            json!({"attributes": {"mail": "\"\u{1}\""}}),
            "attributes.mail",
        ),
        (
            json!({"relying_parties": {"https://nobody.example": {}}}),
            "relying_parties.https://nobody.example",
        ),
        (
            json!({"relying_parties": {TARGET: {"recipient": "acs"}}}),
            &format!("relying_parties.{TARGET}.recipient"),
        ),
        (sealed(json!({})), &format!("{encryption}.certificate")),
        (
            sealed(json!({"certificate": house.ec})),
            &format!("{encryption}.certificate"),
        ),
        (
            sealed(json!({"certificate": party, "extent": ["assertion", "name-id"]})),
            &format!("{encryption}.extent"),
        ),
        (
            sealed(json!({"certificate": party, "extent": "everything"})),
            &format!("{encryption}.extent"),
        ),
        (
            sealed(json!({"certificate": party, "extent": []})),
            &format!("{encryption}.extent"),
        ),
        (
            sealed(json!({"certificate": party, "cipher": "aes128-cbc"})),
            &format!("{encryption}.cipher"),
        ),
        (
            sealed(json!({"certificate": party, "key_transport": "rsa-1_5"})),
            &format!("{encryption}.key_transport"),
        ),
    ] {
        assert_eq!(
            refused(&house, "alpha/source", &source(settings.clone())),
            format!("providers.assertion.{path}"),
            "{settings}"
        );
    }
}

#[tokio::test]
async fn a_validator_that_cannot_be_names_its_member() {
    let house = House::new().await;
    let issuer =
        |name: &str, certificates: Value| json!({"entity_id": name, "certificates": certificates});
    for (member, value, path) in [
        ("colour", json!(1), "colour"),
        ("issuers", json!([]), "issuers"),
        (
            "issuers",
            json!([issuer("", json!([house.rsa]))]),
            "issuers[0].entity_id",
        ),
        (
            "issuers",
            json!([issuer("a", json!([]))]),
            "issuers[0].certificates",
        ),
        (
            "issuers",
            json!([issuer("a", json!(["x"]))]),
            "issuers[0].certificates[0]",
        ),
        (
            "issuers",
            json!([
                issuer("a", json!([house.rsa])),
                issuer("a", json!([house.ec]))
            ]),
            "issuers[1].entity_id",
        ),
        (
            // TX-60: two issuers may speak of the same name.
            "issuers",
            json!([
                issuer("a", json!([house.rsa])),
                issuer("b", json!([house.ec]))
            ]),
            "subject_prefix",
        ),
        ("audiences", json!([]), "audiences"),
        ("audiences", json!([""]), "audiences[0]"),
        ("recipients", json!(["acs"]), "recipients[0]"),
        ("max_lifetime_seconds", json!(0), "max_lifetime_seconds"),
        (
            "max_lifetime_seconds",
            json!(86_401),
            "max_lifetime_seconds",
        ),
    ] {
        let mut document = target(&house.rsa);
        document["validators"]["assertion"][member] = value.clone();
        assert_eq!(
            refused(&house, "beta/target", &document),
            format!("validators.assertion.{path}"),
            "{member}: {value}"
        );
    }
}

#[tokio::test]
async fn without_a_key_there_are_no_assertions() {
    let mut house = House::new().await;
    house.bench.keys.clear();
    assert_eq!(
        refused(&house, "alpha/source", &source(json!({}))),
        "providers.assertion.algorithm"
    );
}

#[tokio::test]
async fn only_assertions_are_an_output_called_saml2() {
    let house = House::new().await;
    let with_output = |name: &str| {
        let mut document = source(json!({}));
        document["rest_sts"] = json!({
            "inputs": {"USERNAME": "password"}, "outputs": {name: "assertion"}, "audiences": [TARGET],
            "transforms": [{"input": "USERNAME", "output": name}]
        });
        document
    };
    house.build("alpha/source", &with_output("SAML2")).unwrap();
    assert_eq!(
        refused(&house, "alpha/source", &with_output("ASSERTION")),
        "rest_sts.outputs.ASSERTION"
    );
}
