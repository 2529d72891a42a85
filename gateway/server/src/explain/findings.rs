//! What was found at each step of an exchange.

use std::{borrow::Cow, sync::Arc};

use cambist_core::{
    ActorChain, Call, Confirmation, ExchangeRequest, Issuance, IssuedToken, MayAct, MayPresent,
    Principal, Provider, Role, Rule, Step, Transformation, Usage, Witness,
};
use serde_json::{Map, Value, json};

use super::{Asked, Told};
use crate::{face::oauth::grant::Grant, instance::outline::Part};

/// Collects steps.
pub(super) struct Findings<'r> {
    asked: &'r Asked<'r>,
    request: &'r ExchangeRequest<'r>,
    call: &'r Call<'r>,
    steps: &'r mut Vec<Told>,
    subject: Option<Principal>,
    actor: Option<Principal>,
    reader: Option<String>,
    provider: Option<String>,
    decided: usize,
    granted: Option<Map<String, Value>>,
}

impl<'r> Findings<'r> {
    pub(super) const fn new(
        asked: &'r Asked<'r>,
        request: &'r ExchangeRequest<'r>,
        call: &'r Call<'r>,
        steps: &'r mut Vec<Told>,
    ) -> Self {
        Self {
            asked,
            request,
            call,
            steps,
            subject: None,
            actor: None,
            reader: None,
            provider: None,
            decided: 0,
            granted: None,
        }
    }

    pub(super) const fn accepted_subject(&self) -> bool {
        self.subject.is_some()
    }

    pub(super) const fn accepted_actor(&self) -> bool {
        self.actor.is_some()
    }

    pub(super) const fn is_granted(&self) -> bool {
        self.granted.is_some()
    }

