//! Why an exchange ends as it does. One request is decided as always, by the same code, and nothing of it is
//! issued, taken down or used up.

mod findings;
mod why;

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use cambist_core::{Client, ExchangeRequest, Purpose, Timestamp};
use hyper::{HeaderMap, header, header::HeaderValue};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use self::findings::Findings;
use crate::{
    audit::Event,
    face::oauth::{
        client_authentication::authenticate,
        form::{self, TokenForm},
        grant::Grant,
        refusal::{self, Refusal},
    },
    gateway::{Circumstances, Gateway},
    instance::{PublishedInstance, RegisteredClient},
    proxy::Route,
    publish_error::PublishError,
    registry::Registry,
};

/// What is asked: one request of a client or to a route, and what is to be taken as proven.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The instance that a client asks.
    #[serde(default)]
    pub instance: Option<String>,
    /// The route that exchanges, instead.
    #[serde(default)]
    pub route: Option<String>,
    /// The client to be taken as authenticated. Without it the request has to authenticate.
    #[serde(default)]
    client: Option<String>,
    /// The body of the token request, form-encoded.
    #[serde(default)]
    form: Option<String>,
    /// The same by name; a list for what may repeat.
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    /// The `Authorization` header of the request.
    #[serde(default)]
    authorization: Option<String>,
    /// Thumbprint of a key to be taken as proven by `DPoP` (RFC 7638).
    #[serde(default)]
    dpop_key: Option<String>,
    /// A certificate to be taken as proven by TLS, perhaps with those above it, in PEM.
    #[serde(default)]
    certificate: Option<String>,
    /// Where it is to come from.
    #[serde(default)]
    address: Option<IpAddr>,
}

/// One value, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Parameter {
    One(String),
    Several(Vec<String>),
}

impl Question {
    /// The body of the token request.
    fn body(&mut self) -> Result<Zeroizing<String>, PublishError> {
        match (self.form.take(), self.parameters.is_empty()) {
            (Some(form), true) => Ok(Zeroizing::new(form)),
            (None, _) => {
                let mut body = form_urlencoded::Serializer::new(String::new());
                for (name, value) in std::mem::take(&mut self.parameters) {
                    match value {
                        Parameter::One(value) => {
                            body.append_pair(&name, &Zeroizing::new(value));
                        }
                        Parameter::Several(values) => {
                            body.extend_pairs(values.iter().map(|value| (&name, value)));
                        }
                    }
                }
                Ok(Zeroizing::new(body.finish()))
            }
            (Some(_), false) => Err(PublishError::new(
                "form",
                "is given beside `parameters`",
                "send the request as one or the other",
            )),
        }
    }

    fn headers(&mut self) -> Result<HeaderMap, PublishError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = self.authorization.take().map(Zeroizing::new) {
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                PublishError::new("authorization", "is no header value", "send it as it came")
            })?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// Takes what is to be taken as proven in place of what the operator's own connection proves.
    fn surround(&mut self, circumstances: &mut Circumstances) -> Result<(), PublishError> {
        circumstances.peer = self.address.take().map(|address| (address, 0).into());
        circumstances.is_anchored = false;
        circumstances.certificates = match self.certificate.take() {
            None => None,
            Some(pem) => {
                let unreadable = || {
                    PublishError::new(
                        "certificate",
                        "is no certificate in PEM",
                        "send `-----BEGIN CERTIFICATE-----…`, the client's own first",
                    )
                };
                let chain: Result<Vec<Vec<u8>>, _> = CertificateDer::pem_slice_iter(pem.as_bytes())
                    .map(|found| found.map(|der| der.to_vec()))
                    .collect();
                let chain = chain.map_err(|_| unreadable())?;
                if chain.is_empty() {
                    return Err(unreadable());
                }
                Some(chain.into())
            }
        };
        Ok(())
    }
}

/// How it would have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Refused,
    WouldIssue,
}

/// The answer, for operators alone.
#[derive(Debug, Serialize)]
pub struct Explanation {
    instance: String,
    revision: u64,
    at: Timestamp,
    correlation_id: String,
    outcome: Outcome,
    decided_by: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_sees: Option<Value>,
    steps: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Value>,
}

