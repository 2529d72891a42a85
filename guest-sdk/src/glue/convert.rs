use crate::{
    Actor, Call, Claim, Decision, Fault, Issuance, Issued, Principal, Refusal, Token, Usage, Value,
    bindings::{
        policy::exports::cambist::sts::policy as wit_policy,
        provider::exports::cambist::sts::provider as wit_provider,
        shared::cambist::sts::{saml as wit_saml, types as wit},
    },
    policy::Request,
    saml::Assertion,
};

fn all<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

impl From<wit::Call> for Call {
    fn from(call: wit::Call) -> Self {
        Self {
            now: call.now,
            instance: call.instance,
            correlation: call.correlation,
            config: call
                .config
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        }
    }
}

impl From<wit::Token> for Token {
    fn from(token: wit::Token) -> Self {
        Self {
            token_type: token.token_type,
            bytes: token.bytes,
        }
    }
}

impl From<wit::Value> for Value {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Text(text) => Self::Text(text),
            wit::Value::Integer(integer) => Self::Integer(integer),
            wit::Value::Boolean(boolean) => Self::Boolean(boolean),
            wit::Value::Texts(texts) => Self::Texts(texts),
            wit::Value::Json(json) => Self::Json(json),
        }
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Integer(integer) => Self::Integer(integer),
            Value::Boolean(boolean) => Self::Boolean(boolean),
            Value::Texts(texts) => Self::Texts(texts),
            Value::Json(json) => Self::Json(json),
        }
    }
}

impl From<wit::Claim> for Claim {
    fn from(claim: wit::Claim) -> Self {
        Self::new(claim.name, claim.value)
    }
}

impl From<Claim> for wit::Claim {
    fn from(claim: Claim) -> Self {
        Self {
            name: claim.name,
            value: claim.value.into(),
        }
    }
}

impl From<wit::Principal> for Principal {
    fn from(principal: wit::Principal) -> Self {
        Self {
            subject: principal.subject,
            issuer: principal.issuer,
            audiences: principal.audiences,
            client: principal.client,
            scopes: principal.scopes,
            expires_at: principal.expires_at,
            authenticated_at: principal.authenticated_at,
            authentication_context: principal.authentication_context,
            authentication_methods: principal.authentication_methods,
            claims: all(principal.claims),
            actors: all(principal.actors),
            may_act: principal.may_act.map(all),
        }
    }
}

impl From<Principal> for wit::Principal {
    fn from(principal: Principal) -> Self {
        Self {
            subject: principal.subject,
            issuer: principal.issuer,
            audiences: principal.audiences,
            client: principal.client,
            scopes: principal.scopes,
            expires_at: principal.expires_at,
            authenticated_at: principal.authenticated_at,
            authentication_context: principal.authentication_context,
            authentication_methods: principal.authentication_methods,
            claims: all(principal.claims),
            actors: all(principal.actors),
            may_act: principal.may_act.map(all),
        }
    }
}

impl From<Actor> for wit::Actor {
    fn from(actor: Actor) -> Self {
        Self {
            issuer: actor.issuer,
            subject: actor.subject,
        }
    }
}

impl From<wit::Actor> for Actor {
    fn from(actor: wit::Actor) -> Self {
        Self {
            issuer: actor.issuer,
            subject: actor.subject,
        }
    }
}

impl From<wit::Issuance> for Issuance {
    fn from(issuance: wit::Issuance) -> Self {
        Self {
            issuer: issuance.issuer,
            subject: issuance.subject.into(),
            client: issuance.client,
            actors: all(issuance.actors),
            audiences: issuance.audiences,
            scopes: issuance.scopes,
            not_after: issuance.not_after,
            nonce: issuance.nonce,
            id: issuance.id,
        }
    }
}

impl From<Issued> for wit_provider::Issued {
    fn from(issued: Issued) -> Self {
        Self {
            token: issued.token,
            usage: match issued.usage {
                Usage::Bearer => wit_provider::Usage::Bearer,
                Usage::NotApplicable => wit_provider::Usage::NotApplicable,
            },
            expires_at: issued.expires_at,
            id: issued.id,
        }
    }
}

impl From<wit_policy::Request> for Request {
    fn from(request: wit_policy::Request) -> Self {
        Self {
            client: request.client,
            subject: request.subject.into(),
            subject_token_type: request.subject_token_type,
            issued_token_type: request.issued_token_type,
            actors: all(request.actors),
            audiences: request.audiences,
            scopes: request.scopes,
            not_after: request.not_after,
        }
    }
}

impl From<Decision> for wit_policy::Decision {
    fn from(decision: Decision) -> Self {
        Self {
            scopes: decision.scopes,
            audiences: decision.audiences,
            not_after: decision.not_after,
        }
    }
}

impl From<wit_saml::Assertion> for Assertion {
    fn from(assertion: wit_saml::Assertion) -> Self {
        Self {
            issuer: assertion.issuer,
            relying_party: assertion.relying_party,
            recipient: assertion.recipient,
            issued_at: assertion.issued_at,
            expires_at: assertion.expires_at,
            confirmation: assertion.confirmation,
            subject: assertion.subject.into(),
            subject_token_type: assertion.subject_token_type,
        }
    }
}

impl From<Refusal> for wit::Refusal {
    fn from(refusal: Refusal) -> Self {
        Self {
            fault: match refusal.fault {
                Fault::Malformed => wit::Fault::Malformed,
                Fault::Refused => wit::Fault::Refused,
                Fault::Expired => wit::Fault::Expired,
                Fault::NotYetValid => wit::Fault::NotYetValid,
                Fault::BadSignature => wit::Fault::BadSignature,
                Fault::WrongAudience => wit::Fault::WrongAudience,
                Fault::Unavailable => wit::Fault::Unavailable,
                Fault::Internal => wit::Fault::Internal,
            },
            code: refusal.code,
            message: refusal.message,
            detail: refusal.detail,
        }
    }
}
