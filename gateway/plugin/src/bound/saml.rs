//! The points of a SAML assertion. They are no roles of the engine: whoever makes assertions asks them.

use cambist_core::{Call, Fault, Issuance, IssueError};

use super::{Bound, ask, roles::not_issued};
use crate::{
    saml::{
        About, Attribute, AttributeStatement, AuthnStatement, AuthzDecisionStatement, ConditionSet,
        SubjectStatement,
    },
    v0_1::Refused,
};

impl Bound {
    /// The conditions of an assertion, in place of `standard`. In bounds, and not compared with it.
    pub async fn conditions(
        &self,
        about: &About<'_>,
        standard: &ConditionSet,
        call: &Call<'_>,
    ) -> Result<ConditionSet, IssueError> {
        self.or_refused(ask!(self, call, |guest| guest
            .make_conditions(about, standard, call)))
    }

    /// The subject of an assertion, in place of `standard`. In bounds, and not compared with it.
    pub async fn subject(
        &self,
        about: &About<'_>,
        standard: &SubjectStatement,
        call: &Call<'_>,
    ) -> Result<SubjectStatement, IssueError> {
        self.or_refused(ask!(self, call, |guest| guest
            .make_subject(about, standard, call)))
    }

    /// The authentication statements of an assertion, in place of `standard`.
    pub async fn authn_statements(
        &self,
        about: &About<'_>,
        standard: &[AuthnStatement],
        call: &Call<'_>,
    ) -> Result<Vec<AuthnStatement>, IssueError> {
        self.or_refused(ask!(self, call, |guest| guest
            .make_authn_statements(about, standard, call)))
    }

    /// The attribute statements of an assertion, in place of `standard`.
    pub async fn attribute_statements(
        &self,
        about: &About<'_>,
        standard: &[AttributeStatement],
        call: &Call<'_>,
    ) -> Result<Vec<AttributeStatement>, IssueError> {
        self.or_refused(ask!(self, call, |guest| guest
            .make_attribute_statements(about, standard, call)))
    }

    /// The authorization decision statements of an assertion.
    pub async fn authz_decision_statements(
        &self,
        about: &About<'_>,
        call: &Call<'_>,
    ) -> Result<Vec<AuthzDecisionStatement>, IssueError> {
        self.or_refused(ask!(self, call, |guest| guest
            .make_authz_decision_statements(about, call)))
    }

    /// The attributes of an assertion. `wanted` is the operator's map, by the attribute to make.
    pub async fn attributes(
        &self,
        about: &About<'_>,
        wanted: &[(String, String)],
        call: &Call<'_>,
    ) -> Result<Vec<Attribute>, IssueError> {
        self.or_refused(ask!(self, call, |guest| guest
            .map_attributes(about, wanted, call)))
    }

    /// The authentication context class of an assertion.
    pub async fn authn_context(
        &self,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> Result<String, IssueError> {
        self.or_refused(ask!(self, call, |guest| guest.map_authn_context(issuance, call)))
    }

    /// The fault of an answer in bounds that means what no plugin may say. It counts as a failure of the
    /// plugin. `reason` is for operators, and repeats nothing that the plugin said.
    pub fn wrong(&self, reason: &dyn std::fmt::Display) -> Fault {
        self.failed(reason.to_string())
    }

    fn or_refused<T>(&self, answer: Result<T, Refused>) -> Result<T, IssueError> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(refused) => Err(not_issued(self.blamed(refused)?)),
        }
    }
}