/// The rule that decided.
#[derive(Debug, Serialize)]
struct Decision {
    step: Cow<'static, str>,
    rule: Cow<'static, str>,
    reason: String,
}

/// One step, and what was known at it.
#[derive(Debug, Serialize)]
struct Told {
    step: Cow<'static, str>,
    outcome: &'static str,
    says: Cow<'static, str>,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

impl Told {
    fn passed(
        step: impl Into<Cow<'static, str>>,
        says: impl Into<Cow<'static, str>>,
        facts: Map<String, Value>,
    ) -> Self {
        Self {
            step: step.into(),
            outcome: "passed",
            says: says.into(),
            facts,
        }
    }
}

/// Where it ended.
struct Stop {
    decision: Decision,
    facts: Map<String, Value>,
    refusal: Refusal,
    /// A plugin's words for the client.
    words: Option<String>,
}

impl Stop {
    fn at(step: &'static str, refusal: Refusal, reason: impl Into<String>) -> Self {
        Self {
            decision: Decision {
                step: step.into(),
                rule: refusal.code().into(),
                reason: reason.into(),
            },
            facts: Map::new(),
            refusal,
            words: None,
        }
    }
}

/// Whom a question is put to.
pub struct Asked<'a> {
    /// What is published, all of one moment.
    pub registry: &'a Registry,
    /// The instance.
    pub instance: &'a PublishedInstance,
    /// The route that asks it, if not a client.
    pub route: Option<&'a Route>,
}

/// Decides the request of a question and tells how, and what is to be recorded of it.
pub async fn explain(
    gateway: &Gateway,
    asked: &Asked<'_>,
    mut question: Question,
    mut circumstances: Circumstances,
) -> Result<(Explanation, Event), PublishError> {
    let instance = asked.instance;
    let mut event = Event::new("explain", instance, &circumstances);
    let (body, headers) = (question.body()?, question.headers()?);
    question.surround(&mut circumstances)?;
    let mut steps = Vec::new();
    let presented = Presented {
        body: body.as_bytes(),
        headers: &headers,
        question: &question,
        circumstances: &circumstances,
    };
    let outcome = decide(gateway, asked, &presented, &mut event, &mut steps).await;
    let (outcome, decided_by, client_sees, token) = match outcome {
        Ok(token) => {
            event.ended("would_issue");
            let decision = Decision {
                step: "provider".into(),
                rule: "every_rule_allows_it".into(),
                reason: "every step allows it".to_owned(),
            };
            (Outcome::WouldIssue, decision, None, Some(token))
        }
        Err(stop) => {
            let Stop {
                decision,
                facts,
                refusal,
                words,
            } = *stop;
            event.ended("would_refuse");
            event.refused(refusal.code(), Some(decision.reason.clone()));
            steps.push(Told {
                step: decision.step.clone(),
                outcome: "refused",
                says: decision.reason.clone().into(),
                facts,
            });
            let sees = json!({
                "status": refusal.status().as_u16(), "error": refusal.code(),
                "error_description": words.as_deref().unwrap_or(refusal.description()),
            });
            (Outcome::Refused, decision, Some(sees), None)
        }
    };
    let explanation = Explanation {
        instance: instance.id.clone(),
        revision: instance.revision,
        at: circumstances.now,
        correlation_id: circumstances.correlation.to_string(),
        outcome,
        decided_by,
        client_sees,
        steps,
        token,
    };
    Ok((explanation, event))
}

/// A request as it is looked at.
struct Presented<'a> {
    body: &'a [u8],
    headers: &'a HeaderMap,
    question: &'a Question,
    circumstances: &'a Circumstances,
}

