//! RFC 8693 statement by statement: the request, the token types, the answer, the errors.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    documents::{self, ORDERS, WEB},
    gateway::{ACCESS_TOKEN, ID_TOKEN, TOKEN_EXCHANGE, TestGateway, basic},
    http::{self, Failure, Reply, claims, form},
    issuer::{Issuer, now},
};

use crate::{INSTANCE, Outcome, error, saml, with_partner};

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

fn invalid_request() -> (u16, String) {
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

#[tokio::test]
async fn tx_20_the_ietf_types_are_known_and_what_is_not_offered_is_refused_cleanly() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let mut document = wide_document();
    for (name, kind) in [("jwt", "jwt"), ("assertion", "saml2")] {
        document["validators"][name] =
            json!({"kind": kind, "subject_prefix": format!("{name}:"), "scopes": ["orders:read"]});
    }
    document["validators"]["jwt"]["issuers"] = json!(["partner"]);
    document["validators"]["assertion"]["issuers"] =
        json!([{"entity_id": "https://idp.example", "certificates": [certificate()?]}]);
    document["transformations"] = json!([
        {"subject": "partner", "issue": "access"}, {"subject": "own", "issue": "access"},
        {"subject": "jwt", "issue": "access"}, {"subject": "assertion", "issue": "access"}
    ]);
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    for declared in [ID_TOKEN, JWT] {
        let reply = ask(&gateway, (&subject, declared), &[]).await?;
        assert_eq!(reply.status, 200, "{declared}: {}", reply.text());
    }
    for declared in [ACCESS_TOKEN, saml::SAML2, REFRESH_TOKEN, SAML1] {
        let reply = ask(&gateway, (&subject, declared), &[]).await?;
        assert_eq!(code(&reply), invalid_request(), "{declared}");
    }
    Ok(())
}

/// A certificate of somebody's, as PEM.
fn certificate() -> Result<String, Failure> {
    let key = rcgen::generate_simple_self_signed(vec!["idp.example".to_owned()])?;
    let der = base64_simd::STANDARD.encode_to_string(key.cert.der());
    Ok(format!(
        "-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
    ))
}

#[tokio::test]
async fn tx_22_an_opaque_access_token_is_an_access_token_and_no_jwt() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let mut document = wide_document();
    document["providers"]["access"] = json!({"kind": "opaque_token"});
    document["validators"]["own"] = json!({"kind": "opaque_token", "audiences": [ORDERS]});
    document["validators"]["jwt"] =
        json!({"kind": "jwt", "issuers": ["partner"], "subject_prefix": "jwt:"});
    document["transformations"] = json!([
        {"subject": "partner", "issue": "access"}, {"subject": "own", "issue": "access"},
        {"subject": "jwt", "issue": "access"}
    ]);
    gateway.put(PATH, &document).await?;
    let subject = issuer.id_token("dana", "web")?;
    let reply = ask(&gateway, (&subject, ID_TOKEN), &[]).await?;
    assert_eq!(reply.json()["issued_token_type"], ACCESS_TOKEN);
    let opaque = token(&reply)?;
    assert!(!opaque.contains('.'), "{opaque}");
    let reply = ask(&gateway, (&opaque, ACCESS_TOKEN), &[]).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        code(&ask(&gateway, (&opaque, JWT), &[]).await?),
        invalid_request()
    );
    Ok(())
}

#[tokio::test]
async fn tx_23_a_type_has_one_handler() -> Outcome {
    let (gateway, _issuer) = wide().await?;
    let mut document = wide_document();
    document["validators"]["again"] =
        json!({"kind": "id_token", "issuers": ["partner"], "subject_prefix": "again:"});
    document["transformations"] =
        json!([{"subject": "partner", "issue": "access"}, {"subject": "again", "issue": "access"}]);
    let refused = gateway
        .admin(Method::PUT, PATH, document.to_string())
        .await?;
    assert_eq!(refused.status, 422, "{}", refused.text());
    Ok(())
}

#[tokio::test]
async fn tx_24_tx_34_ab_34_there_are_no_refresh_tokens_in_or_out() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let actor = issuer.id_token("agent", "web")?;
    let with_actor = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    for more in [&[][..], &with_actor] {
        let reply = ask(&gateway, (&subject, ID_TOKEN), more).await?;
        let body = reply.json();
        assert!(
            body["access_token"].is_string() && body["refresh_token"].is_null(),
            "{body}"
        );
    }
    let own = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    for token in [&subject, &own] {
        let reply = ask(&gateway, (token, REFRESH_TOKEN), &[]).await?;
        assert_eq!(code(&reply), invalid_request());
    }
    let wish = [("requested_token_type", REFRESH_TOKEN)];
    let reply = ask(&gateway, (&own, ACCESS_TOKEN), &wish).await?;
    assert_eq!(
        code(&reply),
        invalid_request(),
        "an access token becomes none"
    );
    let grant = [
        ("grant_type", "refresh_token"),
        ("refresh_token", own.as_str()),
    ];
    let reply = gateway.token_request(INSTANCE, WEB, &grant).await?;
    assert_eq!(code(&reply), (400, "unsupported_grant_type".to_owned()));
    Ok(())
}

