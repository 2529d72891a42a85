//! The exchange without any protocol: a JWT in, a JWT out.

use std::sync::Arc;

use cambist::{saml::SamlBench, store::Store};
use cambist_core::{
    Call, ExchangeRequest, Fetch, FetchError, Fetched, Presented, Timestamp, Token, TokenType,
    exchange,
};
use cambist_token::{
    IssuerConfig, Keyring, NoSessions, PasswordDirectory, Profile, SessionDirectory, TrustedIssuer,
    jose::{Algorithm, SigningKey},
};
use serde_json::json;
use tests::{documents::ORDERS, http::Failure, issuer::now};

use crate::{Limit, Row, cpu::median_driven_micros, raw};

struct Nowhere;

fn nowhere() -> Arc<dyn Fetch> {
    Arc::new(Nowhere)
}

impl Fetch for Nowhere {
    fn get<'a>(&'a self, url: &'a str) -> cambist_core::BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move { Err(FetchError::Forbidden(url.to_owned())) })
    }
}

impl PasswordDirectory for Nowhere {
    fn authenticate<'a>(
        &'a self,
        _realm: &'a str,
        _username: &'a str,
        _password: &'a str,
    ) -> cambist_core::BoxFuture<'a, Result<Profile, cambist_core::ValidateError>> {
        Box::pin(async { Err(cambist_core::Rejection::BadSignature.into()) })
    }
}

/// ES256 → ES256 and RS256 → ES256 against the bare verification and signature, with tokens never seen before;
/// and against the signature alone, with one that was.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let sign = raw::es256_sign()?;
    let es256 = raw::es256_verify()?;
    let rs256 = raw::rs256_verify()?;
    Ok(vec![
        Row {
            work: "engine: exchange ES256 -> ES256 / raw verify + sign".to_owned(),
            cost: exchange_micros(Algorithm::Es256, Tokens::New)?,
            reference: es256 + sign,
            limit: Limit::Times(1.15),
        },
        Row {
            work: "engine: exchange RS256 -> ES256 / raw verify + sign".to_owned(),
            cost: exchange_micros(Algorithm::Rs256, Tokens::New)?,
            reference: rs256 + sign,
            limit: Limit::Times(1.15),
        },
        Row {
            work: "engine: exchange -> ES256 of a token verified before / raw sign".to_owned(),
            cost: exchange_micros(Algorithm::Es256, Tokens::Known)?,
            reference: sign,
            limit: Limit::Times(1.20),
        },
    ])
}

/// Whether the issuer's tokens were seen before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tokens {
    New,
    Known,
}

fn partner_token(key: &SigningKey, now: u64) -> Result<String, Failure> {
    let token = key.sign_jwt(
        "JWT",
        &json!({
            "iss": "https://idp.example", "sub": "248289761001", "aud": "web", "iat": now, "exp": now + 600, "auth_time": now,
            "jti": "f3b6a0c2-5d4e-4c6c-9f0a-7d2b1e8c9a10", "email": "dana@partner.example", "email_verified": true,
            "name": "Dana Example", "acr": "urn:example:loa:2", "amr": ["pwd", "otp"]
        }),
    )?;
    Ok(token)
}

fn partner(key: &SigningKey, tokens: Tokens) -> Result<Arc<TrustedIssuer>, Failure> {
    let mut config = IssuerConfig::new("https://idp.example", vec!["web".to_owned()]);
    config.jwks = Some(
        json!({"keys": [key.public_jwk()]})
            .as_object()
            .cloned()
            .ok_or("no object")?,
    );
    if tokens == Tokens::New {
        config.verified_tokens = 0;
    }
    let issuer = TrustedIssuer::build(config, nowhere())?;
    Ok(Arc::new(issuer))
}

fn exchange_micros(algorithm: Algorithm, tokens: Tokens) -> Result<f64, Failure> {
    let (key, _) = SigningKey::generate(algorithm)?;
    let issuer = partner(&key, tokens)?;
    let (own, _) = SigningKey::generate(Algorithm::Es256)?;
    let keyring = Arc::new(Keyring::new(vec![Arc::new(own)]));
    let directory: Arc<dyn PasswordDirectory> = Arc::new(Nowhere);
    let document = serde_json::from_value(json!({
        "validators": {"partner": {"kind": "id_token", "issuers": ["partner"], "subject_prefix": "partner:", "scopes": ["orders:read"]}},
        "providers": {"access": {"kind": "access_token"}},
        "transformations": [{"subject": "partner", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "ledger": {"persistence": "revocations"},
        "clients": {"web": {"secret_hash": format!("sha256:{}", "0".repeat(64)), "audiences": [ORDERS], "scopes": ["orders:read"]}}
    }))?;
    // Nothing here is of SAML, but an instance is not built without the memory of used assertions.
    let background = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let data = tempfile::tempdir()?;
    let store = background.block_on(Store::open(&data.path().join("cambist.db")))?;
    // Nothing is written while the engine is measured, only looked up.
    let ledger = background.block_on(cambist::ledger::Ledger::open(
        store.clone(),
        background.handle().clone(),
        Timestamp(now()),
    ))?;
    let used_grants =
        cambist::used::UsedAssertions::of_grants(store.clone(), background.handle().clone());
    let saml = SamlBench::new(Vec::new(), store, background.handle().clone());
    let shelf = cambist::instance::Shelf {
        fetch: &nowhere(),
        ledger: &ledger,
        saml: &saml,
        secret: &|_| None,
        key: &|_| None,
        key_store: &|_| None,
        base_url: "https://sts.example",
        certificate_url: None,
        used_grants: &used_grants,
        keyring: &keyring,
        directory: &directory,
        authenticator: &|_| None,
        sessions: &(Arc::new(NoSessions) as Arc<dyn SessionDirectory>),
        issuer: &|_| Some(Arc::clone(&issuer)),
        plugin: &|_| None,
    };
    let instance = cambist::instance::build("orders", 1, &document, &shelf)?;
    let client = &instance.clients.get("web").ok_or("no client")?.client;
    let now = now();
    let token = partner_token(&key, now)?;
    let call = Call {
        now: Timestamp(now),
        instance: "orders",
        correlation: "0123456789abcdef",
        random: [7; 16],
        proofs: cambist_core::Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let once = || async {
        let request = ExchangeRequest {
            client,
            subject: Presented {
                token: Token::new(token.as_bytes()),
                token_type: TokenType::ID_TOKEN,
            },
            actor: None,
            requested_token_type: None,
            audiences: vec![ORDERS.to_owned()],
            resources: Vec::new(),
            scope: None,
            nonce: None,
            wanted_confirmation: None,
            described: None,
        };
        exchange(&instance.engine, &request, &call).await
    };
    let first = runtime.block_on(once())?;
    assert_eq!(
        first.subject, "partner:248289761001",
        "the exchange itself must be right"
    );
    Ok(median_driven_micros(&runtime, 400, once))
}
