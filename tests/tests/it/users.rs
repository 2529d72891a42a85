//! The user directory as passwords reach it.

use serde_json::json;
use tests::{
    documents,
    gateway::{TestGateway, USERNAME},
};

use crate::{Outcome, error};

#[tokio::test]
async fn wrong_passwords_and_unknown_users_look_alike() -> Outcome {
    let gateway = TestGateway::start().await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    gateway
        .put("/admin/v1/instances/alpha/orders", &documents::passwords())
        .await?;
    for token in [
        r#"{"username":"dana","password":"wrong"}"#,
        r#"{"username":"nobody","password":"correct horse"}"#,
        r#"{"username":"dana","password":""}"#,
        r#"{"username":"dana"}"#,
        r#"{"username":"dana","password":"correct horse","more":1}"#,
        r#"{"username":"dana","username":"root","password":"correct horse"}"#,
        "dana:correct horse",
    ] {
        assert_eq!(
            error(&gateway, token, USERNAME, &[]).await?,
            "invalid_request",
            "{token}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_user_is_added_once() -> Outcome {
    let gateway = TestGateway::start().await?;
    gateway
        .put_user("/alpha", "dana", "correct horse", json!({}))
        .await?;
    let again = json!({"realm": "/alpha", "username": "dana", "password": "other"}).to_string();
    assert_eq!(
        gateway
            .admin(hyper::Method::POST, "/admin/v1/users", again)
            .await?
            .status,
        409
    );
    Ok(())
}
