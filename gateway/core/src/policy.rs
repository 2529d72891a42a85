//! What may be issued. Rules are chosen by what the tokens say, never by which parameters were sent.

use std::{borrow::Cow, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    Actor, ActorChain, Call, Client, Confirmation, Decision, ExchangeError, ExchangeRequest,
    Exchanged, Instance, IssueError, IssuedToken, Mark, MayPresent, PolicyRefusal, Presented,
    Principal, RelyingParty, Rule, Scope, Step, TargetRefusal, Timestamp, WantedConfirmation,
    Widened, Witness,
};

/// Permission to issue one token. Only [`authorize`] makes one.
#[derive(Debug)]
pub struct Issuance<'a> {
    presented: &'a Presented,
    subject: &'a Principal,
    client: &'a Client,
    actors: Option<Cow<'a, ActorChain>>,
    audiences: Vec<String>,
    scope: Scope,
    not_after: Option<Timestamp>,
    nonce: Option<&'a str>,
    confirmation: Option<Confirmation>,
    must_be_bound: bool,
    wanted_confirmation: Option<&'a WantedConfirmation>,
    described: Option<&'a str>,
}

impl<'a> Issuance<'a> {
    /// The subject token as it was presented, for those mappers whose contract gives them a look at it.
    pub const fn presented(&self) -> &'a Presented {
        self.presented
    }

    /// Whom the token will speak of.
    pub const fn subject(&self) -> &'a Principal {
        self.subject
    }

    /// The client that asks, whether or not it is named in the token.
    pub fn asking(&self) -> &'a str {
        &self.client.id
    }

    /// The client to be named in the token; none for a face without clients (TX-59).
    pub fn client_id(&self) -> Option<&'a str> {
        self.client.is_named.then_some(self.client.id.as_str())
    }

    /// Who acts, newest first.
    pub fn actors(&self) -> Option<&ActorChain> {
        self.actors.as_deref()
    }

    /// Whom the token is for; never empty.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The granted scope.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The moment after which the token must not be valid: the earliest end among subject, actor, client
    /// and relying party (TX-70). None when nothing limits it but the provider.
    pub const fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// The caller's nonce.
    pub const fn nonce(&self) -> Option<&'a str> {
        self.nonce
    }

    /// The keys to bind the token to. None means a bearer token.
    pub const fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// Fits the binding to a provider that can or cannot write it (DP-42).
    pub(crate) fn bind_as(&mut self, can_bind: bool) -> Result<(), IssueError> {
        if can_bind {
            return Ok(());
        }
        if self.must_be_bound {
            return Err(IssueError::Impossible(
                "a token of this type cannot be bound to a key, and this one must be",
            ));
        }
        self.confirmation = None;
        Ok(())
    }

    /// How whoever presents the token shall be confirmed, if the caller said so.
    pub const fn wanted_confirmation(&self) -> Option<&'a WantedConfirmation> {
        self.wanted_confirmation
    }

    /// What the caller says of the token it wants, as JSON text that nobody has checked.
    pub const fn described(&self) -> Option<&'a str> {
        self.described
    }

    /// The end of a token that should live `lifetime` seconds from `now`, within what is allowed.
    pub fn ends_at(&self, now: Timestamp, lifetime: u64) -> Timestamp {
        let wanted = now.plus(lifetime);
        self.not_after.map_or(wanted, |limit| limit.min(wanted))
    }

    /// Takes over a decision that stays within this permission.
    pub(crate) fn narrow(&mut self, decision: &Decision, now: Timestamp) -> Result<(), Widened> {
        let Decision {
            scope,
            audiences,
            not_after,
        } = decision;
        if let Some(scope) = scope {
            if !scope.is_within(&self.scope) {
                return Err(Widened::Scope);
            }
            self.scope.clone_from(scope);
        }
        if let Some(audiences) = audiences {
            let is_within = audiences.iter().all(|name| self.audiences.contains(name));
            if audiences.is_empty() || !is_within {
                return Err(Widened::Audiences);
            }
            self.audiences.retain(|name| audiences.contains(name));
        }
        if let Some(end) = *not_after {
            if end <= now || self.not_after.is_some_and(|limit| end > limit) {
                return Err(Widened::End);
            }
            self.not_after = Some(end);
        }
        Ok(())
    }

    /// What came of it. `principal` is what faces are shown of the subject, which this only borrows.
    pub(crate) fn into_exchanged(
        self,
        issued: IssuedToken,
        marks: Arc<[Arc<Mark>]>,
        principal: Arc<Principal>,
    ) -> Exchanged {
        Exchanged {
            issued,
            scope: self.scope,
            audiences: self.audiences,
            subject: self.subject.subject.clone(),
            actors: self.actors.map(Cow::into_owned),
            principal,
            marks,
            confirmation: self.confirmation,
        }
    }
}

