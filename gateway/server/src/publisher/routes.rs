//! Publishing the reverse proxy's routes.

use std::{collections::BTreeMap, sync::Arc};

use super::{Draft, Precondition, PublishFailure, Publisher, issuers::check_name, to_json};
use crate::{
    proxy::{Route, RouteDocument},
    publish_error::PublishError,
    registry::Registry,
    store::{Change, DocumentKind, Expected},
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
        let route = build(&draft.registry, name, document.clone(), draft.revision)?;
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
        if !current
            .values()
            .any(|route| instances.iter().any(|id| id == route.instance()))
        {
            return Ok(());
        }
        let mut routes = BTreeMap::clone(&current);
        for (name, route) in current
            .iter()
            .filter(|(_, route)| instances.iter().any(|id| id == route.instance()))
        {
            let Some(document) = self
                .stored::<RouteDocument>(DocumentKind::Route, name)
                .await?
            else {
                continue;
            };
            let built = build(&draft.registry, name, document, route.revision())
                .map_err(|error| error.within(&format!("routes.{name}")))?;
            routes.insert(name.clone(), Arc::new(built));
        }
        draft.registry.put_routes(routes)?;
        Ok(())
    }
}

/// A route over the instance and the relying party it names.
pub(super) fn build(
    registry: &Registry,
    name: &str,
    document: RouteDocument,
    revision: u64,
) -> Result<Route, PublishError> {
    let instance = registry.instance(&document.instance).ok_or_else(|| {
        PublishError::new(
            "instance",
            format!("`{}` is not published", document.instance),
            "publish the instance first",
        )
    })?;
    let party = instance
        .engine
        .relying_party(&document.audience)
        .ok_or_else(|| {
            PublishError::new(
                "audience",
                format!(
                    "`{}` is not a relying party of `{}`",
                    document.audience, document.instance
                ),
                "name a member of the instance's `relying_parties`",
            )
        })?;
    let scope = party.scope.clone();
    let route = Route::build(name, document, revision, scope)?;
    instance
        .engine
        .transformation(
            route.subject_token_type(),
            Some(&cambist_core::TokenType::ACCESS_TOKEN),
        )
        .map_err(|error| {
            PublishError::new(
                "subject_token_type",
                error.to_string(),
                "name a subject token type from which the instance makes access tokens",
            )
        })?;
    Ok(route)
}
