//! Publishing the reverse proxy's routes.

use std::{collections::BTreeMap, sync::Arc};

use cambist_core::Scope;
use zeroize::Zeroizing;

use super::{Draft, Precondition, PublishFailure, Publisher, issuers::check_name, to_json};
use crate::{
    proxy::{Route, RouteDocument},
    publish_error::PublishError,
    registry::Registry,
    store::{Change, DocumentKind, Expected},
    vault::Held,
};

impl Publisher {
    /// Publishes a route, or replaces it.
    pub async fn put_route(
        &self,
        name: &str,
        document: RouteDocument,
        precondition: Precondition,
    ) -> Result<u64, PublishFailure> {
        check_name(name)?;
        let mut draft = self.draft().await?;
        precondition.check(
            draft
                .registry
                .routes
                .get(name)
                .map(|route| route.revision()),
        )?;
        let mut route = build(&draft.registry, name, &document, draft.revision)?;
        if let Some(earlier) = draft.registry.routes.get(name) {
            route.succeed(earlier);
        }
        let mut routes = BTreeMap::clone(&draft.registry.routes);
        routes.insert(name.to_owned(), Arc::new(route));
        draft.registry.put_routes(routes)?;
        draft.changes.push(Change::PutDocument {
            kind: DocumentKind::Route,
            id: name.to_owned(),
            document: to_json(&document)?,
            expected: Expected::Any,
        });
        self.commit(draft).await
    }

    /// Takes a route away.
    pub async fn delete_route(
        &self,
        name: &str,
        precondition: Precondition,
    ) -> Result<(), PublishFailure> {
        let mut draft = self.draft().await?;
        let current = draft
            .registry
            .routes
            .get(name)
            .ok_or(PublishFailure::NotFound)?
            .revision();
        precondition.check(Some(current))?;
        let mut routes = BTreeMap::clone(&draft.registry.routes);
        routes.remove(name);
        draft.registry.put_routes(routes)?;
        draft.changes.push(Change::DeleteDocument {
            kind: DocumentKind::Route,
            id: name.to_owned(),
            expected: Expected::Any,
        });
        self.commit(draft).await.map(|_| ())
    }

    /// The document of a route and its revision.
    pub async fn read_route(
        &self,
        name: &str,
    ) -> Result<Option<(RouteDocument, u64)>, PublishFailure> {
        let Some(revision) = self
            .published
            .load()
            .routes
            .get(name)
            .map(|route| route.revision())
        else {
            return Ok(None);
        };
        let document = self.stored(DocumentKind::Route, name).await?;
        Ok(document.map(|document| (document, revision)))
    }

    /// Checks and builds again the routes over the draft's `instances`: a route must never point at a target
    /// that its instance no longer has, nor hand out what an earlier publication issued. Their caches start
    /// empty.
    pub(super) async fn rebuild_routes(
        &self,
        draft: &mut Draft<'_>,
        instances: &[String],
    ) -> Result<(), PublishFailure> {
        let current = Arc::clone(&draft.registry.routes);
        if !current.values().any(|route| is_over(route, instances)) {
            return Ok(());
        }
        let mut routes = BTreeMap::clone(&current);
        for (name, route) in current
            .iter()
            .filter(|(_, route)| is_over(route, instances))
        {
            let Some(document) = self
                .stored::<RouteDocument>(DocumentKind::Route, name)
                .await?
            else {
                continue;
            };
            let mut built = build(&draft.registry, name, &document, route.revision())
                .map_err(|error| error.within(&format!("routes.{name}")))?;
            built.succeed(route);
            routes.insert(name.clone(), Arc::new(built));
        }
        draft.registry.put_routes(routes)?;
        Ok(())
    }
}

fn is_over(route: &Route, instances: &[String]) -> bool {
    route
        .instance()
        .is_some_and(|instance| instances.iter().any(|id| id == instance))
}

/// A route over the instance and the relying party it names.
pub(super) fn build(
    registry: &Registry,
    name: &str,
    document: &RouteDocument,
    revision: u64,
) -> Result<Route, PublishError> {
    let key = upstream_key(registry, document)?;
    let key = key.as_ref().map(|key| key.as_slice());
    let (Some(id), Some(audience)) = (&document.instance, &document.audience) else {
        return Route::build_with(name, document, revision, Scope::default(), key);
    };
    let instance = registry.instance(id).ok_or_else(|| {
        PublishError::new(
            "instance",
            format!("`{id}` is not published"),
            "publish the instance first",
        )
    })?;
    let party = instance.engine.relying_party(audience).ok_or_else(|| {
        PublishError::new(
            "audience",
            format!("`{audience}` is not a relying party of `{id}`"),
            "name a member of the instance's `relying_parties`",
        )
    })?;
    let scope = party.scope.clone();
    let member = if document.credentials.is_empty() {
        "subject_token_type"
    } else {
        "credentials"
    };
    let route = Route::build_with(name, document, revision, scope, key)?;
    for token_type in route.token_types() {
        instance
            .engine
            .transformation(token_type, route.issue())
            .map_err(|error| {
                PublishError::new(
                    member,
                    error.to_string(),
                    "name subject token types from which the instance makes what the route issues",
                )
            })?;
    }
    Ok(route)
}

/// The secret that `tls.key` names.
fn upstream_key(
    registry: &Registry,
    document: &RouteDocument,
) -> Result<Option<Arc<Zeroizing<Vec<u8>>>>, PublishError> {
    let Some(name) = document.tls.as_ref().and_then(|tls| tls.key.as_deref()) else {
        return Ok(None);
    };
    match registry.vault(name).map(|entry| &entry.held) {
        Some(Held::Secret(secret)) => Ok(Some(Arc::clone(secret))),
        Some(Held::Key(_) | Held::KeyStore(_)) | None => Err(PublishError::new(
            "tls.key",
            format!("`{name}` is not a secret of the vault"),
            "put the key there in PEM: PUT /admin/v1/secrets/{name} {\"value\": \"-----BEGIN…\"}",
        )),
    }
}
