//! Holders of keys, both ways.

use cambist_saml::certificate::Certificate;

use super::*;

const DANA: &[u8] = br#"{"username":"dana","password":"S3cr3t-42"}"#;

fn holder() -> Vec<u8> {
    let pem = key(SignatureAlgorithm::EcdsaSha256).certificate;
    Certificate::from_pem(&pem).unwrap().der().to_vec()
}

async fn issue_for(
    source: &PublishedInstance,
    certificates: &[Vec<u8>],
    wanted: Option<WantedConfirmation>,
) -> Result<Exchanged, ExchangeError> {
    let print = print(certificates);
    let proofs = Proofs {
        certificate_thumbprint: print.as_deref(),
        ..shown(certificates)
    };
    let beside = Beside { proofs, wanted };
    ask_with(source, DANA, TokenType::USERNAME, NOW, beside).await
}

async fn present_as(
    target: &PublishedInstance,
    token: &Token,
    proofs: Proofs<'_>,
) -> Result<Exchanged, ExchangeError> {
    let beside = Beside {
        proofs,
        wanted: None,
    };
    ask_with(target, token.as_bytes(), TokenType::SAML2, NOW, beside).await
}

fn shown(certificates: &[Vec<u8>]) -> Proofs<'_> {
    Proofs {
        certificates,
        ..Proofs::default()
    }
}

/// `x5t#S256` of the first.
fn print(certificates: &[Vec<u8>]) -> Option<String> {
    let print = Certificate::from_der(certificates.first()?)
        .ok()?
        .thumbprint();
    Some(base64_simd::URL_SAFE_NO_PAD.encode_to_string(print))
}

#[tokio::test]
async fn sm_11_only_the_holder_of_the_key_presents_a_holder_of_key_assertion() {
    let house = House::new().await;
    let source = house.source(json!({"confirmation": "holder-of-key"}));
    let target = house.target();
    let (own, other) = (vec![holder()], vec![holder()]);
    let made = issue_for(&source, &own, None).await.unwrap();
    let xml = text(&made.issued.token);
    let certificate = base64_simd::STANDARD.encode_to_string(&own[0]);
    assert!(xml.replace('\n', "").contains(&certificate), "{xml}");
    assert!(xml.contains("urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"));

    let token = &made.issued.token;
    let known = Certificate::from_der(&own[0]).unwrap().key_thumbprint();
    let unknown = Certificate::from_der(&other[0]).unwrap().key_thumbprint();
    for proofs in [
        Proofs::default(),
        shown(&other),
        Proofs {
            dpop_thumbprint: unknown.as_deref(),
            ..Proofs::default()
        },
    ] {
        let error = present_as(&target, token, proofs).await.unwrap_err();
        assert_eq!(Refusal::from(&error), NOT_ACCEPTABLE, "{error}");
    }
    let by_message = Proofs {
        dpop_thumbprint: known.as_deref(),
        ..Proofs::default()
    };
    let accepted = present_as(&target, token, by_message).await.unwrap();
    assert_eq!(accepted.subject, "source:dana");
}

#[tokio::test]
async fn sm_11_the_transport_proves_a_key_as_well() {
    let house = House::new().await;
    let source = house.source(json!({"confirmation": "holder-of-key"}));
    let own = vec![holder()];
    let made = issue_for(&source, &own, None).await.unwrap();
    let print = print(&own);
    let proofs = Proofs {
        certificate_thumbprint: print.as_deref(),
        ..shown(&own)
    };
    present_as(&house.target(), &made.issued.token, proofs)
        .await
        .unwrap();
}

#[tokio::test]
async fn without_a_key_there_is_no_holder() {
    let house = House::new().await;
    let source = house.source(json!({"confirmation": "holder-of-key"}));
    let error = issue_for(&source, &[], None).await.unwrap_err();
    let expected = "the requested token cannot be issued for this subject";
    assert_eq!(Refusal::from(&error), Refusal::InvalidRequest(expected));
}

#[tokio::test]
async fn a_configured_holder_comes_before_the_caller() {
    let house = House::new().await;
    let configured = key(SignatureAlgorithm::EcdsaSha256).certificate;
    let source = house.source(json!({
        "confirmation": "holder-of-key", "holder_certificate": configured
    }));
    let configured = Certificate::from_pem(&configured).unwrap().der().to_vec();
    for caller in [vec![], vec![holder()]] {
        let made = issue_for(&source, &caller, None).await.unwrap();
        let xml = text(&made.issued.token).replace('\n', "");
        let there = |der: &[u8]| xml.contains(&base64_simd::STANDARD.encode_to_string(der));
        assert!(there(&configured), "{xml}");
        assert!(!caller.iter().any(|der| there(der)), "{xml}");
    }
}

