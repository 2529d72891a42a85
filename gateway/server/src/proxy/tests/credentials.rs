//! What a route takes from a request, and what it puts in its place.

use cambist_core::{Principal, Scope, TokenType};
use hyper::body::Incoming;

use super::*;

/// The status of a request with these headers and this body through a route with these members.
async fn through(
    upstream: &Upstream,
    members: &serde_json::Value,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> (Gateway, Response<Incoming>) {
    let gateway = Gateway::start(route(&upstream.url(), members), Duration::ZERO).await;
    *gateway.fake.principal.lock().unwrap() = Principal {
        authentication_context: Some("silver".to_owned()),
        authenticated_at: Some(Timestamp(900)),
        ..Principal::default()
    };
    let response = ask(&gateway, headers, body).await;
    (gateway, response)
}

async fn ask(
    gateway: &Gateway,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Response<Incoming> {
    let mut request = Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri("/")
        .header("host", "a");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = bytes::Bytes::from(body.unwrap_or_default().to_owned());
    gateway.send(request.body(Full::new(body)).unwrap()).await
}

fn presented(gateway: &Gateway) -> (String, TokenType) {
    let presented = gateway.fake.presented.lock().unwrap();
    let (subject, _) = presented.as_ref().unwrap();
    let token = subject.token.as_str().unwrap().to_owned();
    (token, subject.token_type.clone())
}

#[tokio::test]
async fn an_api_key_becomes_a_token_in_another_header() {
    let upstream = Upstream::echo().await;
    let members = json!({
        "credentials": [{"from": "header", "name": "x-api-key", "token_type": "urn:example:key"}],
        "send": {"as": "header", "name": "x-token"},
        "claim_headers": {"x-user": "sub", "x-scope": "scope", "x-absent": "email"},
    });
    let headers = [
        ("x-api-key", "secret-key"),
        ("x_token", "evil"),
        ("x-user", "evil"),
        ("x.absent", "evil"),
    ];
    let (gateway, response) = through(&upstream, &members, &headers, None).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        presented(&gateway),
        ("secret-key".to_owned(), TokenType::new("urn:example:key"))
    );
    assert_eq!(upstream.latest("x-token"), ["issued-1"]);
    assert_eq!(upstream.latest("x-user"), ["alice"]);
    assert_eq!(upstream.latest("x-scope"), ["read"]);
    let seen = upstream.transcript();
    assert!(
        !seen.contains("secret-key") && !seen.contains("evil") && !seen.contains("authorization"),
        "px_07: {seen}"
    );
}

#[tokio::test]
async fn ab_21_an_assertion_in_a_form_never_goes_on() {
    let upstream = Upstream::echo().await;
    let members = json!({"credentials": [
        {"from": "form", "name": "assertion", "token_type": TokenType::SAML2, "encoding": "base64"},
    ]});
    let form = (
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    let body = "a=1&assertion=PGE%2BPw%3D%3D&b=2";
    let (gateway, response) = through(&upstream, &members, &[form], Some(body)).await;
    assert_eq!(whole(response).await, (200, "a=1&b=2".to_owned()));
    assert_eq!(presented(&gateway), ("PGE-Pw".to_owned(), TokenType::SAML2));
    assert_eq!(upstream.latest("content-length"), ["7"]);
    assert_eq!(ask(&gateway, &[form], Some("a=1")).await.status(), 401);
    let long = format!("a={}", "x".repeat(300 * 1024));
    assert_eq!(ask(&gateway, &[form], Some(&long)).await.status(), 400);
    let json = ("content-type", "application/json");
    assert_eq!(ask(&gateway, &[json], Some(body)).await.status(), 401);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn optional_means_without_a_credential_and_not_with_a_bad_one() {
    let upstream = Upstream::echo().await;
    let members = json!({"anonymous": "allow", "claim_headers": {"x-user": "sub"}});
    let (gateway, response) = through(&upstream, &members, &[("x-user", "evil")], None).await;
    assert_eq!((response.status().as_u16(), gateway.calls()), (200, 0));
    assert_eq!(upstream.latest("x-user"), Vec::<String>::new());
    for authorization in ["Basic YTpi", "Bearer a b"] {
        let response = ask(&gateway, &[("authorization", authorization)], None).await;
        assert_eq!(response.status(), 401, "{authorization}");
    }
    let response = ask(&gateway, &[("authorization", "Bearer a")], None).await;
    assert_eq!(response.status(), 200);
    assert_eq!(upstream.latest("x-user"), ["alice"]);
}

#[tokio::test]
async fn an_anonymous_route_passes_no_credential_on() {
    let upstream = Upstream::echo().await;
    let document = json!({"upstream": upstream.url(), "anonymous": "only"});
    let open = Route::build(
        "open",
        &serde_json::from_value(document).unwrap(),
        1,
        Scope::default(),
    );
    let gateway = Gateway::start(open.unwrap(), Duration::ZERO).await;
    let response = ask(&gateway, &[("authorization", "Bearer a")], None).await;
    assert_eq!((response.status().as_u16(), gateway.calls()), (200, 0));
    assert!(!upstream.transcript().contains("Bearer"));
}

#[tokio::test]
async fn the_scope_that_a_route_requires_is_granted_or_nothing_goes() {
    let upstream = Upstream::echo().await;
    let bearer = [("authorization", "Bearer a")];
    let enough = json!({"required_scopes": ["read"]});
    let (_, response) = through(&upstream, &enough, &bearer, None).await;
    assert_eq!(response.status(), 200);
    let more = json!({"required_scopes": ["read", "write"]});
    let (gateway, response) = through(&upstream, &more, &bearer, None).await;
    assert_eq!(response.status(), 403);
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Bearer realm="orders", error="insufficient_scope", scope="read write""#
    );
    assert_eq!(ask(&gateway, &bearer, None).await.status(), 403);
    assert_eq!(
        (upstream.count(), gateway.calls()),
        (1, 1),
        "it is remembered"
    );
}

#[tokio::test]
async fn rfc_9470_step_up_is_judged_for_every_request() {
    let upstream = Upstream::echo().await;
    let bearer = [("authorization", "Bearer a")];
    let gold = json!({"step_up": {"acr_values": ["gold"]}});
    let (_, response) = through(&upstream, &gold, &bearer, None).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Bearer realm="orders", error="insufficient_user_authentication", acr_values="gold""#
    );
    let recent = json!({"step_up": {"max_age_seconds": 110}});
    let (gateway, response) = through(&upstream, &recent, &bearer, None).await;
    assert_eq!(response.status(), 200);
    gateway.fake.clock.store(1_020, Ordering::Relaxed);
    assert_eq!(ask(&gateway, &bearer, None).await.status(), 401);
    assert_eq!(gateway.calls(), 1, "the cache knows when");
}

#[tokio::test]
async fn an_actors_token_is_part_of_the_question() {
    let upstream = Upstream::echo().await;
    let members =
        json!({"actor": {"from": "header", "name": "x-actor", "token_type": "urn:example:actor"}});
    let one = [("authorization", "Bearer a"), ("x-actor", "one")];
    let (gateway, response) = through(&upstream, &members, &one, None).await;
    assert_eq!(response.status(), 200);
    {
        let presented = gateway.fake.presented.lock().unwrap();
        let (_, actor) = presented.as_ref().unwrap();
        assert_eq!(actor.as_ref().unwrap().token.as_str(), Some("one"));
    }
    ask(
        &gateway,
        &[("authorization", "Bearer a"), ("x-actor", "two")],
        None,
    )
    .await;
    ask(&gateway, &[("authorization", "Bearer a")], None).await;
    assert_eq!(gateway.calls(), 3, "ab_18");
    assert_eq!(
        ask(&gateway, &[("x-actor", "one")], None).await.status(),
        401
    );
    assert!(!upstream.transcript().contains("x-actor"));
}

/// Answers 401 to every token but the `good`th.
async fn stubborn(good: &'static str) -> Upstream {
    Upstream::start(move |request: Request<Incoming>| async move {
        let status = if request.headers()["authorization"] == good {
            200
        } else {
            401
        };
        Response::builder()
            .status(status)
            .body(Full::<bytes::Bytes>::default())
            .unwrap()
    })
    .await
}

#[tokio::test]
async fn a_401_from_the_upstream_causes_one_exchange_at_most() {
    let upstream = stubborn("Bearer issued-2").await;
    let retry = json!({"retry_unauthorized": true});
    let bearer = [("authorization", "Bearer a")];
    let (gateway, response) = through(&upstream, &retry, &bearer, None).await;
    assert_eq!((response.status().as_u16(), gateway.calls()), (200, 2));
    assert_eq!(ask(&gateway, &bearer, None).await.status(), 200);
    assert_eq!((upstream.count(), gateway.calls()), (3, 2));

    let never = stubborn("nothing").await;
    let (gateway, response) = through(&never, &retry, &bearer, None).await;
    assert_eq!(response.status(), 401);
    for _ in 0..5 {
        assert_eq!(ask(&gateway, &bearer, None).await.status(), 401);
    }
    assert_eq!((never.count(), gateway.calls()), (7, 2));
}

#[tokio::test]
async fn without_a_retry_a_401_is_passed_on_and_the_next_request_exchanges() {
    let upstream = stubborn("Bearer issued-2").await;
    let bearer = [("authorization", "Bearer a")];
    let (gateway, response) = through(&upstream, &json!({}), &bearer, None).await;
    assert_eq!((response.status().as_u16(), gateway.calls()), (401, 1));
    assert_eq!(ask(&gateway, &bearer, None).await.status(), 200);
    assert_eq!(gateway.calls(), 2);
}

#[tokio::test]
async fn a_cache_of_no_seconds_exchanges_for_every_request() {
    let upstream = Upstream::echo().await;
    let bearer = [("authorization", "Bearer a")];
    let (gateway, _) = through(&upstream, &json!({"cache_seconds": 0}), &bearer, None).await;
    ask(&gateway, &bearer, None).await;
    assert_eq!(gateway.calls(), 2);
}
