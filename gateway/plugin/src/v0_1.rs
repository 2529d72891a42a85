//! `cambist:sts@0.1`: the only module that sees generated bindings of it.

use cambist_core::{Call, Principal, Rejection, Scope, Timestamp, TokenType};
use wasmtime::{
    Store,
    component::{Component, Instance, InstancePre, Linker},
};

use crate::{
    PluginRejected,
    answer::{self, NAME_BYTES, Nonsense, URI_BYTES},
    sandbox::Sandbox,
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "cambist:sts/secrets.secret": crate::sandbox::SecretHandle,
            "cambist:sts/crypto.key": crate::sandbox::KeyHandle,
        },
    });
}

use bindings::{
    cambist::sts::types::{self as wit, Fault, Value as WitValue},
    exports::cambist::sts::validator,
};

/// The interface a validator exports.
pub(crate) const VALIDATOR: &str = "cambist:sts/validator@0.1.0";
/// The interface with nothing but types that such a component imports.
pub(crate) const TYPES: &str = "cambist:sts/types@0.1.0";

/// A component linked as a validator.
pub(crate) struct Linked {
    pre: InstancePre<Sandbox>,
    validator: validator::GuestIndices,
}

/// What one call is told beside the token.
pub(crate) struct Question<'a> {
    pub(crate) call: &'a Call<'a>,
    pub(crate) token_type: &'a TokenType,
    pub(crate) settings: &'a [(String, String)],
}

/// A well-formed answer.
pub(crate) enum Answer {
    /// The token's content, and the scope it carries if its kind knows scope.
    Accepted(Box<Principal>, Option<Scope>),
    Refused(Refused),
}

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

impl Linked {
    /// Links a component and finds its exports.
    pub(crate) fn new(
        linker: &Linker<Sandbox>,
        component: &Component,
    ) -> Result<Self, PluginRejected> {
        let pre: InstancePre<Sandbox> = linker
            .instantiate_pre(component)
            .map_err(|error| PluginRejected::WrongType(format!("{error:#}")))?;
        let validator = validator::GuestIndices::new(&pre)
            .map_err(|error| PluginRejected::WrongType(format!("{error:#}")))?;
        Ok(Self { pre, validator })
    }

    /// Makes an instance only.
    pub(crate) async fn instantiate(
        &self,
        store: &mut Store<Sandbox>,
    ) -> wasmtime::Result<Instance> {
        self.pre.instantiate_async(store).await
    }

    /// Compares the types of an instance's exports with the interface. What changed inside a record
    /// shows here and not before.
    pub(crate) fn check(
        &self,
        store: &mut Store<Sandbox>,
        instance: &Instance,
    ) -> Result<(), PluginRejected> {
        self.validator
            .load(store, instance)
            .map(drop)
            .map_err(|error| PluginRejected::WrongType(format!("{error:#}")))
    }

    /// One call in a fresh store.
    pub(crate) async fn validate(
        &self,
        store: &mut Store<Sandbox>,
        token: &[u8],
        question: &Question<'_>,
    ) -> wasmtime::Result<Result<Answer, Nonsense>> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let guest = self.validator.load(&mut *store, &instance)?;
        let config: Vec<_> = question
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), WitValue::Text(value.clone())))
            .collect();
        let token = wit::Token {
            token_type: question.token_type.to_string(),
            bytes: token.to_vec(),
        };
        let call = wit::Call {
            now: question.call.now.0,
            instance: question.call.instance.to_owned(),
            correlation: question.call.correlation.to_owned(),
            config,
        };
        let answer = guest.call_validate_token(store, &token, &call).await?;
        Ok(match answer {
            Ok(principal) => accepted(principal, question.call.now),
            Err(refusal) => Ok(Answer::Refused(refused(refusal))),
        })
    }
}

fn accepted(said: wit::Principal, now: Timestamp) -> Result<Answer, Nonsense> {
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
        claims: answer::claims(said.claims.into_iter().map(|claim| {
            let values = match claim.value {
                WitValue::Texts(texts) => texts,
                WitValue::Text(text) => vec![text],
                _ => Vec::new(),
            };
            (claim.name, values)
        }))?,
        ..Principal::default()
    };
    Ok(Answer::Accepted(
        Box::new(principal),
        answer::scope(said.scopes)?,
    ))
}

fn refused(said: wit::Refusal) -> Refused {
    let cause = match said.fault {
        Fault::Malformed => Cause::Token(Rejection::Malformed),
        Fault::Refused => Cause::Token(Rejection::Refused),
        Fault::Expired => Cause::Token(Rejection::Expired),
        Fault::NotYetValid => Cause::Token(Rejection::NotYetValid),
        Fault::BadSignature => Cause::Token(Rejection::BadSignature),
        Fault::WrongAudience => Cause::Token(Rejection::WrongAudience),
        Fault::Unavailable => Cause::Unavailable,
        Fault::Internal => Cause::Internal,
    };
    Refused {
        cause,
        code: answer::code(said.code),
        message: answer::text(said.message),
        detail: answer::text(said.detail),
    }
}