/// Decides whether this client may have this token, and with which bounds. Default deny. `witness` is told of
/// every rule that allows it.
pub fn authorize<'a>(
    witness: &mut impl Witness,
    instance: &Instance,
    request: &'a ExchangeRequest<'_>,
    subject: &'a Principal,
    actor: Option<&Principal>,
    call: &Call<'_>,
) -> Result<Issuance<'a>, ExchangeError> {
    let client = request.client;
    check_proven(subject, actor, call)?;
    witness.saw(Step::Allowed(Rule::Proof));
    check_presentable(client, subject, actor)?;
    witness.saw(Step::Allowed(Rule::Presentation));
    check_may_act(subject, actor)?;
    witness.saw(Step::Allowed(Rule::MayAct));
    if let Some(actor) = actor {
        check_actor(client, subject, actor)?;
        witness.saw(Step::Allowed(Rule::Actor));
    }
    let actors = actors(instance, client, subject, actor)?;
    witness.saw(Step::Allowed(Rule::Delegation));
    let (audiences, targets) = targets(instance, request)?;
    witness.saw(Step::Allowed(Rule::Targets));
    let scope = scope(request, subject, &targets)?;
    witness.saw(Step::Allowed(Rule::Scope));
    let not_after = not_after(client, subject, actor, &targets, call)?;
    witness.saw(Step::Allowed(Rule::Lifetime));
    let (confirmation, must_be_bound) = confirmation(client, subject, call)?;
    witness.saw(Step::Allowed(Rule::Binding));
    Ok(Issuance {
        presented: &request.subject,
        subject,
        client,
        actors,
        audiences,
        scope,
        not_after,
        nonce: request.nonce.as_deref(),
        confirmation,
        must_be_bound,
        wanted_confirmation: request.wanted_confirmation.as_ref(),
        described: request.described.as_deref(),
    })
}

/// SX-12, DP-43, MT-10: whoever presents a bound token proves its keys on this very request.
fn check_proven(
    subject: &Principal,
    actor: Option<&Principal>,
    call: &Call<'_>,
) -> Result<(), PolicyRefusal> {
    let is_proven = |principal: &Principal| {
        principal
            .confirmation
            .as_ref()
            .is_none_or(|keys| keys.is_met(&call.proofs))
    };
    if !is_proven(subject) {
        return Err(PolicyRefusal::NotProven);
    }
    if actor.is_some_and(|actor| !is_proven(actor)) {
        return Err(PolicyRefusal::ActorNotProven);
    }
    Ok(())
}

/// DP-20, DP-42, MT-04: what the issued token is bound to, and whether it may be issued unbound. Keys of the
/// subject stay; a proof asks for its key; the client's own rule adds to both.
fn confirmation(
    client: &Client,
    subject: &Principal,
    call: &Call<'_>,
) -> Result<(Option<Confirmation>, bool), PolicyRefusal> {
    let binding = client.binding;
    let kept = subject
        .confirmation
        .as_ref()
        .filter(|_| !binding.may_unbind);
    let own = |proven: Option<&str>| proven.map(ToOwned::to_owned);
    let proofs = &call.proofs;
    // A gateway that unbinds verified somebody else's proof, which asks for nothing.
    let proven_key = own(proofs.dpop_thumbprint).filter(|_| !binding.may_unbind);
    let wants_certificate =
        binding.to_certificate || kept.is_some_and(|keys| keys.certificate.is_some());
    let bound = Confirmation {
        key: proven_key,
        certificate: own(proofs.certificate_thumbprint).filter(|_| wants_certificate),
    };
    if (binding.to_dpop_key && bound.key.is_none())
        || (binding.to_certificate && bound.certificate.is_none())
    {
        return Err(PolicyRefusal::NothingToBindTo);
    }
    let must = kept.is_some() || binding.to_dpop_key || binding.to_certificate;
    Ok((Some(bound).filter(|bound| !bound.is_empty()), must))
}

