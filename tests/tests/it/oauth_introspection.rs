//! Access tokens of four kinds under one type: own JWTs, own opaque ones, a partner's JWTs, and opaque ones
//! that another authorization server is asked about (RFC 7662).

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use cambist_token::jose::Algorithm;
use hyper::{Response, header, header::HeaderValue};
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, TestGateway, USERNAME},
    http::{Failure, claims},
    issuer::{Issuer, now},
    server::{Server, json as answer},
};

use crate::{INSTANCE, Outcome};

const PATH: &str = "/admin/v1/instances/alpha/orders";
const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;

/// An authorization server whose tokens mean nothing by themselves.
struct Remote {
    server: Server,
    asked: Arc<Mutex<Vec<String>>>,
    status: Arc<AtomicU64>,
}

impl Remote {
    async fn start() -> Result<Self, Failure> {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let status = Arc::new(AtomicU64::new(200));
        let (asking, says) = (Arc::clone(&asked), Arc::clone(&status));
        let server = Server::start(move |request| {
            let form = String::from_utf8_lossy(&request.body).into_owned();
            let credential = request.head.headers.get(header::AUTHORIZATION);
            // gateway:as-secret-1
            let is_known =
                credential.is_some_and(|value| value == "Basic Z2F0ZXdheTphcy1zZWNyZXQtMQ==");
            if let Ok(mut asked) = asking.lock() {
                asked.push(form.clone());
            }
            let mut response = if form.starts_with("token=good-") {
                answer(&json!({
                    "active": true, "sub": "erin", "aud": WEB.0, "exp": now() + 300,
                    "scope": "orders:read orders:write", "jti": form
                }))
            } else {
                answer(&json!({"active": false}))
            };
            let status = if is_known {
                says.load(Ordering::Relaxed)
            } else {
                401
            };
            if status == 415 {
                let html = HeaderValue::from_static("text/html");
                response.headers_mut().insert(header::CONTENT_TYPE, html);
            } else if let Ok(status) = u16::try_from(status).unwrap_or(500).try_into() {
                *response.status_mut() = status;
            }
            let response: Response<_> = response;
            response
        })
        .await?;
        Ok(Self {
            server,
            asked,
            status,
        })
    }

    fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .map(|asked| asked.clone())
            .unwrap_or_default()
    }
}

fn document() -> Value {
    json!({
        "validators": {
            "password": {"kind": "username", "scopes": ["orders:read"]},
            "jwt": {"kind": "access_token", "issuers": ["self", "partner"], "audiences": [ORDERS, WEB.0]},
            "opaque": {"kind": "opaque_token", "audiences": [ORDERS]},
            "remote": {"kind": "introspection", "issuers": ["legacy"]},
            // The one that asks others stands first on purpose.
            "any": {"kind": "one_of", "validators": ["remote", "jwt", "opaque"]}
        },
        "providers": {
            "access": {"kind": "access_token"},
            "reference": {"kind": "opaque_token"}
        },
        "transformations": [
            {"subject": "password", "issue": "access"},
            {"subject": "any", "issue": "access"}
        ],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {
            "secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"],
            "subject_audiences": [ORDERS, WEB.0],
            "grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange", "client_credentials"]
        }},
        "client_credentials": {"issue": "reference", "subject_prefix": "client:"}
    })
}

async fn start() -> Result<(TestGateway, Remote, Issuer), Failure> {
    let gateway = TestGateway::start().await?;
    let remote = Remote::start().await?;
    let partner = Issuer::start(Algorithm::Es256).await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    let secret = json!({"value": "as-secret-1"});
    gateway.put("/admin/v1/secrets/as-secret", &secret).await?;
    let mut trusted =
        json!({"issuer": partner.url(), "audiences": [WEB.0], "subject_prefix": "partner:"});
    gateway.put("/admin/v1/issuers/partner", &trusted).await?;
    trusted["issuer"] = json!(remote.server.url());
    trusted["subject_prefix"] = json!("legacy:");
    trusted["introspection"] = json!({
        "endpoint": format!("{}/introspect", remote.server.url()),
        "client_id": "gateway", "secret": "as-secret", "cache_seconds": 15
    });
    gateway.put("/admin/v1/issuers/legacy", &trusted).await?;
    gateway.put(PATH, &document()).await?;
    Ok((gateway, remote, partner))
}