/// The path of `POST …/token`, or of a proxied request. What the token would carry, at its end.
async fn decide(
    gateway: &Gateway,
    asked: &Asked<'_>,
    presented: &Presented<'_>,
    event: &mut Event,
    steps: &mut Vec<Told>,
) -> Result<Value, Box<Stop>> {
    let instance = asked.instance;
    let circumstances = presented.circumstances;
    let stopped = |step, refusal: Refusal| Box::new(Stop::at(step, refusal, refusal.description()));
    let mut form = form::parse(presented.body).map_err(|refusal| stopped("request", refusal))?;
    let (grant, client) = if let Some(route) = asked.route {
        let client = by_route(asked, presented, &mut form, route, steps)?;
        (Grant::TokenExchange, Cow::Borrowed(client))
    } else {
        let client = by_client(gateway, instance, presented, &form, steps).await?;
        let grant = Grant::of(&form, client).map_err(|refusal| stopped("grant", refusal))?;
        let facts = Map::from_iter([("grant_type".to_owned(), json!(grant.name()))]);
        steps.push(Told::passed("grant", "the client may use it", facts));
        (grant, grant.client(client, instance))
    };
    event.client(&client.id);
    let request = grant
        .request(&mut form, &client)
        .map_err(|refusal| stopped("request", refusal))?;
    let request = match asked.route {
        Some(route) => ExchangeRequest {
            requested_token_type: route.issue().cloned(),
            ..request
        },
        None => request,
    };
    event.asked(&request);
    let mut call = circumstances.call(&instance.id);
    call.proofs.client = asked.route.is_none().then_some(client.id.as_str());
    call.proofs.dpop_thumbprint = presented.question.dpop_key.as_deref();
    call.purpose = Purpose::Explain;
    let mut findings = Findings::new(asked, &request, &call, steps);
    let outcome = grant
        .explain(instance, &request, &call, &mut findings)
        .await;
    match outcome {
        Ok(()) => Ok(findings.token()),
        Err(error) => {
            let (step, rule) = why::decisive(&error, &findings);
            let facts = findings.facts(&step);
            Err(Box::new(Stop {
                decision: Decision {
                    step,
                    rule,
                    reason: error.to_string(),
                },
                facts,
                refusal: grant.refusal(&error),
                words: refusal::plugin_message(&error).map(ToOwned::to_owned),
            }))
        }
    }
}

/// The client that asks: the one it is to be, or the one that the request proves to come from.
async fn by_client<'i>(
    gateway: &Gateway,
    instance: &'i PublishedInstance,
    presented: &Presented<'_>,
    form: &TokenForm,
    steps: &mut Vec<Told>,
) -> Result<&'i RegisteredClient, Box<Stop>> {
    let (client, says) = if let Some(id) = &presented.question.client {
        let refusal = Refusal::InvalidClient("client authentication failed");
        let client = instance.clients.get(id).ok_or_else(|| {
            let reason = format!("no client of this instance is called `{id}`");
            Box::new(Stop::at("client", refusal, reason))
        })?;
        (client, "taken as authenticated")
    } else {
        let client = authenticate(
            gateway,
            instance,
            presented.headers,
            form,
            presented.circumstances,
            Purpose::Explain,
        )
        .await
        .map_err(|unknown| Box::new(Stop::at("client", unknown.refusal, unknown.reason)))?;
        (client, "it authenticated")
    };
    let facts = Map::from_iter([
        ("client".to_owned(), json!(client.client.id)),
        ("methods".to_owned(), json!(client.authentication.names())),
    ]);
    steps.push(Told::passed("client", says, facts));
    Ok(client)
}

/// What a route asks for, whatever the request says.
fn by_route<'i>(
    asked: &Asked<'i>,
    presented: &Presented<'_>,
    form: &mut TokenForm,
    route: &'i Route,
    steps: &mut Vec<Told>,
) -> Result<&'i Client, Box<Stop>> {
    let (Some(client), Some(audience)) = (route.client(), route.audience()) else {
        return Err(Box::new(Stop::at(
            "route",
            Refusal::ServerError,
            "the route exchanges nothing",
        )));
    };
    form.audiences = vec![audience.to_owned()];
    form.resources.clear();
    form.scope = None;
    let facts = Map::from_iter([
        ("route".to_owned(), json!(presented.question.route)),
        ("instance".to_owned(), json!(asked.instance.id)),
        ("audience".to_owned(), json!(audience)),
    ]);
    steps.push(Told::passed("route", "it asks as its own client", facts));
    Ok(client)
}
