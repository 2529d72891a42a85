//! The grants of the token endpoint: whom each lets ask, and what it asks of the engine.

use std::borrow::Cow;

use cambist_core::{
    Call, Client, ExchangeError, ExchangeRequest, Exchanged, Instance, MayPresent, Presented,
    Token, TokenType, Witness, exchange, explain, explain_to_client, issue_to_client,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{form::TokenForm, refusal::Refusal, saml_bearer};
use crate::instance::{PublishedInstance, RegisteredClient};

/// The grant type of RFC 7523 §2.1. As the type of a presented token it asks for what §3 demands of one.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A grant, by the name it has on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grant {
    /// RFC 8693 §2.1.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    /// RFC 6749 §4.4.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 7523 §2.1.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
    /// RFC 7522 §2.1.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:saml2-bearer")]
    Saml2Bearer,
}

impl Grant {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::TokenExchange,
        Self::ClientCredentials,
        Self::JwtBearer,
        Self::Saml2Bearer,
    ];

    /// `grant_type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => JWT_BEARER,
            Self::Saml2Bearer => saml_bearer::SAML2_BEARER,
        }
    }

    /// What an assertion that is a grant by itself is presented as.
    pub const fn assertion(self) -> Option<TokenType> {
        match self {
            Self::JwtBearer => Some(TokenType::from_static(JWT_BEARER)),
            Self::Saml2Bearer => Some(saml_bearer::PRESENTED_TYPE),
            Self::TokenExchange | Self::ClientCredentials => None,
        }
    }

    /// What it is when it is no grant: the type that the operator's validator reads.
    pub const fn assertion_read_as(self) -> Option<TokenType> {
        match self {
            Self::JwtBearer => Some(TokenType::JWT),
            Self::Saml2Bearer => Some(TokenType::SAML2),
            Self::TokenExchange | Self::ClientCredentials => None,
        }
    }

    /// Whether it could succeed at an instance for some client.
    pub fn is_offered(self, engine: &Instance) -> bool {
        let takes = |wanted: &TokenType| {
            let mut made = engine.transformations.iter();
            made.any(|made| made.subject == *wanted)
        };
        match self {
            Self::TokenExchange => true,
            Self::ClientCredentials => engine.for_clients.is_some(),
            Self::JwtBearer | Self::Saml2Bearer => self.assertion().as_ref().is_some_and(takes),
        }
    }

    /// Which grant a request uses, if its client may (TX-42).
    pub fn of(form: &TokenForm, client: &RegisteredClient) -> Result<Self, Refusal> {
        let named = form
            .grant_type
            .as_deref()
            .ok_or(Refusal::InvalidRequest("grant_type is missing"))?;
        let grant = Self::ALL
            .into_iter()
            .find(|grant| grant.name() == named)
            .ok_or(Refusal::UnsupportedGrantType)?;
        if client.grants.contains(&grant) {
            Ok(grant)
        } else {
            Err(Refusal::UnauthorizedClient(
                "this client may not use this grant type",
            ))
        }
    }

    /// The client as this grant's rules see it.
    pub fn client<'c>(
        self,
        client: &'c RegisteredClient,
        instance: &PublishedInstance,
    ) -> Cow<'c, Client> {
        let client = &client.client;
        match self {
            Self::TokenExchange => Cow::Borrowed(client),
            // Who speaks for itself acts for nobody.
            Self::ClientCredentials => Cow::Owned(Client {
                impersonation: true,
                ..client.clone()
            }),
            // AS-03: such an assertion is addressed to us, and whoever brings it may.
            Self::JwtBearer | Self::Saml2Bearer => {
                let mut client = client.clone();
                if let MayPresent::AddressedTo(accepted) = &mut client.may_present {
                    accepted.insert(instance.issuer.clone());
                    accepted.insert(format!("{}/token", instance.issuer));
                }
                Cow::Owned(client)
            }
        }
    }

    /// What is asked of the engine. Parameters of other grants have no effect (AB-35).
    pub fn request<'c>(
        self,
        form: &mut TokenForm,
        client: &'c Client,
    ) -> Result<ExchangeRequest<'c>, Refusal> {
        if form.foreign_extension.is_some() {
            return Err(Refusal::InvalidRequest(
                "the request uses an extension that is not offered",
            ));
        }
        let (subject, actor, requested_token_type) = match self {
            Self::TokenExchange => {
                let (subject, actor) = parties(form)?;
                (subject, actor, form.requested_token_type.take())
            }
            Self::ClientCredentials => {
                let nothing = Presented {
                    token: Token::new(Vec::new()),
                    token_type: TokenType::CLIENT,
                };
                (nothing, None, None)
            }
            Self::JwtBearer => asserted(form, TokenType::from_static(JWT_BEARER))?,
            Self::Saml2Bearer => asserted(form, saml_bearer::PRESENTED_TYPE)?,
        };
        Ok(ExchangeRequest {
            client,
            subject,
            actor,
            requested_token_type: requested_token_type.map(TokenType::new),
            audiences: std::mem::take(&mut form.audiences),
            resources: std::mem::take(&mut form.resources),
            scope: form.scope.take(),
            nonce: None,
            wanted_confirmation: None,
            described: None,
        })
    }

    /// Asks the engine.
    pub async fn run(
        self,
        instance: &PublishedInstance,
        request: &ExchangeRequest<'_>,
        call: &Call<'_>,
    ) -> Result<Exchanged, ExchangeError> {
        match self {
            Self::ClientCredentials => issue_to_client(&instance.engine, request, call).await,
            _ => exchange(&instance.engine, request, call).await,
        }
    }

    /// Tells `witness` what [`run`](Self::run) would do. Nothing is issued.
    pub async fn explain(
        self,
        instance: &PublishedInstance,
        request: &ExchangeRequest<'_>,
        call: &Call<'_>,
        witness: &mut impl Witness,
    ) -> Result<(), ExchangeError> {
        let engine = &instance.engine;
        match self {
            Self::ClientCredentials => explain_to_client(engine, request, call, witness).await,
            _ => explain(engine, request, call, witness).await,
        }
    }

    /// What the client is told of a failure: an assertion that is a grant is refused as one (AS-06, SA-03).
    pub fn refusal(self, error: &ExchangeError) -> Refusal {
        if self.assertion().is_some() {
            saml_bearer::refusal(error)
        } else {
            Refusal::from(error)
        }
    }
}

