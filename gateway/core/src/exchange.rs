//! The waist: everything that issues a token comes through here.

use std::sync::Arc;

use crate::{
    Call, DecideError, Entry, ExchangeError, ExchangeRequest, Fault, ForClients, Instance,
    Issuance, IssueError, IssuedToken, Mark, NotEntered, PolicyRefusal, Presented, Principal,
    Provider, Rejection, Role, Step, TokenType, Transformation, ValidateError, Witness, policy,
    witness::Nobody,
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
    pub principal: Arc<Principal>,
    /// What it falls by: its own mark first, then those of the tokens it was made from. Empty without a
    /// ledger.
    pub marks: Arc<[Arc<Mark>]>,
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
    let (transformation, subject) = validate_subject(instance, request, call, &mut Nobody).await?;
    let nobody = &mut Nobody;
    let decided = decide(instance, transformation, request, &subject, call, nobody).await;
    let outcome = match decided {
        Ok(decided) => issue(instance, decided, Arc::clone(&subject), call).await,
        Err(error) => Err(error),
    };
    let ended = subject.session.as_ref().filter(|session| match ends {
        EndOfSession::Interim => session.is_interim,
        EndOfSession::Any => true,
        EndOfSession::None => false,
    });
    if let Some(session) = ended {
        transformation.validator.end_session(&session.token).await;
    }
    outcome
}

/// Decides as [`exchange()`] does, and tells `witness` each step. Nothing leaves and nothing is taken down; a
/// call of [`Purpose::Explain`](crate::Purpose::Explain) uses nothing up either.
pub async fn explain(
    instance: &Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
    witness: &mut impl Witness,
) -> Result<(), ExchangeError> {
    let (transformation, subject) = validate_subject(instance, request, call, witness).await?;
    let decided = decide(instance, transformation, request, &subject, call, witness).await;
    let outcome = match decided {
        Ok(decided) => preview(decided, call, witness).await,
        Err(error) => Err(error),
    };
    if let Some(session) = subject
        .session
        .as_ref()
        .filter(|session| session.is_interim)
    {
        transformation.validator.end_session(&session.token).await;
    }
    outcome
}

/// As [`explain()`] for what [`issue_to_client`] does.
pub async fn explain_to_client(
    instance: &Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
    witness: &mut impl Witness,
) -> Result<(), ExchangeError> {
    let subject = client_as_subject(instance, request)?;
    let decided = decide_for_client(instance, request, &subject, call, witness).await?;
    preview(decided, call, witness).await
}

/// What the provider would make. The token itself ends here.
async fn preview(
    decided: Decided<'_>,
    call: &Call<'_>,
    witness: &mut impl Witness,
) -> Result<(), ExchangeError> {
    let previewed = decided.provider.preview(&decided.issuance, call).await?;
    witness.saw(Step::Previewed(previewed.as_ref()));
    Ok(())
}

async fn validate_subject<'i>(
    instance: &'i Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
    witness: &mut impl Witness,
) -> Result<(&'i Transformation, Arc<Principal>), ExchangeError> {
    let transformation = instance.transformation(
        &request.subject.token_type,
        request.requested_token_type.as_ref(),
    )?;
    witness.saw(Step::Transformation(transformation));
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
    witness.saw(Step::Accepted(Role::Subject, &subject));
    Ok((transformation, subject))
}

/// All that is known of a token before it is made.
struct Decided<'a> {
    provider: &'a dyn Provider,
    issuance: Issuance<'a>,
    /// The tokens it is made from.
    parents: Vec<Arc<Mark>>,
}

async fn decide<'a>(
    instance: &Instance,
    transformation: &'a Transformation,
    request: &'a ExchangeRequest<'_>,
    subject: &'a Principal,
    call: &Call<'_>,
    witness: &mut impl Witness,
) -> Result<Decided<'a>, ExchangeError> {
    let mut parents = Vec::new();
    let admitted = admit(instance, Role::Subject, &request.subject, subject, call);
    parents.extend(admitted.map_err(|revoked| ExchangeError::Subject(revoked.into()))?);
    witness.saw(Step::Admitted(Role::Subject));
    let actor = match &request.actor {
        Some(presented) => {
            let actor = validate_actor(instance, presented, call).await?;
            witness.saw(Step::Accepted(Role::Actor, &actor));
            let admitted = admit(instance, Role::Actor, presented, &actor, call);
            parents.extend(admitted.map_err(|revoked| ExchangeError::Actor(revoked.into()))?);
            witness.saw(Step::Admitted(Role::Actor));
            Some(actor)
        }
        None => None,
    };
    let provider = transformation.provider.as_ref();
    let parties = (subject, actor.as_deref());
    let issuance = grant(instance, provider, request, parties, call, witness).await?;
    Ok(Decided {
        provider,
        issuance,
        parents,
    })
}

