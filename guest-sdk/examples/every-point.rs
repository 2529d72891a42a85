//! One component that fills every point and calls every capability, so that the whole interface is built, and
//! may be tried against a gateway: `cargo build --package cambist-guest --example every-point --target
//! wasm32-wasip2`. Not a plugin to learn from; those are in `example-plugins`.

use cambist_guest::{
    AcrMapper, AmrMapper, Call, Claim, ClaimMapper, CustomProvider, Decision, Issuance, Issued,
    Policy, Principal, Provider, Refusal, Token, Validator, clock, crypto, export, http, kv, log,
    policy, random,
    saml::{
        Action, Assertion, Attribute, AttributeMapper, AttributeStatement, AttributeStatements,
        AuthnContextMapper, AuthnStatement, AuthnStatements, AuthzDecisionStatement,
        AuthzDecisionStatements, ConditionSet, Conditions, DecisionType, Subject, SubjectStatement,
    },
    secrets,
};

/// Fills every point.
pub struct Every;

impl Validator for Every {
    /// Says in claims what each capability answers. The token is a URL to ask.
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        let url = token.text()?;
        log::info(format!("asked about {} bytes", url.len()));
        let key = crypto::key("key")?;
        let mac = key.sign(url)?;
        key.verify(url, &mac)?;
        let secret = secrets::open("secret")?;
        let matches = secret.matches("open sesame");
        let answer = http::Request::get(url)
            .credential(http::Credential::Bearer(secret))
            .timeout_ms(1_000)
            .send()?;
        let first = kv::add("first", "1", 60)?;
        kv::set("second", random::bytes(8), 60)?;
        let second = kv::get("second")?.is_some_and(|value| value.len() == 8);
        kv::remove("second")?;
        Ok(Principal::new("every")
            .issuer(call.text("issuer").unwrap_or("every-point"))
            .claim("algorithm", key.algorithm())
            .claim("public", key.public_jwk().is_some())
            .claim("matches", matches)
            .claim("status", u32::from(answer.status))
            .claim("first", first)
            .claim("second", second)
            .claim("clock", clock::now_ms() > 0))
    }
}

impl Provider for Every {
    fn issue(issuance: &Issuance, call: &Call) -> Result<Issued, Refusal> {
        let token = format!("{}|{}", issuance.subject.subject, issuance.id);
        Ok(Issued::not_applicable(token, issuance.end(call.now, 60)))
    }
}

impl CustomProvider for Every {
    fn issue_custom(
        _: &Token,
        wanted: &str,
        issuance: &Issuance,
        call: &Call,
    ) -> Result<Issued, Refusal> {
        Ok(Issued::not_applicable(wanted, issuance.end(call.now, 60)))
    }
}

impl Policy for Every {
    fn decide(request: &policy::Request, _: &Call) -> Result<Decision, Refusal> {
        Ok(Decision::unchanged().scopes(request.scopes.iter().take(1)))
    }
}

impl ClaimMapper for Every {
    fn map_claims(
        issuance: &Issuance,
        wanted: &[(String, String)],
        _: &Call,
    ) -> Result<Vec<Claim>, Refusal> {
        let claim = |(name, from): &(String, String)| {
            let value = issuance.subject.value(from)?;
            Some(Claim::new(name, value.clone()))
        };
        Ok(wanted.iter().filter_map(claim).collect())
    }
}

impl AcrMapper for Every {
    fn map_acr(_: &Token, subject: &Principal, _: &Call) -> Result<Option<String>, Refusal> {
        Ok(subject.authentication_context.clone())
    }
}

impl AmrMapper for Every {
    fn map_amr(_: &Token, subject: &Principal, _: &Call) -> Result<Vec<String>, Refusal> {
        Ok(subject.authentication_methods.clone())
    }
}

impl Conditions for Every {
    fn make_conditions(
        _: &Assertion,
        standard: ConditionSet,
        _: &Call,
    ) -> Result<ConditionSet, Refusal> {
        Ok(ConditionSet {
            one_time_use: true,
            ..standard
        })
    }
}

impl Subject for Every {
    fn make_subject(
        _: &Assertion,
        standard: SubjectStatement,
        _: &Call,
    ) -> Result<SubjectStatement, Refusal> {
        Ok(standard)
    }
}

impl AuthnStatements for Every {
    fn make_authn_statements(
        _: &Assertion,
        standard: Vec<AuthnStatement>,
        _: &Call,
    ) -> Result<Vec<AuthnStatement>, Refusal> {
        Ok(standard)
    }
}

impl AttributeStatements for Every {
    fn make_attribute_statements(
        _: &Assertion,
        standard: Vec<AttributeStatement>,
        _: &Call,
    ) -> Result<Vec<AttributeStatement>, Refusal> {
        Ok(standard)
    }
}

impl AuthzDecisionStatements for Every {
    fn make_authz_decision_statements(
        assertion: &Assertion,
        _: &Call,
    ) -> Result<Vec<AuthzDecisionStatement>, Refusal> {
        Ok(vec![AuthzDecisionStatement {
            resource: assertion.relying_party.clone(),
            decision: DecisionType::Indeterminate,
            actions: vec![Action {
                namespace: "urn:oasis:names:tc:SAML:1.0:action:rwedc".to_owned(),
                value: "Read".to_owned(),
            }],
            evidence: None,
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
            let value = assertion.subject.value(from)?;
            Some(Attribute::new(name, value.texts().iter().cloned()))
        };
        Ok(wanted.iter().filter_map(attribute).collect())
    }
}

impl AuthnContextMapper for Every {
    fn map_authn_context(_: &Token, _: &Principal, _: &Call) -> Result<String, Refusal> {
        Ok("urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified".to_owned())
    }
}

export!(
    Every: Validator,
    Provider,
    CustomProvider,
    Policy,
    ClaimMapper,
    AcrMapper,
    AmrMapper,
    Conditions,
    Subject,
    AuthnStatements,
    AttributeStatements,
    AuthzDecisionStatements,
    AttributeMapper,
    AuthnContextMapper,
);
