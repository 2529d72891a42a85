//! RFC 8693 statement by statement: the request. Types and answers stand beside it.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TOKEN_EXCHANGE, TestGateway, basic},
    http::{self, Failure, Reply, claims, form},
    issuer::{Issuer, now},
};

use crate::{INSTANCE, Outcome, saml, with_partner};

const PATH: &str = "/admin/v1/instances/alpha/orders";
const BILLING: &str = "https://billing.example";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const SAML1: &str = "urn:ietf:params:oauth:token-type:saml1";

/// `alpha/orders` with two scopes at two relying parties, own tokens as subjects, and actors from the partner.
pub(crate) async fn wide() -> Result<(TestGateway, Issuer), Failure> {
    let (gateway, issuer) = with_partner().await?;
    gateway.put(PATH, &wide_document()).await?;
    Ok((gateway, issuer))
}

pub(crate) fn wide_document() -> Value {
    let mut document = documents::with_partner();
    document["validators"]["partner"]["scopes"] = json!(["orders:read", "orders:write"]);
    document["validators"]["own"] =
        json!({"kind": "access_token", "issuers": ["self"], "audiences": [ORDERS, BILLING]});
    document["transformations"] = json!([
        {"subject": "partner", "issue": "id"}, {"subject": "partner", "issue": "access"},
        {"subject": "own", "issue": "access"}
    ]);
    document["actors"] = json!(["partner"]);
    document["relying_parties"][BILLING] = json!({"scopes": ["orders:read"]});
    document["clients"]["web"] = json!({
        "secret": WEB.1, "audiences": [ORDERS, BILLING], "scopes": ["orders:read", "orders:write"],
        "subject_audiences": ["web", ORDERS, BILLING], "actors": [{"subject": "partner:agent"}]
    });
    document
}

pub(crate) async fn ask(
    gateway: &TestGateway,
    subject: (&str, &str),
    more: &[(&str, &str)],
) -> Result<Reply, Failure> {
    let mut all = vec![("audience", ORDERS)];
    all.extend_from_slice(more);
    gateway
        .exchange(INSTANCE, WEB, subject.0, subject.1, &all)
        .await
}

pub(crate) fn token(reply: &Reply) -> Result<String, Failure> {
    let token = reply.json()["access_token"].as_str().map(str::to_owned);
    Ok(token.ok_or_else(|| reply.text())?)
}

pub(crate) fn code(reply: &Reply) -> (u16, String) {
    let error = reply.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (reply.status.as_u16(), error)
}

pub(crate) fn invalid_request() -> (u16, String) {
    (400, "invalid_request".to_owned())
}

