//! What the tests of several modules start from.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::LazyLock,
};

use cambist_core::Timestamp;

use crate::{
    SelfSigned,
    accept::{Acceptance, Once, TrustedIssuer},
    algorithm::SignatureAlgorithm,
    draft::{Confirmation, Draft, identifier},
    model::{
        Action, Advice, Assertion, Attribute, AttributeValue, AuthzDecisionStatement, DecisionType,
        Evidence, NameId, ProxyRestriction, SubjectLocality,
    },
    signing::{Generated, SigningKey},
    uri,
    verify::TrustedKey,
    write::Unsigned,
};

/// 2030-02-03T04:05:06Z.
pub(crate) const NOW: Timestamp = Timestamp(1_896_321_906);

fn generate(algorithm: SignatureAlgorithm) -> Generated {
    let certificate = SelfSigned {
        name: "idp.example.net",
        now: NOW,
        days: 365,
        random: [0xab; 16],
    };
    SigningKey::generate(algorithm, &certificate).unwrap()
}

pub(crate) static RSA: LazyLock<Generated> =
    LazyLock::new(|| generate(SignatureAlgorithm::RsaSha256));
pub(crate) static OTHER_RSA: LazyLock<Generated> =
    LazyLock::new(|| generate(SignatureAlgorithm::RsaSha256));
pub(crate) static P256: LazyLock<Generated> =
    LazyLock::new(|| generate(SignatureAlgorithm::EcdsaSha256));

/// A bearer assertion as the gateway makes it by itself.
pub(crate) fn bearer() -> Assertion {
    draft(Confirmation::Bearer).assemble()
}