/// TX-14, AB-15, AB-16: a token addressed to somebody else is not this client's to exchange. With an actor
/// the subject may instead be addressed to that actor (TX-15 then demands the actor belong to the client).
fn check_presentable(
    client: &Client,
    subject: &Principal,
    actor: Option<&Principal>,
) -> Result<(), PolicyRefusal> {
    let MayPresent::AddressedTo(accepted) = &client.may_present else {
        return Ok(());
    };
    let addressed = subject.audiences.is_empty()
        || subject
            .audiences
            .iter()
            .any(|audience| accepted.contains(audience))
        || actor.is_some_and(|actor| subject.audiences.contains(&actor.subject));
    if addressed {
        Ok(())
    } else {
        Err(PolicyRefusal::NotPresentable)
    }
}

/// TX-54: `may_act` binds whether or not an actor token was sent.
fn check_may_act(subject: &Principal, actor: Option<&Principal>) -> Result<(), PolicyRefusal> {
    let Some(may_act) = &subject.may_act else {
        return Ok(());
    };
    let met = actor.is_some_and(|actor| {
        may_act.names(
            &identity(actor),
            actor.issuer.as_deref(),
            subject.issuer.as_deref(),
        )
    });
    if met {
        Ok(())
    } else {
        Err(PolicyRefusal::MayActNotMet)
    }
}

/// SX-08 and TX-15: the actor belongs to this client, and the subject was issued towards that actor.
fn check_actor(
    client: &Client,
    subject: &Principal,
    actor: &Principal,
) -> Result<(), PolicyRefusal> {
    if actor.never_actor {
        return Err(PolicyRefusal::ActorNotAllowed);
    }
    if actor.actors.is_some() {
        return Err(PolicyRefusal::ActorDelegated);
    }
    let is_client =
        actor.subject == client.id || actor.client.as_deref() == Some(client.id.as_str());
    let is_listed = client.actors.iter().any(|allowed| {
        allowed.subject == actor.subject
            && (allowed.issuer.is_none() || allowed.issuer == actor.issuer)
    });
    if !is_client && !is_listed {
        return Err(PolicyRefusal::ActorNotAllowed);
    }
    let towards = subject
        .audiences
        .iter()
        .any(|audience| *audience == actor.subject || *audience == client.id);
    // check_may_act has already matched a present `may_act` against this very actor.
    if subject.may_act.is_some() || towards {
        Ok(())
    } else {
        Err(PolicyRefusal::Spliced)
    }
}

/// TX-50, TX-56: history is kept; a new actor goes in front; without an actor token the client itself is
/// the actor unless it holds the impersonation permission (SX-17).
fn actors<'a>(
    instance: &Instance,
    client: &Client,
    subject: &'a Principal,
    actor: Option<&Principal>,
) -> Result<Option<Cow<'a, ActorChain>>, PolicyRefusal> {
    let prior = subject.actors.as_ref();
    let newcomer = match actor {
        Some(actor) => Some(Actor {
            issuer: actor.issuer.clone(),
            subject: actor.subject.clone(),
        }),
        None if client.impersonation => None,
        None => Some(Actor {
            issuer: None,
            subject: client.id.clone(),
        }),
    };
    let Some(newcomer) = newcomer else {
        return Ok(prior.map(Cow::Borrowed));
    };
    if prior.and_then(ActorChain::current) == Some(&newcomer) {
        return Ok(prior.map(Cow::Borrowed));
    }
    if prior.is_some_and(|chain| chain.iter().any(|known| *known == newcomer)) {
        return Err(PolicyRefusal::ActorRepeats);
    }
    let chain = ActorChain::extended_by(prior, newcomer);
    let bytes: usize = chain
        .iter()
        .map(|a| a.subject.len() + a.issuer.as_ref().map_or(0, String::len) + 24)
        .sum();
    if chain.iter().len() > instance.limits.chain_depth || bytes > instance.limits.chain_bytes {
        return Err(PolicyRefusal::ChainTooLong);
    }
    Ok(Some(Cow::Owned(chain)))
}