#[tokio::test]
async fn tx_32_tx_33_tx_35_the_answer_says_how_long_how_far_and_not_to_be_kept() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.sign(
        "JWT",
        json!({"sub": "dana", "aud": "web", "iat": now(), "exp": now() + 40}),
    )?;
    let reply = ask(&gateway, (&subject, ID_TOKEN), &[]).await?;
    let body = reply.json();
    let said = claims(&token(&reply)?);
    let (exp, iat) = (said["exp"].as_u64(), said["iat"].as_u64());
    assert_eq!(
        body["expires_in"].as_u64(),
        exp.zip(iat).map(|(exp, iat)| exp - iat),
        "{body}"
    );
    assert!(body["expires_in"].as_u64() <= Some(40), "{body}");
    // Nothing was asked for, so what was granted differs from it.
    assert_eq!(body["scope"], said["scope"], "{body}");
    let narrow = ask(&gateway, (&subject, ID_TOKEN), &[("scope", "orders:read")]).await?;
    assert_eq!(narrow.json()["scope"], "orders:read");
    let refused = ask(&gateway, (&subject, ID_TOKEN), &[("scope", "no")]).await?;
    let unauthenticated = gateway
        .exchange(INSTANCE, ("web", "wrong"), &subject, ID_TOKEN, &[])
        .await?;
    for reply in [reply, narrow, refused, unauthenticated] {
        assert_eq!(
            reply.header("cache-control"),
            "no-store",
            "{}",
            reply.text()
        );
        assert_eq!(reply.header("pragma"), "no-cache");
    }
    Ok(())
}

#[tokio::test]
async fn tx_36_an_exchange_ends_neither_subject_nor_actor() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let actor = issuer.id_token("agent", "web")?;
    let more = [
        ("actor_token", actor.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let own = token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?;
    for _ in 0..3 {
        let reply = ask(&gateway, (&subject, ID_TOKEN), &more).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let reply = ask(&gateway, (&own, ACCESS_TOKEN), &[]).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn tx_40_an_unacceptable_subject_or_actor_is_invalid_request() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let good = issuer.id_token("dana", "web")?;
    let bad = [
        issuer.sign("JWT", json!({"sub": "agent", "aud": "web", "iat": now() - 600, "exp": now() - 120}))?,
        issuer.sign("JWT", json!({"sub": "agent", "aud": "elsewhere", "iat": now(), "exp": now() + 60}))?,
        issuer.sign("JWT", json!({"iss": "https://evil.example", "sub": "agent", "aud": "web", "iat": now(), "exp": now() + 60}))?,
        "garbage".to_owned(),
    ];
    for token in &bad {
        let reply = ask(&gateway, (token, ID_TOKEN), &[]).await?;
        assert_eq!(code(&reply), invalid_request());
        let more = [
            ("actor_token", token.as_str()),
            ("actor_token_type", ID_TOKEN),
        ];
        let reply = ask(&gateway, (&good, ID_TOKEN), &more).await?;
        assert_eq!(code(&reply), invalid_request());
    }
    // One that is acceptable as a token, but not as this client's actor.
    let stranger = issuer.id_token("stranger", "web")?;
    let more = [
        ("actor_token", stranger.as_str()),
        ("actor_token_type", ID_TOKEN),
    ];
    let reply = ask(&gateway, (&good, ID_TOKEN), &more).await?;
    assert_eq!(code(&reply), invalid_request());
    Ok(())
}

#[tokio::test]
async fn tx_41_an_unknown_or_forbidden_target_is_invalid_target() -> Outcome {
    let (gateway, issuer) = with_partner().await?;
    let subject = issuer.id_token("dana", "web")?;
    for target in [
        ("audience", "https://unknown.example"),
        ("resource", "https://unknown.example/"),
    ] {
        let code = error(&gateway, &subject, ID_TOKEN, &[target]).await?;
        assert_eq!(code, "invalid_target");
        let code = error(
            &gateway,
            &subject,
            ID_TOKEN,
            &[("audience", ORDERS), target],
        )
        .await?;
        assert_eq!(code, "invalid_target", "beside one that is allowed");
    }
    Ok(())
}

#[tokio::test]
async fn tx_73_scope_confines_what_was_delegated_for_good() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.id_token("dana", "web")?;
    let narrow = ask(&gateway, (&subject, ID_TOKEN), &[("scope", "orders:read")]).await?;
    let narrow = token(&narrow)?;
    assert_eq!(claims(&narrow)["scope"], "orders:read");
    let again = ask(&gateway, (&narrow, ACCESS_TOKEN), &[]).await?;
    assert_eq!(claims(&token(&again)?)["scope"], "orders:read");
    for scope in ["orders:write", "orders:read orders:write"] {
        let reply = ask(&gateway, (&narrow, ACCESS_TOKEN), &[("scope", scope)]).await?;
        assert_eq!(code(&reply), (400, "invalid_scope".to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn tx_74_only_claims_that_are_mapped_are_issued() -> Outcome {
    let (gateway, issuer) = wide().await?;
    let subject = issuer.sign(
        "JWT",
        json!({
            "sub": "dana", "aud": "web", "iat": now(), "exp": now() + 60, "email": "dana@partner.example",
            "phone_number": "+49 1", "address": {"country": "DE"}, "birthdate": "1990-01-01", "groups": ["a"]
        }),
    )?;
    let said = claims(&token(&ask(&gateway, (&subject, ID_TOKEN), &[]).await?)?);
    let mut names: Vec<&str> = said
        .as_object()
        .ok_or("no claims")?
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "act",
            "aud",
            "client_id",
            "email",
            "exp",
            "iat",
            "iss",
            "jti",
            "scope",
            "sub"
        ],
        "{said}"
    );
    Ok(())
}
