//! After a restart: everything that was acknowledged is live again.

use std::{collections::BTreeMap, sync::Arc};

use cambist_token::IssuerConfig;

use super::{PublishFailure, Publisher, routes};
use crate::{
    document::InstanceDocument,
    proxy::RouteDocument,
    registry::{NamedPlugin, RegisteredIssuer, Registry},
    store::DocumentKind,
};

impl Publisher {
    /// Builds the registry from the store. Something that no longer builds is left out, named in the log and
    /// in the returned list; the rest serves.
    pub async fn restore(&self) -> Result<Vec<String>, PublishFailure> {
        let mut registry = Registry::default();
        let mut failed = Vec::new();
        self.restore_keys(&mut failed).await?;
        self.restore_plugins(&mut registry, &mut failed).await?;
        self.restore_secrets(&mut registry, &mut failed).await?;
        self.restore_issuers(&mut registry, &mut failed).await?;
        for stored in self.workshop.store.documents(DocumentKind::Realm).await? {
            registry.realms.insert_mut(stored.id, stored.revision);
        }
        self.restore_authenticators(&mut registry, &mut failed)
            .await?;
        self.restore_instances(&mut registry, &mut failed).await?;
        self.restore_routes(&mut registry, &mut failed).await?;
        for what in &failed {
            tracing::error!(what, "left out at start");
        }
        self.published.publish(registry);
        Ok(failed)
    }

    async fn restore_plugins(
        &self,
        registry: &mut Registry,
        failed: &mut Vec<String>,
    ) -> Result<(), PublishFailure> {
        for stored in self.workshop.store.plugins().await? {
            let versions = self.versions(&stored.name).await?;
            match self.component(&stored.digest).await {
                Ok(Some(plugin)) => {
                    registry
                        .components
                        .insert_mut(stored.digest, Arc::clone(&plugin));
                    registry.plugins.insert_mut(
                        stored.name,
                        NamedPlugin {
                            plugin,
                            revision: stored.revision,
                            versions: Arc::new(versions),
                        },
                    );
                }
                Ok(None) => {}
                Err(error) => failed.push(format!("plugin {}: {error}", stored.name)),
            }
        }
        Ok(())
    }

    async fn restore_issuers(
        &self,
        registry: &mut Registry,
        failed: &mut Vec<String>,
    ) -> Result<(), PublishFailure> {
        for stored in self.workshop.store.documents(DocumentKind::Issuer).await? {
            let built = serde_json::from_str::<IssuerConfig>(&stored.document)
                .map_err(|error| error.to_string())
                .and_then(|config| self.build_issuer(config).map_err(|error| error.to_string()));
            match built {
                Ok(issuer) => {
                    let registered = RegisteredIssuer {
                        issuer: Arc::new(issuer),
                        revision: stored.revision,
                    };
                    registry.issuers.insert_mut(stored.id, registered);
                }
                Err(error) => failed.push(format!("issuer {}: {error}", stored.id)),
            }
        }
        Ok(())
    }

    async fn restore_instances(
        &self,
        registry: &mut Registry,
        failed: &mut Vec<String>,
    ) -> Result<(), PublishFailure> {
        for stored in self
            .workshop
            .store
            .documents(DocumentKind::Instance)
            .await?
        {
            let built = match serde_json::from_str::<InstanceDocument>(&stored.document) {
                Ok(document) => match self.load_pinned(registry, &document).await {
                    Ok(()) => self
                        .build(registry, &stored.id, stored.revision, &document)
                        .map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                },
                Err(error) => Err(error.to_string()),
            };
            match built {
                Ok(instance) => registry.put_instance(Arc::new(instance)),
                Err(error) => failed.push(format!("instance {}: {error}", stored.id)),
            }
        }
        Ok(())
    }

    async fn restore_routes(
        &self,
        registry: &mut Registry,
        failed: &mut Vec<String>,
    ) -> Result<(), PublishFailure> {
        let mut built = BTreeMap::new();
        for stored in self.workshop.store.documents(DocumentKind::Route).await? {
            let route = serde_json::from_str::<RouteDocument>(&stored.document)
                .map_err(|error| error.to_string())
                .and_then(|document| {
                    routes::build(registry, &stored.id, &document, stored.revision)
                        .map_err(|error| error.to_string())
                });
            match route {
                Ok(route) => drop(built.insert(stored.id, Arc::new(route))),
                Err(error) => failed.push(format!("route {}: {error}", stored.id)),
            }
        }
        registry.put_routes(built)?;
        Ok(())
    }
}