    /// The exchange policy that is asked next.
    pub(super) fn next_decider(&self) -> Cow<'static, str> {
        format!("policy[{}]", self.decided).into()
    }

    /// What the token would carry.
    pub(super) fn token(self) -> Value {
        Value::Object(self.granted.unwrap_or_default())
    }

    fn pass(&mut self, step: impl Into<Cow<'static, str>>, says: impl Into<Cow<'static, str>>) {
        let step = step.into();
        let facts = self.facts(&step);
        self.steps.push(Told::passed(step, says, facts));
    }

    /// What is known of the matter of one step.
    pub(super) fn facts(&self, step: &str) -> Map<String, Value> {
        let facts = match step {
            "transformation" => self.offered(),
            "subject_token" => self.token_facts(Role::Subject),
            "actor_token" => self.token_facts(Role::Actor),
            "proof" => json!({
                "subject_is_bound_to": bound(self.subject.as_ref()),
                "actor_is_bound_to": bound(self.actor.as_ref()),
                "proven_key": self.call.proofs.dpop_thumbprint,
                "proven_certificate": self.call.proofs.certificate_thumbprint,
            }),
            "presentation" => self.presentation(),
            "may_act" => json!({
                "may_act": self.subject.as_ref().and_then(|s| s.may_act.as_ref()).map(MayAct::members),
                "actor": self.actor.as_ref().map(|actor| &actor.subject),
            }),
            "actor" => self.actors(),
            "delegation" => json!({
                "acted_before": self.subject.as_ref().map(|s| actors(s.actors.as_ref())),
                "new_actor": self.new_actor(),
                "most_actors": self.asked.instance.engine.limits.chain_depth,
            }),
            "targets" => self.targets(),
            "scope" => self.scopes(),
            "lifetime" => self.ends(),
            "binding" => {
                let rule = self.request.client.binding;
                json!({
                    "subject_is_bound_to": bound(self.subject.as_ref()),
                    "must_have_dpop_key": rule.to_dpop_key,
                    "must_have_certificate": rule.to_certificate,
                    "may_unbind": rule.may_unbind,
                })
            }
            "provider" => self.provider_facts(),
            decider if decider.starts_with("policy[") => {
                let named = self.asked.instance.outline.deciders.get(self.decided);
                json!({ "plugin": named.map(|named| self.plugin(named)) })
            }
            _ => Value::Null,
        };
        let Value::Object(mut facts) = facts else {
            return Map::new();
        };
        facts.retain(|_, fact| !fact.is_null());
        facts
    }

    fn offered(&self) -> Value {
        let made = self.asked.instance.engine.transformations.iter();
        let made = made.map(|made| json!([made.subject, made.provider.token_type()]));
        json!({
            "presented": self.request.subject.token_type,
            "requested": self.request.requested_token_type,
            "offered": made.collect::<Vec<_>>(),
        })
    }

    fn token_facts(&self, role: Role) -> Value {
        let (principal, presented, reader) = match role {
            Role::Subject => (
                &self.subject,
                Some(&self.request.subject),
                self.reader.as_ref(),
            ),
            Role::Actor => (&self.actor, self.request.actor.as_ref(), None),
        };
        let outline = &self.asked.instance.outline;
        let declared = presented.map(|presented| &presented.token_type);
        let name = reader.or_else(|| outline.readers.get(declared?));
        let part = name.and_then(|name| outline.validators.get(name));
        let mut facts = json!({
            "token_type": declared,
            "bytes": presented.map(|presented| presented.token.len()),
            "validator": name,
            "kind": part.map(|part| &part.kind),
            "plugin": part.and_then(|part| part.plugin.as_ref()).map(|plugin| self.plugin(plugin)),
        });
        if let (Some(principal), Some(facts)) = (principal, facts.as_object_mut()) {
            facts.extend(described(principal));
        }
        facts
    }

    fn presentation(&self) -> Value {
        let accepted = match &self.request.client.may_present {
            MayPresent::AddressedTo(accepted) => json!(accepted),
            MayPresent::Any => json!("any"),
        };
        json!({
            "token_is_addressed_to": self.subject.as_ref().map(|subject| &subject.audiences),
            "client_may_present_those_addressed_to": accepted,
        })
    }

    fn actors(&self) -> Value {
        let client = self.request.client;
        let listed = client.actors.iter().map(|actor| &actor.subject);
        json!({
            "actor": self.actor.as_ref().map(|actor| &actor.subject),
            "actor_issuer": self.actor.as_ref().and_then(|actor| actor.issuer.as_ref()),
            "client_may_bring": std::iter::once(&client.id).chain(listed).collect::<Vec<_>>(),
            "subject_is_addressed_to": self.subject.as_ref().map(|subject| &subject.audiences),
        })
    }

    fn new_actor(&self) -> Option<&str> {
        match &self.actor {
            Some(actor) => Some(&actor.subject),
            None if self.request.client.impersonation => None,
            None => Some(&self.request.client.id),
        }
    }

    fn targets(&self) -> Value {
        json!({
            "audiences": self.request.audiences,
            "resources": self.request.resources,
            "client_may_ask_for": self.request.client.audiences,
            "relying_parties": sorted(self.asked.instance.engine.relying_parties.keys()),
        })
    }

    fn scopes(&self) -> Value {
        let client = self.request.client;
        let parties = client.audiences.iter().filter_map(|audience| {
            let party = self.asked.instance.engine.relying_party(audience)?;
            Some((audience.clone(), json!(party.scope)))
        });
        json!({
            "requested": self.request.scope,
            "subject": self.subject.as_ref().map(|subject| &subject.scope),
            "client": client.scope,
            "relying_parties": parties.collect::<Map<_, _>>(),
        })
    }

    fn ends(&self) -> Value {
        let client = self.request.client;
        let parties = client.audiences.iter().filter_map(|audience| {
            let party = self.asked.instance.engine.relying_party(audience)?;
            Some((audience.clone(), json!(party.max_lifetime?)))
        });
        json!({
            "now": self.call.now,
            "subject_ends": self.subject.as_ref().and_then(|subject| subject.expires_at),
            "actor_ends": self.actor.as_ref().and_then(|actor| actor.expires_at),
            "client_max_seconds": client.max_lifetime,
            "relying_party_max_seconds": parties.collect::<Map<_, _>>(),
        })
    }

    fn provider_facts(&self) -> Value {
        let part = self.provider_part();
        let mappers = part.into_iter().flat_map(|part| &part.mappers);
        let mappers = mappers.map(|(member, named)| (member.clone(), self.plugin(named)));
        let mappers: Map<String, Value> = mappers.collect();
        json!({
            "provider": self.provider,
            "kind": part.map(|part| &part.kind),
            "plugin": part.and_then(|part| part.plugin.as_ref()).map(|plugin| self.plugin(plugin)),
            "mappers": (!mappers.is_empty()).then_some(mappers),
        })
    }

    fn provider_part(&self) -> Option<&Part> {
        let outline = &self.asked.instance.outline;
        outline.providers.get(self.provider.as_ref()?)
    }

    /// The plugin that a document refers to, as it is at this moment.
    fn plugin(&self, reference: &str) -> Value {
        let name = reference
            .split_once('@')
            .map_or(reference, |(name, _)| name);
        let plugin = self.asked.registry.plugin(reference);
        let version = plugin
            .as_ref()
            .and_then(|plugin| plugin.manifest().version.as_ref());
        json!({
            "name": name,
            "version": version,
            "digest": plugin.as_ref().map(|plugin| plugin.digest()),
        })
    }

    /// The operator's names of a transformation's parts. Those that the gateway adds follow one of these.
    fn names(&self, chosen: &Transformation) -> Option<&(String, String)> {
        let made = &self.asked.instance.engine.transformations;
        let names = &self.asked.instance.outline.transformations;
        let position = made.iter().position(|made| std::ptr::eq(made, chosen))?;
        names.get(position).or_else(|| {
            let mut grants = Grant::ALL.into_iter();
            let grant = grants.find(|grant| grant.assertion().as_ref() == Some(&chosen.subject))?;
            let same = |made: &Transformation| {
                Some(&made.subject) == grant.assertion_read_as().as_ref()
                    && Arc::ptr_eq(&made.provider, &chosen.provider)
            };
            names.get(made.iter().position(same)?)
        })
    }

    fn saw_transformation(&mut self, chosen: &Transformation) {
        let names = self.names(chosen).cloned();
        let (subject, issue) = names.unwrap_or_default();
        let says = format!("`{subject}` reads it, `{issue}` issues");
        let facts = json!({
            "from": chosen.subject, "to": chosen.provider.token_type(),
            "validator": subject, "provider": issue,
        });
        self.reader = Some(subject);
        self.provider = Some(issue);
        let facts = facts.as_object().cloned().unwrap_or_default();
        self.steps.push(Told::passed("transformation", says, facts));
    }

    fn saw_for_clients(&mut self, provider: &dyn Provider) {
        self.provider
            .clone_from(&self.asked.instance.outline.for_clients);
        let facts = json!({ "to": provider.token_type(), "provider": self.provider });
        let facts = facts.as_object().cloned().unwrap_or_default();
        let says = "the client gets a token of its own";
        self.steps.push(Told::passed("transformation", says, facts));
    }

    fn saw_accepted(&mut self, role: Role, principal: &Principal) {
        let step = match role {
            Role::Subject => {
                self.subject = Some(principal.clone());
                "subject_token"
            }
            Role::Actor => {
                self.actor = Some(principal.clone());
                "actor_token"
            }
        };
        self.pass(step, "the validator accepts it");
    }

    fn saw_granted(&mut self, issuance: &Issuance<'_>) {
        let mut granted = Map::new();
        bounds(&mut granted, issuance);
        self.granted = Some(granted);
        // What a client gets for itself had no token to be read from.
        if self.subject.is_none() {
            self.subject = Some(issuance.subject().clone());
        }
    }

    fn saw_previewed(&mut self, previewed: Option<&IssuedToken>) {
        let now = self.call.now;
        let granted = self.granted.get_or_insert_default();
        let says = match previewed {
            Some(token) => {
                let ends = token.expires_at;
                granted.insert("token_type".to_owned(), json!(token.token_type));
                granted.insert("expires_at".to_owned(), json!(ends));
                granted.insert("lifetime_seconds".to_owned(), json!(ends.since(now)));
                let usage = match token.usage {
                    Usage::Bearer if granted.get("binding").is_some_and(has_key) => "DPoP",
                    Usage::Bearer => "Bearer",
                    Usage::NotApplicable => "N_A",
                };
                granted.insert("used_as".to_owned(), json!(usage));
                "it would make the token"
            }
            None => {
                "not asked: it may have its tokens made elsewhere, and there they would be real"
            }
        };
        self.pass("provider", says);
    }
}

