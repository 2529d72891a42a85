//! Between the traits of this crate and the generated bindings. Not for plugins: what is here may change
//! at any time.

mod convert;
mod saml;

use std::marker::PhantomData;

use crate::{
    AcrMapper, AmrMapper, Call, ClaimMapper, CustomProvider, Policy, Provider, Validator,
    bindings::{
        acr_mapper, amr_mapper, claim_mapper, custom_provider, policy, provider,
        shared::cambist::sts::types::{
            Call as WitCall, Claim as WitClaim, Issuance as WitIssuance, Principal as WitPrincipal,
            Refusal as WitRefusal, Token as WitToken,
        },
        validator,
    },
};

/// A plugin in the terms of the bindings.
pub struct Point<P>(PhantomData<P>);

/// What a point answers.
type Answer<T> = Result<T, WitRefusal>;

impl<P: Validator> validator::exports::cambist::sts::validator::Guest for Point<P> {
    fn validate_token(token: WitToken, call: WitCall) -> Answer<WitPrincipal> {
        Ok(P::validate(&token.into(), &call.into())?.into())
    }
}

impl<P: Provider> provider::exports::cambist::sts::provider::Guest for Point<P> {
    fn issue_token(
        issuance: WitIssuance,
        call: WitCall,
    ) -> Answer<provider::exports::cambist::sts::provider::Issued> {
        Ok(P::issue(&issuance.into(), &call.into())?.into())
    }
}

impl<P: CustomProvider> custom_provider::exports::cambist::sts::custom_provider::Guest
    for Point<P>
{
    fn issue_custom_token(
        presented: WitToken,
        wanted: String,
        issuance: WitIssuance,
        call: WitCall,
    ) -> Answer<custom_provider::exports::cambist::sts::custom_provider::Answer> {
        let made = P::issue_custom(&presented.into(), &wanted, &issuance.into(), &call.into())?;
        Ok(
            custom_provider::exports::cambist::sts::custom_provider::Answer {
                content: made.token,
                expires_at: made.expires_at,
                id: made.id,
            },
        )
    }
}

impl<P: Policy> policy::exports::cambist::sts::policy::Guest for Point<P> {
    fn decide(
        request: policy::exports::cambist::sts::policy::Request,
        call: WitCall,
    ) -> Answer<policy::exports::cambist::sts::policy::Decision> {
        Ok(P::decide(&request.into(), &call.into())?.into())
    }
}

impl<P: ClaimMapper> claim_mapper::exports::cambist::sts::claim_mapper::Guest for Point<P> {
    fn map_claims(
        issuance: WitIssuance,
        wanted: Vec<(String, String)>,
        call: WitCall,
    ) -> Answer<Vec<WitClaim>> {
        let claims = P::map_claims(&issuance.into(), &wanted, &call.into())?;
        Ok(claims.into_iter().map(Into::into).collect())
    }
}

impl<P: AcrMapper> acr_mapper::exports::cambist::sts::acr_mapper::Guest for Point<P> {
    fn map_acr(token: WitToken, subject: WitPrincipal, call: WitCall) -> Answer<Option<String>> {
        Ok(P::map_acr(
            &token.into(),
            &subject.into(),
            &Call::from(call),
        )?)
    }
}

impl<P: AmrMapper> amr_mapper::exports::cambist::sts::amr_mapper::Guest for Point<P> {
    fn map_amr(token: WitToken, subject: WitPrincipal, call: WitCall) -> Answer<Vec<String>> {
        Ok(P::map_amr(
            &token.into(),
            &subject.into(),
            &Call::from(call),
        )?)
    }
}
