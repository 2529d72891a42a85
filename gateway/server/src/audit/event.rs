//! What is recorded of an exchange.

use cambist_core::{ActorChain, ExchangeRequest, Exchanged, Timestamp};
use serde::Serialize;

use crate::{
    gateway::{Circumstances, Correlation},
    instance::PublishedInstance,
};

/// One exchange. The fields are an allow-list: nothing else of a request is ever written.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    at: Timestamp,
    correlation: Correlation,
    face: &'static str,
    instance: String,
    revision: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<std::net::IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_token_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requested_targets: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audiences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Event {
    /// Starts a record for a request that came in through `face`.
    pub fn new(
        face: &'static str,
        instance: &PublishedInstance,
        circumstances: &Circumstances,
    ) -> Self {
        Self {
            at: circumstances.now,
            correlation: circumstances.correlation,
            face,
            instance: instance.id.clone(),
            revision: instance.revision,
            plugins: instance.uses.digests.clone(),
            peer: circumstances.peer.map(|peer| peer.ip()),
            client: None,
            subject_token_type: None,
            requested_targets: Vec::new(),
            requested_scope: None,
            subject: None,
            actors: Vec::new(),
            audiences: Vec::new(),
            scope: None,
            issued_token_type: None,
            issued_id: None,
            expires_at: None,
            outcome: "refused",
            error: None,
            reason: None,
        }
    }

    /// Notes who asks.
    pub fn client(&mut self, id: &str) {
        self.client = Some(bounded(id));
    }

    /// Notes what is asked for.
    pub fn asked(&mut self, request: &ExchangeRequest<'_>) {
        self.subject_token_type = Some(bounded(request.subject.token_type.as_str()));
        self.requested_targets = request
            .audiences
            .iter()
            .chain(&request.resources)
            .take(16)
            .map(|t| bounded(t))
            .collect();
        self.requested_scope = request
            .scope
            .as_ref()
            .map(|scope| bounded(&scope.to_string()));
    }

    /// Notes success.
    pub fn issued(&mut self, exchanged: &Exchanged) {
        self.outcome = "issued";
        self.subject = Some(exchanged.subject.clone());
        self.actors = exchanged
            .actors
            .iter()
            .flat_map(ActorChain::iter)
            .map(|actor| actor.subject.clone())
            .collect();
        self.audiences.clone_from(&exchanged.audiences);
        self.scope = (!exchanged.scope.is_empty()).then(|| exchanged.scope.to_string());
        self.issued_token_type = Some(exchanged.issued.token_type.as_str().to_owned());
        self.issued_id.clone_from(&exchanged.issued.id);
        self.expires_at = Some(exchanged.issued.expires_at);
    }

    /// Notes how a request ended that issued nothing.
    pub fn ended(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }

    /// Notes failure: the code the client saw, and the reason for operators.
    pub fn refused(&mut self, error: &'static str, reason: Option<String>) {
        self.error = Some(error);
        self.reason = reason.map(|reason| bounded(&reason));
    }

    /// Labels for counting: face, outcome, error.
    pub(super) const fn labels(&self) -> (&'static str, &'static str, &'static str) {
        let error = match self.error {
            Some(error) => error,
            None => "",
        };
        (self.face, self.outcome, error)
    }
}

/// What a stranger sent may be recorded, but not at any length.
fn bounded(text: &str) -> String {
    text.chars().take(300).collect()
}
