//! Introspection, revocation, opaque tokens, and the documents that say what is offered.

use cambist_token::jose::{Algorithm, Expected, KeySet, verify};
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ACCESS_TOKEN, TestGateway, USERNAME, basic},
    http::{self, Failure, Reply, claims, jose_header},
    issuer::now,
};

use crate::{INSTANCE, Outcome};

const DANA: &str = r#"{"username":"dana","password":"correct horse"}"#;
const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";
/// The resource server of [`ORDERS`].
const API: (&str, &str) = ("orders-api", SECRET);
/// Somebody else.
const OTHER: (&str, &str) = ("other", SECRET);
const STOCK: &str = "https://stock.example";

fn document(kind: &str) -> Value {
    json!({
        "validators": {
            "password": {"kind": "username", "scopes": ["orders:read"]},
            "own": if kind == "opaque_token" {
                json!({"kind": kind, "audiences": [ORDERS]})
            } else {
                json!({"kind": kind, "issuers": "self", "audiences": [ORDERS]})
            }
        },
        "providers": {"access": {"kind": kind, "claims": {"email": "email"}}},
        "transformations": [
            {"subject": "password", "issue": "access"},
            {"subject": "own", "issue": "access"}
        ],
        "relying_parties": {
            ORDERS: {"scopes": ["orders:read"], "resources": ["https://api.orders.example/v1"]},
            STOCK: {"scopes": ["orders:read"]}
        },
        "clients": {
            WEB.0: {
                "secret": WEB.1, "audiences": [ORDERS, STOCK], "scopes": ["orders:read"],
                "subject_audiences": [ORDERS]
            },
            API.0: {"secret": API.1, "introspects": [ORDERS]},
            OTHER.0: {"secret": OTHER.1, "introspects": [STOCK]}
        }
    })
}

async fn start(kind: &str) -> Result<TestGateway, Failure> {
    let gateway = TestGateway::start().await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &document(kind))
        .await?;
    gateway
        .put_user(
            "/alpha",
            "dana",
            "correct horse",
            json!({"email": "dana@example.com"}),
        )
        .await?;
    Ok(gateway)
}

async fn issue(gateway: &TestGateway, more: &[(&str, &str)]) -> Result<String, Failure> {
    let reply = gateway
        .exchange(INSTANCE, WEB, DANA, USERNAME, more)
        .await?;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    Ok(body["access_token"].as_str().unwrap_or_default().to_owned())
}

async fn ask(
    gateway: &TestGateway,
    endpoint: &str,
    client: (&str, &str),
    parameters: &[(&str, &str)],
    accept: &str,
) -> Result<Reply, Failure> {
    let credential = basic(client);
    let headers = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", accept),
    ];
    let url = format!("{}/oauth2/{INSTANCE}/{endpoint}", gateway.public);
    http::send(Method::POST, &url, &headers, http::form(parameters)).await
}

async fn introspect(
    gateway: &TestGateway,
    client: (&str, &str),
    token: &str,
) -> Result<Value, Failure> {
    let reply = ask(
        gateway,
        "introspect",
        client,
        &[("token", token)],
        "application/json",
    )
    .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    Ok(reply.json())
}

#[tokio::test]
async fn in_04_an_active_token_is_described_to_its_resource_server() -> Outcome {
    for kind in ["access_token", "opaque_token"] {
        let gateway = start(kind).await?;
        let token = issue(&gateway, &[("audience", ORDERS)]).await?;
        let answer = introspect(&gateway, API, &token).await?;
        assert_eq!(answer["active"], true, "{kind}: {answer}");
        assert_eq!(
            answer["iss"],
            format!("{}/oauth2/{INSTANCE}", gateway.public)
        );
        assert_eq!(
            (&answer["sub"], &answer["aud"], &answer["client_id"]),
            (&json!("dana"), &json!(ORDERS), &json!("web"))
        );
        assert_eq!(
            (&answer["scope"], &answer["token_type"], &answer["act"]),
            (
                &json!("orders:read"),
                &json!("Bearer"),
                &json!({"sub": "web"})
            )
        );
        assert_eq!(answer["email"], "dana@example.com");
        assert!(answer["jti"].is_string() && answer["iat"].is_u64() && answer["exp"].is_u64());
    }
    Ok(())
}

