//! Access tokens that mean nothing by themselves: a random text, and a row in the ledger that says what it
//! stands for (RFC 7662).

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use cambist_core::{
    ActorChain, BoxFuture, Call, Confirmation, Declared, Fault, Issuance, IssueError, IssuedToken,
    MayAct, Principal, Provider, RESERVED_CLAIMS, Rejection, Scope, Timestamp, Token, TokenType,
    Usage, ValidateError, Validator,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    instance::build::bindings::read,
    ledger::{Ledger, token_hash},
    publish_error::PublishError,
};

/// Its name in configuration.
pub const KIND: &str = "opaque_token";

/// What every token begins with, so that scanners recognise a leaked one.
const PREFIX: &str = "cbt_";
/// Characters of base64url for 128 random bits.
const RANDOM_CHARACTERS: usize = 22;
static ACCESS_TOKEN: TokenType = TokenType::ACCESS_TOKEN;
const DEFAULT_LIFETIME: u64 = 300;
const LONGEST_LIFETIME: u64 = 24 * 3600;
const MAX_ACTORS: usize = 8;

/// Whether a text has the form of a token of ours.
pub fn has_form(token: &[u8]) -> bool {
    token.len() == PREFIX.len() + RANDOM_CHARACTERS
        && token.starts_with(PREFIX.as_bytes())
        && token
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderSettings {
    #[serde(default)]
    lifetime_seconds: Option<u64>,
    #[serde(default)]
    claims: BTreeMap<String, String>,
}

/// Makes opaque tokens.
pub struct OpaqueProvider {
    issuer: String,
    lifetime: u64,
    claims: BTreeMap<String, String>,
}

impl OpaqueProvider {
    /// Reads the settings of a provider of the instance with this issuer identifier.
    pub fn build(settings: &Map<String, Value>, issuer: &str) -> Result<Self, PublishError> {
        let settings: ProviderSettings = read(
            Value::Object(settings.clone()),
            "an opaque_token provider may have `lifetime_seconds` and `claims`",
        )?;
        let lifetime = settings.lifetime_seconds.unwrap_or(DEFAULT_LIFETIME);
        if !(1..=LONGEST_LIFETIME).contains(&lifetime) {
            return Err(PublishError::new(
                "lifetime_seconds",
                format!("{lifetime} is out of range"),
                format!("use 1 to {LONGEST_LIFETIME} seconds"),
            ));
        }
        let is_set = |name: &&String| name.is_empty() || RESERVED_CLAIMS.contains(&name.as_str());
        if let Some(name) = settings.claims.keys().find(is_set) {
            return Err(PublishError::new(
                format!("claims.{name}"),
                "is set by the provider",
                "use a claim name without a meaning of its own",
            ));
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            lifetime,
            claims: settings.claims,
        })
    }

    fn make(&self, issuance: &Issuance<'_>, call: &Call<'_>) -> IssuedToken {
        let random = base64_simd::URL_SAFE_NO_PAD.encode_to_string(call.random);
        IssuedToken {
            token: Token::new(format!("{PREFIX}{random}")),
            token_type: TokenType::ACCESS_TOKEN,
            usage: Usage::Bearer,
            expires_at: issuance.ends_at(call.now, self.lifetime),
            id: Some(identifier(call.random)),
        }
    }

    fn say(
        &self,
        issuance: &Issuance<'_>,
        issued: &IssuedToken,
        now: Timestamp,
    ) -> Map<String, Value> {
        let subject = issuance.subject();
        let mut claims = Map::new();
        for (name, known) in &self.claims {
            if let Some(value) = subject.claims.get(known) {
                claims.insert(name.clone(), value.clone());
            }
        }
        let client = issuance.client_id().or(subject.client.as_deref());
        let scope = issuance.scope();
        let facts = [
            ("iss", Some(json!(self.issuer))),
            ("sub", Some(json!(subject.subject))),
            ("aud", Some(json!(issuance.audiences()))),
            ("exp", Some(json!(issued.expires_at))),
            ("iat", Some(json!(now))),
            ("jti", issued.id.as_ref().map(|id| json!(id))),
            ("client_id", client.map(|client| json!(client))),
            (
                "scope",
                (!scope.is_empty()).then(|| json!(scope.to_string())),
            ),
            ("auth_time", subject.authenticated_at.map(|at| json!(at))),
            (
                "acr",
                subject
                    .authentication_context
                    .as_ref()
                    .map(|acr| json!(acr)),
            ),
            (
                "amr",
                Some(&subject.authentication_methods)
                    .filter(|methods| !methods.is_empty())
                    .map(|methods| json!(methods)),
            ),
            ("act", issuance.actors().map(ActorChain::to_claim)),
            ("cnf", issuance.confirmation().map(Confirmation::to_claim)),
        ];
        let facts = facts
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        claims.extend(facts);
        claims
    }
}

/// The `jti`. It may be logged and shown, so the token cannot be learned from it.
fn identifier(random: [u8; 16]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(b"jti\0");
    context.update(&random);
    let digest = context.finish();
    let digest = digest.as_ref().get(..16).unwrap_or_default();
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(digest)
}

