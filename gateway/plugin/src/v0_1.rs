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
        world: "validator-plugin",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use bindings::{
    ValidatorPlugin, ValidatorPluginPre, cambist::sts::types::Fault,
    exports::cambist::sts::validator as wit,
};

/// The interface a validator exports.
pub(crate) const VALIDATOR: &str = "cambist:sts/validator@0.1.0";
/// The interface with nothing but types that such a component imports.
pub(crate) const TYPES: &str = "cambist:sts/types@0.1.0";

/// A component linked as a validator.
pub(crate) struct Linked(ValidatorPluginPre<Sandbox>);

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
        let pre = ValidatorPluginPre::new(pre)
            .map_err(|error| PluginRejected::WrongType(format!("{error:#}")))?;
        Ok(Self(pre))
    }

    /// Makes an instance only.
    pub(crate) async fn instantiate(
        &self,
        store: &mut Store<Sandbox>,
    ) -> wasmtime::Result<Instance> {
        self.0.instance_pre().instantiate_async(store).await
    }

    /// Compares the types of an instance's exports with the interface. What changed inside a record
    /// shows here and not before.
    pub(crate) fn check(
        store: &mut Store<Sandbox>,
        instance: &Instance,
    ) -> Result<(), PluginRejected> {
        ValidatorPlugin::new(store, instance)
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
        let instance = self.0.instantiate_async(&mut *store).await?;
        let settings: Vec<_> = question
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let call = wit::Call {
            now: question.call.now.0,
            instance: question.call.instance,
            correlation: question.call.correlation,
            token_type: question.token_type.as_str(),
            settings: &settings,
        };
        let answer = instance
            .cambist_sts_validator()
            .call_validate_token(store, token, call)
            .await?;
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
        claims: answer::claims(
            said.attributes
                .into_iter()
                .map(|attribute| (attribute.name, attribute.values)),
        )?,
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