#[tokio::test]
async fn in_10_one_instance_believes_the_signed_answers_of_another() -> Outcome {
    let gateway = TestGateway::start().await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    let secret = json!({"value": WEB.1});
    gateway.put("/admin/v1/secrets/as-secret", &secret).await?;
    let mut issuing = document();
    issuing["validators"] = json!({"password": {"kind": "username", "scopes": ["orders:read"]}});
    // One signs the answers, the other makes the tokens.
    issuing["transformations"] = json!([{"subject": "password", "issue": "reference"}]);
    issuing["relying_parties"]["remote"] = json!({"scopes": ["orders:read"]});
    issuing["clients"]["web"]["audiences"] = json!(["remote"]);
    issuing["clients"]["web"]["introspects"] = json!(["remote"]);
    gateway.put(PATH, &issuing).await?;
    let us = format!("{}/oauth2/{INSTANCE}", gateway.public);
    let mut trusted = json!({
        "issuer": us, "audiences": ["remote"], "subject_prefix": "alpha:",
        "introspection": {
            "endpoint": format!("{us}/introspect"), "client_id": WEB.0, "secret": "as-secret", "signed": true
        }
    });
    let asking = json!({
        "validators": {"remote": {"kind": "introspection", "issuers": ["alpha"]}},
        "providers": {"access": {"kind": "access_token"}},
        "transformations": [{"subject": "remote", "issue": "access"}],
        "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
        "clients": {WEB.0: {
            "secret": WEB.1, "audiences": [ORDERS], "scopes": ["orders:read"], "subject_audiences": ["remote"]
        }}
    });
    let token = gateway.exchange(INSTANCE, WEB, DANA, USERNAME, &[]).await?;
    let token = token.json()["access_token"].as_str().map(ToOwned::to_owned);
    let token = token.ok_or("no token")?;
    let ask = async |gateway: &TestGateway| {
        let asked = gateway.exchange("beta/orders", WEB, &token, ACCESS_TOKEN, &[]);
        asked
            .await
            .map(|reply| (reply.status.as_u16(), reply.json()))
    };
    gateway.put("/admin/v1/issuers/alpha", &trusted).await?;
    gateway
        .put("/admin/v1/instances/beta/orders", &asking)
        .await?;
    let (status, body) = ask(&gateway).await?;
    assert_eq!(status, 200, "{body}");
    let issued = claims(body["access_token"].as_str().unwrap_or_default());
    assert_eq!(issued["sub"], "alpha:dana");
    // Signed by nobody whose keys are the issuer's.
    let (stranger, _) = cambist_token::jose::SigningKey::generate(Algorithm::Es256)?;
    trusted["jwks"] = json!({"keys": [stranger.public_jwk()]});
    gateway.put("/admin/v1/issuers/alpha", &trusted).await?;
    let (status, body) = ask(&gateway).await?;
    assert_eq!(
        (status, &body["error"]),
        (503, &json!("temporarily_unavailable"))
    );
    Ok(())
}

async fn exchanged(gateway: &TestGateway, token: &str) -> Result<(u16, Value), Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, token, ACCESS_TOKEN, &[])
        .await?;
    let (status, body) = (reply.status.as_u16(), reply.json());
    if status != 200 {
        return Ok((status, body));
    }
    Ok((
        200,
        claims(body["access_token"].as_str().unwrap_or_default()),
    ))
}

