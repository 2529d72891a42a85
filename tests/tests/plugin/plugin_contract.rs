//! One contract for every validator and provider: each builtin, and its twin in a sandbox.

#![expect(
    clippy::indexing_slicing,
    reason = "the documents are objects made here"
)]

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use cambist_core::{
    Actor, ActorChain, BoxFuture, Call, Client, Declared, ExchangeRequest, Exchanged, Fetch,
    FetchError, Fetched, Instance, Limits, MayPresent, Presented, Principal, Provider,
    RESERVED_CLAIMS, Rejection, RelyingParty, Scope, Timestamp, Token, TokenType, Transformation,
    Usage, ValidateError, Validator, exchange,
};
use cambist_plugin::{Bound, PluginKey, Point};
use cambist_token::{
    AcrMapper, AmrMapper, BUILTINS, Bench, BuildError, ClaimMapper, IssuerConfig, Keyring,
    MapperSource, NoSessions, PasswordDirectory, Profile, SessionDirectory, TrustedIssuer,
    jose::{Algorithm, Expected, KeySet, SigningKey, verify},
};
use serde_json::{Map, Value, json};
use tests::{
    guests,
    plugins::{binding, compiled, held},
};

use crate::{NOW, call};

const PARTNER: &str = "https://idp.example";
const SELF: &str = "https://sts.example/oauth2/orders";

/// A builtin and its twin.
struct Pair<T: ?Sized> {
    builtin: Arc<T>,
    twin: Arc<T>,
}

/// Everything that both are built with.
struct World {
    partner: Arc<SigningKey>,
    own: Arc<SigningKey>,
}

