//! One function for each point that is asked on the way of an exchange: the question in the gateway's
//! words, the answer checked.

use std::sync::Arc;

use cambist_core::{
    Call, Decision, Issuance, IssuedToken, MayAct, Principal, Rejection, Scope, Timestamp, Token,
    TokenType, Usage,
};
use serde_json::{Map, Value};
use wasmtime::{Store, component::Instance};
use zeroize::Zeroize;

use super::{
    Linked, Loaded, WitValue, convert,
    exports::{custom_provider, policy, provider},
    imports::types::{
        Call as WitCall, Fault as WitFault, Principal as WitPrincipal, Refusal as WitRefusal,
        Token as WitToken,
    },
};
use crate::{
    answer::{self, NAME_BYTES, Nonsense, TOKEN_BYTES, URI_BYTES},
    sandbox::Sandbox,
};

/// A refusal, in bounds.
pub(crate) struct Refused {
    pub(crate) cause: Cause,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) detail: Option<String>,
}

/// Whose fault a refusal is.
pub(crate) enum Cause {
    Token(Rejection),
    Unavailable,
    Internal,
}

/// What came of asking: an answer or a refusal, or nonsense.
pub(crate) type Answer<T> = Result<Result<T, Refused>, Nonsense>;

/// A guest that is being asked.
pub(crate) struct Guest<'a> {
    pub(crate) linked: &'a Linked,
    pub(crate) store: &'a mut Store<Sandbox>,
    pub(crate) instance: &'a Instance,
    pub(crate) loaded: &'a mut Loaded,
    pub(crate) asked: &'a mut Asked,
    pub(crate) config: &'a [(String, WitValue)],
}

/// What a validator was asked last. A worker's next question is written into the same strings.
#[derive(Default)]
pub(crate) struct Asked(Option<(WitToken, WitCall)>);

impl Asked {
    fn write(
        &mut self,
        token: &Token,
        token_type: &TokenType,
        call: &Call<'_>,
        config: &[(String, WitValue)],
    ) -> &mut (WitToken, WitCall) {
        if let Some((known_token, known_call)) = &mut self.0 {
            token_type.as_str().clone_into(&mut known_token.token_type);
            known_token.bytes.clear();
            known_token.bytes.extend_from_slice(token.as_bytes());
            known_call.now = call.now.0;
            call.instance.clone_into(&mut known_call.instance);
            call.correlation.clone_into(&mut known_call.correlation);
        }
        self.0.get_or_insert_with(|| {
            (
                convert::token(token, token_type),
                convert::call(call, config),
            )
        })
    }
}

/// The exports of a point. A plugin is bound only where it has them.
macro_rules! exported {
    ($guest:ident, $interface:ident) => {
        match &mut $guest.loaded.$interface {
            Some(exports) => exports,
            unknown => {
                let indices = $guest
                    .linked
                    .$interface
                    .as_ref()
                    .ok_or_else(|| wasmtime::Error::msg("the component has no such export"))?;
                unknown.insert(indices.load(&mut *$guest.store, $guest.instance)?)
            }
        }
    };
}

pub(super) use exported;

