use std::sync::Arc;

use bytes::Bytes;
use cambist_core::{
    BoxFuture, Issuance, IssueError, IssuedToken, Limits, Principal, Provider, Rejection,
    RelyingParty, Timestamp, Token, Transformation, Usage, ValidateError, Validator,
};
use hyper::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;
use crate::document::RestTransformDocument;

/// Accepts one password.
struct Passwords;

impl Validator for Passwords {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        _: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Arc<Principal>, ValidateError>> {
        Box::pin(async move {
            let credential: Value = serde_json::from_slice(token.as_bytes()).unwrap();
            if credential["password"] != "S3cr3t-42" {
                return Err(Rejection::BadSignature.into());
            }
            let subject = credential["username"].as_str().unwrap().to_owned();
            Ok(Arc::new(Principal {
                subject,
                ..Principal::default()
            }))
        })
    }
}

/// Writes down what it was permitted to issue.
struct Plain;

impl Provider for Plain {
    fn token_type(&self) -> &TokenType {
        static ID_TOKEN: TokenType = TokenType::ID_TOKEN;
        &ID_TOKEN
    }

    fn issue<'a>(
        &'a self,
        issuance: &'a Issuance<'a>,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<IssuedToken, IssueError>> {
        Box::pin(async move {
            let text = json!({
                "sub": issuance.subject().subject,
                "aud": issuance.audiences(),
                "nonce": issuance.nonce(),
                "client": issuance.client_id(),
                "acts": issuance.actors().is_some(),
            });
            Ok(IssuedToken {
                token: Token::new(text.to_string()),
                token_type: TokenType::ID_TOKEN,
                usage: Usage::NotApplicable,
                expires_at: call.now.plus(600),
                id: None,
            })
        })
    }
}

fn instance() -> Instance {
    let party = RelyingParty {
        audience: "orders-api".to_owned(),
        resources: Vec::new(),
        scope: Scope::default(),
        max_lifetime: None,
    };
    Instance {
        transformations: vec![Transformation {
            subject: TokenType::USERNAME,
            validator: Arc::new(Passwords),
            provider: Arc::new(Plain),
        }],
        actors: HashMap::new(),
        relying_parties: [("orders-api".to_owned(), Arc::new(party))].into(),
        resources: HashMap::new(),
        deciders: Vec::new(),
        for_clients: None,
        ledger: None,
        limits: Limits::default(),
    }
}

fn face() -> RestFace {
    let document = RestStsDocument {
        transforms: vec![RestTransformDocument {
            input: USERNAME.to_owned(),
            output: OPENIDCONNECT.to_owned(),
            invalidate_interim_session: true,
        }],
        audiences: ["orders-api".to_owned()].into(),
        ..RestStsDocument::default()
    };
    let inputs = [(USERNAME.to_owned(), TokenType::USERNAME)].into();
    RestFace::new(
        &document,
        inputs,
        [(OPENIDCONNECT.to_owned(), TokenType::ID_TOKEN)].into(),
    )
}

fn request(method: Method, action: Option<&str>, body: &Value) -> RestRequest {
    RestRequest {
        method,
        mount: "/rest-sts".to_owned(),
        path: vec!["alpha".to_owned(), "orders".to_owned()],
        query: action
            .map(|action| ("_action".to_owned(), action.to_owned()))
            .into_iter()
            .collect(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
        caller: Caller::Anonymous,
    }
}

async fn send(request: &RestRequest, is_published: bool) -> (StatusCode, Value, Outcome) {
    let call = Call {
        now: Timestamp(1_900_000_000),
        instance: "alpha/orders",
        correlation: "c-1",
        random: [7; 16],
        proofs: Proofs::default(),
        purpose: cambist_core::Purpose::Issue,
    };
    let (instance, face) = (instance(), face());
    let (response, outcome) = answer(
        request,
        is_published.then_some((&instance, &face)),
        &call,
        None,
    )
    .await;
    (
        response.status,
        serde_json::from_slice(&response.body).unwrap(),
        outcome,
    )
}

fn translation(password: &str, output: &Value) -> Value {
    json!({
        "input_token_state": {"token_type": "USERNAME", "username": "dana", "password": password},
        "output_token_state": output,
    })
}

fn id_token() -> Value {
    json!({"token_type": "OPENIDCONNECT", "nonce": "n-1", "allow_access": true})
}

#[tokio::test]
async fn rs_05_rs_24_translate_needs_no_session_and_answers_a_string() {
    let body = translation("S3cr3t-42", &id_token());
    let (status, body, outcome) =
        send(&request(Method::POST, Some("translate"), &body), true).await;
    assert_eq!(status, StatusCode::OK);
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["issued_token"]);
    let issued: Value = serde_json::from_str(body["issued_token"].as_str().unwrap()).unwrap();
    assert_eq!(
        issued,
        json!({"sub": "dana", "aud": ["orders-api"], "nonce": "n-1", "client": null, "acts": false})
    );
    assert_eq!(outcome.unwrap().unwrap().subject, "dana");
}

