//! `/admin/v1/keys`: the signing keys and their life.

use cambist_token::jose::Algorithm;
use hyper::{Method, StatusCode, http::request::Parts};
use serde::Deserialize;
use serde_json::json;

use super::{
    Problem,
    api::{Answer, json_response, method_not_allowed, read},
    tokens::{clock, problem},
};
use crate::{
    body::Incoming,
    gateway::Gateway,
    publish_error::PublishError,
    publisher::{KeyOwner, USUAL_WAIT},
    store::CutOffRow,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    algorithm: Algorithm,
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    relying_party: Option<String>,
    #[serde(default)]
    publish_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    kid: String,
    #[serde(default)]
    reason: Option<String>,
}

/// Whose key is to be rotated; none for those that all instances share.
fn owner(
    instance: Option<String>,
    relying_party: Option<String>,
) -> Result<Option<KeyOwner>, Problem> {
    match (instance, relying_party) {
        (Some(instance), relying_party) => Ok(Some(KeyOwner {
            instance,
            relying_party,
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(PublishError::new(
            "instance",
            "is missing: a relying party is one of an instance",
            "name the instance too",
        )
        .into()),
    }
}

/// Answers a request to one of the collections of keys.
pub(super) async fn handle(
    gateway: &Gateway,
    head: &Parts,
    body: Incoming,
    collection: &str,
) -> Answer {
    let at = clock()?;
    match (collection, &head.method) {
        ("keys", &Method::GET) => {
            let mut answer = gateway.publisher.public_keys(at);
            if let Some(members) = answer.as_object_mut() {
                let schedule = json!(gateway.publisher.list_keys(at));
                members.insert("schedule".to_owned(), schedule);
            }
            json_response(StatusCode::OK, &answer, None)
        }
        ("keys:rotate", &Method::POST) => {
            let asked: Rotate = read(body, &gateway.config.limits).await?;
            let wait = asked.publish_seconds.unwrap_or(USUAL_WAIT);
            let owner = owner(asked.instance, asked.relying_party)?;
            let made = gateway
                .publisher
                .rotate_key(asked.algorithm, owner.as_ref(), wait)
                .await?;
            json_response(StatusCode::CREATED, &made, None)
        }
        ("keys:revoke", &Method::POST) => {
            let asked: Revoke = read(body, &gateway.config.limits).await?;
            if asked.kid.is_empty() || asked.kid.len() > 256 {
                return Err(Problem::not_found("no key has this kid"));
            }
            gateway.publisher.revoke_key(&asked.kid).await?;
            // What was made from tokens under it falls too, and what routes keep.
            let cut_off = CutOffRow {
                kind: "key",
                value: asked.kid,
                instance: String::new(),
                before: at.plus(1),
                at,
                reason: asked.reason,
            };
            let fallen = gateway.ledger.cut_off(cut_off, at).await.map_err(problem)?;
            json_response(StatusCode::OK, &json!({"revoked": fallen}), None)
        }
        _ => Err(method_not_allowed()),
    }
}