pub(crate) fn draft(confirmation: Confirmation<'_>) -> Draft<'_> {
    Draft {
        id: identifier(&[0x1f; 20]),
        issuer: "https://idp.example.net/sts",
        relying_party: "urn:example:orders-sp",
        recipient: Some("https://orders.example.com/acs"),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        confirmation,
        name_id: NameId::with_format("dana", uri::NAME_ID_UNSPECIFIED),
        authenticated_at: NOW,
        authn_context_class: uri::PASSWORD_PROTECTED_TRANSPORT,
        attributes: vec![text_attribute("EmailAddress", "dana@example.com")],
    }
}

pub(crate) fn text_attribute(name: &str, value: &str) -> Attribute {
    Attribute {
        name: name.to_owned(),
        values: vec![AttributeValue::Text(value.to_owned())],
        ..Attribute::default()
    }
}

/// Everything an assertion can hold at once.
pub(crate) fn full(certificate: &[u8]) -> Assertion {
    let mut full = draft(Confirmation::HolderOfKey(certificate)).assemble();
    let mut others = draft(Confirmation::Bearer).subject().confirmations;
    others.extend(draft(Confirmation::SenderVouches).subject().confirmations);
    if let Some(bearer) = others.first_mut() {
        bearer.in_response_to = Some("_request".to_owned());
        bearer.address = Some("192.0.2.1".to_owned());
        bearer.name_id = Some(NameId::new("another").into());
    }
    let subject = full.subject.as_mut().unwrap();
    subject.confirmations.extend(others);
    subject.name_id = Some(
        NameId {
            value: "dana & \"co\" <x>\r\n".to_owned(),
            format: Some(uri::NAME_ID_UNSPECIFIED.to_owned()),
            name_qualifier: Some("domain\t\"<&>".to_owned()),
            sp_name_qualifier: Some("urn:example:orders-sp".to_owned()),
            sp_provided_id: Some("d4na".to_owned()),
        }
        .into(),
    );
    full.issuer.format = Some(uri::NAME_ID_ENTITY.to_owned());
    let conditions = full.conditions.as_mut().unwrap();
    conditions.one_time_use = true;
    conditions.audience_restrictions.push(vec![
        "urn:other".to_owned(),
        "urn:example:orders-sp".to_owned(),
    ]);
    conditions.proxy_restriction = Some(ProxyRestriction {
        count: Some(2),
        audiences: vec!["urn:further".to_owned()],
    });
    full.advice = Some(Advice {
        assertion_ids: vec!["_a".to_owned()],
        assertion_uris: vec!["https://example.com/a?b=1&c=2".to_owned()],
        assertions: Vec::new(),
    });
    let authn = full.authn_statements.first_mut().unwrap();
    authn.session_index = Some("session 1".to_owned());
    authn.session_not_on_or_after = Some(NOW.plus(3600));
    authn.subject_locality = Some(SubjectLocality {
        address: Some("192.0.2.1".to_owned()),
        dns_name: Some("client.example.com".to_owned()),
    });
    authn.authn_context.declaration_ref = Some("urn:declaration".to_owned());
    authn.authn_context.authenticating_authorities = vec!["https://other.example".to_owned()];
    full.authz_decision_statements = vec![AuthzDecisionStatement {
        resource: "https://orders.example.com/orders".to_owned(),
        decision: DecisionType::Permit,
        actions: vec![Action {
            namespace: "urn:oasis:names:tc:SAML:1.0:action:rwedc".to_owned(),
            value: "Read".to_owned(),
        }],
        evidence: Some(Evidence {
            assertion_ids: vec!["_b".to_owned()],
            assertion_uris: Vec::new(),
            assertions: Vec::new(),
        }),
    }];
    full.attribute_statements
        .first_mut()
        .unwrap()
        .attributes
        .push(
            Attribute {
                name: "all".to_owned(),
                name_format: Some("urn:oasis:names:tc:SAML:2.0:attrname-format:basic".to_owned()),
                friendly_name: Some("All & sundry".to_owned()),
                values: vec![
                    AttributeValue::Text("a]]>b".to_owned()),
                    AttributeValue::Integer(-7),
                    AttributeValue::Boolean(true),
                    AttributeValue::DateTime(NOW),
                    AttributeValue::Binary(vec![0, 1, 0xff]),
                    AttributeValue::NameId(NameId::new("pairwise")),
                    AttributeValue::Null,
                ],
            }
            .into(),
        );
    full
}

/// Accepts what [`RSA`] and [`P256`] have signed for the relying party of [`draft`].
pub(crate) fn acceptance() -> Acceptance {
    let trusted = |generated: &Generated| TrustedKey::new(generated.key.certificate()).unwrap();
    Acceptance {
        issuers: vec![TrustedIssuer {
            entity_id: "https://idp.example.net/sts".to_owned(),
            keys: vec![trusted(&P256), trusted(&RSA)],
            name_qualifiers: vec!["domain\t\"<&>".to_owned()],
            valid_until: None,
        }],
        audiences: vec!["urn:example:orders-sp".to_owned()],
        recipients: vec!["https://orders.example.com/acs".to_owned()],
        recipient_required: true,
        attesters: vec!["portal".to_owned()],
        decryption_keys: Vec::new(),
        skew: 30,
        max_lifetime: 3600,
        max_bytes: 64 * 1024,
        once: Once::Every,
    }
}

/// Signs any document in canonical form: its root is what is signed, and the signature goes behind the
/// root's issuer.
pub(crate) fn sign_with(key: &SigningKey, xml: &str) -> String {
    let between = |open: &str| {
        let (_, behind) = xml.split_once(open).unwrap();
        behind.split_once('"').unwrap().0.to_owned()
    };
    let issuer_end = "</saml:Issuer>";
    let document = Unsigned {
        xml: xml.to_owned(),
        id: between(" ID=\""),
        signature_at: xml.find(issuer_end).unwrap() + issuer_end.len(),
        names_schema_types: xml.contains("xmlns:xs="),
    };
    key.sign(&document).unwrap()
}

pub(crate) fn sign(xml: &str) -> String {
    sign_with(&RSA.key, xml)
}

/// A response in canonical form around anything.
pub(crate) fn response(content: &str) -> String {
    format!(
        concat!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ",
            "Destination=\"https://orders.example.com/acs\" ID=\"_response\" ",
            "IssueInstant=\"2030-02-03T04:05:06Z\" Version=\"2.0\"><saml:Issuer ",
            "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">https://idp.example.net/sts",
            "</saml:Issuer><samlp:Status><samlp:StatusCode ",
            "Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></samlp:StatusCode>",
            "</samlp:Status>{}</samlp:Response>"
        ),
        content
    )
}

/// The exclusive canonical form by libxml2, if it takes the document for one.
pub(crate) fn canonical_by_libxml2(xml: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("xmllint")
        .args(["--exc-c14n", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(xml).unwrap();
    let output = child.wait_with_output().unwrap();
    output.status.success().then_some(output.stdout)
}
