//! A whole instance around the builtins, for the tests of this crate.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use cambist_core::{
    BoxFuture, Call, Client, ExchangeError, ExchangeRequest, Exchanged, Fetch, FetchError, Fetched,
    Instance, Limits, MayPresent, Presented, Principal, Provider, Rejection, RelyingParty, Scope,
    Timestamp, Token, TokenType, Transformation, ValidateError, Validator, exchange,
};
use serde_json::{Map, Value, json};

use crate::{
    BUILTINS, Bench, BuildError, Builtin, IssuerConfig, Keyring, NoSessions, PasswordDirectory,
    Profile, SessionDirectory, TrustedIssuer,
    jose::{Algorithm, KeySet, SigningKey},
};

/// The moment every test happens at.
pub(crate) const NOW: u64 = 1_800_000_000;
/// The instance's own issuer identifier.
pub(crate) const SELF: &str = "https://sts.example/oauth2/alpha/orders";
/// The registered issuer's identifier.
pub(crate) const PARTNER: &str = "https://idp.example";

/// Keys and issuers of one instance.
pub(crate) struct Fixture {
    pub(crate) partner: SigningKey,
    pub(crate) keyring: Arc<Keyring>,
    directory: Arc<dyn PasswordDirectory>,
    sessions: Arc<dyn SessionDirectory>,
    trusted: Arc<TrustedIssuer>,
    lax: Arc<TrustedIssuer>,
}

pub(crate) struct Nothing;

impl Fetch for Nothing {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::Forbidden(
            url.to_owned(),
        ))))
    }
}

impl PasswordDirectory for Nothing {
    fn authenticate<'a>(
        &'a self,
        _realm: &'a str,
        _username: &'a str,
        _password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(std::future::ready(Err(Rejection::BadSignature.into())))
    }
}

pub(crate) fn call() -> Call<'static> {
    Call {
        now: Timestamp(NOW),
        instance: "alpha/orders",
        correlation: "c",
        random: [0xab; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    }
}

pub(crate) fn builtin(kind: &str) -> &'static Builtin {
    BUILTINS
        .iter()
        .find(|builtin| builtin.kind == kind)
        .unwrap()
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other}"),
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let (partner, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let own = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256].map(key);
        let config = |is_lax| IssuerConfig {
            jwks: Some(members(json!({"keys": [partner.public_jwk()]}))),
            access_token_typ_optional: is_lax,
            ..IssuerConfig::new(
                if is_lax {
                    "https://lax.example"
                } else {
                    PARTNER
                },
                vec!["us".to_owned()],
            )
        };
        let build =
            |is_lax| Arc::new(TrustedIssuer::build(config(is_lax), Arc::new(Nothing)).unwrap());
        let (trusted, lax) = (build(false), build(true));
        Self {
            partner,
            keyring: Arc::new(Keyring::new(own.into())),
            directory: Arc::new(Nothing),
            sessions: Arc::new(NoSessions),
            trusted,
            lax,
        }
    }

    fn with_bench<T>(&self, work: impl FnOnce(&Bench<'_>) -> T) -> T {
        let trusted_issuer = |name: &str| match name {
            "partner" | "partner-again" => Some(Arc::clone(&self.trusted)),
            "lax" => Some(Arc::clone(&self.lax)),
            _ => None,
        };
        work(&Bench {
            issuer: SELF,
            realm: "/alpha",
            keyring: &self.keyring,
            directory: &self.directory,
            sessions: &self.sessions,
            trusted_issuer: &trusted_issuer,
            secret: &|_| None,
            mappers: &crate::jwt::mapped::tests::Fixed,
        })
    }

    pub(crate) fn validator(
        &self,
        kind: &str,
        settings: Value,
    ) -> Result<Arc<dyn Validator>, BuildError> {
        self.with_bench(|bench| (builtin(kind).validator.unwrap())(&members(settings), bench))
    }

    /// A validator of `kind` that knows this issuer by any name.
    pub(crate) fn validator_trusting(
        &self,
        issuer: &Arc<TrustedIssuer>,
        kind: &str,
        settings: Value,
    ) -> Result<Arc<dyn Validator>, BuildError> {
        self.with_bench(|bench| {
            let bench = Bench {
                trusted_issuer: &|_| Some(Arc::clone(issuer)),
                ..*bench
            };
            (builtin(kind).validator.unwrap())(&members(settings), &bench)
        })
    }

    pub(crate) fn provider(
        &self,
        kind: &str,
        settings: Value,
    ) -> Result<(Arc<dyn Provider>, Option<Algorithm>), BuildError> {
        self.with_bench(|bench| (builtin(kind).provider.unwrap())(&members(settings), bench))
    }

    /// A validator of `kind` for tokens of the partner and of the lax issuer.
    pub(crate) fn partners(&self, kind: &str) -> Arc<dyn Validator> {
        self.validator(kind, json!({"issuers": ["partner", "lax"]}))
            .unwrap()
    }

    /// Validates what the partner signs.
    pub(crate) async fn judge(
        &self,
        kind: &str,
        typ: &str,
        claims: &Value,
    ) -> Result<Arc<Principal>, ValidateError> {
        let token = self.partner.sign_jwt(typ, claims).unwrap();
        self.partners(kind)
            .validate(&Token::new(token), &call())
            .await
    }

    pub(crate) async fn rejection(
        &self,
        kind: &str,
        typ: &str,
        claims: &Value,
    ) -> Option<Rejection> {
        self.judge(kind, typ, claims)
            .await
            .err()
            .and_then(|error| error.rejection())
    }

    /// Exchanges a partner's ID token with these claims through `provider`.
    pub(crate) async fn exchange(
        &self,
        claims: &Value,
        provider: Arc<dyn Provider>,
        client: &Client,
    ) -> Result<Exchanged, ExchangeError> {
        let validator = self
            .validator(
                "id_token",
                json!({"issuers": ["partner"], "scopes": ["read", "write"]}),
            )
            .unwrap();
        let token = self.partner.sign_jwt("JWT", claims).unwrap();
        let instance = instance(validator, provider);
        let request = ExchangeRequest {
            client,
            subject: Presented {
                token: Token::new(token),
                token_type: TokenType::ID_TOKEN,
            },
            actor: None,
            requested_token_type: None,
            audiences: client.audiences.iter().cloned().collect(),
            resources: Vec::new(),
            scope: None,
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            wanted_confirmation: None,
            described: None,
        };
        exchange(&instance, &request, &call()).await
    }

    /// The claims of an issued token, verified with the instance's own keys.
    pub(crate) fn read(&self, exchanged: &Exchanged) -> Value {
        read_with(exchanged, &self.keyring.verification_keys())
    }
}

