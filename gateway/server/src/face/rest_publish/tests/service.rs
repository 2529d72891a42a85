//! What is refused before a state is looked at, and by what is published already.

use hyper::Method;
use serde_json::{Value, json};

use super::{
    super::*,
    desk::{desk, envelope, hmac_state, request},
};

#[tokio::test]
async fn rs_06_p1_publishing_needs_the_admin_token() {
    let desk = desk().await;
    for method in [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
    ] {
        let mut request = request(method.clone(), "a", &envelope(&hmac_state("/", "a")));
        request.caller = Caller::Anonymous;
        let (status, body, _) = desk.send(&request).await;
        assert_eq!(
            (status, &body["message"]),
            (401, &json!("Access Denied")),
            "{method}"
        );
    }
}

#[tokio::test]
async fn rs_58_p3_p4_the_envelope_is_checked() {
    let desk = desk().await;
    let state = hmac_state("/", "a");
    for body in [
        json!({"instance_state": state}),
        json!({"invocation_context": "other", "instance_state": state}),
        json!([]),
    ] {
        let (status, answer) = desk.call(Method::POST, "", &body).await;
        assert_eq!(status, 400);
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .contains("must contain a key named invocation_context"),
            "{answer}"
        );
    }
    for body in [
        json!({"invocation_context": STRUCTURED}),
        json!({"invocation_context": STRUCTURED, "instance_state": "x"}),
    ] {
        let (status, answer) = desk.call(Method::POST, "", &body).await;
        assert_eq!(status, 400);
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .contains("Exception caught marshalling"),
            "{answer}"
        );
    }
    let mut untyped = request(Method::POST, "", &envelope(&state));
    untyped.headers.clear();
    assert_eq!(desk.send(&untyped).await.0, 400);
}

#[tokio::test]
async fn rs_90_p7_an_unknown_plugin_is_told_at_publish() {
    let desk = desk().await;
    let validators =
        json!([{"customTokenName": "TICKET", "customOperationClassName": "net.example.Ticket"}]);
    let mut state = hmac_state("/", "a");
    state["custom-token-validators"] = validators;
    state["custom-token-transforms"] = json!([{"inputTokenType": "TICKET", "outputTokenType": "OPENIDCONNECT", "invalidateInterimOpenAMSession": true}]);
    let (status, body) = desk.call(Method::POST, "", &envelope(&state)).await;
    assert_eq!(status, 409, "{body}");
    let message = body["message"].as_str().unwrap();
    assert!(
        message.contains("Correct class name, or expose in classpath, and republish sts instance"),
        "{message}"
    );
    assert!(message.contains("net.example.Ticket"), "{message}");
    assert!(desk.publisher.list_instances().await.unwrap().is_empty());
}

#[tokio::test]
async fn p14_p15_other_verbs_actions_and_queries_have_their_status() {
    let desk = desk().await;
    let action = |method: Method, id: &str, action: &str| {
        let mut request = request(method, id, &Value::Null);
        request
            .query
            .push(("_action".to_owned(), action.to_owned()));
        request
    };
    let mut query = request(Method::GET, "", &Value::Null);
    query
        .query
        .push(("_queryFilter".to_owned(), "true".to_owned()));
    let cases = [
        (request(Method::PATCH, "a", &Value::Null), 403),
        (action(Method::POST, "", "explode"), 403),
        (action(Method::POST, "a", "explode"), 403),
        (action(Method::POST, "a", "create"), 400),
        (query, 501),
        (request(Method::PUT, "", &Value::Null), 400),
        (request(Method::DELETE, "", &Value::Null), 400),
        (request(Method::OPTIONS, "", &Value::Null), 501),
    ];
    for (request, expected) in cases {
        let (status, body, _) = desk.send(&request).await;
        assert_eq!(status, expected, "{} {body}", request.method);
    }
}

#[test]
fn p13_a_store_that_fails_is_500_and_tells_nothing() {
    let error = failed(PublishFailure::Store(
        "/var/lib: the disk is full".to_owned(),
    ));
    assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!error.message.contains("disk"), "{error}");
}