#[tokio::test]
async fn rs_25_a_wrong_password_is_401_and_audited() {
    let body = translation("wrong-pass", &id_token());
    let (status, body, outcome) =
        send(&request(Method::POST, Some("translate"), &body), true).await;
    assert_eq!(
        (status, &body["code"], &body["reason"]),
        (
            StatusCode::UNAUTHORIZED,
            &json!(401),
            &json!("Unauthorized")
        )
    );
    assert!(!body.to_string().contains("wrong-pass"));
    assert_eq!(
        outcome.unwrap().unwrap_err(),
        ExchangeError::Subject(Rejection::BadSignature.into())
    );
}

#[tokio::test]
async fn rs_22_the_shape_of_the_output_is_judged_before_the_password() {
    let body = translation("wrong-pass", &json!({"token_type": "OPENIDCONNECT"}));
    let (status, _, outcome) = send(&request(Method::POST, Some("translate"), &body), true).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(outcome.is_none());
}

#[tokio::test]
async fn rs_02_nothing_published_is_404() {
    let request = request(
        Method::POST,
        Some("translate"),
        &translation("S3cr3t-42", &id_token()),
    );
    let (status, body, outcome) = send(&request, false).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(
        body,
        json!({"code": 404, "reason": "Not Found", "message": "Resource 'alpha/orders' not found"})
    );
    assert!(outcome.is_none());
}

#[tokio::test]
async fn rs_03_rs_04_verbs_and_actions_have_their_status() {
    let cases = [
        (Method::GET, None, 501, 501),
        (Method::PUT, None, 501, 501),
        (Method::PATCH, None, 501, 501),
        (Method::POST, Some("explode"), 401, 501),
        (Method::POST, Some("create"), 401, 400),
        (Method::POST, None, 401, 400),
        (Method::DELETE, None, 401, 400),
    ];
    for (method, action, anonymous, admin) in cases {
        let mut request = request(method.clone(), action, &json!({}));
        assert_eq!(
            send(&request, true).await.0.as_u16(),
            anonymous,
            "{method} {action:?}"
        );
        request.caller = Caller::Admin;
        let (status, body, _) = send(&request, true).await;
        assert_eq!(status.as_u16(), admin, "{method} {action:?}");
        if action == Some("explode") {
            assert_eq!(
                body["message"],
                "The specified _action parameter is not supported."
            );
        }
    }
    let mut query = request(Method::GET, None, &json!({}));
    query
        .query
        .push(("_queryFilter".to_owned(), "true".to_owned()));
    assert_eq!(send(&query, true).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn rs_79_rs_86_v1_v5_validate_and_cancel_are_refused_in_order() {
    for (action, participle, title) in [
        ("validate", "validated", "Validated"),
        ("cancel", "cancelled", "Cancelled"),
    ] {
        let with = |state: Value| json!({ format!("{participle}_token_state"): state });
        let cases = [
            (json!({}), 400, format!("{title} token state must be set!")),
            (
                with(json!(null)),
                400,
                format!("{title} token state must be set!"),
            ),
            (with(json!({})), 400, "token_type String entry".to_owned()),
            (
                with(json!({"token_type": "USERNAME"})),
                400,
                format!("Unsupported to-be-{participle} token type: USERNAME"),
            ),
            (
                with(json!({"token_type": "OPENIDCONNECT", "oidc_id_token": "a.b.c"})),
                409,
                "not configured to persist".to_owned(),
            ),
            (
                with(json!({"token_type": "SAML2", "saml2_token": "<a/>"})),
                400,
                "Does this sts issue tokens of the specified type?".to_owned(),
            ),
        ];
        for (body, status, part) in cases {
            let (found, answer, outcome) =
                send(&request(Method::POST, Some(action), &body), true).await;
            assert_eq!(found.as_u16(), status, "{body}");
            assert!(
                answer["message"].as_str().unwrap().contains(&part),
                "{answer}"
            );
            assert!(outcome.is_none());
        }
    }
}

#[tokio::test]
async fn conditions_have_no_meaning_for_an_action() {
    let mut request = request(
        Method::POST,
        Some("translate"),
        &translation("S3cr3t-42", &id_token()),
    );
    request.headers.insert("if-match", "\"1\"".parse().unwrap());
    assert_eq!(
        send(&request, true).await.0,
        StatusCode::PRECONDITION_FAILED
    );
}