pub(crate) fn read_with(exchanged: &Exchanged, keys: &KeySet) -> Value {
    let expected = crate::jose::Expected {
        algorithms: &[
            Algorithm::Es256,
            Algorithm::EdDsa,
            Algorithm::Rs256,
            Algorithm::Hs256,
        ],
        keys,
        types: &["JWT", "at+jwt"],
        typ_may_be_absent: false,
        issuer: SELF,
        audiences: &exchanged.audiences,
        leeway: 0,
        now: Timestamp(NOW),
    };
    let verified = crate::jose::verify(exchanged.issued.token.as_bytes(), &expected).unwrap();
    Value::Object(verified.claims)
}

pub(crate) fn id_claims() -> Value {
    json!({"iss": PARTNER, "sub": "alice", "aud": "us", "iat": NOW, "exp": NOW + 3600})
}

pub(crate) fn access_claims() -> Value {
    let mut claims = id_claims();
    claims["client_id"] = json!("app");
    claims["scope"] = json!("read write");
    claims
}

pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

/// A client that may ask for these audiences, acting itself unless it may impersonate.
pub(crate) fn client(audiences: &[&str], impersonation: bool) -> Client {
    Client {
        id: "web".to_owned(),
        audiences: audiences
            .iter()
            .map(|audience| (*audience).to_owned())
            .collect(),
        scope: Scope::parse("read write").unwrap(),
        may_present: MayPresent::AddressedTo(BTreeSet::from(["us".to_owned()])),
        impersonation,
        is_named: true,
        actors: Vec::new(),
        max_lifetime: None,
        binding: cambist_core::Binding::default(),
    }
}

fn instance(validator: Arc<dyn Validator>, provider: Arc<dyn Provider>) -> Instance {
    let party = |audience: &str| RelyingParty {
        audience: audience.to_owned(),
        resources: Vec::new(),
        scope: Scope::parse("read").unwrap(),
        max_lifetime: None,
    };
    Instance {
        transformations: vec![Transformation {
            subject: TokenType::ID_TOKEN,
            validator,
            provider,
        }],
        actors: HashMap::new(),
        relying_parties: ["orders", "stock"]
            .map(|name| (name.to_owned(), Arc::new(party(name))))
            .into(),
        resources: HashMap::new(),
        deciders: Vec::new(),
        for_clients: None,
        ledger: None,
        limits: Limits::default(),
    }
}

/// Making an RSA key takes long, so all tests share one of each kind.
fn key(algorithm: Algorithm) -> Arc<SigningKey> {
    static PEMS: LazyLock<[(Algorithm, String); 3]> = LazyLock::new(|| {
        [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256].map(|algorithm| {
            (
                algorithm,
                SigningKey::generate(algorithm).unwrap().1.to_string(),
            )
        })
    });
    let (_, pem) = PEMS.iter().find(|(known, _)| *known == algorithm).unwrap();
    Arc::new(SigningKey::from_pkcs8_pem(pem, algorithm).unwrap())
}
