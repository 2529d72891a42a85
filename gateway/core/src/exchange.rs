//! The waist: everything that issues a token comes through here.

use crate::{
    Call, DecideError, ExchangeError, ExchangeRequest, Fault, Instance, IssuedToken, PolicyRefusal,
    Presented, Principal, Provider, TokenType, policy,
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
    /// The keys it is bound to.
    pub confirmation: Option<crate::Confirmation>,
}

/// Validates what was presented, asks policy, and issues.
///
/// The order is fixed: subject, actor, policy, the operator's own policies, provider. Nothing is issued
/// unless all agree.
pub async fn exchange(
    instance: &Instance,
    request: &ExchangeRequest<'_>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
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
    let actor = match &request.actor {
        Some(presented) => Some(validate_actor(instance, presented, call).await?),
        None => None,
    };
    let provider = transformation.provider.as_ref();
    issue(instance, provider, request, &subject, actor.as_ref(), call).await
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
    issue(
        instance,
        offered.provider.as_ref(),
        request,
        &subject,
        None,
        call,
    )
    .await
}

async fn issue(
    instance: &Instance,
    provider: &dyn Provider,
    request: &ExchangeRequest<'_>,
    subject: &Principal,
    actor: Option<&Principal>,
    call: &Call<'_>,
) -> Result<Exchanged, ExchangeError> {
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
    Ok(issuance.into_exchanged(issued))
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