#[tokio::test]
async fn sx_14_in_03_whoever_it_is_not_for_learns_that_it_is_inactive_and_nothing_else() -> Outcome
{
    let inactive = json!({"active": false});
    for kind in ["access_token", "opaque_token"] {
        let gateway = start(kind).await?;
        let token = issue(&gateway, &[("audience", ORDERS)]).await?;
        for client in [OTHER, WEB] {
            assert_eq!(introspect(&gateway, client, &token).await?, inactive);
        }
        assert_eq!(introspect(&gateway, API, "no-token").await?, inactive);
        let both = issue(&gateway, &[("audience", ORDERS), ("audience", STOCK)]).await?;
        let seen = introspect(&gateway, API, &both).await?;
        assert_eq!(seen["aud"], ORDERS, "in_05: not who the others are");
        let resource = [("resource", "https://api.orders.example/v1")];
        let by_resource = issue(&gateway, &resource).await?;
        let seen = introspect(&gateway, API, &by_resource).await?;
        assert_eq!(
            seen["active"], true,
            "{kind}: a resource of its relying party"
        );
    }
    Ok(())
}

#[tokio::test]
async fn in_01_in_02_the_caller_authenticates_and_sends_one_token() -> Outcome {
    let gateway = start("access_token").await?;
    let json_media = "application/json";
    let wrong = (
        "orders-api",
        "wrong-secret-of-more-than-thirty-two-characters",
    );
    let reply = ask(&gateway, "introspect", wrong, &[("token", "x")], json_media).await?;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"].clone()),
        (401, json!("invalid_client"))
    );
    for endpoint in ["introspect", "revoke"] {
        for parameters in [&[][..], &[("token", "a"), ("token", "b")]] {
            let reply = ask(&gateway, endpoint, API, parameters, json_media).await?;
            assert_eq!(reply.status, 400, "{endpoint}");
            assert_eq!(reply.json()["error"], "invalid_request");
        }
        let url = format!("{}/oauth2/{INSTANCE}/{endpoint}", gateway.public);
        assert_eq!(http::get(&url, &[]).await?.status, 405);
    }
    Ok(())
}

#[tokio::test]
async fn sx_16_a_truncated_extended_or_changed_opaque_token_is_inactive() -> Outcome {
    let gateway = start("opaque_token").await?;
    let token = issue(&gateway, &[("audience", ORDERS)]).await?;
    assert!(token.starts_with("cbt_") && token.len() == 26, "{token}");
    let mut others = vec![
        token[..25].to_owned(),
        format!("{token}A"),
        format!("{token}\0"),
        format!(" {token}"),
        token.to_ascii_uppercase(),
        token.replace("cbt_", "xbt_"),
    ];
    for at in 4..26 {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        others.push(String::from_utf8(bytes)?);
    }
    for other in others {
        let answer = introspect(&gateway, API, &other).await?;
        assert_eq!(answer, json!({"active": false}), "{other:?}");
        let reply = gateway
            .exchange(INSTANCE, WEB, &other, ACCESS_TOKEN, &[("audience", ORDERS)])
            .await?;
        assert_eq!(reply.json()["error"], "invalid_request", "{other:?}");
    }
    assert_eq!(introspect(&gateway, API, &token).await?["active"], true);
    Ok(())
}