#[tokio::test]
async fn tx_22_access_tokens_of_every_kind_are_told_apart() -> Outcome {
    let (gateway, remote, partner) = start().await?;
    let own = gateway
        .exchange(INSTANCE, WEB, DANA, USERNAME, &[])
        .await?
        .json();
    let own = own["access_token"].as_str().unwrap_or_default().to_owned();
    let (status, issued) = exchanged(&gateway, &own).await?;
    assert_eq!((status, &issued["sub"]), (200, &json!("dana")), "{issued}");
    let grant = [("grant_type", "client_credentials")];
    let opaque = gateway.token_request(INSTANCE, WEB, &grant).await?.json();
    let opaque = opaque["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(opaque.starts_with("cbt_"), "{opaque}");
    let (status, issued) = exchanged(&gateway, &opaque).await?;
    assert_eq!(
        (status, &issued["sub"]),
        (200, &json!("client:web")),
        "{issued}"
    );
    let theirs = json!({"sub": "dana", "aud": WEB.0, "iat": now(), "exp": now() + 60, "scope": "orders:read", "jti": "1", "client_id": "x"});
    let (status, issued) = exchanged(&gateway, &partner.sign("at+jwt", theirs.clone())?).await?;
    assert_eq!(
        (status, &issued["sub"]),
        (200, &json!("partner:dana")),
        "{issued}"
    );
    let mut strange = theirs;
    strange["iss"] = json!("https://nobody.example");
    let (status, body) = exchanged(&gateway, &partner.sign("at+jwt", strange)?).await?;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    assert_eq!(
        remote.asked(),
        Vec::<String>::new(),
        "none of these is its own"
    );
    let (status, issued) = exchanged(&gateway, "good-1").await?;
    assert_eq!(
        (status, &issued["sub"]),
        (200, &json!("legacy:erin")),
        "{issued}"
    );
    assert_eq!(issued["scope"], "orders:read");
    assert_eq!(exchanged(&gateway, "good-1").await?.0, 200);
    assert_eq!(
        remote.asked(),
        ["token=good-1&token_type_hint=access_token"]
    );
    assert_eq!(exchanged(&gateway, "bad-1").await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_answer_accepts_nothing() -> Outcome {
    let (gateway, remote, _partner) = start().await?;
    for (index, status) in [500, 401, 302, 204, 415].into_iter().enumerate() {
        remote.status.store(status, Ordering::Relaxed);
        let (code, body) = exchanged(&gateway, &format!("good-{index}")).await?;
        assert_eq!(
            (code, &body["error"]),
            (503, &json!("temporarily_unavailable")),
            "{status}: {body}"
        );
    }
    remote.status.store(200, Ordering::Relaxed);
    assert_eq!(exchanged(&gateway, "good-x").await?.0, 200);
    // A new secret takes effect, and what was learned with the old one is forgotten.
    let other = json!({"value": "as-secret-2"});
    gateway.put("/admin/v1/secrets/as-secret", &other).await?;
    assert_eq!(exchanged(&gateway, "good-x").await?.0, 503);
    Ok(())
}

/// Revoked here, it falls here, whatever its server says.
#[tokio::test]
async fn a_remote_token_can_be_revoked_here() -> Outcome {
    let (gateway, _remote, _partner) = start().await?;
    assert_eq!(exchanged(&gateway, "good-1").await?.0, 200);
    let cut = json!({"kind": "subject", "value": "legacy:erin"}).to_string();
    let reply = gateway
        .admin(hyper::Method::POST, "/admin/v1/cut-offs", cut)
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(exchanged(&gateway, "good-1").await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn mistakes_with_several_readers_are_named() -> Outcome {
    let (gateway, _remote, _partner) = start().await?;
    for (pointer, value, path) in [
        (
            "/validators/any/validators",
            json!(["jwt"]),
            "validators.any.validators",
        ),
        (
            "/validators/any/validators",
            json!(["jwt", "nothing"]),
            "validators.any.validators[1]",
        ),
        (
            "/validators/any/validators",
            json!(["jwt", "jwt"]),
            "validators.any.validators[1]",
        ),
        // `remote` is left over and reads the same type.
        (
            "/validators/any/validators",
            json!(["jwt", "opaque"]),
            "validators.remote",
        ),
        (
            "/transformations/1/subject",
            json!("jwt"),
            "transformations[1].subject",
        ),
        (
            "/validators/remote/issuers",
            json!(["partner"]),
            "validators.remote.issuers[0]",
        ),
        (
            "/validators/remote/issuers",
            json!(["legacy", "partner"]),
            "validators.remote.issuers",
        ),
    ] {
        let mut document = document();
        *document.pointer_mut(pointer).ok_or("pointer")? = value;
        let reply = gateway
            .admin(hyper::Method::PUT, PATH, document.to_string())
            .await?;
        let problem = reply.json();
        assert_eq!(reply.status, 422, "{pointer}: {problem}");
        assert_eq!(problem["path"], path, "{pointer}: {problem}");
    }
    let gone = gateway
        .admin(hyper::Method::DELETE, "/admin/v1/secrets/as-secret", "")
        .await?;
    assert_eq!(gone.status, 409, "an instance asks with it");
    Ok(())
}
