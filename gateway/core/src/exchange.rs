//! The waist: everything that issues a token comes through here.

use crate::{
    Call, DecideError, ExchangeError, ExchangeRequest, Fault, Instance, IssuedToken, PolicyRefusal,
    Presented, Principal, policy,
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
    let mut issuance = policy::authorize(instance, request, &subject, actor.as_ref(), call)?;
    issuance.bind_as(transformation.provider.can_bind())?;
    for decider in &instance.deciders {
        let issued = transformation.provider.token_type();
        let decision = decider
            .decide(&issuance, &request.subject.token_type, issued, call)
            .await?;
        issuance
            .narrow(decision, call.now)
            .map_err(|widened| DecideError::Fault(Fault::Internal(widened.to_string())))?;
    }
    let issued = transformation.provider.issue(&issuance, call).await?;
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