#[tokio::test]
async fn sx_18_a_token_of_one_instance_is_nothing_to_another() -> Outcome {
    for kind in ["access_token", "opaque_token"] {
        let gateway = start(kind).await?;
        gateway
            .put("/admin/v1/instances/beta/orders", &document(kind))
            .await?;
        let token = issue(&gateway, &[("audience", ORDERS)]).await?;
        let credential = basic(API);
        let headers = [
            ("authorization", credential.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let url = format!("{}/oauth2/beta/orders/introspect", gateway.public);
        let body = http::form(&[("token", token.as_str())]);
        let reply = http::send(Method::POST, &url, &headers, body).await?;
        assert_eq!(reply.json(), json!({"active": false}), "{kind}");
        let reply = gateway
            .exchange(
                "beta/orders",
                WEB,
                &token,
                ACCESS_TOKEN,
                &[("audience", ORDERS)],
            )
            .await?;
        assert_eq!(reply.json()["error"], "invalid_request", "{kind}");
        let reply = ask_at(&gateway, "beta/orders", WEB, &token).await?;
        assert_eq!(reply.status, 200, "rv_03");
        assert_eq!(introspect(&gateway, API, &token).await?["active"], true);
    }
    Ok(())
}

async fn ask_at(
    gateway: &TestGateway,
    instance: &str,
    client: (&str, &str),
    token: &str,
) -> Result<Reply, Failure> {
    let credential = basic(client);
    let headers = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let url = format!("{}/oauth2/{instance}/revoke", gateway.public);
    let body = http::form(&[("token", token), ("token_type_hint", "refresh_token")]);
    http::send(Method::POST, &url, &headers, body).await
}

#[tokio::test]
async fn rv_01_rv_05_a_client_revokes_its_token_and_what_was_made_from_it() -> Outcome {
    for kind in ["access_token", "opaque_token"] {
        let gateway = start(kind).await?;
        let token = issue(&gateway, &[("audience", ORDERS)]).await?;
        let reply = gateway
            .exchange(INSTANCE, WEB, &token, ACCESS_TOKEN, &[("audience", ORDERS)])
            .await?;
        let child = reply.json()["access_token"]
            .as_str()
            .ok_or_else(|| reply.text())?
            .to_owned();
        // RV-02: it is not another client's to revoke.
        let reply = ask_at(&gateway, INSTANCE, OTHER, &token).await?;
        assert_eq!(reply.json()["error"], "unauthorized_client", "{kind}");
        assert_eq!(introspect(&gateway, API, &token).await?["active"], true);
        // RV-01: a wrong hint does not matter.
        let reply = ask_at(&gateway, INSTANCE, WEB, &token).await?;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, String::new()));
        for dead in [&token, &child] {
            assert_eq!(
                introspect(&gateway, API, dead).await?,
                json!({"active": false}),
                "{kind}"
            );
            let reply = gateway
                .exchange(INSTANCE, WEB, dead, ACCESS_TOKEN, &[("audience", ORDERS)])
                .await?;
            assert_eq!(reply.json()["error"], "invalid_request", "rv_06: {kind}");
        }
        let again = ask_at(&gateway, INSTANCE, WEB, &token).await?;
        assert_eq!(again.status, 200, "rv_03");
        let unknown = ask_at(&gateway, INSTANCE, WEB, "whatever").await?;
        assert_eq!(unknown.status, 200, "rv_03");
    }
    Ok(())
}

#[tokio::test]
async fn in_10_in_11_a_signed_answer_cannot_pass_for_a_token() -> Outcome {
    const MEDIA: &str = "application/token-introspection+jwt";
    let gateway = start("access_token").await?;
    let token = issue(&gateway, &[("audience", ORDERS)]).await?;
    let reply = ask(&gateway, "introspect", API, &[("token", &token)], MEDIA).await?;
    assert_eq!(reply.header("content-type"), MEDIA);
    let answer = reply.text();
    assert_eq!(jose_header(&answer)["typ"], "token-introspection+jwt");
    let keys = format!("{}/oauth2/{INSTANCE}/jwks", gateway.public);
    let keys = KeySet::parse(http::get(&keys, &[]).await?.text().as_bytes())?;
    let said = claims(&answer);
    assert!(said["sub"].is_null() && said["exp"].is_null(), "{said}");
    assert_eq!(
        (&said["aud"], &said["token_introspection"]["active"]),
        (&json!(API.0), &json!(true))
    );
    // It has no end, which no token may lack; that its signature is good shows in the refusal.
    let issuer = format!("{}/oauth2/{INSTANCE}", gateway.public);
    let expected = Expected {
        algorithms: &[Algorithm::Es256],
        keys: &keys,
        types: &["token-introspection+jwt"],
        typ_may_be_absent: false,
        issuer: &issuer,
        audiences: &[API.0.to_owned()],
        leeway: 0,
        now: cambist_core::Timestamp(now()),
    };
    let refused = verify(answer.as_bytes(), &expected).err();
    assert_eq!(refused, Some(cambist_core::Rejection::Malformed));
    let other = ask(&gateway, "introspect", OTHER, &[("token", &token)], MEDIA).await?;
    assert_eq!(
        claims(&other.text())["token_introspection"],
        json!({"active": false}),
        "in_12"
    );
    Ok(())
}

