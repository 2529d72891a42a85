//! Issues one assertion of every variety into a directory, for other implementations to judge:
//! `cargo run -p cambist-saml --example issue -- DIRECTORY`.

use std::{
    error::Error,
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand;
use cambist_core::Timestamp;
use cambist_saml::{
    SelfSigned,
    algorithm::{Cipher, KeyTransport, SignatureAlgorithm},
    draft::{Confirmation, Draft, identifier},
    encryption::RecipientKey,
    issue::{Extent, Protection, Sealing, issue},
    metadata::{Description, IdentityProvider, ServiceProvider},
    model::{
        Action, Advice, Assertion, Attribute, AttributeValue, AuthzDecisionStatement, DecisionType,
        Evidence, NameId, ProxyRestriction, SubjectLocality,
    },
    signing::{Generated, SigningKey},
    uri,
    write::Spelling,
};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("a directory is needed")?);
    fs::create_dir_all(&directory)?;
    let now = Timestamp(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    let write = |name: &str, text: &str| fs::write(directory.join(name), text);

    let rsa = generate("rsa", SignatureAlgorithm::RsaSha256, now)?;
    let p256 = generate("p256", SignatureAlgorithm::EcdsaSha256, now)?;
    let other = generate("other", SignatureAlgorithm::RsaSha256, now)?;
    let recipient = generate("recipient", SignatureAlgorithm::RsaSha256, now)?;
    for (name, generated) in [
        ("rsa", &rsa),
        ("p256", &p256),
        ("other", &other),
        ("recipient", &recipient),
    ] {
        write(&format!("{name}.crt"), &generated.certificate)?;
        write(&format!("{name}.key"), &generated.private_key)?;
    }

    write("metadata-rsa.xml", &metadata(&rsa.key, &p256.key, now)?)?;
    write("metadata-p256.xml", &metadata(&p256.key, &rsa.key, now)?)?;

    let holder = other.key.certificate().der();
    let models = [
        ("bearer", draft(now, Confirmation::Bearer)?.assemble()),
        (
            "hok",
            draft(now, Confirmation::HolderOfKey(holder))?.assemble(),
        ),
        ("sv", draft(now, Confirmation::SenderVouches)?.assemble()),
        ("full", full(now, holder)?),
    ];
    let plain = Spelling {
        typed_key_confirmation: false,
        ..Spelling::default()
    };
    for (name, model) in &models {
        for (key, generated) in [("rsa", &rsa), ("p256", &p256)] {
            let mut protection = Protection {
                signing: Some(&generated.key),
                ..Protection::default()
            };
            write(&format!("{key}-{name}.xml"), &issue(model, &protection)?)?;
            protection.spelling = plain;
            write(
                &format!("{key}-{name}-plain.xml"),
                &issue(model, &protection)?,
            )?;
        }
        let unsigned = issue(model, &Protection::default())?;
        write(&format!("unsigned-{name}.xml"), &unsigned)?;
        for (sealed, extent) in [
            ("whole", Extent::Assertion),
            ("attributes", Extent::Attributes),
            ("nameid", Extent::NameId),
            ("parts", Extent::NameIdAndAttributes),
        ] {
            for (profile, cipher, transport) in [
                ("gcm256-sha1", Cipher::Aes256Gcm, KeyTransport::OaepSha1),
                ("gcm128-sha1", Cipher::Aes128Gcm, KeyTransport::OaepSha1),
                ("gcm256-sha256", Cipher::Aes256Gcm, KeyTransport::OaepSha256),
            ] {
                let key = RecipientKey::new(recipient.key.certificate(), cipher, transport)?;
                let protection = Protection {
                    signing: Some(&rsa.key),
                    sealing: Some(Sealing {
                        recipient: &key,
                        extent,
                    }),
                    spelling: Spelling::default(),
                };
                let name = format!("sealed-{sealed}-{profile}-{name}.xml");
                write(&name, &issue(model, &protection)?)?;
            }
        }
    }
    Ok(())
}

/// Signed by the first key, it names both.
fn metadata(key: &SigningKey, next: &SigningKey, now: Timestamp) -> Result<String, Box<dyn Error>> {
    let signing = [key.certificate(), next.certificate()];
    let metadata = Description {
        id: &identifier(&random::<20>()?),
        entity_id: "https://idp.example.net/sts",
        valid_until: Some(now.plus(86_400)),
        identity_provider: Some(IdentityProvider {
            signing: &signing,
            name_id_formats: &[uri::NAME_ID_UNSPECIFIED],
            single_sign_on: &[(
                "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
                "https://idp.example.net/sso",
            )],
        }),
        service_provider: Some(ServiceProvider {
            encryption: &[key.certificate()],
            assertion_consumers: &[(
                "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
                "https://idp.example.net/token",
            )],
        }),
    };
    Ok(key.sign(&metadata.write()?)?)
}

