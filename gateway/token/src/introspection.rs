//! Access tokens of another authorization server that mean nothing by themselves: it is asked what each
//! stands for (RFC 7662).

mod answer;
mod client;
mod signed;

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Declared, Fault, Principal, Rejection, Timestamp, Token, TokenType,
    ValidateError, Validator,
};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use self::client::Client;
pub use self::client::JWT_ASSERTION;
use crate::{
    Bench, BuildError, Builtin, Learned, TrustedIssuer,
    jose::{MAX_TOKEN_BYTES, Unverified},
    settings::Settings,
};

/// Questions that may be under way at once.
const QUESTIONS: usize = 32;
/// Tokens that are remembered at once.
const REMEMBERED: usize = 8192;
/// How long it serves that a token is not active, in seconds.
const INACTIVE: u64 = 5;
/// How long a failure spares the issuer the same question, in seconds.
const FAILED: u64 = 1;

pub(crate) const BUILTIN: Builtin = Builtin {
    kind: "introspection",
    token_type: TokenType::ACCESS_TOKEN,
    validator: Some(build),
    provider: None,
};

fn build(
    members: &Map<String, Value>,
    bench: &Bench<'_>,
) -> Result<Arc<dyn Validator>, BuildError> {
    Introspection::build(members, bench).map(|built| Arc::new(built) as Arc<dyn Validator>)
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    /// It counts, and stands for this.
    Active(Arc<Map<String, Value>>),
    /// It does not count.
    Inactive,
    /// Nobody could tell.
    Unknown(Fault),
}

/// Asks one issuer.
struct Introspection {
    issuer: Arc<TrustedIssuer>,
    audiences: Vec<String>,
    declared: Declared,
    token_prefix: Option<String>,
    client: Client,
    known: Learned<Known>,
    /// How long it serves that a token is active, in seconds.
    active_seconds: u64,
    turns: Semaphore,
}

impl Introspection {
    fn build(members: &Map<String, Value>, bench: &Bench<'_>) -> Result<Self, BuildError> {
        let settings = Settings::new(
            members,
            &["audiences", "issuers", "scopes", "subject_prefix"],
        )?;
        let hint = "a list of the one issuer that is asked, e.g. [\"legacy\"]; several belong into several validators under one of kind `one_of`";
        let names: Vec<String> = settings.optional("issuers", hint)?.unwrap_or_default();
        let [name] = names.as_slice() else {
            return Err(BuildError::new("issuers", "not one issuer", hint));
        };
        let issuer = (bench.trusted_issuer)(name).ok_or_else(|| {
            let reason = format!("no issuer is registered as `{name}`");
            BuildError::new("issuers[0]", reason, hint)
        })?;
        let config = issuer.introspection().ok_or_else(|| {
            BuildError::new(
                "issuers[0]",
                format!("`{name}` has no introspection endpoint"),
                "an issuer that is registered with `introspection`",
            )
        })?;
        let audience_hint =
            "a non-empty list of `aud` values, or nothing to use the issuer's own list";
        let audiences: Option<Vec<String>> = settings.optional("audiences", audience_hint)?;
        let audiences = audiences.unwrap_or_else(|| issuer.audiences().to_vec());
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return Err(BuildError::new("audiences", "empty", audience_hint));
        }
        Ok(Self {
            audiences,
            declared: settings.declared()?,
            token_prefix: config.token_prefix.clone(),
            client: Client::build(config, &issuer, bench)?,
            known: Learned::new(REMEMBERED),
            active_seconds: config.cache_seconds,
            turns: Semaphore::new(QUESTIONS),
            issuer,
        })
    }

    async fn principal(
        &self,
        token: &Token,
        call: &Call<'_>,
    ) -> Result<Arc<Principal>, ValidateError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge.into());
        }
        let text = token
            .as_str()
            .filter(|text| !text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b)))
            .ok_or(Rejection::Malformed)?;
        let ask = || async {
            let known = self.ask(text, call).await;
            let until = self.until(&known, call.now);
            (known, Some(until))
        };
        let known = self.known.learn(token.as_bytes(), call.now, ask).await;
        match known {
            Known::Active(claims) => {
                let (mut principal, carried) =
                    answer::principal(&claims, &self.issuer, &self.audiences, call.now)?;
                self.declared.complete(&mut principal, carried);
                Ok(Arc::new(principal))
            }
            Known::Inactive => Err(Rejection::Refused.into()),
            Known::Unknown(fault) => Err(fault.into()),
        }
    }

    /// Until when an answer serves.
    fn until(&self, known: &Known, now: Timestamp) -> Timestamp {
        match known {
            Known::Active(claims) => {
                let usual = now.plus(self.active_seconds);
                answer::ends(claims).map_or(usual, |end| end.min(usual))
            }
            Known::Inactive => now.plus(INACTIVE.min(self.active_seconds)),
            Known::Unknown(_) => now.plus(FAILED),
        }
    }

    /// Whatever goes wrong is no answer, and no answer accepts nothing.
    async fn ask(&self, token: &str, call: &Call<'_>) -> Known {
        let Ok(_turn) = self.turns.try_acquire() else {
            return Known::Unknown(Fault::Overloaded(format!(
                "too many questions to {} are under way",
                self.issuer.issuer()
            )));
        };
        let answered = self.client.ask(token, call).await;
        answered.unwrap_or_else(|reason| self.unknown(&reason))
    }

    fn unknown(&self, reason: &str) -> Known {
        let issuer = self.issuer.issuer();
        tracing::warn!(issuer, reason, "a token could not be introspected");
        Known::Unknown(Fault::Unavailable(format!("{issuer}: {reason}")))
    }
}

impl Validator for Introspection {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(self.principal(token, call))
    }

    /// A token that names its issuer is shown to nobody else.
    fn recognises(&self, token: &Token) -> bool {
        match Unverified::parse(token.as_bytes(), MAX_TOKEN_BYTES) {
            Ok(token) => token.issuer().as_deref() == Some(self.issuer.issuer()),
            Err(_) => self
                .token_prefix
                .as_ref()
                .is_none_or(|prefix| token.as_bytes().starts_with(prefix.as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests;
