//! Assertions from one instance to another, and what cannot be published.

mod granting;
mod holding;
mod importing;
mod issuing;
mod publishing;
mod sealed;
mod vouching;

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use cambist_core::{
    BoxFuture, Call, ExchangeError, ExchangeRequest, Exchanged, Fetch, FetchError, Fetched,
    Presented, Proofs, Rejection, Timestamp, Token, TokenType, Usage, ValidateError,
    WantedConfirmation, exchange,
};
use cambist_saml::{
    SelfSigned,
    algorithm::SignatureAlgorithm,
    certificate::Certificate,
    signing::{Generated, SigningKey},
    transport,
};
use cambist_token::{
    Keyring, PasswordDirectory, Profile,
    jose::{self, Algorithm},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::SamlBench;
use crate::{
    document,
    face::oauth::refusal::Refusal,
    instance::{self, PublishedInstance, Shelf},
    publish_error::PublishError,
    store::Store,
    used::UsedAssertions,
    vault::KeyStore,
};

const NOW: Timestamp = Timestamp(1_900_000_000);
const SOURCE: &str = "http://127.0.0.1:8080/oauth2/alpha/source";
const TARGET: &str = "http://127.0.0.1:8080/oauth2/beta/target";
const NOT_ACCEPTABLE: Refusal = Refusal::InvalidRequest("the subject token is not acceptable");

/// Knows `dana`.
struct Dana;

impl PasswordDirectory for Dana {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async move {
            if (username, password) != ("dana", "S3cr3t-42") {
                return Err(Rejection::BadSignature.into());
            }
            let attributes = json!({"mail": "dana@example.com", "groups": ["sales", "ops"]});
            Ok(Profile {
                username: username.to_owned(),
                attributes: serde_json::from_value(attributes).unwrap(),
                session: None,
            })
        })
    }
}

/// No network.
struct Nowhere;

impl Fetch for Nowhere {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::Forbidden(
            url.to_owned(),
        ))))
    }
}

fn key(algorithm: SignatureAlgorithm) -> Generated {
    let certificate = SelfSigned {
        name: "test",
        now: NOW,
        days: 30,
        random: [7; 16],
    };
    SigningKey::generate(algorithm, &certificate).unwrap()
}

/// What instances are built on.
struct House {
    directory: TempDir,
    store: Store,
    ledger: Arc<crate::ledger::Ledger>,
    bench: SamlBench,
    keyring: Arc<Keyring>,
    rsa: String,
    ec: String,
    stores: RefCell<HashMap<String, Arc<KeyStore>>>,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).await;
        let (rsa, ec) = (
            key(SignatureAlgorithm::RsaSha256),
            key(SignatureAlgorithm::EcdsaSha256),
        );
        let (signing, _) = jose::SigningKey::generate(Algorithm::Es256).unwrap();
        Self {
            bench: SamlBench::new(vec![rsa.key, ec.key], store.clone(), Handle::current()),
            ledger: crate::ledger::Ledger::open(store.clone(), Handle::current(), NOW)
                .await
                .unwrap(),
            store,
            directory,
            keyring: Arc::new(Keyring::new(vec![Arc::new(signing)])),
            rsa: rsa.certificate,
            ec: ec.certificate,
            stores: RefCell::default(),
        }
    }

    /// Forgets which assertions were used.
    async fn forget_uses(&self) {
        let later = NOW.plus(1_000_000);
        self.store.kv_sweep(later, 1000).await.unwrap();
    }

    fn build(&self, id: &str, document: &Value) -> Result<PublishedInstance, PublishError> {
        let passwords: Arc<dyn PasswordDirectory> = Arc::new(Dana);
        let fetch: Arc<dyn Fetch> = Arc::new(Nowhere);
        let shelf = Shelf {
            base_url: "http://127.0.0.1:8080",
            certificate_url: None,
            keyring: &self.keyring,
            ledger: &self.ledger,
            saml: &self.bench,
            directory: &passwords,
            authenticator: &|_| None,
            fetch: &fetch,
            used_grants: &UsedAssertions::of_grants(self.store.clone(), Handle::current()),
            sessions: &(Arc::new(cambist_token::NoSessions)
                as Arc<dyn cambist_token::SessionDirectory>),
            issuer: &|_| None,
            plugin: &|_| None,
            secret: &|_| None,
            key: &|_| None,
            key_store: &|name| self.stores.borrow().get(name).cloned(),
        };
        let document = document::read(document.to_string().as_bytes()).unwrap();
        instance::build(id, 1, &document, &shelf)
    }

    fn source(&self, provider: Value) -> PublishedInstance {
        self.build("alpha/source", &source(provider)).unwrap()
    }

    fn target(&self) -> PublishedInstance {
        self.build("beta/target", &target(&self.rsa)).unwrap()
    }
}