/// Issues a token that speaks of the client which asks (RFC 6749 §4.4). Nothing is presented: what
/// `request` says of subject and actor is not looked at.
pub async fn issue_to_client(
    instance: &Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
    let subject = client_as_subject(instance, request)?;
    let decided = decide_for_client(instance, request, &subject, call, &mut Nobody).await?;
    issue(instance, decided, Arc::default(), call).await
}

fn client_as_subject(
    instance: &Instance,
    request: &ExchangeRequest<'_>,
) -> Result<Principal, ExchangeError> {
    let offered = for_clients(instance)?;
    let client = request.client;
    Ok(Principal {
        subject: format!("{}{}", offered.subject_prefix, client.id),
        client: Some(client.id.clone()),
        scope: client.scope.clone(),
        ..Principal::default()
    })
}

fn for_clients(instance: &Instance) -> Result<&ForClients, ExchangeError> {
    instance
        .for_clients
        .as_ref()
        .ok_or_else(|| ExchangeError::NoTransformation {
            subject: TokenType::CLIENT,
            requested: "any".to_owned(),
        })
}

async fn decide_for_client<'a>(
    instance: &'a Instance,
    request: &'a ExchangeRequest<'_>,
    subject: &'a Principal,
    call: &Call<'_>,
    witness: &mut impl Witness,
) -> Result<Decided<'a>, ExchangeError> {
    let offered = for_clients(instance)?;
    witness.saw(Step::ForClients(offered));
    let admitted = admit(instance, Role::Subject, &request.subject, subject, call);
    admitted.map_err(|revoked| ExchangeError::Subject(revoked.into()))?;
    witness.saw(Step::Admitted(Role::Subject));
    let provider = offered.provider.as_ref();
    let issuance = grant(instance, provider, request, (subject, None), call, witness).await?;
    Ok(Decided {
        provider,
        issuance,
        parents: Vec::new(),
    })
}

/// Asks policy, then the operator's own policies.
async fn grant<'a>(
    instance: &Instance,
    provider: &dyn Provider,
    request: &'a ExchangeRequest<'_>,
    (subject, actor): (&'a Principal, Option<&Principal>),
    call: &Call<'_>,
    witness: &mut impl Witness,
) -> Result<Issuance<'a>, ExchangeError> {
    let mut issuance = policy::authorize(witness, instance, request, subject, actor, call)?;
    issuance.bind_as(provider.can_bind())?;
    witness.saw(Step::Granted(&issuance));
    for decider in &instance.deciders {
        let issued = provider.token_type();
        let decision = decider
            .decide(&issuance, &request.subject.token_type, issued, call)
            .await?;
        issuance
            .narrow(&decision, call.now)
            .map_err(|widened| DecideError::Fault(Fault::Internal(widened.to_string())))?;
        witness.saw(Step::Decided(&decision, &issuance));
    }
    Ok(issuance)
}

async fn issue(
    instance: &Instance,
    decided: Decided<'_>,
    principal: Arc<Principal>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
    let Decided {
        provider,
        issuance,
        parents,
    } = decided;
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
    Ok(issuance.into_exchanged(issued, marks, principal))
}

fn admit(
    instance: &Instance,
    role: Role,
    presented: &Presented,
    principal: &Principal,
    call: &Call<'_>,
) -> Result<Option<Arc<Mark>>, Rejection> {
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
) -> Result<Arc<Principal>, ExchangeError> {
    let validator = instance
        .actors
        .get(&presented.token_type)
        .ok_or_else(|| ExchangeError::NoActors(presented.token_type.clone()))?;
    validator
        .validate(&presented.token, call)
        .await
        .map_err(ExchangeError::Actor)
}