#[tokio::test]
async fn a_request_decides_over_the_settings() {
    let house = House::new().await;
    let named = holder();
    for own in ["bearer", "sender-vouches", "holder-of-key"] {
        let source = house.source(json!({"confirmation": own}));
        for (wanted, method) in [
            (WantedConfirmation::Bearer, "bearer"),
            (WantedConfirmation::SenderVouches, "sender-vouches"),
            (
                WantedConfirmation::HolderOfKey(Some(named.clone())),
                "holder-of-key",
            ),
        ] {
            let made = issue_for(&source, &[holder()], Some(wanted)).await.unwrap();
            let xml = text(&made.issued.token);
            let said = format!("Method=\"urn:oasis:names:tc:SAML:2.0:cm:{method}\"");
            assert!(xml.contains(&said), "{own}: {xml}");
            assert_eq!(xml.matches("<saml:SubjectConfirmation ").count(), 1);
            let certificate = base64_simd::STANDARD.encode_to_string(&named);
            let is_named = xml.replace('\n', "").contains(&certificate);
            assert_eq!(is_named, method == "holder-of-key", "{own}: {xml}");
        }
        let by_caller = Some(WantedConfirmation::HolderOfKey(None));
        issue_for(&source, &[holder()], by_caller.clone())
            .await
            .unwrap();
        issue_for(&source, &[], by_caller).await.unwrap_err();
    }
}

#[tokio::test]
async fn what_relying_parties_of_a_rest_sts_expect_can_be_set() {
    let house = House::new().await;
    let class = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509";
    let source = house.source(json!({
        "sign": false, "authentication": "issuance",
        "authn_context_classes": {TokenType::USERNAME.as_str(): class},
        "relying_parties": {TARGET: {"spelling": {"typed_key_confirmation": false}}},
        "confirmation": "holder-of-key"
    }));
    let made = issue_for(&source, &[holder()], None).await.unwrap();
    let xml = text(&made.issued.token);
    assert!(!xml.contains("ds:Signature"), "{xml}");
    assert!(!xml.contains("KeyInfoConfirmationDataType"), "{xml}");
    assert!(
        xml.contains(&format!(">{class}</saml:AuthnContextClassRef>")),
        "{xml}"
    );
}

#[tokio::test]
async fn dp_42_what_came_bound_leaves_bound_to_the_same_certificate_or_not_at_all() {
    let house = House::new().await;
    let own = vec![holder()];
    let source = house.source(json!({"confirmation": "holder-of-key"}));
    let through = |provider: Value| {
        let mut document = target(&house.rsa);
        document["providers"] = json!({"out": provider});
        document["transformations"][0]["issue"] = json!("out");
        house.build("beta/target", &document).unwrap()
    };
    let print = print(&own);
    let proofs = || Proofs {
        certificate_thumbprint: print.as_deref(),
        ..shown(&own)
    };
    // An assertion names a key by its certificate, and a thumbprint has none.
    for settings in [
        json!({"kind": "saml2"}),
        json!({"kind": "saml2", "confirmation": "holder-of-key"}),
    ] {
        let made = issue_for(&source, &own, None).await.unwrap();
        let known = Certificate::from_der(&own[0]).unwrap().key_thumbprint();
        let by_message = Proofs {
            dpop_thumbprint: known.as_deref(),
            ..Proofs::default()
        };
        let refused = present_as(&through(settings), &made.issued.token, by_message).await;
        let error = refused.unwrap_err();
        let expected = "the requested token cannot be issued for this subject";
        assert_eq!(Refusal::from(&error), Refusal::InvalidRequest(expected));
        assert!(error.to_string().contains("bound"), "{error}");
        house.forget_uses().await;
    }
    for (settings, is_issued) in [
        (json!({"kind": "saml2"}), false),
        (
            json!({"kind": "saml2", "confirmation": "sender-vouches"}),
            false,
        ),
        (
            json!({"kind": "saml2", "confirmation": "holder-of-key", "holder_certificate": house.ec}),
            false,
        ),
        (
            json!({"kind": "saml2", "confirmation": "holder-of-key"}),
            true,
        ),
    ] {
        let made = issue_for(&source, &own, None).await.unwrap();
        let passed = present_as(&through(settings.clone()), &made.issued.token, proofs()).await;
        assert_eq!(passed.is_ok(), is_issued, "{settings}: {passed:?}");
        house.forget_uses().await;
    }
}