async fn open(directory: &TempDir) -> Store {
    Store::open(&directory.path().join("cambist.db"))
        .await
        .unwrap()
}

fn client(audience: &str) -> Value {
    json!({"secret_hash": format!("sha256:{}", "0".repeat(64)), "audiences": [audience],
        "scopes": ["read"], "impersonation": true, "subject_audiences": [TARGET]})
}

/// Passwords in, assertions for [`TARGET`] out.
fn source(mut provider: Value) -> Value {
    provider["kind"] = json!("saml2");
    json!({
        "validators": {"password": {"kind": "username"}},
        "providers": {"assertion": provider},
        "transformations": [{"subject": "password", "issue": "assertion"}],
        "relying_parties": {TARGET: {}},
        "clients": {"web": client(TARGET)}
    })
}

/// Assertions of [`SOURCE`] in, access tokens out.
fn target(certificate: &str) -> Value {
    json!({
        "validators": {"assertion": {"kind": "saml2", "subject_prefix": "source:", "scopes": ["read"],
            "issuers": [{"entity_id": SOURCE, "certificates": [certificate]}]}},
        "providers": {"access": {"kind": "access_token", "claims": {"mail": "mail", "groups": "groups"}}},
        "transformations": [{"subject": "assertion", "issue": "access"}],
        "relying_parties": {"https://api.example": {"scopes": ["read"]}},
        "clients": {"web": client("https://api.example")}
    })
}

/// What a caller brings beside the subject token.
#[derive(Clone, Default)]
struct Beside<'a> {
    proofs: Proofs<'a>,
    wanted: Option<WantedConfirmation>,
}

async fn ask(
    instance: &PublishedInstance,
    token: &[u8],
    token_type: TokenType,
    now: Timestamp,
) -> Result<Exchanged, ExchangeError> {
    ask_with(instance, token, token_type, now, Beside::default()).await
}

async fn ask_with(
    instance: &PublishedInstance,
    token: &[u8],
    token_type: TokenType,
    now: Timestamp,
    beside: Beside<'_>,
) -> Result<Exchanged, ExchangeError> {
    let request = ExchangeRequest {
        client: &instance.clients["web"].client,
        subject: Presented {
            token: Token::new(token),
            token_type,
        },
        actor: None,
        requested_token_type: None,
        audiences: Vec::new(),
        resources: Vec::new(),
        scope: None,
        nonce: None,
        wanted_confirmation: beside.wanted,
        described: None,
    };
    let call = Call {
        now,
        instance: &instance.id,
        correlation: "0123456789abcdef",
        random: [0xab; 16],
        proofs: beside.proofs,
        purpose: cambist_core::Purpose::Issue,
    };
    exchange(&instance.engine, &request, &call).await
}

async fn assertion(source: &PublishedInstance) -> Exchanged {
    let dana = br#"{"username":"dana","password":"S3cr3t-42"}"#;
    ask(source, dana, TokenType::USERNAME, NOW).await.unwrap()
}

async fn present(
    target: &PublishedInstance,
    assertion: &[u8],
    now: Timestamp,
) -> Result<Exchanged, ExchangeError> {
    ask(target, assertion, TokenType::SAML2, now).await
}

fn text(token: &Token) -> String {
    String::from_utf8(transport::decode_token(token.as_bytes()).unwrap()).unwrap()
}

fn provider() -> Value {
    json!({
        "attributes": {"mail": "mail", "groups": "groups"},
        "relying_parties": {TARGET: {"recipient": format!("{TARGET}/token")}}
    })
}

#[tokio::test]
async fn sm_01_an_assertion_goes_from_one_instance_to_another() {
    let house = House::new().await;
    let made = assertion(&house.source(provider())).await;
    assert_eq!(made.issued.token_type, TokenType::SAML2);
    assert_eq!(made.issued.usage, Usage::NotApplicable);
    assert_eq!(made.issued.expires_at, NOW.plus(600));
    let id = made.issued.id.clone().unwrap();
    let digits = id.strip_prefix("s2").unwrap();
    assert_eq!(digits.len(), 40, "{id}");
    assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let xml = text(&made.issued.token);
    assert!(xml.contains(&format!("ID=\"{id}\"")), "{xml}");
    assert!(
        xml.contains("<saml:AuthnStatement AuthnInstant=\""),
        "{xml}"
    );

    let accepted = present(&house.target(), made.issued.token.as_bytes(), NOW)
        .await
        .unwrap();
    assert_eq!(accepted.subject, "source:dana");
    assert_eq!(accepted.scope.words().collect::<Vec<_>>(), ["read"]);
    let payload = accepted.issued.token.as_str().unwrap();
    let payload = payload.split('.').nth(1).unwrap();
    let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "source:dana");
    assert_eq!(claims["mail"], "dana@example.com");
    assert_eq!(claims["groups"], json!(["sales", "ops"]));
}

