//! Keys that an instance has for itself: one to decrypt what is encrypted to it, made when it first accepts
//! assertions and forgotten with it.

use super::{Draft, PublishFailure, Publisher};
use crate::{
    document::InstanceDocument,
    saml::{self, DECRYPTION},
    store::{Change, Expected},
    vault::{KeyStore, Material, VaultEntry},
};

impl Publisher {
    /// A new entry for the instance, if it needs one and has none. Making an RSA key takes long, so it is made
    /// before the publication takes its turn.
    pub(super) async fn new_own_keys(
        &self,
        id: &str,
        document: &InstanceDocument,
    ) -> Result<Option<Material>, PublishFailure> {
        let accepts = document
            .validators
            .values()
            .any(|part| part.kind == saml::KIND);
        if !accepts || self.published.load().vault(&saml::own_keys(id)).is_some() {
            return Ok(None);
        }
        let made = self
            .workshop
            .heavy
            .run(|| KeyStore::generated(DECRYPTION))
            .await??;
        Ok(Some(Material::key_store(made)))
    }

    /// Puts the entry into the draft, unless somebody was faster.
    pub(super) fn give_own_keys(
        &self,
        draft: &mut Draft<'_>,
        id: &str,
        material: Option<Material>,
    ) -> Result<(), PublishFailure> {
        let name = saml::own_keys(id);
        let Some(material) = material.filter(|_| draft.registry.vault(&name).is_none()) else {
            return Ok(());
        };
        draft.changes.push(Change::PutSecret {
            sealed: self.workshop.vault.seal(&name, &material)?,
            kind: material.kind().to_owned(),
            name: name.clone(),
            expected: Expected::Any,
        });
        let entry = VaultEntry {
            held: material.hold(),
            revision: draft.revision,
        };
        draft.registry.secrets.insert_mut(name, entry);
        Ok(())
    }
}

/// Forgets the entry.
pub(super) fn forget(draft: &mut Draft<'_>, id: &str) {
    let name = saml::own_keys(id);
    if draft.registry.secrets.remove_mut(&name) {
        draft.changes.push(Change::DeleteSecret {
            name,
            expected: Expected::Any,
        });
    }
}
