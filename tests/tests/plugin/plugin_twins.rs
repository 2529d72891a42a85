//! Each builtin and its twin in a sandbox, built with the same things.

#![expect(
    clippy::indexing_slicing,
    reason = "the documents are objects made here"
)]

use std::sync::Arc;

use cambist_core::{
    BoxFuture, Declared, Fetch, FetchError, Fetched, Provider, Rejection, Scope, ValidateError,
    Validator,
};
use cambist_plugin::{Bound, PluginKey, Point};
use cambist_token::{
    AcrMapper, AmrMapper, BUILTINS, Bench, BuildError, ClaimMapper, IssuerConfig, Keyring,
    MapperSource, NoSessions, PasswordDirectory, Profile, SessionDirectory, TrustedIssuer,
    jose::{Algorithm, SigningKey},
};
use serde_json::{Value, json};
use tests::{
    guests,
    plugins::{binding, compiled, held},
};

pub(crate) const PARTNER: &str = "https://idp.example";
pub(crate) const SELF: &str = "https://sts.example/oauth2/orders";

/// A builtin and its twin.
pub(crate) struct Pair<T: ?Sized> {
    pub(crate) builtin: Arc<T>,
    pub(crate) twin: Arc<T>,
}

/// Everything that both are built with.
pub(crate) struct World {
    pub(crate) partner: Arc<SigningKey>,
    pub(crate) own: Arc<SigningKey>,
}

impl World {
    pub(crate) fn new() -> Self {
        let key = || Arc::new(SigningKey::generate(Algorithm::Es256).unwrap().0);
        Self {
            partner: key(),
            own: key(),
        }
    }

    fn with_bench<T>(&self, work: impl FnOnce(&Bench<'_>) -> T) -> T {
        let mut config = IssuerConfig::new(PARTNER, vec!["us".to_owned()]);
        config.jwks = json!({"keys": [self.partner.public_jwk()]})
            .as_object()
            .cloned();
        let issuer = Arc::new(TrustedIssuer::build(config, Arc::new(Nothing)).unwrap());
        let keyring = Arc::new(Keyring::new(vec![Arc::clone(&self.own)]));
        let directory: Arc<dyn PasswordDirectory> = Arc::new(Nothing);
        work(&Bench {
            issuer: SELF,
            realm: "/",
            keyring: &keyring,
            directory: &directory,
            sessions: &(Arc::new(NoSessions) as Arc<dyn SessionDirectory>),
            trusted_issuer: &|_| Some(Arc::clone(&issuer)),
            secret: &|_| None,
            mappers: &Nothing,
        })
    }

    fn twin(kind: &str, key: &Arc<SigningKey>, point: Point) -> Bound {
        let plugin = compiled(guests::twin()).unwrap();
        let config = json!({"kind": kind, "issuer": PARTNER, "audiences": ["us"]});
        let key: Arc<dyn PluginKey> = held(Arc::clone(key));
        plugin
            .bind(&[point], binding("twin", &config, &[("jwt", key)]))
            .unwrap()
    }

    pub(crate) fn validators(&self, kind: &str) -> Pair<dyn Validator> {
        let mut settings = json!({"subject_prefix": "p:", "scopes": ["declared"]});
        if kind != "username" {
            settings["issuers"] = json!(["partner"]);
        }
        let builtin = BUILTINS.iter().find(|b| b.kind == kind).unwrap();
        let make = builtin.validator.unwrap();
        let declared = Declared {
            subject_prefix: "p:".to_owned(),
            scopes: Scope::parse("declared").ok(),
        };
        Pair {
            builtin: self
                .with_bench(|bench| make(settings.as_object().unwrap(), bench))
                .unwrap(),
            twin: Self::twin(kind, &self.partner, Point::Validator)
                .validator(builtin.token_type.clone(), declared),
        }
    }

    pub(crate) fn providers(&self, kind: &str) -> Pair<dyn Provider> {
        let builtin = BUILTINS.iter().find(|b| b.kind == kind).unwrap();
        let make = builtin.provider.unwrap();
        let settings = json!({"lifetime_seconds": 300});
        Pair {
            builtin: self
                .with_bench(|bench| make(settings.as_object().unwrap(), bench))
                .unwrap()
                .0,
            twin: Self::twin(kind, &self.own, Point::Provider)
                .provider(builtin.token_type.clone(), SELF.to_owned()),
        }
    }
}

/// No network; one user; no mappers.
struct Nothing;

impl Fetch for Nothing {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move { Err(FetchError::Forbidden(url.to_owned())) })
    }
}

impl PasswordDirectory for Nothing {
    fn authenticate<'a>(
        &'a self,
        _realm: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async move {
            if (username, password) != ("dana", "open sesame") {
                return Err(Rejection::BadSignature.into());
            }
            let attributes = json!({"email": ["dana@example.com"]});
            Ok(Profile {
                username: username.to_owned(),
                attributes: serde_json::from_value(attributes).unwrap_or_default(),
                session: None,
            })
        })
    }
}

impl MapperSource for Nothing {
    fn claims(
        &self,
        _binding: &Value,
        _wanted: &std::collections::BTreeMap<String, String>,
    ) -> Result<ClaimMapper, BuildError> {
        Err(BuildError::new("", "none", "none"))
    }

    fn acr(&self, _binding: &Value) -> Result<AcrMapper, BuildError> {
        Err(BuildError::new("", "none", "none"))
    }

    fn amr(&self, _binding: &Value) -> Result<AmrMapper, BuildError> {
        Err(BuildError::new("", "none", "none"))
    }
}
