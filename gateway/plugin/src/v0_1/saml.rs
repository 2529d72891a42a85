//! One function for each point of a SAML assertion. What the gateway makes of an answer is not known here;
//! that an answer keeps its bounds is.

use cambist_core::{Call, Issuance};

use super::imports::saml::Assertion;
pub use super::imports::saml::{
    Action, Attribute, AttributeStatement, AttributeValue, AuthnContext, AuthnStatement,
    AuthzDecisionStatement, ConditionSet, ConfirmationMethod, DecisionType, Evidence, NameId,
    ProxyRestriction, SubjectConfirmation, SubjectLocality, SubjectStatement,
};
use super::{
    convert,
    points::{Answer, Guest, answered, exported},
};
use crate::{
    answer::{URI_BYTES, name, saml as answer},
    saml::About,
};

impl Guest<'_> {
    pub(crate) async fn make_conditions(
        self,
        about: &About<'_>,
        standard: &ConditionSet,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<ConditionSet>> {
        let exports = exported!(self, conditions);
        let (assertion, call) = (assertion(about), convert::call(call, self.config));
        let said = exports
            .call_make_conditions(self.store, &assertion, standard, &call)
            .await?;
        Ok(answered(said, answer::conditions))
    }

    pub(crate) async fn make_subject(
        self,
        about: &About<'_>,
        standard: &SubjectStatement,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<SubjectStatement>> {
        let exports = exported!(self, subject);
        let (assertion, call) = (assertion(about), convert::call(call, self.config));
        let said = exports
            .call_make_subject(self.store, &assertion, standard, &call)
            .await?;
        Ok(answered(said, answer::subject))
    }

    pub(crate) async fn make_authn_statements(
        self,
        about: &About<'_>,
        standard: &[AuthnStatement],
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Vec<AuthnStatement>>> {
        let exports = exported!(self, authn_statements);
        let (assertion, call) = (assertion(about), convert::call(call, self.config));
        let said = exports
            .call_make_authn_statements(self.store, &assertion, standard, &call)
            .await?;
        Ok(answered(said, answer::authn_statements))
    }

    pub(crate) async fn make_attribute_statements(
        self,
        about: &About<'_>,
        standard: &[AttributeStatement],
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Vec<AttributeStatement>>> {
        let exports = exported!(self, attribute_statements);
        let (assertion, call) = (assertion(about), convert::call(call, self.config));
        let said = exports
            .call_make_attribute_statements(self.store, &assertion, standard, &call)
            .await?;
        Ok(answered(said, answer::attribute_statements))
    }

    pub(crate) async fn make_authz_decision_statements(
        self,
        about: &About<'_>,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Vec<AuthzDecisionStatement>>> {
        let exports = exported!(self, authz_decision_statements);
        let (assertion, call) = (assertion(about), convert::call(call, self.config));
        let said = exports
            .call_make_authz_decision_statements(self.store, &assertion, &call)
            .await?;
        Ok(answered(said, answer::authz_decision_statements))
    }

    pub(crate) async fn map_attributes(
        self,
        about: &About<'_>,
        wanted: &[(String, String)],
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<Vec<Attribute>>> {
        let exports = exported!(self, attribute_mapper);
        let (assertion, call) = (assertion(about), convert::call(call, self.config));
        let said = exports
            .call_map_attributes(self.store, &assertion, wanted, &call)
            .await?;
        Ok(answered(said, answer::attributes))
    }

    pub(crate) async fn map_authn_context(
        self,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> wasmtime::Result<Answer<String>> {
        let exports = exported!(self, authn_context_mapper);
        let presented = issuance.presented();
        let said = exports
            .call_map_authn_context(
                self.store,
                &convert::token(&presented.token, &presented.token_type),
                &convert::principal(issuance.subject()),
                &convert::call(call, self.config),
            )
            .await?;
        Ok(answered(said, |class| {
            name("the authentication context class", class, URI_BYTES)
        }))
    }
}

fn assertion(about: &About<'_>) -> Assertion {
    Assertion {
        issuer: about.issuer.to_owned(),
        relying_party: about.relying_party.to_owned(),
        recipient: about.recipient.map(ToOwned::to_owned),
        issued_at: about.issued_at.0,
        expires_at: about.expires_at.0,
        confirmation: about.confirmation,
        subject: convert::principal(about.issuance.subject()),
        subject_token_type: about.issuance.presented().token_type.to_string(),
    }
}
