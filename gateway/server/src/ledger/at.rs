//! The ledger as one instance writes it.

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Call, Entry, Fault, Mark, NotEntered, Presented, Principal, Rejection, Role,
};
use serde_json::Value;

use super::{Ledger, Persistence, mark, token_hash};
use crate::store::NewLedgerRow;

/// What an instance's engine asks before it takes a token in, and before it lets one out.
pub struct InstanceLedger {
    ledger: Arc<Ledger>,
    instance: String,
    persistence: Persistence,
}

impl InstanceLedger {
    pub(super) const fn new(
        ledger: Arc<Ledger>,
        instance: String,
        persistence: Persistence,
    ) -> Self {
        Self {
            ledger,
            instance,
            persistence,
        }
    }

    fn row(&self, entry: &Entry<'_>, own: &Mark, call: &Call<'_>) -> Result<NewLedgerRow, Fault> {
        let Entry {
            issuance,
            issued,
            provider,
            parents,
        } = entry;
        let parent = |index: usize| parents.get(index);
        let content = provider
            .content(issuance, issued, call)
            .map(|content| Value::Object(content).to_string());
        let key = own
            .key
            .ok_or_else(|| Fault::Internal("an issued token has no mark".to_owned()))?;
        Ok(NewLedgerRow {
            token_hash: token_hash(issued.token.as_bytes()),
            mark: key,
            parent: parent(0).and_then(|mark| mark.key),
            actor_parent: parent(1).and_then(|mark| mark.key),
            parent_issuer: parent(0).and_then(|mark| mark.issuer.clone()),
            parent_key: parent(0).and_then(|mark| mark.key_id.clone()),
            instance: self.instance.clone(),
            token_type: issued.token_type.as_str().to_owned(),
            token_id: issued.id.clone(),
            issuer: own.issuer.clone(),
            key_id: own.key_id.clone(),
            subject: own.subject.clone(),
            actors: own.actors.clone(),
            client: own.client.clone(),
            audiences: issuance.audiences().to_vec(),
            scope: issuance.scope().to_string(),
            issued_at: call.now,
            expires_at: issued.expires_at,
            content,
        })
    }

    async fn enter_one(
        &self,
        entry: Entry<'_>,
        call: &Call<'_>,
    ) -> Result<Arc<[Arc<Mark>]>, NotEntered> {
        let own = mark::of_issued(entry.issuance, entry.issued, entry.provider, call.now);
        if self.persistence.keeps_tokens() {
            let row = self.row(&entry, &own, call)?;
            // A token that means nothing by itself is worthless until it can be found.
            let is_urgent = self.persistence == Persistence::Synchronous || row.content.is_some();
            let written = self.ledger.writer.append(row, is_urgent).await;
            written.map_err(|error| Fault::from(&error))?;
        }
        // Only now: whoever revokes a parent either finds the new row, or has the parent fallen already.
        let has_fallen = entry
            .parents
            .iter()
            .any(|parent| !self.ledger.stands(parent, &self.instance));
        if has_fallen {
            return Err(NotEntered::Revoked);
        }
        Ok(std::iter::once(Arc::new(own))
            .chain(entry.parents)
            .collect())
    }
}

impl cambist_core::Ledger for InstanceLedger {
    fn admit(
        &self,
        role: Role,
        presented: &Presented,
        principal: &Principal,
        _: &Call<'_>,
    ) -> Result<Arc<Mark>, Rejection> {
        let made = || {
            Arc::new(mark::of_presented(
                role,
                presented.token.as_bytes(),
                principal,
            ))
        };
        let mark = match role {
            Role::Subject => Arc::clone(principal.mark.get_or_init(made)),
            Role::Actor => made(),
        };
        if self.ledger.stands(&mark, &self.instance) {
            Ok(mark)
        } else {
            Err(Rejection::Revoked)
        }
    }

    fn enter<'a>(
        &'a self,
        entry: Entry<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<[Arc<Mark>]>, NotEntered>> {
        Box::pin(self.enter_one(entry, call))
    }
}