async fn post(
    gateway: &TestGateway,
    query: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Result<Reply, Failure> {
    let url = format!("{}/oauth2/{INSTANCE}/token{query}", gateway.public);
    http::send(Method::POST, &url, headers, body).await
}

#[tokio::test]
async fn tx_01_the_request_is_a_form_in_the_body_and_the_query_counts_for_nothing() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let credential = basic(WEB);
    let headers = [
        ("authorization", credential.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let parameters = form(&[
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", &subject),
        ("subject_token_type", ID_TOKEN),
        ("audience", ORDERS),
    ]);
    let reply = post(&gateway, "", &headers, parameters.clone()).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = post(&gateway, &format!("?{parameters}"), &headers, String::new()).await?;
    assert_eq!(code(&reply), invalid_request(), "all in the query");
    let query = "?scope=admin&audience=https%3A%2F%2Fbilling.example&client_id=app&client_secret=x";
    let reply = post(&gateway, query, &headers, parameters.clone()).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(claims(&token(&reply)?)["aud"], ORDERS);
    let json = [headers[0], ("content-type", "application/json")];
    let reply = post(&gateway, "", &json, parameters).await?;
    assert_eq!(code(&reply), invalid_request(), "not a form");
    Ok(())
}

#[tokio::test]
async fn tx_02_tx_03_a_token_and_its_type_come_together() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let both = [
        ("subject_token", subject.as_str()),
        ("subject_token_type", ID_TOKEN),
    ];
    let actor = issuer.id_token("agent", "web")?;
    for parameters in [
        &[][..],
        &both[..1],
        &both[1..],
        &[both[0], both[1], ("actor_token", &actor)],
        &[both[0], both[1], ("actor_token_type", ID_TOKEN)],
        &[
            both[0],
            both[1],
            ("actor_token", ""),
            ("actor_token_type", ID_TOKEN),
        ],
    ] {
        let mut all = vec![("grant_type", TOKEN_EXCHANGE), ("audience", ORDERS)];
        all.extend_from_slice(parameters);
        let reply = gateway.token_request(INSTANCE, WEB, &all).await?;
        assert_eq!(code(&reply), invalid_request(), "{parameters:?}");
    }
    let actor = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let reply = ask(&gateway, (&subject, ID_TOKEN), &actor).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn tx_04_token_types_are_compared_exactly() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    for name in [
        "urn:ietf:params:oauth:token-type:ID_TOKEN",
        "URN:IETF:PARAMS:OAUTH:TOKEN-TYPE:id_token",
        "urn:ietf:params:oauth:token-type:id_token/",
        "urn:ietf:params:oauth:token-type:id_token ",
        "urn:ietf:params:oauth:token-type:id%5Ftoken",
        "id_token",
    ] {
        let reply = ask(&gateway, (&subject, name), &[]).await?;
        assert_eq!(code(&reply), invalid_request(), "{name:?} as subject");
        let reply = ask(
            &gateway,
            (&subject, ID_TOKEN),
            &[("requested_token_type", name)],
        )
        .await?;
        assert_eq!(code(&reply), invalid_request(), "{name:?} as wish");
    }
    assert_eq!(ask(&gateway, (&subject, ID_TOKEN), &[]).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn tx_05_the_declared_type_is_what_a_token_is_checked_as() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let id = issuer.id_token("dana", "web")?;
    let own = token(&ask(&gateway, (&id, ID_TOKEN), &[]).await?)?;
    let good = token(&ask(&gateway, (&own, ACCESS_TOKEN), &[]).await?)?;
    assert!(!good.is_empty());
    for (token, declared) in [
        (&id, ACCESS_TOKEN),
        (&own, ID_TOKEN),
        (&id, JWT),
        (&own, JWT),
    ] {
        let reply = ask(&gateway, (token, declared), &[]).await?;
        assert_eq!(code(&reply), invalid_request(), "{declared}");
    }
    let access = issuer.sign(
        "at+jwt",
        json!({"sub": "agent", "aud": "web", "iat": now(), "exp": now() + 60, "client_id": "web", "jti": "1"}),
    )?;
    for (actor, declared) in [(&access, ID_TOKEN), (&own, ID_TOKEN), (&id, ACCESS_TOKEN)] {
        let more = [
            ("actor_token", actor.as_str()),
            ("actor_token_type", declared),
        ];
        let reply = ask(&gateway, (&id, ID_TOKEN), &more).await?;
        assert_eq!(code(&reply), invalid_request(), "{declared} as actor");
    }
    Ok(())
}

#[tokio::test]
async fn tx_08_scope_is_case_sensitive_and_means_every_word_at_every_target() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let scoped = async |scope: &str, targets: &[&str]| {
        let mut more = vec![("scope", scope)];
        more.extend(targets.iter().map(|target| ("audience", *target)));
        gateway
            .exchange(INSTANCE, WEB, &subject, ID_TOKEN, &more)
            .await
    };
    let wish = "orders:write orders:read";
    let both = token(&scoped(wish, &[ORDERS]).await?)?;
    let granted = claims(&both)["scope"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut words: Vec<&str> = granted.split(' ').collect();
    words.sort_unstable();
    assert_eq!(words, ["orders:read", "orders:write"]);
    let read = scoped("orders:read", &[ORDERS, BILLING]).await?;
    assert_eq!(claims(&token(&read)?)["aud"], json!([ORDERS, BILLING]));
    for (scope, targets) in [
        (wish, &[ORDERS, BILLING][..]),
        ("orders:write", &[BILLING]),
        ("Orders:read", &[ORDERS]),
        ("orders:read\torders:write", &[ORDERS]),
        ("orders:read\"", &[ORDERS]),
    ] {
        let reply = scoped(scope, targets).await?;
        assert_eq!(code(&reply), (400, "invalid_scope".to_owned()), "{scope:?}");
    }
    Ok(())
}

#[tokio::test]
async fn tx_09_sx_11_without_a_wish_an_access_token_comes_and_its_type_is_always_said() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    for (wish, issued, typ) in [
        (None, ACCESS_TOKEN, "at+jwt"),
        (Some(ACCESS_TOKEN), ACCESS_TOKEN, "at+jwt"),
        (Some(ID_TOKEN), ID_TOKEN, "JWT"),
    ] {
        let more: Vec<_> = wish
            .map(|wish| ("requested_token_type", wish))
            .into_iter()
            .collect();
        let reply = ask(&gateway, (&subject, ID_TOKEN), &more).await?;
        assert_eq!(
            reply.json()["issued_token_type"],
            issued,
            "{}",
            reply.text()
        );
        assert_eq!(http::jose_header(&token(&reply)?)["typ"], typ);
    }
    for wish in [SAML1, saml::SAML2, JWT, REFRESH_TOKEN, "urn:x:y"] {
        let reply = ask(
            &gateway,
            (&subject, ID_TOKEN),
            &[("requested_token_type", wish)],
        )
        .await?;
        assert_eq!(code(&reply), invalid_request(), "{wish}");
    }
    Ok(())
}

#[tokio::test]
async fn tx_13_nobody_exchanges_without_authentication() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    for who in [
        &[][..],
        &[("client_id", "web")],
        &[("client_id", "web"), ("client_secret", "")],
        &[("client_id", ""), ("client_secret", WEB.1)],
        &[("client_secret", WEB.1)],
    ] {
        let mut parameters = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", subject.as_str()),
            ("subject_token_type", ID_TOKEN),
        ];
        parameters.extend_from_slice(who);
        let reply = post(&gateway, "", &form_type, form(&parameters)).await?;
        assert_eq!(code(&reply), (401, "invalid_client".to_owned()), "{who:?}");
    }
    let mut document = wide_document();
    document["clients"]["open"] = json!({"audiences": [ORDERS], "scopes": ["orders:read"]});
    let refused = gateway
        .admin(Method::PUT, PATH, document.to_string())
        .await?;
    assert_eq!(refused.status, 422, "a public client: {}", refused.text());
    Ok(())
}