impl Witness for Findings<'_> {
    fn saw(&mut self, step: Step<'_>) {
        match step {
            Step::Transformation(chosen) => self.saw_transformation(chosen),
            Step::ForClients(offered) => self.saw_for_clients(offered.provider.as_ref()),
            Step::Accepted(role, principal) => self.saw_accepted(role, principal),
            Step::Admitted(Role::Subject) => self.pass("subject_ledger", NOT_REVOKED),
            Step::Admitted(Role::Actor) => self.pass("actor_ledger", NOT_REVOKED),
            Step::Allowed(rule) => {
                let (step, says) = allowed(rule);
                self.pass(step, says);
            }
            Step::Granted(issuance) => self.saw_granted(issuance),
            Step::Decided(decision, issuance) => {
                let mut facts = self.facts(&self.next_decider());
                let narrowed = [
                    ("scope", decision.scope.as_ref().map(|scope| json!(scope))),
                    (
                        "audiences",
                        decision.audiences.as_ref().map(|names| json!(names)),
                    ),
                    ("not_after", decision.not_after.map(|end| json!(end))),
                ];
                let narrowed = narrowed
                    .into_iter()
                    .filter_map(|(name, left)| Some((name, left?)));
                let narrowed: Map<String, Value> = narrowed
                    .map(|(name, left)| (name.to_owned(), left))
                    .collect();
                let says = if narrowed.is_empty() {
                    "the plugin agrees"
                } else {
                    facts.insert("narrows_to".to_owned(), Value::Object(narrowed));
                    "the plugin agrees, within narrower bounds"
                };
                let step = self.next_decider();
                self.steps.push(Told::passed(step, says, facts));
                self.decided += 1;
                if let Some(granted) = &mut self.granted {
                    bounds(granted, issuance);
                }
            }
            Step::Previewed(previewed) => self.saw_previewed(previewed),
        }
    }
}

