//! A translation at the REST STS: a session of the gateway's own, or a password whose hash costs nothing, becomes
//! an ID token. Once at the engine, once from JSON to JSON.

use std::sync::Arc;

use bytes::Bytes;
use cambist::{
    config,
    face::rest_sts::{
        self,
        common_rest::{Caller, RestRequest},
    },
    instance::PublishedInstance,
    saml::SamlBench,
    sessions::SessionStore,
    store::Store,
};
use cambist_core::{
    BoxFuture, Call, ExchangeRequest, Fetch, FetchError, Fetched, Presented, Proofs, Timestamp,
    Token, TokenType, ValidateError, exchange,
};
use cambist_token::{
    Keyring, PasswordDirectory, Profile, SessionDirectory,
    jose::{Algorithm, SigningKey},
};
use hyper::{HeaderMap, Method};
use serde_json::{Value, json};
use tests::{http::Failure, issuer::now};
use tokio::runtime::Runtime;

use crate::{Limit, Row, cpu::median_driven_micros, raw};

const ID: &str = "alpha/orders";
const AUDIENCE: &str = "orders-api";

/// Knows dana without hashing anything: what is left is what a translation costs beside the hash.
struct Dana;

impl PasswordDirectory for Dana {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        username: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Profile, ValidateError>> {
        Box::pin(async move { Ok(dana(username)) })
    }
}

impl Fetch for Dana {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move { Err(FetchError::Forbidden(url.to_owned())) })
    }
}

fn dana(username: &str) -> Profile {
    let attributes = json!({"mail": "dana@example.com", "sn": "Meyer", "groups": ["sales", "ops"]});
    Profile {
        username: username.to_owned(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        session: None,
    }
}

/// An instance with a session that it knows.
struct Bench {
    instance: PublishedInstance,
    session: String,
    runtime: Runtime,
    _data: tempfile::TempDir,
}

impl Bench {
    fn open() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let data = tempfile::tempdir()?;
        let store = runtime.block_on(Store::open(&data.path().join("cambist.db")))?;
        let (now, handle) = (Timestamp(now()), runtime.handle().clone());
        let ledger = runtime.block_on(cambist::ledger::Ledger::open(
            store.clone(),
            handle.clone(),
            now,
        ))?;
        let sessions = runtime.block_on(SessionStore::open(
            config::Sessions::default(),
            store.clone(),
            handle.clone(),
            now,
        ))?;
        let session = runtime.block_on(sessions.begin(
            "/alpha",
            dana("dana"),
            vec!["pwd".to_owned()],
            now,
        ))?;
        let keyring = Arc::new(Keyring::new(vec![Arc::new(
            SigningKey::generate(Algorithm::Es256)?.0,
        )]));
        let shelf = cambist::instance::Shelf {
            fetch: &(Arc::new(Dana) as Arc<dyn Fetch>),
            ledger: &ledger,
            used_grants: &cambist::used::UsedAssertions::of_grants(store.clone(), handle.clone()),
            saml: &SamlBench::new(Vec::new(), store, handle),
            secret: &|_| None,
            key: &|_| None,
            key_store: &|_| None,
            base_url: "https://sts.example",
            certificate_url: None,
            keyring: &keyring,
            directory: &(Arc::new(Dana) as Arc<dyn PasswordDirectory>),
            authenticator: &|_| None,
            sessions: &(Arc::new(sessions) as Arc<dyn SessionDirectory>),
            issuer: &|_| None,
            plugin: &|_| None,
        };
        let instance =
            cambist::instance::build(ID, 1, &serde_json::from_value(document())?, &shelf)?;
        Ok(Self {
            instance,
            session,
            runtime,
            _data: data,
        })
    }

    fn call() -> Call<'static> {
        Call {
            now: Timestamp(now()),
            instance: ID,
            correlation: "0123456789abcdef",
            random: [7; 16],
            proofs: Proofs::default(),
            purpose: cambist_core::Purpose::Issue,
        }
    }

    /// CPU microseconds of validating the session and issuing, without a protocol around it.
    fn engine_micros(&self) -> Result<f64, Failure> {
        let client = &self.instance.rest.as_ref().ok_or("no face")?.client;
        let call = Self::call();
        let once = || async {
            let request = ExchangeRequest {
                client,
                subject: Presented {
                    token: Token::new(self.session.as_bytes()),
                    token_type: TokenType::SESSION,
                },
                actor: None,
                requested_token_type: Some(TokenType::ID_TOKEN),
                audiences: vec![AUDIENCE.to_owned()],
                resources: Vec::new(),
                scope: None,
                nonce: Some("n-77aa01".to_owned()),
                wanted_confirmation: None,
                described: None,
            };
            exchange(&self.instance.engine, &request, &call).await
        };
        assert_eq!(
            self.runtime.block_on(once())?.subject,
            "dana",
            "the exchange itself must be right"
        );
        Ok(median_driven_micros(&self.runtime, 400, once))
    }

    /// CPU microseconds from the JSON of a request to that of its answer.
    fn face_micros(&self, input: &Value) -> Result<f64, Failure> {
        let output =
            json!({"token_type": "OPENIDCONNECT", "nonce": "n-77aa01", "allow_access": true});
        let body = json!({"input_token_state": input, "output_token_state": output});
        let request = RestRequest {
            method: Method::POST,
            mount: "/rest-sts".to_owned(),
            path: vec!["alpha".to_owned(), "orders".to_owned()],
            query: vec![("_action".to_owned(), "translate".to_owned())],
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
            caller: Caller::Anonymous,
        };
        let face = self.instance.rest.as_ref().ok_or("no face")?;
        let call = Self::call();
        let once = || {
            let published = Some((&self.instance.engine, face));
            rest_sts::answer(&request, published, &call, None)
        };
        let (answer, _) = self.runtime.block_on(once());
        assert_eq!(answer.status, 200, "the translation itself must be right");
        Ok(median_driven_micros(&self.runtime, 400, once))
    }
}

