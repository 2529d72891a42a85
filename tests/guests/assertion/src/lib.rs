//! Fills every point of a SAML assertion, well or as badly as its configuration says.

use cambist_guest::{
    Call, Principal, Refusal, Token, export,
    saml::{
        Action, Assertion, Attribute, AttributeMapper, AttributeStatement, AttributeStatements,
        AttributeValue, AuthnContext, AuthnContextMapper, AuthnStatement, AuthnStatements,
        AuthzDecisionStatement, AuthzDecisionStatements, ConditionSet, Conditions,
        ConfirmationMethod, DecisionType, Evidence, NameId, ProxyRestriction, Subject,
        SubjectLocality, SubjectStatement,
    },
};

/// The plugin.
pub struct Every;

fn told(call: &Call) -> &str {
    call.text("fault").unwrap_or_default()
}

impl Conditions for Every {
    fn make_conditions(
        _: &Assertion,
        mut standard: ConditionSet,
        call: &Call,
    ) -> Result<ConditionSet, Refusal> {
        standard.one_time_use = true;
        standard.not_before = standard.not_before.map(|at| at - 60);
        standard.not_on_or_after = standard.not_on_or_after.map(|at| at - 100);
        standard.proxy_restriction = Some(ProxyRestriction {
            count: Some(3),
            audiences: Vec::new(),
        });
        match told(call) {
            "late" => standard.not_on_or_after = standard.not_on_or_after.map(|at| at + 3_600),
            "past" => standard.not_on_or_after = Some(1),
            "early" => standard.not_before = Some(1),
            "audience" => {
                for restriction in &mut standard.audience_restrictions {
                    restriction.push("https://elsewhere.example".to_owned());
                }
            }
            "nobody" => standard.audience_restrictions.clear(),
            "refuse" => {
                return Err(Refusal::refused("not-today").message("come back tomorrow"));
            }
            _ => {}
        }
        Ok(standard)
    }
}

impl Subject for Every {
    fn make_subject(
        assertion: &Assertion,
        mut standard: SubjectStatement,
        call: &Call,
    ) -> Result<SubjectStatement, Refusal> {
        standard.name_id = Some(NameId {
            value: format!("pseudonym-{}", assertion.subject.subject),
            format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
            name_qualifier: Some(assertion.issuer.clone()),
            sp_name_qualifier: Some(assertion.relying_party.clone()),
            sp_provided_id: None,
        });
        let fault = told(call);
        if fault == "unconfirmed" {
            standard.confirmations.clear();
        }
        for confirmation in &mut standard.confirmations {
            match fault {
                "method" => confirmation.method = ConfirmationMethod::SenderVouches,
                "recipient" => {
                    confirmation.recipient = Some("https://elsewhere.example/acs".to_owned());
                }
                "presented-late" => confirmation.not_on_or_after = Some(u64::MAX),
                _ => {}
            }
        }
        Ok(standard)
    }
}

impl AuthnStatements for Every {
    fn make_authn_statements(
        assertion: &Assertion,
        standard: Vec<AuthnStatement>,
        call: &Call,
    ) -> Result<Vec<AuthnStatement>, Refusal> {
        let class = standard.into_iter().find_map(|s| s.authn_context.class_ref);
        let later = if told(call) == "future" { 60 } else { 0 };
        Ok(vec![AuthnStatement {
            authn_instant: assertion.issued_at + later,
            session_index: Some("session-1".to_owned()),
            session_not_on_or_after: Some(assertion.expires_at),
            subject_locality: Some(SubjectLocality {
                address: Some("192.0.2.7".to_owned()),
                dns_name: None,
            }),
            authn_context: AuthnContext {
                class_ref: class.or_else(|| Some("urn:example:class:none".to_owned())),
                declaration_ref: None,
                authenticating_authorities: vec!["https://directory.example".to_owned()],
            },
        }])
    }
}

impl AttributeStatements for Every {
    fn make_attribute_statements(
        _: &Assertion,
        mut standard: Vec<AttributeStatement>,
        call: &Call,
    ) -> Result<Vec<AttributeStatement>, Refusal> {
        let name = match told(call) {
            "long" => "x".repeat(4_096),
            _ => "urn:example:typed".to_owned(),
        };
        standard.push(AttributeStatement {
            attributes: vec![Attribute {
                name,
                name_format: Some("urn:oasis:names:tc:SAML:2.0:attrname-format:uri".to_owned()),
                friendly_name: Some("typed".to_owned()),
                values: vec![
                    AttributeValue::Integer(-7),
                    AttributeValue::Boolean(true),
                    AttributeValue::DateTime(0),
                    AttributeValue::Binary(vec![0, 255]),
                    AttributeValue::Text("</saml:AttributeValue><x a=\"1\">&".to_owned()),
                ],
            }],
        });
        if told(call) == "many" {
            standard.resize_with(100, || AttributeStatement {
                attributes: vec![Attribute::new("a", ["b"])],
            });
        }
        Ok(standard)
    }
}

impl AuthzDecisionStatements for Every {
    fn make_authz_decision_statements(
        _: &Assertion,
        call: &Call,
    ) -> Result<Vec<AuthzDecisionStatement>, Refusal> {
        let resource = match told(call) {
            "resource" => "not a uri",
            _ => "https://orders.example/book",
        };
        Ok(vec![AuthzDecisionStatement {
            resource: resource.to_owned(),
            decision: DecisionType::Permit,
            actions: vec![Action {
                namespace: "urn:oasis:names:tc:SAML:1.0:action:rwedc".to_owned(),
                value: "Read".to_owned(),
            }],
            evidence: Some(Evidence {
                assertion_ids: vec!["_earlier".to_owned()],
                assertion_uris: Vec::new(),
            }),
        }])
    }
}

impl AttributeMapper for Every {
    fn map_attributes(
        assertion: &Assertion,
        wanted: &[(String, String)],
        _: &Call,
    ) -> Result<Vec<Attribute>, Refusal> {
        let attribute = |(name, from): &(String, String)| {
            let value = assertion.subject.value(from)?.as_text()?;
            Some(Attribute::new(name, [value.to_uppercase()]))
        };
        Ok(wanted.iter().filter_map(attribute).collect())
    }
}

impl AuthnContextMapper for Every {
    fn map_authn_context(token: &Token, _: &Principal, call: &Call) -> Result<String, Refusal> {
        let kind = token.token_type.rsplit(':').next().unwrap_or_default();
        Ok(match told(call) {
            "class" => "no uri".to_owned(),
            _ => format!("urn:example:class:{kind}"),
        })
    }
}

export!(
    Every: Conditions,
    Subject,
    AuthnStatements,
    AttributeStatements,
    AuthzDecisionStatements,
    AttributeMapper,
    AuthnContextMapper,
);