const NOT_REVOKED: &str = "neither it nor what it was made from was revoked";

const fn allowed(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::Proof => ("proof", "every key that a token is bound to was proven"),
        Rule::Presentation => ("presentation", "the client may present the subject token"),
        Rule::MayAct => ("may_act", "nobody else is named to act for the subject"),
        Rule::Actor => (
            "actor",
            "the actor is the client's, and the subject is meant for it",
        ),
        Rule::Delegation => ("delegation", "the chain of actors is within its bounds"),
        Rule::Targets => ("targets", "the client may ask for these"),
        Rule::Scope => (
            "scope",
            "it is what subject, client and targets have in common",
        ),
        Rule::Lifetime => ("lifetime", "some of it is left"),
        Rule::Binding => ("binding", "it is bound as it must be"),
    }
}

/// What an issuance allows.
fn bounds(granted: &mut Map<String, Value>, issuance: &Issuance<'_>) {
    let confirmation = issuance.confirmation().map(Confirmation::to_claim);
    let facts = [
        ("subject", json!(issuance.subject().subject)),
        ("client_id", json!(issuance.client_id())),
        ("actors", actors(issuance.actors())),
        ("audiences", json!(issuance.audiences())),
        ("scope", json!(issuance.scope())),
        ("not_after", json!(issuance.not_after())),
        ("binding", confirmation.unwrap_or(Value::Null)),
    ];
    for (name, fact) in facts {
        if fact.is_null() {
            granted.remove(name);
        } else {
            granted.insert(name.to_owned(), fact);
        }
    }
}

/// What a token says, without the values of claims that have no meaning of their own.
fn described(principal: &Principal) -> Map<String, Value> {
    let claims: Vec<&String> = principal.claims.keys().collect();
    let facts = [
        ("subject", json!(principal.subject)),
        ("issuer", json!(principal.issuer)),
        ("addressed_to", json!(principal.audiences)),
        ("client", json!(principal.client)),
        ("scope", json!(principal.scope)),
        ("expires_at", json!(principal.expires_at)),
        ("actors", actors(principal.actors.as_ref())),
        ("bound_to", bound(Some(principal))),
        ("other_claims", json!(claims)),
    ];
    let facts = facts.into_iter().filter(|(_, fact)| !fact.is_null());
    facts.map(|(name, fact)| (name.to_owned(), fact)).collect()
}

fn bound(principal: Option<&Principal>) -> Value {
    let keys = principal.and_then(|principal| principal.confirmation.as_ref());
    keys.map_or(Value::Null, Confirmation::to_claim)
}

fn has_key(binding: &Value) -> bool {
    binding.get("jkt").is_some()
}

/// Newest first.
fn actors(chain: Option<&ActorChain>) -> Value {
    chain.map_or(Value::Null, |chain| {
        chain.iter().map(|actor| json!(actor.subject)).collect()
    })
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut names: Vec<&String> = names.collect();
    names.sort();
    names
}
