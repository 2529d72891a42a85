//! Routes of the reverse proxy: what they take, what they put in its place, what they refuse.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{ORDERS, WEB},
    gateway::{ID_TOKEN, TestGateway, USERNAME, basic},
    http::{self, Failure, claims},
    issuer::{Issuer, now},
    server::Server,
    upstream,
};

use crate::{INSTANCE, Outcome, with_partner};

struct Setting {
    gateway: TestGateway,
    issuer: Issuer,
    upstream: Server,
}

impl Setting {
    async fn new() -> Result<Self, Failure> {
        let (gateway, issuer) = with_partner().await?;
        let upstream = upstream::start().await?;
        Ok(Self {
            gateway,
            issuer,
            upstream,
        })
    }

    /// Publishes a route that exchanges ID tokens, with other members.
    async fn route(&self, name: &str, members: Value) -> Outcome {
        let mut document =
            json!({"upstream": self.upstream.url(), "instance": INSTANCE, "audience": ORDERS});
        if members["credentials"].is_null() {
            document["subject_token_type"] = json!(ID_TOKEN);
        }
        for (member, value) in members.as_object().ok_or("members")? {
            document[member] = value.clone();
        }
        let path = format!("/admin/v1/routes/{name}");
        self.gateway.put(&path, &document).await.map(drop)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<http::Reply, Failure> {
        http::get(&format!("{}{path}", self.gateway.public), headers).await
    }

    fn bearer(&self, claims: &Value) -> Result<String, Failure> {
        let mut all = json!({"sub": "dana", "aud": WEB.0, "iat": now(), "exp": now() + 600});
        for (name, value) in claims.as_object().ok_or("claims")? {
            all[name] = value.clone();
        }
        Ok(format!("Bearer {}", self.issuer.sign("JWT", all)?))
    }
}

fn sent(received: &Value) -> Value {
    claims(
        received["headers"]["authorization"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("Bearer "),
    )
}

#[tokio::test]
async fn the_most_specific_route_takes_the_request() -> Outcome {
    let setting = Setting::new().await?;
    setting
        .route("all", json!({"claim_headers": {"x-route": "aud"}}))
        .await?;
    setting
        .route(
            "read",
            json!({"path_prefix": "/a", "methods": ["GET"], "strip_prefix": true}),
        )
        .await?;
    setting.route("beta", json!({"path_prefix": "/a", "headers": {"x-beta": "1"}, "send": {"as": "header", "name": "x-token"}})).await?;
    setting.route("one", json!({"path": "/a/b", "host": "*.example", "anonymous": "only", "instance": null, "audience": null, "subject_token_type": null})).await?;
    let bearer = setting.bearer(&json!({}))?;
    let plain = setting
        .get("/a/b", &[("authorization", &bearer)])
        .await?
        .json();
    assert_eq!(plain["path"], "/b", "{plain}");
    let beta = setting
        .get("/a/b", &[("authorization", &bearer), ("x-beta", "1")])
        .await?
        .json();
    assert_eq!(beta["path"], "/a/b");
    assert!(
        beta["headers"]["authorization"].is_null() && !beta["headers"]["x-token"].is_null(),
        "{beta}"
    );
    let open = setting.get("/a/b", &[("host", "x.EXAMPLE")]).await?;
    assert_eq!(open.status, 200, "{}", open.text());
    let url = format!("{}/a/b", setting.gateway.public);
    let other = http::send(Method::POST, &url, &[("authorization", &bearer)], "")
        .await?
        .json();
    assert_eq!(other["headers"]["x-route"], ORDERS, "{other}");
    let twin = json!({"upstream": "http://a", "anonymous": "only", "path_prefix": "/a", "methods": ["GET", "PUT"]});
    let refused = setting
        .gateway
        .admin(Method::PUT, "/admin/v1/routes/twin", twin.to_string())
        .await?;
    assert_eq!(refused.status, 422, "{}", refused.text());
    Ok(())
}

#[tokio::test]
async fn px_07_claims_become_headers_that_nobody_else_can_set() -> Outcome {
    let setting = Setting::new().await?;
    let headers = json!({"x-user": "sub", "x-email": "email", "x-groups": "groups"});
    setting
        .route("orders", json!({"claim_headers": headers}))
        .await?;
    let bearer = setting.bearer(&json!({"email": "d@example.com", "groups": ["a", "b,c"]}))?;
    let all = [
        ("authorization", bearer.as_str()),
        ("x_user", "root"),
        ("X-User", "root"),
        ("x.groups", "admin"),
    ];
    let received = setting.get("/x", &all).await?.json();
    assert_eq!(received["headers"]["x-user"], "partner:dana", "{received}");
    assert_eq!(received["headers"]["x-email"], "d@example.com");
    assert_eq!(received["headers"]["x-groups"], "a,b%2Cc");
    assert!(received["headers"]["x_user"].is_null() && received["headers"]["x.groups"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_password_is_exchanged_like_a_token() -> Outcome {
    let setting = Setting::new().await?;
    setting
        .gateway
        .put_user("/alpha", "erin", "correct horse battery", json!({}))
        .await?;
    let credentials = json!([
        {"from": "bearer", "token_type": ID_TOKEN},
        {"from": "basic", "token_type": USERNAME},
        {"from": "cookie", "name": "session", "token_type": ID_TOKEN},
    ]);
    setting
        .route("orders", json!({"credentials": credentials}))
        .await?;
    let password = basic(("erin", "correct horse battery"));
    let received = setting
        .get("/x", &[("authorization", &password)])
        .await?
        .json();
    assert_eq!(sent(&received)["sub"], "erin", "{received}");
    let wrong = setting
        .get("/x", &[("authorization", &basic(("erin", "wrong")))])
        .await?;
    assert_eq!(wrong.status, 401);
    let token = setting.bearer(&json!({}))?;
    let cookie = format!("a=1; session={}", token.trim_start_matches("Bearer "));
    let received = setting.get("/x", &[("cookie", &cookie)]).await?.json();
    assert_eq!(sent(&received)["sub"], "partner:dana", "{received}");
    assert_eq!(received["headers"]["cookie"], "a=1");
    let none = setting.get("/x", &[]).await?;
    assert_eq!(none.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_challenge_says_what_would_do() -> Outcome {
    let setting = Setting::new().await?;
    let metadata = "https://api.example/.well-known/oauth-protected-resource";
    setting.route("scope", json!({"path_prefix": "/scope", "required_scopes": ["orders:write"], "resource_metadata": metadata})).await?;
    setting.route("strong", json!({"path_prefix": "/strong", "step_up": {"acr_values": ["gold"], "max_age_seconds": 60}})).await?;
    let bearer = setting.bearer(&json!({"acr": "silver", "auth_time": now()}))?;
    let reply = setting.get("/scope", &[("authorization", &bearer)]).await?;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.header("www-authenticate"),
        format!(
            r#"Bearer realm="scope", error="insufficient_scope", scope="orders:write", resource_metadata="{metadata}""#
        )
    );
    let reply = setting
        .get("/strong", &[("authorization", &bearer)])
        .await?;
    assert_eq!(reply.status, 401);
    assert_eq!(
        reply.header("www-authenticate"),
        r#"Bearer realm="strong", error="insufficient_user_authentication", acr_values="gold", max_age="60""#
    );
    let strong = setting.bearer(&json!({"acr": "gold", "auth_time": now()}))?;
    assert_eq!(
        setting
            .get("/strong", &[("authorization", &strong)])
            .await?
            .status,
        200
    );
    let old = setting.bearer(&json!({"acr": "gold", "auth_time": now() - 100}))?;
    assert_eq!(
        setting
            .get("/strong", &[("authorization", &old)])
            .await?
            .status,
        401
    );
    Ok(())
}

#[tokio::test]
async fn a_route_whose_tokens_nobody_reads_is_not_published() -> Outcome {
    let setting = Setting::new().await?;
    let mut document =
        json!({"upstream": setting.upstream.url(), "instance": INSTANCE, "audience": ORDERS});
    for (credentials, path) in [
        (
            json!([{"from": "header", "name": "x-key", "token_type": "urn:example:key"}]),
            "credentials",
        ),
        (
            json!([{"from": "bearer", "token_type": ID_TOKEN}, {"from": "basic", "token_type": "urn:example:other"}]),
            "credentials",
        ),
        (json!([{"from": "nowhere"}]), "credentials[0].from"),
    ] {
        document["credentials"] = credentials;
        let refused = setting
            .gateway
            .admin(Method::PUT, "/admin/v1/routes/x", document.to_string())
            .await?;
        let problem = refused.json();
        assert_eq!(
            (refused.status.as_u16(), problem["path"].as_str()),
            (422, Some(path)),
            "{problem}"
        );
    }
    Ok(())
}
