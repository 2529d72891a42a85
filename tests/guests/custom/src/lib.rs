//! Custom types of a REST STS. The validator tells what it was told; the provider shows what reached it; both fail
//! as the caller says. The mappers and the conditions make their mark.

use cambist_guest::{
    AcrMapper, AmrMapper, Call, Claim, ClaimMapper, CustomProvider, Issuance, Issued, Principal,
    Refusal, Token, Validator, export,
    saml::{Assertion, ConditionSet, Conditions},
};
use serde_json::{Value, json};

/// The plugin.
pub struct Custom;

fn read(text: &str) -> Result<Value, Refusal> {
    serde_json::from_str(text).map_err(|_| Refusal::malformed())
}

/// Fails as `state` says.
fn obey(state: &Value) -> Result<(), Refusal> {
    match state.get("do").and_then(Value::as_str) {
        Some("panic") => panic!("as I was told"),
        Some("refuse") => Err(Refusal::refused("out-of-tickets").message("come back tomorrow")),
        Some(code) if code.parse::<u16>().is_ok() => {
            Err(Refusal::refused(code).message(format!("this is a {code}")))
        }
        _ => Ok(()),
    }
}

impl Validator for Custom {
    fn validate(token: &Token, call: &Call) -> Result<Principal, Refusal> {
        let state = read(token.text()?)?;
        obey(&state)?;
        let ticket = state.get("ticket").and_then(Value::as_str);
        let additional = state.get("additional").and_then(Value::as_str);
        Ok(Principal::new(ticket.unwrap_or_default())
            .expires_at(call.now + 300)
            .claim("additional", additional.unwrap_or_default())
            .claim("issued_by", call.text("issued_by").unwrap_or_default())
            .claim("state", state.to_string()))
    }
}

impl CustomProvider for Custom {
    fn issue_custom(
        presented: &Token,
        wanted: &str,
        issuance: &Issuance,
        call: &Call,
    ) -> Result<Issued, Refusal> {
        let wanted = read(wanted)?;
        obey(&wanted)?;
        let subject = &issuance.subject;
        let pass = format!("pass-for-{}", subject.subject);
        let additional = subject
            .value("additional")
            .and_then(|value| value.as_text());
        let answer = json!({
            "additional": additional,
            "issued_token": pass,
            "presented": presented.text()?,
            "presented_type": presented.token_type,
            "wanted": wanted,
        });
        let ttl = wanted.get("ttl").and_then(Value::as_u64).unwrap_or(60);
        let text = match wanted.get("do").and_then(Value::as_str) {
            Some("text") => pass,
            _ => answer.to_string(),
        };
        Ok(Issued::not_applicable(text, issuance.end(call.now, ttl)))
    }
}

impl ClaimMapper for Custom {
    fn map_claims(
        issuance: &Issuance,
        wanted: &[(String, String)],
        _: &Call,
    ) -> Result<Vec<Claim>, Refusal> {
        let claim = |(name, from): &(String, String)| {
            let value = issuance.subject.value(from)?.as_text()?;
            Some(Claim::new(name, value.to_uppercase()))
        };
        let made = wanted.iter().filter_map(claim);
        Ok(made.chain([Claim::new("made_by", "custom")]).collect())
    }
}

impl AcrMapper for Custom {
    fn map_acr(token: &Token, _: &Principal, _: &Call) -> Result<Option<String>, Refusal> {
        Ok(Some(format!("acr of {}", token.token_type)))
    }
}

impl AmrMapper for Custom {
    fn map_amr(token: &Token, subject: &Principal, _: &Call) -> Result<Vec<String>, Refusal> {
        let seen = token.text()?.contains(&subject.subject);
        Ok(vec![
            "custom".to_owned(),
            if seen { "seen" } else { "unseen" }.to_owned(),
        ])
    }
}

impl Conditions for Custom {
    fn make_conditions(
        assertion: &Assertion,
        mut standard: ConditionSet,
        _: &Call,
    ) -> Result<ConditionSet, Refusal> {
        assert_ne!(assertion.subject.subject, "unlucky", "as I was told");
        standard.one_time_use = true;
        Ok(standard)
    }
}

export!(
    Custom: Validator,
    CustomProvider,
    ClaimMapper,
    AcrMapper,
    AmrMapper,
    Conditions,
);