#[tokio::test]
async fn sm_06_a_second_use_is_refused_everywhere_and_after_a_restart() {
    let mut house = House::new().await;
    let made = assertion(&house.source(provider())).await;
    let token = made.issued.token.as_bytes();
    present(&house.target(), token, NOW).await.unwrap();
    let again = present(&house.target(), token, NOW).await.unwrap_err();
    assert_eq!(Refusal::from(&again), NOT_ACCEPTABLE);

    house.store.close().await;
    let store = open(&house.directory).await;
    house.bench.used = SamlBench::new(Vec::new(), store, Handle::current()).used;
    for later in [0, 60, 659, 660] {
        let again = present(&house.target(), token, NOW.plus(later)).await;
        let error = again.unwrap_err();
        assert_eq!(Refusal::from(&error), NOT_ACCEPTABLE, "{later}: {error}");
    }
}

#[tokio::test]
async fn sm_06_what_cannot_be_remembered_is_not_accepted() {
    let house = House::new().await;
    let made = assertion(&house.source(provider())).await;
    house.store.close().await;
    let error = present(&house.target(), made.issued.token.as_bytes(), NOW)
        .await
        .unwrap_err();
    assert_eq!(Refusal::from(&error), Refusal::TemporarilyUnavailable);
}

#[tokio::test]
async fn refusals_tell_an_asker_nothing_about_their_reason() {
    let house = House::new().await;
    let token = assertion(&house.source(provider())).await.issued.token;
    let xml = text(&token);
    let changed = |from: &str, to: &str| {
        assert!(xml.contains(from), "{from}");
        transport::encode_token(&xml.replace(from, to)).into_bytes()
    };
    let target = house.target();
    for (what, token, now) in [
        ("another subject", changed(">dana<", ">erin<"), NOW),
        (
            "another issuer",
            changed("alpha/source", "alpha/other"),
            NOW,
        ),
        (
            "a declaration",
            transport::encode_token(&format!("<!DOCTYPE a>{xml}")).into(),
            NOW,
        ),
        ("no base64url", xml.clone().into_bytes(), NOW),
        ("too late", token.as_bytes().to_vec(), NOW.plus(660)),
        (
            "too early",
            token.as_bytes().to_vec(),
            Timestamp(NOW.0 - 61),
        ),
    ] {
        let error = present(&target, &token, now).await.unwrap_err();
        assert_eq!(Refusal::from(&error), NOT_ACCEPTABLE, "{what}: {error}");
    }
    // None of that was a use.
    present(&target, token.as_bytes(), NOW).await.unwrap();
}

#[tokio::test]
async fn only_bearers_with_the_right_key_recipient_and_lifetime_are_accepted() {
    let house = House::new().await;
    let target = house.target();
    let vouched = json!({"confirmation": "sender-vouches"});
    let elsewhere =
        json!({"relying_parties": {TARGET: {"recipient": "https://other.example/acs"}}});
    let long = json!({"lifetime_seconds": 3601});
    let other_key = json!({"algorithm": "ES256"});
    for provider in [vouched, elsewhere, long, other_key] {
        let made = assertion(&house.source(provider.clone())).await;
        let error = present(&target, made.issued.token.as_bytes(), NOW).await;
        let error = error.unwrap_err();
        assert_eq!(Refusal::from(&error), NOT_ACCEPTABLE, "{provider}: {error}");
    }
    let mut strict = self::target(&house.rsa);
    strict["validators"]["assertion"]["recipients"] = json!([format!("{TARGET}/token")]);
    let strict = house.build("beta/target", &strict).unwrap();
    let made = assertion(&house.source(json!({}))).await;
    assert!(
        present(&strict, made.issued.token.as_bytes(), NOW)
            .await
            .is_err()
    );
    present(&target, made.issued.token.as_bytes(), NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn both_algorithms_sign_and_a_certificate_of_the_same_key_may_stand_for_it() {
    let house = House::new().await;
    let given = json!({"algorithm": "ES256", "certificate": house.ec, "issuer": "urn:example:idp"});
    let made = assertion(&house.source(given)).await;
    let mut document = target(&house.ec);
    document["validators"]["assertion"]["issuers"][0]["entity_id"] = json!("urn:example:idp");
    let target = house.build("beta/target", &document).unwrap();
    present(&target, made.issued.token.as_bytes(), NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn who_acts_cannot_be_said_so_it_is_not_issued() {
    let house = House::new().await;
    let mut document = source(json!({}));
    document["clients"]["web"]["impersonation"] = json!(false);
    let source = house.build("alpha/source", &document).unwrap();
    let dana = br#"{"username":"dana","password":"S3cr3t-42"}"#;
    let error = ask(&source, dana, TokenType::USERNAME, NOW)
        .await
        .unwrap_err();
    let expected = "the requested token cannot be issued for this subject";
    assert_eq!(Refusal::from(&error), Refusal::InvalidRequest(expected));
}
