//! What a bound plugin can be: every role that the engine and the builtin token types know.

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, DecideError, Decider, Decision, Declared, Issuance, IssueError, IssuedToken,
    Mapper, Principal, Provider, Rejection, Token, TokenType, ValidateError, Validator,
};
use serde_json::{Map, Value};

use super::{Bound, ask};
use crate::v0_1::{Cause, Refused};

impl Bound {
    /// A validator of tokens of this type.
    pub fn validator(&self, token_type: TokenType, declared: Declared) -> Arc<dyn Validator> {
        Arc::new(PluginValidator {
            bound: self.clone(),
            token_type,
            declared,
        })
    }

    /// A provider of tokens of this type, for an instance with this issuer identifier.
    pub fn provider(&self, token_type: TokenType, issuer: String) -> Arc<dyn Provider> {
        Arc::new(PluginProvider {
            bound: self.clone(),
            token_type,
            issuer,
            is_custom: false,
        })
    }

    /// The same for a custom type of the REST STS, whose callers say what they want.
    pub fn custom_provider(&self, token_type: TokenType, issuer: String) -> Arc<dyn Provider> {
        Arc::new(PluginProvider {
            bound: self.clone(),
            token_type,
            issuer,
            is_custom: true,
        })
    }

    /// An exchange policy.
    pub fn decider(&self) -> Arc<dyn Decider> {
        Arc::new(PluginDecider(self.clone()))
    }

    /// A maker of an ID token's claims. `wanted` is the operator's map of claims, by the claim to make.
    pub fn claim_mapper(
        &self,
        issuer: String,
        wanted: Vec<(String, String)>,
    ) -> Arc<dyn Mapper<Map<String, Value>>> {
        Arc::new(PluginClaimMapper {
            bound: self.clone(),
            issuer,
            wanted,
        })
    }

    /// A maker of an ID token's `acr`.
    pub fn acr_mapper(&self) -> Arc<dyn Mapper<Option<String>>> {
        Arc::new(PluginAcrMapper(self.clone()))
    }

    /// A maker of an ID token's `amr`.
    pub fn amr_mapper(&self) -> Arc<dyn Mapper<Vec<String>>> {
        Arc::new(PluginAmrMapper(self.clone()))
    }
}

struct PluginValidator {
    bound: Bound,
    token_type: TokenType,
    declared: Declared,
}

impl Validator for PluginValidator {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(async move {
            let bound = &self.bound;
            let answer = ask!(bound, call, |guest| guest.validate(
                token,
                &self.token_type,
                call
            ));
            match answer {
                Ok((mut principal, carried)) => {
                    if principal.expires_at.is_some_and(|end| end <= call.now) {
                        return Err(Rejection::Expired.into());
                    }
                    // Nobody else has it yet, so this copies nothing.
                    self.declared
                        .complete(Arc::make_mut(&mut principal), carried);
                    Ok(principal)
                }
                Err(refused) => Err(not_accepted(bound.blamed(refused)?)),
            }
        })
    }
}

fn not_accepted(refused: Refused) -> ValidateError {
    let rejection = rejection(&refused);
    match (refused.code, refused.message) {
        (None, None) => rejection.into(),
        (code, message) => ValidateError::RefusedWith {
            rejection,
            code: code.unwrap_or_else(|| rejection.name().to_owned()),
            message,
        },
    }
}

const fn rejection(refused: &Refused) -> Rejection {
    match refused.cause {
        Cause::Token(rejection) => rejection,
        Cause::Unavailable | Cause::Internal => Rejection::Refused,
    }
}

/// The code and the text of a refusal.
fn words(refused: Refused) -> (String, Option<String>) {
    let rejection = rejection(&refused);
    let code = refused.code.unwrap_or_else(|| rejection.name().to_owned());
    (code, refused.message)
}

pub(super) fn not_issued(refused: Refused) -> IssueError {
    let (code, message) = words(refused);
    IssueError::Refused { code, message }
}

struct PluginProvider {
    bound: Bound,
    token_type: TokenType,
    issuer: String,
    /// Whether it is asked as a provider of a custom type.
    is_custom: bool,
}

impl Provider for PluginProvider {
    fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        Box::pin(async move {
            let Self {
                bound,
                token_type,
                issuer,
                is_custom,
            } = self;
            let answer = ask!(bound, call, |guest| async move {
                if *is_custom {
                    guest.issue_custom(issuance, issuer, token_type, call).await
                } else {
                    guest.issue(issuance, issuer, token_type, call).await
                }
            });
            match answer {
                Ok(issued) => Ok(issued),
                Err(refused) => Err(not_issued(bound.blamed(refused)?)),
            }
        })
    }

    /// One that reaches out may have its tokens made elsewhere, and there they would be real.
    fn preview<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Option<IssuedToken>, IssueError>> {
        Box::pin(async move {
            if self.bound.reaches_out() {
                Ok(None)
            } else {
                self.issue(issuance, call).await.map(Some)
            }
        })
    }
}

struct PluginDecider(Bound);

impl Decider for PluginDecider {
    fn decide<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        subject: &'a TokenType,
        issued: &'a TokenType,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Decision, DecideError>> {
        Box::pin(async move {
            let bound = &self.0;
            let answer = ask!(bound, call, |guest| guest
                .decide(issuance, subject, issued, call));
            answer.map_err(|refused| match bound.blamed(refused) {
                Ok(refused) => {
                    let (code, message) = words(refused);
                    DecideError::Refused { code, message }
                }
                Err(fault) => fault.into(),
            })
        })
    }
}

struct PluginClaimMapper {
    bound: Bound,
    issuer: String,
    wanted: Vec<(String, String)>,
}

impl Mapper<Map<String, Value>> for PluginClaimMapper {
    fn map<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Map<String, Value>, IssueError>> {
        Box::pin(async move {
            let bound = &self.bound;
            let answer = ask!(bound, call, |guest| guest.map_claims(
                issuance,
                &self.issuer,
                &self.wanted,
                call
            ));
            match answer {
                Ok(claims) => Ok(claims),
                Err(refused) => Err(not_issued(bound.blamed(refused)?)),
            }
        })
    }
}

struct PluginAcrMapper(Bound);

impl Mapper<Option<String>> for PluginAcrMapper {
    fn map<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, IssueError>> {
        Box::pin(async move {
            let bound = &self.0;
            match ask!(bound, call, |guest| guest.map_acr(issuance, call)) {
                Ok(acr) => Ok(acr),
                Err(refused) => Err(not_issued(bound.blamed(refused)?)),
            }
        })
    }
}

struct PluginAmrMapper(Bound);

impl Mapper<Vec<String>> for PluginAmrMapper {
    fn map<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, IssueError>> {
        Box::pin(async move {
            let bound = &self.0;
            match ask!(bound, call, |guest| guest.map_amr(issuance, call)) {
                Ok(methods) => Ok(methods),
                Err(refused) => Err(not_issued(bound.blamed(refused)?)),
            }
        })
    }
}
