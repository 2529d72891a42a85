//! Tokens that are signed with keys of their relying party's own.

use std::{collections::HashMap, sync::Arc};

use cambist_core::{
    BoxFuture, Call, Issuance, IssueError, IssuedToken, Provider, Timestamp, TokenType,
};
use cambist_token::{Bench, BuildProvider, Keyring, jose::Algorithm};
use serde_json::{Map, Value};

use super::settings_error;
use crate::{
    document::InstanceDocument, face::oauth::resource, publish_error::PublishError,
    publisher::SHORTEST_WAIT,
};

/// A relying party with keys of its own.
struct Party {
    audience: String,
    /// What tokens for it may be addressed to.
    names: Vec<String>,
    ring: Arc<Keyring>,
    algorithm: Option<Algorithm>,
}

/// All of an instance.
pub(super) struct PartyKeys(Vec<Party>);

impl PartyKeys {
    /// Those of `document`, whose instance signs with `keyring`.
    pub(super) fn of(
        document: &InstanceDocument,
        keyring: &Arc<Keyring>,
    ) -> Result<Self, PublishError> {
        let mut parties = Vec::new();
        for (audience, wanted) in &document.relying_parties {
            let keys = wanted.keys;
            let wrong = |member: &str, reason: &str, hint: &str| {
                let path = format!("relying_parties.{audience}.keys.{member}");
                PublishError::new(path, reason, hint)
            };
            if !keys.own {
                if keys.algorithm.is_some() || keys.publish_seconds.is_some() {
                    let hint = "set `own` to true as well, or leave the rest out";
                    return Err(wrong(
                        "own",
                        "is not set, and the rest is about own keys",
                        hint,
                    ));
                }
                continue;
            }
            if !document.keys.own {
                let reason =
                    "is set for a relying party of an instance that has no keys of its own";
                let hint = "publish the instance with {\"keys\": {\"own\": true}} too";
                return Err(wrong("own", reason, hint));
            }
            if keys.algorithm.is_some_and(Algorithm::is_symmetric) {
                let hint = "use ES256, ES384, EdDSA, RS256 or PS256";
                return Err(wrong("algorithm", "has secrets, not keys", hint));
            }
            if keys
                .publish_seconds
                .is_some_and(|wait| wait < SHORTEST_WAIT)
            {
                let reason = "is too short for everybody to fetch the key";
                return Err(wrong("publish_seconds", reason, "use 600 or more"));
            }
            let resources = wanted.resources.iter();
            let canonical = wanted
                .resources
                .iter()
                .filter_map(|one| resource::canonical(one));
            parties.push(Party {
                audience: audience.clone(),
                names: std::iter::once(audience.clone())
                    .chain(resources.cloned())
                    .chain(canonical)
                    .collect(),
                ring: keyring.of_party(audience).unwrap_or_default(),
                algorithm: keys.algorithm,
            });
        }
        Ok(Self(parties))
    }

    /// `usual`, which `make` has made of `settings`, for all relying parties without keys of their own, and one
    /// like it for each that has some. The algorithms of these are added to `algorithms`.
    pub(super) fn dispatch(
        &self,
        usual: Arc<dyn Provider>,
        make: BuildProvider,
        settings: &Map<String, Value>,
        bench: &Bench<'_>,
        algorithms: &mut Vec<Algorithm>,
    ) -> Result<Arc<dyn Provider>, PublishError> {
        // What is signed with a secret is signed with that, whomever it is for.
        if self.0.is_empty() || settings.contains_key("secret") {
            return Ok(usual);
        }
        let mut by_name = HashMap::new();
        for party in &self.0 {
            let mut settings = settings.clone();
            if let Some(algorithm) = party.algorithm {
                settings.insert("algorithm".to_owned(), Value::from(algorithm.name()));
            }
            let bench = Bench {
                keyring: &party.ring,
                ..*bench
            };
            let (provider, algorithm) = make(&settings, &bench).map_err(|error| {
                let error = settings_error(error);
                error.within(&format!("relying_parties.{}.keys", party.audience))
            })?;
            let Some(algorithm) = algorithm else {
                continue;
            };
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
            let own = Arc::new(Own {
                provider,
                ring: Arc::clone(&party.ring),
                algorithm,
            });
            let names = party.names.iter();
            by_name.extend(names.map(|name| (name.clone(), Arc::clone(&own))));
        }
        Ok(Arc::new(ByParty { usual, by_name }))
    }
}

/// What issues for one relying party.
struct Own {
    provider: Arc<dyn Provider>,
    ring: Arc<Keyring>,
    algorithm: Algorithm,
}

impl Own {
    /// While its first key is only published, the instance's own go on signing.
    fn at(&self, now: Timestamp) -> Option<&dyn Provider> {
        (!self.ring.is_waiting(self.algorithm, now)).then_some(&*self.provider)
    }
}

/// One provider to the engine: whom a token is for decides which key signs it.
struct ByParty {
    usual: Arc<dyn Provider>,
    by_name: HashMap<String, Arc<Own>>,
}

impl ByParty {
    fn chosen(&self, issuance: &Issuance<'_>, now: Timestamp) -> Result<&dyn Provider, IssueError> {
        let mut owners = issuance
            .audiences()
            .iter()
            .map(|name| self.by_name.get(name));
        let first = owners.next().flatten();
        let is_same = |other: Option<&Arc<Own>>| match (first, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        if !owners.all(is_same) {
            return Err(IssueError::Impossible(
                "a token for a relying party with keys of its own is for no other",
            ));
        }
        Ok(first.and_then(|own| own.at(now)).unwrap_or(&*self.usual))
    }
}

impl Provider for ByParty {
    fn token_type(&self) -> &TokenType {
        self.usual.token_type()
    }

    fn issuer(&self) -> Option<&str> {
        self.usual.issuer()
    }

    fn can_bind(&self) -> bool {
        self.usual.can_bind()
    }

    fn content(
        &self,
        issuance: &Issuance<'_>,
        issued: &IssuedToken,
        call: &Call<'_>,
    ) -> Option<Map<String, Value>> {
        self.usual.content(issuance, issued, call)
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        match self.chosen(issuance, call.now) {
            Ok(provider) => provider.issue(issuance, call),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn preview<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Option<IssuedToken>, IssueError>> {
        match self.chosen(issuance, call.now) {
            Ok(provider) => provider.preview(issuance, call),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}