/// The assertion that is the grant (RFC 7521 §4.1), nobody beside it, and what it always becomes. Parameters of
/// a token exchange have no place beside it.
fn asserted(
    form: &mut TokenForm,
    token_type: TokenType,
) -> Result<(Presented, Option<Presented>, Option<String>), Refusal> {
    let of_an_exchange = form.subject_token.is_some()
        || form.subject_token_type.is_some()
        || form.actor_token.is_some()
        || form.actor_token_type.is_some()
        || form.requested_token_type.is_some();
    if of_an_exchange {
        return Err(Refusal::InvalidRequest(
            "parameters of a token exchange do not belong to this grant",
        ));
    }
    let mut assertion = form
        .assertion
        .take()
        .ok_or(Refusal::InvalidRequest("assertion is missing"))?;
    let subject = Presented {
        token: Token::new(std::mem::take(&mut *assertion).into_bytes()),
        token_type,
    };
    let becomes = TokenType::ACCESS_TOKEN.as_str().to_owned();
    Ok((subject, None, Some(becomes)))
}

/// Subject and actor of a token exchange (TX-02, TX-03).
fn parties(form: &mut TokenForm) -> Result<(Presented, Option<Presented>), Refusal> {
    let subject = presented(form.subject_token.take(), form.subject_token_type.take())?.ok_or(
        Refusal::InvalidRequest("subject_token and subject_token_type are required"),
    )?;
    let actor = match (form.actor_token.take(), form.actor_token_type.take()) {
        (None, Some(_)) => {
            return Err(Refusal::InvalidRequest(
                "actor_token_type was sent without actor_token",
            ));
        }
        (Some(_), None) => {
            return Err(Refusal::InvalidRequest(
                "actor_token needs actor_token_type",
            ));
        }
        (token, token_type) => presented(token, token_type)?,
    };
    Ok((subject, actor))
}

fn presented(
    token: Option<Zeroizing<String>>,
    token_type: Option<String>,
) -> Result<Option<Presented>, Refusal> {
    match (token, token_type) {
        (Some(mut token), Some(token_type)) => {
            let token = Token::new(std::mem::take(&mut *token).into_bytes());
            Ok(Some(Presented {
                token,
                token_type: TokenType::new(token_type),
            }))
        }
        (None, None) => Ok(None),
        _ => Err(Refusal::InvalidRequest(
            "a token and its type must be sent together",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_documents() {
        for grant in Grant::ALL {
            let written = serde_json::to_value(grant).unwrap();
            assert_eq!(written, grant.name());
        }
    }
}
