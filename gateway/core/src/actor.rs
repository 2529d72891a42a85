//! Who acts for whom: the `act` chain and the `may_act` permission (RFC 8693 §4.1, §4.4).

use serde_json::{Map, Value};

use crate::Rejection;

/// One party of a delegation chain, named by identity claims alone: everything else that stood in a
/// foreign `act` (`exp`, `aud`, roles) is dropped before it is signed again (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who vouched for the subject, if the token said so.
    pub issuer: Option<String>,
    /// The actor's subject identifier.
    pub subject: String,
}

/// The actors so far, newest first, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorChain(Vec<Actor>);

impl ActorChain {
    /// A chain of one.
    pub fn new(current: Actor) -> Self {
        Self(vec![current])
    }

    /// The party acting now (the outermost `act`).
    pub fn current(&self) -> Option<&Actor> {
        self.0.first()
    }

    /// A chain of these, newest first. None if there are none.
    pub fn from_actors(actors: Vec<Actor>) -> Option<Self> {
        (!actors.is_empty()).then_some(Self(actors))
    }

    /// All parties, newest first.
    pub fn as_slice(&self) -> &[Actor] {
        &self.0
    }

    /// All parties, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Actor> {
        self.0.iter()
    }

    /// Puts a newer actor in front of what is known already.
    #[must_use]
    pub fn extended_by(prior: Option<&Self>, current: Actor) -> Self {
        let mut chain = Vec::with_capacity(1 + prior.map_or(0, |p| p.0.len()));
        chain.push(current);
        chain.extend(prior.into_iter().flat_map(|p| p.0.iter().cloned()));
        Self(chain)
    }

    /// Reads a token's `act` claim, rebuilding it from `iss` and `sub` only. At most `depth` levels.
    pub fn from_claim(claim: &Value, depth: usize) -> Result<Self, Rejection> {
        let mut chain = Vec::new();
        let mut next = Some(claim);
        while let Some(value) = next {
            let Value::Object(act) = value else {
                return Err(Rejection::Malformed);
            };
            if chain.len() == depth {
                return Err(Rejection::ChainTooLong);
            }
            chain.push(Actor {
                issuer: optional_text(act, "iss")?,
                subject: optional_text(act, "sub")?.ok_or(Rejection::Malformed)?,
            });
            next = act.get("act");
        }
        Ok(Self(chain))
    }

    /// The nested `act` claim, newest outermost.
    pub fn to_claim(&self) -> Value {
        let mut inner: Option<Value> = None;
        for actor in self.0.iter().rev() {
            let mut act = Map::new();
            act.insert("sub".into(), Value::String(actor.subject.clone()));
            if let Some(issuer) = &actor.issuer {
                act.insert("iss".into(), Value::String(issuer.clone()));
            }
            if let Some(inner) = inner.take() {
                act.insert("act".into(), inner);
            }
            inner = Some(Value::Object(act));
        }
        inner.unwrap_or(Value::Null)
    }
}

/// The subject's statement of who may act for it (RFC 8693 §4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MayAct(Map<String, Value>);

impl MayAct {
    /// What must hold of an actor, by claim name.
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The permission for whoever has all these claims.
    pub const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Reads a token's `may_act` claim.
    pub fn from_claim(claim: &Value) -> Result<Self, Rejection> {
        match claim {
            Value::Object(members) => Ok(Self(members.clone())),
            _ => Err(Rejection::Malformed),
        }
    }

    /// Whether an actor with these claims is the one named. Every listed member must be equal; an empty
    /// object names nobody; without `iss` the actor must come from the subject's own issuer.
    pub fn names(
        &self,
        actor: &Map<String, Value>,
        actor_issuer: Option<&str>,
        subject_issuer: Option<&str>,
    ) -> bool {
        let same_source = self.0.contains_key("iss") || actor_issuer == subject_issuer;
        self.0.contains_key("sub")
            && same_source
            && self.0.iter().all(|(name, wanted)| match name.as_str() {
                "iss" => wanted.as_str().is_some() && wanted.as_str() == actor_issuer,
                _ => actor.get(name) == Some(wanted),
            })
    }
}

fn optional_text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Rejection> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(Rejection::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn tx_52_only_identity_survives_inside_act() {
        let claim = json!({"sub": "b", "exp": 1, "aud": "x", "act": {"sub": "a", "iss": "i", "roles": ["r"]}});
        let chain = ActorChain::from_claim(&claim, 8).unwrap();
        assert_eq!(
            chain.to_claim(),
            json!({"sub": "b", "act": {"sub": "a", "iss": "i"}})
        );
    }

    #[test]
    fn tx_57_depth_is_capped() {
        let claim = json!({"sub": "c", "act": {"sub": "b", "act": {"sub": "a"}}});
        assert!(ActorChain::from_claim(&claim, 3).is_ok());
        assert_eq!(
            ActorChain::from_claim(&claim, 2),
            Err(Rejection::ChainTooLong)
        );
    }

    #[test]
    fn sx_07_act_must_be_an_object_with_a_subject() {
        for claim in [
            json!("a"),
            json!([]),
            json!({}),
            json!({"sub": 1}),
            json!({"sub": "a", "act": null}),
        ] {
            assert_eq!(
                ActorChain::from_claim(&claim, 8),
                Err(Rejection::Malformed),
                "{claim}"
            );
        }
    }

    #[test]
    fn tx_55_every_listed_member_must_match_and_empty_names_nobody() {
        let actor = object(json!({"sub": "svc", "iss": "https://i", "org": "x"}));
        let names = |claim: Value| {
            MayAct::from_claim(&claim)
                .unwrap()
                .names(&actor, Some("https://i"), Some("https://i"))
        };
        assert!(names(json!({"sub": "svc"})));
        assert!(names(json!({"sub": "svc", "iss": "https://i", "org": "x"})));
        assert!(!names(json!({"sub": "svc", "org": "y"})));
        assert!(!names(json!({"sub": "other"})));
        assert!(!names(json!({"iss": "https://i"})));
        assert!(!names(json!({})));
    }

    #[test]
    fn may_act_without_issuer_means_the_subjects_issuer() {
        let actor = object(json!({"sub": "svc"}));
        let may_act = MayAct::from_claim(&json!({"sub": "svc"})).unwrap();
        assert!(!may_act.names(&actor, Some("https://evil"), Some("https://i")));
    }
}