impl Guest<'_> {
    pub(crate) async fn validate(
        self,
        token: &Token,
        token_type: &TokenType,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<(Arc<Principal>, Option<Scope>)>> {
        let exports = exported!(self, validator);
        let (token, circumstances) = self.asked.write(token, token_type, call, self.config);
        let said = exports
            .call_validate_token(self.store, token, circumstances)
            .await?;
        token.bytes.zeroize();
        Ok(answered(said, |said| accepted(said, call.now)))
    }

    pub(crate) async fn issue(
        self,
        issuance: &Issuance<'_>,
        issuer: &str,
        token_type: &TokenType,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<IssuedToken>> {
        let exports = exported!(self, provider);
        let question = convert::issuance(issuance, issuer, call);
        let said = exports
            .call_issue_token(self.store, &question, &convert::call(call, self.config))
            .await?;
        Ok(answered(said, |said| {
            issued(said, issuance, token_type, call)
        }))
    }

    pub(crate) async fn issue_custom(
        self,
        issuance: &Issuance<'_>,
        issuer: &str,
        token_type: &TokenType,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<IssuedToken>> {
        let exports = exported!(self, custom_provider);
        let presented = issuance.presented();
        let said = exports
            .call_issue_custom_token(
                self.store,
                &convert::token(&presented.token, &presented.token_type),
                issuance.described().unwrap_or("{}"),
                &convert::issuance(issuance, issuer, call),
                &convert::call(call, self.config),
            )
            .await?;
        Ok(answered(said, |said: custom_provider::Answer| {
            let said = provider::Issued {
                token: said.content,
                usage: provider::Usage::NotApplicable,
                expires_at: said.expires_at,
                id: said.id,
            };
            issued(said, issuance, token_type, call)
        }))
    }

    pub(crate) async fn decide(
        self,
        issuance: &Issuance<'_>,
        subject: &TokenType,
        issued: &TokenType,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Decision>> {
        let exports = exported!(self, policy);
        let question = policy::Request {
            client: issuance.asking().to_owned(),
            subject: convert::principal(issuance.subject()),
            subject_token_type: subject.to_string(),
            issued_token_type: issued.to_string(),
            actors: issuance
                .actors()
                .map(|chain| convert::actors(chain.iter()))
                .unwrap_or_default(),
            audiences: issuance.audiences().to_vec(),
            scopes: convert::words(issuance.scope()),
            not_after: issuance.not_after().map(|at| at.0),
        };
        let said = exports
            .call_decide(self.store, &question, &convert::call(call, self.config))
            .await?;
        Ok(answered(said, decided))
    }

    pub(crate) async fn map_claims(
        self,
        issuance: &Issuance<'_>,
        issuer: &str,
        wanted: &[(String, String)],
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Map<String, Value>>> {
        let exports = exported!(self, claim_mapper);
        let question = convert::issuance(issuance, issuer, call);
        let said = exports
            .call_map_claims(
                self.store,
                &question,
                wanted,
                &convert::call(call, self.config),
            )
            .await?;
        Ok(answered(said, |claims| {
            answer::claims(convert::said(claims))
        }))
    }

    pub(crate) async fn map_acr(
        self,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Option<String>>> {
        let exports = exported!(self, acr_mapper);
        let presented = issuance.presented();
        let said = exports
            .call_map_acr(
                self.store,
                &convert::token(&presented.token, &presented.token_type),
                &convert::principal(issuance.subject()),
                &convert::call(call, self.config),
            )
            .await?;
        Ok(answered(said, |acr| {
            answer::optional_name("the authentication context", acr, NAME_BYTES)
        }))
    }

    pub(crate) async fn map_amr(
        self,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Vec<String>>> {
        let exports = exported!(self, amr_mapper);
        let presented = issuance.presented();
        let said = exports
            .call_map_amr(
                self.store,
                &convert::token(&presented.token, &presented.token_type),
                &convert::principal(issuance.subject()),
                &convert::call(call, self.config),
            )
            .await?;
        Ok(answered(said, answer::methods))
    }
}

pub(super) fn answered<S, T>(
    said: Result<S, WitRefusal>,
    checked: impl FnOnce(S) -> Result<T, Nonsense>,
) -> Answer<T> {
    match said {
        Ok(said) => checked(said).map(Ok),
        Err(refusal) => Ok(Err(refused(refusal))),
    }
}

fn accepted(
    said: WitPrincipal,
    now: Timestamp,
) -> Result<(Arc<Principal>, Option<Scope>), Nonsense> {
    if said.subject.is_empty() {
        return Err(Nonsense::NoSubject);
    }
    let principal = Principal {
        subject: answer::name("the subject", said.subject, NAME_BYTES)?,
        issuer: answer::optional_name("the issuer", said.issuer, URI_BYTES)?,
        audiences: answer::audiences(said.audiences)?,
        client: answer::optional_name("the client", said.client, NAME_BYTES)?,
        expires_at: said.expires_at.map(Timestamp),
        authenticated_at: answer::past(said.authenticated_at, now)?,
        authentication_context: answer::optional_name(
            "the authentication context",
            said.authentication_context,
            NAME_BYTES,
        )?,
        authentication_methods: answer::methods(said.authentication_methods)?,
        claims: answer::claims(convert::said(said.claims))?,
        actors: answer::actors(
            said.actors
                .into_iter()
                .map(|actor| (actor.issuer, actor.subject)),
        )?,
        may_act: said
            .may_act
            .map(|members| answer::members(convert::said(members)).map(MayAct::new))
            .transpose()?,
        ..Principal::default()
    };
    Ok((Arc::new(principal), answer::scope(said.scopes)?))
}

fn issued(
    said: provider::Issued,
    issuance: &Issuance<'_>,
    token_type: &TokenType,
    call: &Call<'_>,
) -> Result<IssuedToken, Nonsense> {
    if said.token.is_empty() {
        return Err(Nonsense::Empty("the token"));
    }
    if said.token.len() > TOKEN_BYTES {
        return Err(Nonsense::TooLong {
            what: "the token",
            limit: TOKEN_BYTES,
        });
    }
    let expires_at = Timestamp(said.expires_at);
    if expires_at <= call.now {
        return Err(Nonsense::Past);
    }
    if issuance.not_after().is_some_and(|limit| expires_at > limit) {
        return Err(Nonsense::TooLate);
    }
    let id = answer::optional_name("the identifier", said.id, NAME_BYTES)?
        .unwrap_or_else(|| convert::identifier(call));
    Ok(IssuedToken {
        token: Token::new(said.token),
        token_type: token_type.clone(),
        usage: match said.usage {
            provider::Usage::Bearer => Usage::Bearer,
            provider::Usage::NotApplicable => Usage::NotApplicable,
        },
        expires_at,
        id: Some(id),
    })
}

/// Whether it stays within the grant is the engine's to check.
fn decided(said: policy::Decision) -> Result<Decision, Nonsense> {
    Ok(Decision {
        scope: answer::scope(said.scopes)?,
        audiences: said.audiences.map(answer::audiences).transpose()?,
        not_after: said.not_after.map(Timestamp),
    })
}

fn refused(said: WitRefusal) -> Refused {
    let cause = match said.fault {
        WitFault::Malformed => Cause::Token(Rejection::Malformed),
        WitFault::Refused => Cause::Token(Rejection::Refused),
        WitFault::Expired => Cause::Token(Rejection::Expired),
        WitFault::NotYetValid => Cause::Token(Rejection::NotYetValid),
        WitFault::BadSignature => Cause::Token(Rejection::BadSignature),
        WitFault::WrongAudience => Cause::Token(Rejection::WrongAudience),
        WitFault::Unavailable => Cause::Unavailable,
        WitFault::Internal => Cause::Internal,
    };
    Refused {
        cause,
        code: answer::code(said.code),
        message: answer::text(said.message),
        detail: answer::text(said.detail),
    }
}
