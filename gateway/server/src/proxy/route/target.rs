//! What a route exchanges tokens for, and how.

use std::collections::BTreeSet;

use cambist_core::{Binding, Client, MayPresent, Scope, TokenType};
use hyper::header::HeaderName;

use super::{
    super::{
        cache::ExchangeCache,
        credential::{Carrier, Place, own_header},
        grant::Delivery,
        headers::folded,
    },
    Anonymous, RouteDocument, StepUpDocument,
    check::{check_count, check_present},
};
use crate::publish_error::PublishError;

/// Most exchanges that a route may be told to keep.
const MOST_ENTRIES: usize = 1_000_000;

/// What a route exchanges tokens for.
pub(in crate::proxy) struct Target {
    pub(super) instance: String,
    pub(super) audience: String,
    pub(super) client: Client,
    pub(in crate::proxy) carriers: Vec<Carrier>,
    pub(in crate::proxy) actor: Option<Carrier>,
    pub(in crate::proxy) issue: TokenType,
    pub(in crate::proxy) required: Scope,
    pub(in crate::proxy) send: Delivery,
    pub(in crate::proxy) claim_headers: Vec<(HeaderName, String)>,
    pub(in crate::proxy) step_up: Option<StepUpDocument>,
    pub(in crate::proxy) is_optional: bool,
    pub(in crate::proxy) retries_unauthorized: bool,
    pub(in crate::proxy) cache: ExchangeCache,
}

impl Target {
    pub(super) fn build(
        name: &str,
        document: &RouteDocument,
        scope: Scope,
    ) -> Result<Option<Self>, PublishError> {
        if document.anonymous == Anonymous::Only {
            return check_open(document).map(|()| None);
        }
        let instance = check_present("instance", document.instance.as_deref())?;
        let audience = check_present("audience", document.audience.as_deref())?;
        let carriers = carriers(document)?;
        check_unbinding(document, &carriers)?;
        let actor = document
            .actor
            .as_ref()
            .map(|actor| Carrier::build(actor, "actor"))
            .transpose()?;
        if let Some(actor) = &actor
            && !matches!(actor.place, Place::Header(_) | Place::Cookie(_))
        {
            return Err(PublishError::new(
                "actor.from",
                "cannot be where the actor's token comes from",
                "take it from a header or a cookie",
            ));
        }
        let claim_headers = claim_headers(document)?;
        let send = Delivery::build(&document.send)?;
        if document.cache_seconds > 3600 || !(1..=MOST_ENTRIES).contains(&document.cache_entries) {
            return Err(PublishError::new(
                "cache_seconds",
                "the cache cannot be like that",
                format!("choose 0 to 3600 seconds and 1 to {MOST_ENTRIES} entries"),
            ));
        }
        let client = Client {
            id: format!("route:{name}"),
            audiences: BTreeSet::from([audience.clone()]),
            scope: document.scopes.clone().unwrap_or(scope),
            may_present: MayPresent::Any,
            impersonation: true,
            is_named: false,
            actors: Vec::new(),
            max_lifetime: None,
            binding: Binding {
                may_unbind: document.unbinding,
                ..Binding::default()
            },
        };
        if !document.required_scopes.is_within(&client.scope) {
            return Err(PublishError::new(
                "required_scopes",
                "is more than the route may obtain",
                "add it to `scopes`, or to the relying party's",
            ));
        }
        Ok(Some(Self {
            instance,
            audience,
            client,
            carriers,
            actor,
            issue: document.issue.clone().unwrap_or(TokenType::ACCESS_TOKEN),
            required: document.required_scopes.clone(),
            send,
            claim_headers,
            step_up: document.step_up.clone(),
            is_optional: document.anonymous == Anonymous::Allow,
            retries_unauthorized: document.retry_unauthorized,
            cache: ExchangeCache::new(document.cache_entries, document.cache_seconds),
        }))
    }

