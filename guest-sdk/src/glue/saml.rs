use super::{Answer, Point};
use crate::{
    bindings::{
        attribute_mapper, attribute_statements, authn_context_mapper, authn_statements,
        authz_decision_statements, conditions,
        shared::cambist::sts::{
            saml::Assertion as WitAssertion,
            types::{Call as WitCall, Principal as WitPrincipal, Token as WitToken},
        },
        subject,
    },
    saml::{
        Attribute, AttributeMapper, AttributeStatement, AttributeStatements, AuthnContextMapper,
        AuthnStatement, AuthnStatements, AuthzDecisionStatement, AuthzDecisionStatements,
        ConditionSet, Conditions, Subject, SubjectStatement,
    },
};

impl<P: Conditions> conditions::exports::cambist::sts::conditions::Guest for Point<P> {
    fn make_conditions(
        assertion: WitAssertion,
        standard: ConditionSet,
        call: WitCall,
    ) -> Answer<ConditionSet> {
        Ok(P::make_conditions(
            &assertion.into(),
            standard,
            &call.into(),
        )?)
    }
}

impl<P: Subject> subject::exports::cambist::sts::subject::Guest for Point<P> {
    fn make_subject(
        assertion: WitAssertion,
        standard: SubjectStatement,
        call: WitCall,
    ) -> Answer<SubjectStatement> {
        Ok(P::make_subject(&assertion.into(), standard, &call.into())?)
    }
}

impl<P: AuthnStatements> authn_statements::exports::cambist::sts::authn_statements::Guest
    for Point<P>
{
    fn make_authn_statements(
        assertion: WitAssertion,
        standard: Vec<AuthnStatement>,
        call: WitCall,
    ) -> Answer<Vec<AuthnStatement>> {
        Ok(P::make_authn_statements(
            &assertion.into(),
            standard,
            &call.into(),
        )?)
    }
}

impl<P: AttributeStatements>
    attribute_statements::exports::cambist::sts::attribute_statements::Guest for Point<P>
{
    fn make_attribute_statements(
        assertion: WitAssertion,
        standard: Vec<AttributeStatement>,
        call: WitCall,
    ) -> Answer<Vec<AttributeStatement>> {
        Ok(P::make_attribute_statements(
            &assertion.into(),
            standard,
            &call.into(),
        )?)
    }
}

impl<P: AuthzDecisionStatements>
    authz_decision_statements::exports::cambist::sts::authz_decision_statements::Guest
    for Point<P>
{
    fn make_authz_decision_statements(
        assertion: WitAssertion,
        call: WitCall,
    ) -> Answer<Vec<AuthzDecisionStatement>> {
        Ok(P::make_authz_decision_statements(
            &assertion.into(),
            &call.into(),
        )?)
    }
}

impl<P: AttributeMapper> attribute_mapper::exports::cambist::sts::attribute_mapper::Guest
    for Point<P>
{
    fn map_attributes(
        assertion: WitAssertion,
        wanted: Vec<(String, String)>,
        call: WitCall,
    ) -> Answer<Vec<Attribute>> {
        Ok(P::map_attributes(&assertion.into(), &wanted, &call.into())?)
    }
}

impl<P: AuthnContextMapper> authn_context_mapper::exports::cambist::sts::authn_context_mapper::Guest
    for Point<P>
{
    fn map_authn_context(token: WitToken, subject: WitPrincipal, call: WitCall) -> Answer<String> {
        Ok(P::map_authn_context(
            &token.into(),
            &subject.into(),
            &call.into(),
        )?)
    }
}
