//! Between the gateway's vocabulary and the interface's.

use cambist_core::{Actor, Call, Issuance, Principal, Scope, Token, TokenType};
use serde_json::{Map, Value};

use super::imports::types::{
    Actor as WitActor, Call as WitCall, Claim as WitClaim, Issuance as WitIssuance,
    Principal as WitPrincipal, Token as WitToken, Value as WitValue,
};
use crate::{answer::Said, manifest::ConfigValue};

pub(super) fn call(call: &Call<'_>, config: &[(String, WitValue)]) -> WitCall {
    WitCall {
        now: call.now.0,
        instance: call.instance.to_owned(),
        correlation: call.correlation.to_owned(),
        config: config.to_vec(),
    }
}

pub(super) fn token(token: &Token, token_type: &TokenType) -> WitToken {
    WitToken {
        token_type: token_type.as_str().to_owned(),
        bytes: token.as_bytes().to_vec(),
    }
}

/// Configured values, once for all calls.
pub(crate) fn values(config: &[(String, ConfigValue)]) -> Vec<(String, WitValue)> {
    config
        .iter()
        .map(|(name, value)| {
            let value = match value {
                ConfigValue::Boolean(value) => WitValue::Boolean(*value),
                ConfigValue::Integer(value) => WitValue::Integer(*value),
                ConfigValue::Text(value) => WitValue::Text(value.clone()),
                ConfigValue::Texts(values) => WitValue::Texts(values.clone()),
            };
            (name.clone(), value)
        })
        .collect()
}

pub(super) fn principal(principal: &Principal) -> WitPrincipal {
    WitPrincipal {
        subject: principal.subject.clone(),
        issuer: principal.issuer.clone(),
        audiences: principal.audiences.clone(),
        client: principal.client.clone(),
        scopes: Some(words(&principal.scope)),
        expires_at: principal.expires_at.map(|at| at.0),
        authenticated_at: principal.authenticated_at.map(|at| at.0),
        authentication_context: principal.authentication_context.clone(),
        authentication_methods: principal.authentication_methods.clone(),
        claims: claims(&principal.claims),
        actors: principal
            .actors
            .as_ref()
            .map(|chain| actors(chain.iter()))
            .unwrap_or_default(),
        may_act: principal
            .may_act
            .as_ref()
            .map(|may_act| claims(may_act.members())),
    }
}

fn claims(claims: &Map<String, Value>) -> Vec<WitClaim> {
    claims
        .iter()
        .map(|(name, value)| WitClaim {
            name: name.clone(),
            value: claim_value(value),
        })
        .collect()
}

fn claim_value(value: &Value) -> WitValue {
    match value {
        Value::String(text) => WitValue::Text(text.clone()),
        Value::Bool(value) => WitValue::Boolean(*value),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| WitValue::Json(number.to_string()), WitValue::Integer),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(ToOwned::to_owned))
            .collect::<Option<Vec<String>>>()
            .map_or_else(|| WitValue::Json(value.to_string()), WitValue::Texts),
        Value::Null | Value::Object(_) => WitValue::Json(value.to_string()),
    }
}

pub(super) fn said(claims: Vec<WitClaim>) -> impl ExactSizeIterator<Item = (String, Said)> {
    claims.into_iter().map(|claim| {
        let value = match claim.value {
            WitValue::Text(text) => Said::Text(text),
            WitValue::Integer(number) => Said::Integer(number),
            WitValue::Boolean(value) => Said::Boolean(value),
            WitValue::Texts(texts) => Said::Texts(texts),
            WitValue::Json(json) => Said::Json(json),
        };
        (claim.name, value)
    })
}

pub(super) fn actors<'a>(actors: impl Iterator<Item = &'a Actor>) -> Vec<WitActor> {
    actors
        .map(|actor| WitActor {
            issuer: actor.issuer.clone(),
            subject: actor.subject.clone(),
        })
        .collect()
}

pub(super) fn words(scope: &Scope) -> Vec<String> {
    scope.words().map(ToOwned::to_owned).collect()
}

pub(super) fn issuance(issuance: &Issuance<'_>, issuer: &str, call: &Call<'_>) -> WitIssuance {
    WitIssuance {
        issuer: issuer.to_owned(),
        subject: principal(issuance.subject()),
        client: issuance.client_id().map(ToOwned::to_owned),
        actors: issuance
            .actors()
            .map(|chain| actors(chain.iter()))
            .unwrap_or_default(),
        audiences: issuance.audiences().to_vec(),
        scopes: words(issuance.scope()),
        not_after: issuance.not_after().map(|at| at.0),
        nonce: issuance.nonce().map(ToOwned::to_owned),
        id: identifier(call),
    }
}

/// The identifier drawn for the token of this call: 32 hexadecimal digits.
pub(super) fn identifier(call: &Call<'_>) -> String {
    format!("{:032x}", u128::from_be_bytes(call.random))
}