impl World {
    fn new() -> Self {
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

    fn validators(&self, kind: &str) -> Pair<dyn Validator> {
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

    fn providers(&self, kind: &str) -> Pair<dyn Provider> {
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

/// What a validator says, as far as the contract goes: the general reason of a refusal, and a principal
/// without what only builtins keep.
async fn said(validator: &Arc<dyn Validator>, token: &Token) -> Result<Principal, Rejection> {
    match validator.validate(token, &call()).await {
        Ok(principal) => {
            let mut principal = Arc::unwrap_or_clone(principal);
            principal
                .claims
                .retain(|name, _| !RESERVED_CLAIMS.contains(&name.as_str()));
            principal.authenticated_at = principal.authenticated_at.filter(|at| at.0 != NOW);
            Ok(principal)
        }
        Err(error) => Err(error.rejection().unwrap()),
    }
}

fn claims() -> Value {
    json!({
        "iss": PARTNER, "sub": "alice", "aud": ["us", "them"], "iat": NOW - 5, "exp": NOW + 600,
        "auth_time": NOW - 60, "acr": "high", "amr": ["pwd", "otp"], "email": "a@b", "level": 3, "admin": false,
        "groups": ["x", "y"], "address": {"city": "Rome"},
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// What a JWT says and what must come of it; none is a principal.
fn judged() -> Vec<(&'static str, Value, Option<Rejection>)> {
    vec![
        ("all in order", claims(), None),
        ("one audience", with("aud", json!("us")), None),
        (
            "a chain",
            with("act", json!({"sub": "b", "act": {"sub": "a", "iss": "i"}})),
            None,
        ),
        (
            "a permission",
            with("may_act", json!({"sub": "svc", "org": "x"})),
            None,
        ),
        (
            "ended",
            with("exp", json!(NOW - 60)),
            Some(Rejection::Expired),
        ),
        (
            "ended within the leeway, and nothing left",
            with("exp", json!(NOW - 29)),
            None,
        ),
        (
            "not begun",
            with("nbf", json!(NOW + 120)),
            Some(Rejection::NotYetValid),
        ),
        (
            "for others",
            with("aud", json!("them")),
            Some(Rejection::WrongAudience),
        ),
        ("for nobody", without("aud"), Some(Rejection::WrongAudience)),
        ("without end", without("exp"), Some(Rejection::Malformed)),
        (
            "without subject",
            without("sub"),
            Some(Rejection::Malformed),
        ),
        (
            "a number as subject",
            with("sub", json!(5)),
            Some(Rejection::Malformed),
        ),
        (
            "a text as end",
            with("exp", json!("soon")),
            Some(Rejection::Malformed),
        ),
        (
            "an actor without name",
            with("act", json!({"iss": "i"})),
            Some(Rejection::Malformed),
        ),
        (
            "a permission that is none",
            with("may_act", json!("svc")),
            Some(Rejection::Malformed),
        ),
        (
            "bound to a key",
            with("cnf", json!({"jwk": {}})),
            Some(Rejection::Refused),
        ),
    ]
}

#[tokio::test]
async fn every_jwt_validator_and_its_twin_say_the_same() {
    let world = World::new();
    for (kind, typ) in [
        ("access_token", "at+jwt"),
        ("id_token", "JWT"),
        ("jwt", "JWT"),
    ] {
        let pair = world.validators(kind);
        for (what, mut claims, expected) in judged() {
            if kind == "access_token" {
                claims["client_id"] = json!("app");
                claims["scope"] = json!("read write");
            }
            let token = Token::new(world.partner.sign_jwt(typ, &claims).unwrap());
            let (builtin, twin) = (
                said(&pair.builtin, &token).await,
                said(&pair.twin, &token).await,
            );
            // A plugin's principal whose end has passed is expired, whatever the leeway.
            if claims["exp"] == json!(NOW - 29) {
                assert_eq!(twin, Err(Rejection::Expired), "{kind}: {what}");
                assert!(builtin.is_ok(), "{kind}: {what}");
                continue;
            }
            assert_eq!(builtin.as_ref().err(), expected.as_ref(), "{kind}: {what}");
            assert_eq!(twin, builtin, "{kind}: {what}");
        }
    }
}

#[tokio::test]
async fn every_validator_and_its_twin_refuse_what_is_no_token() {
    let world = World::new();
    for kind in ["access_token", "id_token", "jwt"] {
        let pair = world.validators(kind);
        let typ = if kind == "access_token" {
            "at+jwt"
        } else {
            "JWT"
        };
        let good = world.partner.sign_jwt(typ, &claims()).unwrap();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let cut = good.get(..good.len() / 2).unwrap();
        for bad in [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "{}",
            cut,
            signed,
            &good[1..],
            "\u{0}",
            "\u{feff}",
            &format!("{good}."),
            &format!("{good}.x"),
            &format!("{signed}.{signature}="),
        ] {
            for validator in [&pair.builtin, &pair.twin] {
                let answer = said(validator, &Token::new(bad)).await;
                assert_eq!(answer, Err(Rejection::Malformed), "{kind}: {bad:?}");
            }
        }
        let other = World::new().partner.sign_jwt(typ, &claims()).unwrap();
        let (_, foreign) = other.rsplit_once('.').unwrap();
        let forged = Token::new(format!("{signed}.{foreign}"));
        for validator in [&pair.builtin, &pair.twin] {
            let answer = said(validator, &forged).await;
            assert_eq!(answer, Err(Rejection::BadSignature), "{kind}");
            let answer = said(validator, &Token::new(vec![0xff, 0xfe])).await;
            assert_eq!(answer, Err(Rejection::Malformed), "{kind}");
        }
    }
}

#[tokio::test]
async fn passwords_and_their_twin_say_the_same() {
    let pair = World::new().validators("username");
    for (token, expected) in [
        (json!({"username": "dana", "password": "open sesame"}), None),
        (
            json!({"username": "dana", "password": "wrong"}),
            Some(Rejection::BadSignature),
        ),
        (
            json!({"username": "nobody", "password": "open sesame"}),
            Some(Rejection::BadSignature),
        ),
        (json!({"username": "dana"}), Some(Rejection::Malformed)),
        (
            json!({"username": 5, "password": "open sesame"}),
            Some(Rejection::Malformed),
        ),
        (json!("dana"), Some(Rejection::Malformed)),
    ] {
        let shown = token.to_string();
        let token = Token::new(shown.clone());
        let (builtin, twin) = (
            said(&pair.builtin, &token).await,
            said(&pair.twin, &token).await,
        );
        assert_eq!(builtin.as_ref().err(), expected.as_ref(), "{shown}");
        if let (Ok(builtin), Ok(twin)) = (&builtin, &twin) {
            assert_eq!(builtin.subject, twin.subject);
            assert_eq!(builtin.scope, twin.scope);
        } else {
            assert_eq!(twin.err(), builtin.err(), "{shown}");
        }
    }
}

/// A validator that knows one principal.
struct Always(Principal);

impl Validator for Always {
    fn validate<'a>(
        &'a self,
        _token: &'a Token,
        _call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(std::future::ready(Ok(Arc::new(self.0.clone()))))
    }
}

async fn issue(
    provider: &Arc<dyn Provider>,
    subject: Principal,
    client: &Client,
    random: u8,
) -> Exchanged {
    let party = |audience: &str| {
        let party = RelyingParty {
            audience: audience.to_owned(),
            resources: Vec::new(),
            scope: Scope::parse("read write").unwrap(),
            max_lifetime: None,
        };
        (audience.to_owned(), Arc::new(party))
    };
    let instance = Instance {
        transformations: vec![Transformation {
            subject: TokenType::JWT,
            validator: Arc::new(Always(subject)),
            provider: Arc::clone(provider),
        }],
        actors: HashMap::new(),
        relying_parties: [party("orders"), party("stock")].into(),
        resources: HashMap::new(),
        deciders: Vec::new(),
        for_clients: None,
        ledger: None,
        limits: Limits::default(),
    };
    let request = ExchangeRequest {
        client,
        subject: Presented {
            token: Token::new("t"),
            token_type: TokenType::JWT,
        },
        actor: None,
        requested_token_type: None,
        audiences: client.audiences.iter().cloned().collect(),
        resources: Vec::new(),
        scope: None,
        nonce: Some("n-1".to_owned()),
        wanted_confirmation: None,
        described: None,
    };
    let call = Call {
        random: [random; 16],
        ..call()
    };
    exchange(&instance, &request, &call).await.unwrap()
}

fn client(audiences: &[&str]) -> Client {
    Client {
        id: "web".to_owned(),
        audiences: audiences
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>(),
        scope: Scope::parse("read").unwrap(),
        may_present: MayPresent::Any,
        impersonation: false,
        is_named: true,
        actors: Vec::new(),
        max_lifetime: None,
        binding: cambist_core::Binding::default(),
    }
}

fn verified(exchanged: &Exchanged, key: &SigningKey) -> Map<String, Value> {
    let keys = KeySet::parse(json!({"keys": [key.public_jwk()]}).to_string().as_bytes()).unwrap();
    let expected = Expected {
        algorithms: &[Algorithm::Es256],
        keys: &keys,
        types: &["JWT", "at+jwt"],
        typ_may_be_absent: false,
        issuer: SELF,
        audiences: &exchanged.audiences,
        leeway: 0,
        now: Timestamp(NOW),
    };
    verify(exchanged.issued.token.as_bytes(), &expected)
        .unwrap()
        .claims
}

#[tokio::test]
async fn every_provider_and_its_twin_keep_the_permission() {
    let world = World::new();
    let subject = |expires_at| Principal {
        subject: "alice".to_owned(),
        expires_at,
        scope: Scope::parse("read write").unwrap(),
        actors: Some(ActorChain::new(Actor {
            issuer: Some("https://i".to_owned()),
            subject: "earlier".to_owned(),
        })),
        ..Principal::default()
    };
    for (kind, usage) in [
        ("access_token", Usage::Bearer),
        ("id_token", Usage::NotApplicable),
    ] {
        let pair = world.providers(kind);
        for provider in [&pair.builtin, &pair.twin] {
            for (end, expected) in [(None, NOW + 300), (Some(Timestamp(NOW + 100)), NOW + 100)] {
                for audiences in [&["orders"][..], &["orders", "stock"]] {
                    let exchanged = issue(provider, subject(end), &client(audiences), 1).await;
                    let issued = &exchanged.issued;
                    let claims = verified(&exchanged, &world.own);
                    assert_eq!(issued.expires_at, Timestamp(expected), "{kind}");
                    assert_eq!(claims["exp"], json!(expected), "{kind}");
                    assert_eq!((issued.usage, &claims["sub"]), (usage, &json!("alice")));
                    assert_eq!(issued.token_type, *provider.token_type());
                    let aud = &claims["aud"];
                    assert_eq!(aud.as_array().map_or(1, Vec::len), audiences.len(), "{aud}");
                    assert_eq!(
                        claims["act"],
                        json!({"sub": "web", "act": {"sub": "earlier", "iss": "https://i"}}),
                        "{kind}"
                    );
                    match usage {
                        Usage::Bearer => {
                            assert_eq!(
                                (&claims["client_id"], &claims["scope"]),
                                (&json!("web"), &json!("read"))
                            );
                        }
                        Usage::NotApplicable => {
                            assert_eq!(
                                (&claims["azp"], &claims["nonce"]),
                                (&json!("web"), &json!("n-1"))
                            );
                        }
                    }
                }
            }
            let one = issue(provider, subject(None), &client(&["orders"]), 1).await;
            let other = issue(provider, subject(None), &client(&["orders"]), 2).await;
            assert_ne!(one.issued.id, other.issued.id, "{kind}");
            assert!(one.issued.id.is_some());
        }
    }
}