impl Provider for OpaqueProvider {
    fn token_type(&self) -> &TokenType {
        &ACCESS_TOKEN
    }

    fn can_bind(&self) -> bool {
        true
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn content(
        &self,
        issuance: &Issuance<'_>,
        issued: &IssuedToken,
        call: &Call<'_>,
    ) -> Option<Map<String, Value>> {
        Some(self.say(issuance, issued, call.now))
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        Box::pin(std::future::ready(Ok(self.make(issuance, call))))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidatorSettings {
    audiences: Vec<String>,
    #[serde(default)]
    subject_prefix: String,
    #[serde(default)]
    scopes: Option<Scope>,
}

/// Reads the opaque tokens that its own instance issued.
pub struct OpaqueValidator {
    ledger: Arc<Ledger>,
    instance: String,
    audiences: Vec<String>,
    declared: Declared,
}

impl OpaqueValidator {
    /// Reads the settings of a validator of this instance.
    pub fn build(
        settings: &Map<String, Value>,
        instance: &str,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, PublishError> {
        let settings: ValidatorSettings = read(
            Value::Object(settings.clone()),
            "an opaque_token validator has `audiences`, and optionally `subject_prefix`, `scopes`",
        )?;
        if settings.audiences.is_empty() || settings.audiences.iter().any(String::is_empty) {
            return Err(PublishError::new(
                "audiences",
                "is empty",
                "list the audiences that make a token of ours acceptable here again",
            ));
        }
        Ok(Self {
            ledger: Arc::clone(ledger),
            instance: instance.to_owned(),
            audiences: settings.audiences,
            declared: Declared {
                subject_prefix: settings.subject_prefix,
                scopes: settings.scopes,
            },
        })
    }

    /// What the operator declared about these tokens.
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }

    async fn principal(
        &self,
        token: &Token,
        call: &Call<'_>,
    ) -> Result<Arc<Principal>, ValidateError> {
        let claims = content(&self.ledger, &self.instance, token.as_bytes(), call.now)
            .await?
            .ok_or(Rejection::Refused)?;
        let (mut principal, carried) = principal(claims)?;
        let is_ours = |audience| self.audiences.contains(audience);
        if !principal.audiences.iter().any(is_ours) {
            return Err(Rejection::WrongAudience.into());
        }
        self.declared.complete(&mut principal, Some(carried));
        Ok(Arc::new(principal))
    }
}

impl Validator for OpaqueValidator {
    fn recognises(&self, token: &Token) -> bool {
        has_form(token.as_bytes())
    }

    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(self.principal(token, call))
    }
}

/// What an opaque token of `instance` stands for, if it is one and counts at this moment. Nothing but the
/// whole text finds it (SX-16), and no other instance does (SX-18).
pub async fn content(
    ledger: &Ledger,
    instance: &str,
    token: &[u8],
    now: Timestamp,
) -> Result<Option<Map<String, Value>>, Fault> {
    if !has_form(token) {
        return Ok(None);
    }
    let found = ledger
        .find(&token_hash(token))
        .await
        .map_err(|error| Fault::from(&error))?;
    let Some(row) =
        found.filter(|row| row.token.instance == instance && ledger.is_active(row, now))
    else {
        return Ok(None);
    };
    let content = row.token.content.as_deref().map(serde_json::from_str);
    match content {
        Some(Ok(Value::Object(claims))) => Ok(Some(claims)),
        Some(_) => Err(Fault::Internal("a row of the ledger is damaged".to_owned())),
        None => Ok(None),
    }
}

fn principal(mut claims: Map<String, Value>) -> Result<(Principal, Scope), Rejection> {
    let mut take = |name: &str| claims.remove(name);
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let texts = |value: Option<Value>| -> Vec<String> {
        let values = value.and_then(|value| serde_json::from_value(value).ok());
        values.unwrap_or_default()
    };
    let moment = |value: Option<Value>| value.and_then(|value| value.as_u64()).map(Timestamp);
    let scope = text(take("scope")).unwrap_or_default();
    let scope = Scope::parse(&scope).unwrap_or_default();
    let mut principal = Principal {
        subject: text(take("sub")).ok_or(Rejection::Malformed)?,
        issuer: text(take("iss")),
        audiences: texts(take("aud")),
        client: text(take("client_id")),
        scope: Scope::default(),
        expires_at: Some(moment(take("exp")).ok_or(Rejection::Malformed)?),
        authenticated_at: moment(take("auth_time")),
        authentication_context: text(take("acr")),
        authentication_methods: texts(take("amr")),
        actors: take("act")
            .map(|act| ActorChain::from_claim(&act, MAX_ACTORS))
            .transpose()?,
        may_act: take("may_act")
            .map(|may_act| MayAct::from_claim(&may_act))
            .transpose()?,
        confirmation: take("cnf")
            .map(|cnf| Confirmation::from_claim(&cnf))
            .transpose()?,
        ..Principal::default()
    };
    principal.claims = claims;
    Ok((principal, scope))
}