/// As the publish service writes it.
fn document() -> Value {
    let transform = |input: &str| json!({"input": input, "output": "OPENIDCONNECT", "invalidate_interim_session": false});
    json!({
        "validators": {"USERNAME": {"kind": "username"}, "OPENAM": {"kind": "session"}},
        "providers": {"OPENIDCONNECT": {
            "kind": "id_token", "algorithm": "ES256", "lifetime_seconds": 600, "issuer": "https://idp.example.net/sts",
            "authentication": "issuance", "identifier": "uuid", "authorized_party": "orders-web",
            "claims": {"email": "mail", "family_name": "sn"}, "claims_as_text": true
        }},
        "transformations": [
            {"subject": "USERNAME", "issue": "OPENIDCONNECT"}, {"subject": "OPENAM", "issue": "OPENIDCONNECT"}
        ],
        "relying_parties": {AUDIENCE: {}},
        "shared_subjects": true,
        "ledger": {"persistence": "revocations"},
        "rest_sts": {
            "inputs": {"USERNAME": "USERNAME", "OPENAM": "OPENAM"}, "outputs": {"OPENIDCONNECT": "OPENIDCONNECT"},
            "transforms": [transform("USERNAME"), transform("OPENAM")], "audiences": [AUDIENCE]
        }
    })
}

/// OPENAM → ES256 against the bare signature, and everything but the hash of USERNAME → ES256.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let sign = raw::es256_sign()?;
    let bench = Bench::open()?;
    let session = json!({"token_type": "OPENAM", "session_id": bench.session});
    let password =
        json!({"token_type": "USERNAME", "username": "dana", "password": "S3cr3t-42-long"});
    Ok(vec![
        Row {
            work: "rest: engine, own session -> OIDC ES256 / raw sign".to_owned(),
            cost: bench.engine_micros()?,
            reference: sign,
            limit: Limit::Times(1.3),
        },
        Row {
            work: "rest: translate OPENAM -> OIDC ES256, JSON to JSON / raw sign".to_owned(),
            cost: bench.face_micros(&session)?,
            reference: sign,
            limit: Limit::Times(1.3),
        },
        Row {
            work: "rest: translate USERNAME -> OIDC ES256 but for the hash".to_owned(),
            cost: bench.face_micros(&password)?,
            reference: 0.0,
            limit: Limit::Over(100.0),
        },
    ])
}