type Targets<'i> = Vec<&'i RelyingParty>;

/// TX-06, TX-07, RI-05, AB-02, AB-36: which relying parties are meant, and what `aud` names them.
fn targets<'i>(
    instance: &'i Instance,
    request: &ExchangeRequest<'_>,
) -> Result<(Vec<String>, Targets<'i>), TargetRefusal> {
    let client = request.client;
    if request.audiences.len() + request.resources.len() > instance.limits.targets {
        return Err(TargetRefusal::NotAllowed);
    }
    let mut parties: Targets<'i> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for audience in &request.audiences {
        let party = instance
            .relying_party(audience)
            .ok_or(TargetRefusal::Unknown)?;
        add(client, party, audience, &mut parties, &mut names)?;
    }
    let named_audiences = parties.len();
    for resource in &request.resources {
        let party = instance.owner_of(resource).ok_or(TargetRefusal::Unknown)?;
        let conflicts = named_audiences > 0
            && !parties
                .iter()
                .take(named_audiences)
                .any(|known| known.audience == party.audience);
        if conflicts {
            return Err(TargetRefusal::Conflicting);
        }
        add(client, party, resource, &mut parties, &mut names)?;
    }
    if names.is_empty() {
        let mut allowed = client.audiences.iter();
        let (Some(only), None) = (allowed.next(), allowed.next()) else {
            return Err(TargetRefusal::Missing);
        };
        let party = instance.relying_party(only).ok_or(TargetRefusal::Unknown)?;
        add(client, party, only, &mut parties, &mut names)?;
    }
    Ok((names, parties))
}

fn add<'i>(
    client: &Client,
    party: &'i RelyingParty,
    name: &str,
    parties: &mut Targets<'i>,
    names: &mut Vec<String>,
) -> Result<(), TargetRefusal> {
    if !client.audiences.contains(&party.audience) {
        return Err(TargetRefusal::NotAllowed);
    }
    if !parties.iter().any(|known| known.audience == party.audience) {
        parties.push(party);
    }
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
    Ok(())
}

/// TX-08, TX-71: never wider than subject ∩ client ∩ every target. An explicit request beyond that is an
/// error; no request means all that is left.
fn scope(
    request: &ExchangeRequest<'_>,
    subject: &Principal,
    targets: &[&RelyingParty],
) -> Result<Scope, ExchangeError> {
    if let Some(wanted) = &request.scope {
        let within = wanted.is_within(&subject.scope)
            && wanted.is_within(&request.client.scope)
            && targets.iter().all(|party| wanted.is_within(&party.scope));
        return if within {
            Ok(wanted.clone())
        } else {
            Err(ExchangeError::Scope)
        };
    }
    if subject.scope.is_empty() {
        return Ok(Scope::default());
    }
    let allowed = subject.scope.intersection(&request.client.scope);
    Ok(targets
        .iter()
        .fold(allowed, |left, party| left.intersection(&party.scope)))
}

/// TX-70, AB-14, AB-37: the earliest of all ends.
fn not_after(
    client: &Client,
    subject: &Principal,
    actor: Option<&Principal>,
    targets: &[&RelyingParty],
    call: &Call<'_>,
) -> Result<Option<Timestamp>, PolicyRefusal> {
    let ends = [
        subject.expires_at,
        actor.and_then(|a| a.expires_at),
        client.max_lifetime.map(|seconds| call.now.plus(seconds)),
    ];
    let limits = targets
        .iter()
        .map(|party| party.max_lifetime.map(|seconds| call.now.plus(seconds)));
    let earliest = ends.into_iter().chain(limits).flatten().min();
    // A validator's leeway may accept a token that has just ended; nothing can be issued from it.
    if earliest.is_some_and(|end| end <= call.now) {
        Err(PolicyRefusal::TooLate)
    } else {
        Ok(earliest)
    }
}

/// The claims that `may_act` is matched against.
fn identity(actor: &Principal) -> Map<String, Value> {
    let mut claims = actor.claims.clone();
    claims.insert("sub".into(), Value::String(actor.subject.clone()));
    if let Some(client) = &actor.client {
        claims.insert("client_id".into(), Value::String(client.clone()));
    }
    claims
}

#[cfg(test)]
mod tests;