fn random<const N: usize>() -> Result<[u8; N], Box<dyn Error>> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

fn generate(
    name: &str,
    algorithm: SignatureAlgorithm,
    now: Timestamp,
) -> Result<Generated, Box<dyn Error>> {
    let certificate = SelfSigned {
        name,
        now,
        days: 365,
        random: random()?,
    };
    Ok(SigningKey::generate(algorithm, &certificate)?)
}

fn draft(now: Timestamp, confirmation: Confirmation<'_>) -> Result<Draft<'_>, Box<dyn Error>> {
    Ok(Draft {
        id: identifier(&random::<20>()?),
        issuer: "https://idp.example.net/sts",
        relying_party: "urn:example:orders-sp",
        recipient: Some("https://orders.example.com/acs"),
        issued_at: now,
        expires_at: now.plus(600),
        confirmation,
        name_id: NameId::with_format("dana", uri::NAME_ID_UNSPECIFIED),
        authenticated_at: now,
        authn_context_class: uri::PASSWORD_PROTECTED_TRANSPORT,
        attributes: vec![text("EmailAddress", "dana@example.com")],
    })
}

fn text(name: &str, value: &str) -> Attribute {
    Attribute {
        name: name.to_owned(),
        values: vec![AttributeValue::Text(value.to_owned())],
        ..Attribute::default()
    }
}

/// Everything at once, as no relying party will ever want it.
fn full(now: Timestamp, holder: &[u8]) -> Result<Assertion, Box<dyn Error>> {
    let draft = draft(now, Confirmation::HolderOfKey(holder))?;
    let mut full = draft.clone().assemble();
    if let Some(subject) = &mut full.subject {
        for confirmation in [Confirmation::Bearer, Confirmation::SenderVouches] {
            let other = Draft {
                confirmation,
                ..draft.clone()
            };
            subject.confirmations.extend(other.subject().confirmations);
        }
        // Some readers look at the first one only, and want that of a bearer.
        subject.confirmations.rotate_left(1);
    }
    if let Some(conditions) = &mut full.conditions {
        conditions.one_time_use = true;
        conditions
            .audience_restrictions
            .push(vec!["urn:example:orders-sp".to_owned()]);
        conditions.proxy_restriction = Some(ProxyRestriction {
            count: Some(1),
            audiences: vec!["urn:further".to_owned()],
        });
    }
    full.advice = Some(Advice {
        assertion_ids: vec!["_advised".to_owned()],
        assertion_uris: vec!["https://example.com/a?b=1&c=2".to_owned()],
        assertions: Vec::new(),
    });
    if let Some(authn) = full.authn_statements.first_mut() {
        authn.session_index = Some("session \"1\"\t<&>".to_owned());
        authn.session_not_on_or_after = Some(now.plus(3600));
        authn.subject_locality = Some(SubjectLocality {
            address: Some("192.0.2.1".to_owned()),
            dns_name: Some("client.example.com".to_owned()),
        });
        authn.authn_context.authenticating_authorities = vec!["https://other.example".to_owned()];
    }
    full.authz_decision_statements = vec![AuthzDecisionStatement {
        resource: "https://orders.example.com/orders".to_owned(),
        decision: DecisionType::Permit,
        actions: vec![Action {
            namespace: "urn:oasis:names:tc:SAML:1.0:action:rwedc".to_owned(),
            value: "Read".to_owned(),
        }],
        evidence: Some(Evidence {
            assertion_ids: vec!["_evident".to_owned()],
            ..Evidence::default()
        }),
    }];
    if let Some(statement) = full.attribute_statements.first_mut() {
        let all = Attribute {
            name: "all".to_owned(),
            name_format: Some("urn:oasis:names:tc:SAML:2.0:attrname-format:basic".to_owned()),
            friendly_name: Some("All & sundry".to_owned()),
            values: vec![
                AttributeValue::Text("a]]>b<!-- & \r\n\t \u{1f600}".to_owned()),
                AttributeValue::Integer(-7),
                AttributeValue::Boolean(true),
                AttributeValue::DateTime(now),
                AttributeValue::Binary(vec![0, 1, 0xff]),
                AttributeValue::NameId(NameId::new("pairwise")),
                AttributeValue::Null,
            ],
        };
        statement.attributes.push(all.into());
    }
    Ok(full)
}