    /// What no client may say to the upstream itself (PX-07).
    pub(super) fn owned(&self) -> Vec<Box<str>> {
        let carried = self
            .carriers
            .iter()
            .chain(&self.actor)
            .filter_map(|carrier| match &carrier.place {
                Place::Header(name) => Some(name),
                _ => None,
            });
        let mut owned: Vec<Box<str>> = carried
            .chain(self.claim_headers.iter().map(|(name, _)| name))
            .chain(self.send.header())
            .map(folded)
            .collect();
        owned.sort();
        owned.dedup();
        owned
    }
}

/// A route for anonymous requests exchanges nothing, so nothing about exchanges may be said.
fn check_open(document: &RouteDocument) -> Result<(), PublishError> {
    let said = [
        ("instance", document.instance.is_some()),
        ("audience", document.audience.is_some()),
        ("credentials", !document.credentials.is_empty()),
        ("actor", document.actor.is_some()),
        ("claim_headers", !document.claim_headers.is_empty()),
        ("required_scopes", !document.required_scopes.is_empty()),
        ("step_up", document.step_up.is_some()),
        ("unbinding", document.unbinding),
    ];
    match said.into_iter().find(|(_, is_said)| *is_said) {
        Some((member, _)) => Err(PublishError::new(
            member,
            "has no meaning on a route for anonymous requests only",
            "leave it out, or change `anonymous`",
        )),
        None => Ok(()),
    }
}

/// DP-42: nobody behind the gateway can see a proof that was made for it, so a token that stayed bound would
/// serve nobody there. That it becomes unbound is for the operator to say.
fn check_unbinding(document: &RouteDocument, carriers: &[Carrier]) -> Result<(), PublishError> {
    let takes_bound = carriers
        .iter()
        .any(|carrier| matches!(carrier.place, Place::Dpop(_)));
    if !takes_bound || document.unbinding {
        return Ok(());
    }
    Err(PublishError::new(
        "unbinding",
        "is not said, but tokens bound to a key are accepted",
        "set it to true: what the upstream receives is then bound to no key",
    ))
}

fn carriers(document: &RouteDocument) -> Result<Vec<Carrier>, PublishError> {
    if document.credentials.is_empty() {
        let token_type = document
            .subject_token_type
            .clone()
            .unwrap_or(TokenType::ACCESS_TOKEN);
        if fluent_uri::Uri::parse(token_type.as_str()).is_err() {
            return Err(PublishError::new(
                "subject_token_type",
                "is not a URI",
                format!("name a token type, for example {}", TokenType::ACCESS_TOKEN),
            ));
        }
        return Ok(vec![Carrier::bearer(token_type)]);
    }
    if document.subject_token_type.is_some() {
        return Err(PublishError::new(
            "subject_token_type",
            "is given together with `credentials`",
            "give each credential its `token_type`",
        ));
    }
    check_count("credentials", document.credentials.len())?;
    let mut carriers: Vec<Carrier> = Vec::new();
    for (index, credential) in document.credentials.iter().enumerate() {
        let path = format!("credentials[{index}]");
        let carrier = Carrier::build(credential, &path)?;
        let is_known = |known: &Carrier| match (&known.place, &carrier.place) {
            (Place::Dpop(_), Place::Dpop(_)) => true,
            (known, place) => known == place,
        };
        if carriers.iter().any(is_known) {
            return Err(PublishError::new(
                path,
                "is where another credential comes from",
                "name each place once",
            ));
        }
        carriers.push(carrier);
    }
    Ok(carriers)
}

fn claim_headers(document: &RouteDocument) -> Result<Vec<(HeaderName, String)>, PublishError> {
    check_count("claim_headers", document.claim_headers.len())?;
    document
        .claim_headers
        .iter()
        .map(|(name, claim)| {
            let header = own_header(name).filter(|_| !claim.is_empty()).ok_or_else(|| {
                PublishError::new(
                    format!("claim_headers.{name}"),
                    "is not a header that can hold a claim",
                    "name an end-to-end header other than Authorization, Cookie and Host, and a claim",
                )
            })?;
            Ok((header, claim.clone()))
        })
        .collect()
}