#[tokio::test]
async fn md_05_metadata_lists_exactly_what_is_enabled() -> Outcome {
    let gateway = start("access_token").await?;
    let issuer = format!("{}/oauth2/{INSTANCE}", gateway.public);
    let well_known = format!(
        "{}/.well-known/oauth-authorization-server/oauth2/{INSTANCE}",
        gateway.public
    );
    let document_of =
        async || -> Result<Value, Failure> { Ok(http::get(&well_known, &[]).await?.json()) };
    let said = document_of().await?;
    assert_eq!(said["issuer"], issuer);
    assert_eq!(said["revocation_endpoint"], format!("{issuer}/revoke"));
    assert_eq!(
        said["introspection_endpoint"],
        format!("{issuer}/introspect")
    );
    let methods = &said["token_endpoint_auth_methods_supported"];
    assert_eq!(&said["revocation_endpoint_auth_methods_supported"], methods);
    assert_eq!(
        &said["introspection_endpoint_auth_methods_supported"],
        methods
    );
    assert_eq!(
        said["introspection_signing_alg_values_supported"],
        json!(["ES256"])
    );
    let mut without = document("access_token");
    without["ledger"] = json!({"persistence": "none"});
    gateway
        .put("/admin/v1/instances/alpha/orders", &without)
        .await?;
    let said = document_of().await?;
    assert!(said["revocation_endpoint"].is_null(), "{said}");
    let token = issue(&gateway, &[("audience", ORDERS)]).await?;
    let reply = ask_at(&gateway, INSTANCE, WEB, &token).await?;
    assert_eq!(reply.json()["error"], "unsupported_token_type", "rv_03");
    Ok(())
}

#[tokio::test]
async fn md_06_keys_are_served_with_an_entity_tag() -> Outcome {
    let gateway = start("access_token").await?;
    let url = format!("{}/oauth2/{INSTANCE}/jwks", gateway.public);
    let first = http::get(&url, &[]).await?;
    assert!(first.header("cache-control").contains("max-age=300"));
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 10, "{tag}");
    let again = http::get(&url, &[("if-none-match", &tag)]).await?;
    assert_eq!((again.status.as_u16(), again.text()), (304, String::new()));
    let other = http::get(&url, &[("if-none-match", "\"other\"")]).await?;
    assert_eq!(other.status, 200);
    Ok(())
}

#[tokio::test]
async fn pr_01_pr_03_a_route_says_who_authorizes_for_it() -> Outcome {
    let gateway = start("access_token").await?;
    let upstream = tests::upstream::start().await?;
    gateway
        .put(
            "/admin/v1/routes/orders",
            &json!({
                "path_prefix": "/orders", "upstream": upstream.url(), "instance": INSTANCE, "audience": ORDERS,
                "subject_token_type": ACCESS_TOKEN
            }),
        )
        .await?;
    let well_known = format!("{}/.well-known/oauth-protected-resource", gateway.public);
    let said = http::get(&format!("{well_known}/orders"), &[])
        .await?
        .json();
    assert_eq!(said["resource"], format!("{}/orders", gateway.public));
    assert_eq!(
        said["authorization_servers"],
        json!([format!("{}/oauth2/{INSTANCE}", gateway.public)])
    );
    assert_eq!(said["bearer_methods_supported"], json!(["header"]));
    assert_eq!(said["scopes_supported"], json!(["orders:read"]));
    for path in ["", "/", "/orders/7", "/other"] {
        let reply = http::get(&format!("{well_known}{path}"), &[]).await?;
        assert_eq!(reply.status, 404, "pr_02: {path:?}");
    }
    Ok(())
}
