//! The waist: everything that issues a token comes through here.

use std::sync::Arc;

use crate::{
    Call, DecideError, Entry, ExchangeError, ExchangeRequest, Fault, Instance, IssueError,
    IssuedToken, Mark, NotEntered, PolicyRefusal, Presented, Principal, Provider, Rejection, Role,
    TokenType, Transformation, ValidateError, policy,
};

/// What an exchange produced, with the facts its audit record needs.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// The issued token.
    pub issued: IssuedToken,
    /// The scope it carries.
    pub scope: crate::Scope,
    /// Whom it is addressed to.
    pub audiences: Vec<String>,
    /// Whom it speaks of.
    pub subject: String,
    /// Who acts, newest first.
    pub actors: Option<crate::ActorChain>,
    /// What the subject's token said, for faces that pass some of it on.
    pub principal: Principal,
    /// What it falls by: its own mark first, then those of the tokens it was made from. Empty without a
    /// ledger.
    pub marks: Arc<[Mark]>,
    /// The keys it is bound to.
    pub confirmation: Option<crate::Confirmation>,
}

/// Validates what was presented, asks policy, and issues.
///
/// The order is fixed: subject, actor, policy, the operator's own policies, provider, ledger. Nothing is
/// issued unless all agree, and nothing leaves that could not be taken down.
pub async fn exchange(
    instance: &Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
    exchange_and_then(EndOfSession::Interim, instance, request, call).await
}

/// Which session ends with an exchange, whether or not a token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfSession {
    /// The one that validating the subject token made, and no other.
    Interim,
    /// The one behind the subject token, also if it was presented.
    Any,
    /// None: what was made stays until it ends by itself.
    None,
}

/// As [`exchange()`], with a say in which session ends. Nothing is ended if the subject token was not
/// accepted.
pub async fn exchange_and_then(
    ends: EndOfSession,
    instance: &Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
    let (transformation, subject) = validate_subject(instance, request, call).await?;
    let outcome = decide_and_issue(instance, transformation, request, &subject, call).await;
    let ended = subject.session.as_ref().filter(|session| match ends {
        EndOfSession::Interim => session.is_interim,
        EndOfSession::Any => true,
        EndOfSession::None => false,
    });
    if let Some(session) = ended {
        transformation.validator.end_session(&session.token).await;
    }
    outcome.map(|exchanged| Exchanged {
        principal: subject,
        ..exchanged
    })
}

async fn validate_subject<'i>(
    instance: &'i Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
) -> Result<(&'i Transformation, Principal), ExchangeError> {
    let transformation = instance.transformation(
        &request.subject.token_type,
        request.requested_token_type.as_ref(),
    )?;
    if request
        .actor
        .as_ref()
        .is_some_and(|actor| actor.token == request.subject.token)
    {
        return Err(PolicyRefusal::SameToken.into());
    }
    let subject = transformation
        .validator
        .validate(&request.subject.token, call)
        .await
        .map_err(ExchangeError::Subject)?;
    Ok((transformation, subject))
}

async fn decide_and_issue(
    instance: &Instance,
    transformation: &Transformation,
    request: &ExchangeRequest<'_>,
    subject: &Principal,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
    let mut parents = Vec::new();
    let admitted = admit(instance, Role::Subject, &request.subject, subject, call);
    parents.extend(admitted.map_err(|revoked| ExchangeError::Subject(revoked.into()))?);
    let actor = match &request.actor {
        Some(presented) => {
            let actor = validate_actor(instance, presented, call).await?;
            let admitted = admit(instance, Role::Actor, presented, &actor, call);
            parents.extend(admitted.map_err(|revoked| ExchangeError::Actor(revoked.into()))?);
            Some(actor)
        }
        None => None,
    };
    let accepted = Accepted {
        subject,
        actor: actor.as_ref(),
        parents,
    };
    let provider = transformation.provider.as_ref();
    issue(instance, provider, request, accepted, call).await
}

/// Issues a token that speaks of the client which asks (RFC 6749 §4.4). Nothing is presented: what
/// `request` says of subject and actor is not looked at.
pub async fn issue_to_client(
    instance: &Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
    let offered = instance
        .for_clients
        .as_ref()
        .ok_or_else(|| ExchangeError::NoTransformation {
            subject: TokenType::CLIENT,
            requested: "any".to_owned(),
        })?;
    let client = request.client;
    let subject = Principal {
        subject: format!("{}{}", offered.subject_prefix, client.id),
        client: Some(client.id.clone()),
        scope: client.scope.clone(),
        ..Principal::default()
    };
    let admitted = admit(instance, Role::Subject, &request.subject, &subject, call);
    admitted.map_err(|revoked| ExchangeError::Subject(revoked.into()))?;
    let accepted = Accepted {
        subject: &subject,
        actor: None,
        parents: Vec::new(),
    };
    let provider = offered.provider.as_ref();
    issue(instance, provider, request, accepted, call).await
}

/// What a token is made from.
struct Accepted<'a> {
    subject: &'a Principal,
    actor: Option<&'a Principal>,
    parents: Vec<Mark>,
}

async fn issue(
    instance: &Instance,
    provider: &dyn Provider,
    request: &ExchangeRequest<'_>,
    accepted: Accepted<'_>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
    let Accepted {
        subject,
        actor,
        parents,
    } = accepted;
    let mut issuance = policy::authorize(instance, request, subject, actor, call)?;
    issuance.bind_as(provider.can_bind())?;
    for decider in &instance.deciders {
        let issued = provider.token_type();
        let decision = decider
            .decide(&issuance, &request.subject.token_type, issued, call)
            .await?;
        issuance
            .narrow(decision, call.now)
            .map_err(|widened| DecideError::Fault(Fault::Internal(widened.to_string())))?;
    }
    let issued = provider.issue(&issuance, call).await?;
    let marks = match &instance.ledger {
        Some(ledger) => {
            let entry = Entry {
                issuance: &issuance,
                issued: &issued,
                provider,
                parents,
            };
            ledger.enter(entry, call).await.map_err(not_entered)?
        }
        None => Arc::default(),
    };
    Ok(issuance.into_exchanged(issued, marks))
}

fn admit(
    instance: &Instance,
    role: Role,
    presented: &Presented,
    principal: &Principal,
    call: &Call<'_>,
) -> Result<Option<Mark>, Rejection> {
    let ledger = instance.ledger.as_ref();
    ledger
        .map(|ledger| ledger.admit(role, presented, principal, call))
        .transpose()
}

fn not_entered(error: NotEntered) -> ExchangeError {
    match error {
        NotEntered::Revoked => ExchangeError::Subject(ValidateError::Rejected(Rejection::Revoked)),
        NotEntered::Fault(fault) => IssueError::Fault(fault).into(),
    }
}

async fn validate_actor(
    instance: &Instance,
    presented: &Presented,
    call: &Call<'_>,
) -> Result<Principal, ExchangeError> {
    let validator = instance
        .actors
        .get(&presented.token_type)
        .ok_or_else(|| ExchangeError::NoActors(presented.token_type.clone()))?;
    validator
        .validate(&presented.token, call)
        .await
        .map_err(ExchangeError::Actor)
}
