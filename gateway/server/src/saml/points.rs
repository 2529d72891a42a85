//! Parts of an assertion that plugins make in the gateway's place. What they say becomes part of the model,
//! and with it of what is signed and encrypted; issuer, identifier and signature are nobody's to change.

mod believed;
mod told;

#[cfg(test)]
mod tests;

use cambist_core::{Call, Issuance, IssueError};
use cambist_plugin::{
    Bound, Point,
    saml::{About, ConfirmationMethod},
};
use cambist_saml::{
    draft::{Confirmation, Draft},
    model::Assertion,
};
use serde_json::{Map, Value};

use crate::publish_error::PublishError;

/// The plugins of one provider, each at its point.
#[derive(Default)]
pub(super) struct Points {
    attribute_mapper: Option<Bound>,
    attribute_statements: Option<Bound>,
    authn_context_mapper: Option<Bound>,
    authn_statements: Option<Bound>,
    authz_decision_statements: Option<Bound>,
    conditions: Option<Bound>,
    subject: Option<Bound>,
    /// The operator's map of attributes, for the attribute mapper to read.
    wanted: Vec<(String, String)>,
}

impl Points {
    /// Takes the members out of `settings` that name plugins, and binds these.
    pub(super) fn take(
        settings: &mut Map<String, Value>,
        bind: impl Fn(&Value, Point) -> Result<Bound, PublishError>,
    ) -> Result<Self, PublishError> {
        let mut take = |point: Point| {
            let member = point.name().replace('-', "_");
            settings
                .remove(&member)
                .map(|binding| bind(&binding, point))
                .transpose()
                .map_err(|error| error.within(&member))
        };
        Ok(Self {
            attribute_mapper: take(Point::AttributeMapper)?,
            attribute_statements: take(Point::AttributeStatements)?,
            authn_context_mapper: take(Point::AuthnContextMapper)?,
            authn_statements: take(Point::AuthnStatements)?,
            authz_decision_statements: take(Point::AuthzDecisionStatements)?,
            conditions: take(Point::Conditions)?,
            subject: take(Point::Subject)?,
            wanted: Vec::new(),
        })
    }

    /// Whether a plugin makes the attributes out of the operator's map, which then is its own to read.
    pub(super) const fn map_attributes(&self) -> bool {
        self.attribute_mapper.is_some()
    }

    /// Gives the attribute mapper the operator's map.
    pub(super) fn with_map<'a>(
        mut self,
        wanted: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        if self.map_attributes() {
            let owned = |(name, source): (&String, &String)| (name.clone(), source.clone());
            self.wanted = wanted.into_iter().map(owned).collect();
        }
        self
    }

    /// The assertion of `draft`, with the parts that plugins make. `authenticated` tells whether it is known
    /// when the subject authenticated; if not, the gateway makes no statement of it.
    pub(super) async fn assemble(
        &self,
        draft: Draft<'_>,
        authenticated: bool,
        issuance: &Issuance<'_>,
        call: &Call<'_>,
    ) -> Result<Assertion, IssueError> {
        let class;
        let mut draft: Draft<'_> = draft;
        if let Some(plugin) = self.authn_context_mapper.as_ref().filter(|_| authenticated) {
            let said = plugin.authn_context(issuance, call).await?;
            class = believe(plugin, believed::class(said))?;
            draft.authn_context_class = &class;
        }
        if let Some(plugin) = &self.attribute_mapper {
            let about = about(&draft, issuance);
            let said = plugin.attributes(&about, &self.wanted, call).await?;
            draft.attributes = believe(plugin, believed::attributes(said))?;
        }
        let mut conditions = draft.conditions();
        if let Some(plugin) = &self.conditions {
            let (about, standard) = (about(&draft, issuance), told::conditions(&conditions));
            let said = plugin.conditions(&about, &standard, call).await?;
            conditions = believe(plugin, believed::conditions(said, &conditions, call.now))?;
            // What depends on the end follows it.
            draft.expires_at = conditions.not_on_or_after.unwrap_or(draft.expires_at);
        }
        let mut subject = draft.subject();
        if let Some(plugin) = &self.subject {
            let (about, standard) = (about(&draft, issuance), told::subject(&subject));
            let said = plugin.subject(&about, &standard, call).await?;
            let end = draft.expires_at;
            subject = believe(plugin, believed::subject(said, &subject, call.now, end))?;
        }
        let mut authn = if authenticated {
            draft.authn_statements()
        } else {
            Vec::new()
        };
        if let Some(plugin) = &self.authn_statements {
            let (about, standard) = (about(&draft, issuance), told::authn_statements(&authn));
            let said = plugin.authn_statements(&about, &standard, call).await?;
            authn = believe(plugin, believed::authn_statements(said, call.now))?;
        }
        let mut attributes = draft.attribute_statements();
        if let Some(plugin) = &self.attribute_statements {
            let (about, standard) = (
                about(&draft, issuance),
                told::attribute_statements(&attributes),
            );
            let said = plugin.attribute_statements(&about, &standard, call).await?;
            attributes = believe(plugin, believed::attribute_statements(said))?;
        }
        let mut decisions = Vec::new();
        if let Some(plugin) = &self.authz_decision_statements {
            let about = about(&draft, issuance);
            let said = plugin.authz_decision_statements(&about, call).await?;
            decisions = believe(plugin, believed::authz_decision_statements(said))?;
        }
        Ok(Assertion {
            conditions: Some(conditions),
            subject: Some(subject),
            authn_statements: authn,
            attribute_statements: attributes,
            authz_decision_statements: decisions,
            ..draft.assemble()
        })
    }
}

fn about<'a>(draft: &Draft<'a>, issuance: &'a Issuance<'a>) -> About<'a> {
    About {
        issuance,
        issuer: draft.issuer,
        relying_party: draft.relying_party,
        recipient: draft.recipient,
        issued_at: draft.issued_at,
        expires_at: draft.expires_at,
        confirmation: match draft.confirmation {
            Confirmation::Bearer => ConfirmationMethod::Bearer,
            Confirmation::HolderOfKey(_) => ConfirmationMethod::HolderOfKey,
            Confirmation::SenderVouches => ConfirmationMethod::SenderVouches,
        },
    }
}

fn believe<T>(plugin: &Bound, answer: Result<T, believed::Wrong>) -> Result<T, IssueError> {
    answer.map_err(|wrong| plugin.wrong(&wrong).into())
}
